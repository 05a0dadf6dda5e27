//! Requests of a guest on its ring, through a worker of the daemon, moved by hand.
//!
//! Guest and worker take turns on one thread, with neither journal nor history. What the guest's
//! own end costs is in the count too: the same for every version of the worker.

use std::{cell::RefCell, collections::HashMap, io::Write, path::PathBuf, sync::Arc};

use myriad::{
    logs::{Destination, Logs},
    sim::Host,
    worker::{Content, Neighbour, Settings, Stepped},
};
use myriad_core::{Config, DomId, Store};
use myriad_ring::{
    page::{
        Doorbells,
        guest::{Client, Habits},
    },
    v1::{Header, Op, features::OFFERED},
};

use crate::{fail::or_die, subject::Subject};

/// Requests under way, as in `myriad-load rings --depth 16`.
const WINDOW: usize = 16;
/// What is written and read, as there.
const VALUE: [u8; 64] = [b'v'; 64];
const GUEST: DomId = DomId(1);

thread_local! {
    /// A worker stays on its thread; a subject need not.
    static HERE: RefCell<Option<Here>> = const { RefCell::new(None) };
}

/// Windows of one operation of one guest; one op is a window of `WINDOW` requests and their
/// answers. One at a time on a thread.
pub struct Guests {
    op: Op,
}

/// A worker and a guest.
struct Here {
    stepped: Stepped,
    beside: Neighbour,
    guest: Client,
    op: Op,
    payload: Vec<u8>,
    folder: PathBuf,
}

impl Guests {
    /// Reads or writes a node of the guest's own. (Only READ and WRITE make sense here.)
    #[must_use]
    pub fn new(op: Op, seed: u64) -> Guests {
        let name = format!("myriad-guests-{}-{}", std::process::id(), op as u32);
        let folder = std::env::temp_dir().join(name);
        let settings = Settings {
            workers: 1,
            control: DomId::ZERO,
            sim_dir: folder.join("sim"),
            store_domid: DomId::ZERO,
            watch_event_timeout: None,
            doorbells: Doorbells::default(),
        };
        or_die("a folder", std::fs::create_dir_all(&folder));
        let host = Arc::new(or_die("a host", Host::open(&settings.sim_dir, DomId::ZERO)));
        let logs = or_die("logs", Logs::start(Destination::Stderr, None));
        let config = Config { features: OFFERED, hash_seed: Some(seed), ..Config::default() };
        let store = or_die("a store", Store::new(&config));
        let content = Content {
            store,
            kept: None,
            formers: HashMap::new(),
            sockets: None,
            store_number: 1,
            past: None,
        };
        let mut stepped = or_die("a worker", Stepped::new(settings, content, host, logs));
        introduce(&mut stepped);
        let beside = or_die("a machine", stepped.neighbour(1));
        let (page, _) = or_die("a ring", stepped.attach(&beside, GUEST));
        let guest = Client::new(or_die("a page", page.map()), Habits::LINUX);
        let mut payload = b"data\0".to_vec();
        if op == Op::Write {
            payload.extend_from_slice(&VALUE);
        }
        HERE.set(Some(Here { stepped, beside, guest, op, payload, folder }));
        Guests { op }
    }
}

/// Has the control domain introduce the guest and make its node.
fn introduce(stepped: &mut Stepped) {
    let mut socket = or_die("a socket", stepped.connect());
    let home = format!("/local/domain/{GUEST}");
    let node = [format!("{home}/data\0").as_bytes(), &VALUE].concat();
    let requests = [
        (Op::Control, b"sim\0create\x001\0".to_vec()),
        (Op::Introduce, b"1\x001\x001\0".to_vec()),
        (Op::Write, node),
        (Op::SetPerms, format!("{home}/data\0n{GUEST}\0").into_bytes()),
    ];
    for (op, payload) in requests {
        let len = u32::try_from(payload.len()).unwrap_or(0);
        let header = Header { op: op as u32, req_id: 0, tx_id: 0, len };
        let bytes = [&header.to_bytes()[..], &payload].concat();
        or_die("a request", socket.write_all(&bytes));
        // Ends: it sleeps when there is no more to do.
        while or_die("a turn", stepped.step(0)) {}
    }
}

impl Here {
    fn window(&mut self) {
        (0..WINDOW).for_each(|_| _ = self.guest.ask(self.op, 0, &self.payload));
        let (mut answered, mut in_vain) = (0, 0);
        loop {
            or_die("a ring", self.guest.pump());
            in_vain += 1;
            while let Some(header) = self.guest.header() {
                if header.op != self.op as u32 {
                    or_die("an answer", Err(format!("of type {}", header.op)))
                }
                (answered, in_vain) = (answered + 1, 0);
            }
            if self.guest.take_doorbell() {
                or_die("a doorbell", self.stepped.ring(&self.beside, GUEST));
            }
            if answered == WINDOW {
                break;
            }
            // Not without something to do: to look for it is not what is measured.
            or_die("a turn", self.stepped.step(0));
            if in_vain > TURNS {
                or_die("a window", Err("no answer comes"))
            }
        }
    }
}

impl Subject for Guests {
    fn elements(&self) -> u64 {
        WINDOW as u64
    }

    fn run(&mut self, ops: u64) {
        HERE.with_borrow_mut(|here| match here.as_mut().filter(|here| here.op == self.op) {
            Some(here) => (0..ops).for_each(|_| here.window()),
            None => or_die("a worker", Err("it is on another thread")),
        });
    }
}

impl Drop for Guests {
    fn drop(&mut self) {
        HERE.set(None);
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        // If it stays, it is a few files in a folder for such.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Turns of the worker without an answer, after which none is waited for.
const TURNS: u32 = 10_000;
