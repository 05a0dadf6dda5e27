//! What is shown best by moving a worker by hand.

use std::{collections::HashMap, io::Write};

use myriad_core::Config;
use myriad_ring::{
    page::{
        Doorbells,
        guest::{Client, Habits},
    },
    v1::{Header, Op, features::OFFERED},
};

use super::*;
use crate::logs::Destination;

const GUEST: DomId = DomId(5);

fn ask(stepped: &mut Stepped, socket: &mut UnixStream, op: Op, payload: &[u8]) {
    let len = u32::try_from(payload.len()).unwrap();
    let header = Header { op: op as u32, req_id: 0, tx_id: 0, len };
    socket.write_all(&[&header.to_bytes(), payload].concat()).unwrap();
    settle(stepped);
}

/// Lets the worker do what it has to do now.
fn settle(stepped: &mut Stepped) {
    while stepped.asleep(0).is_none() || stepped.step(0).unwrap() {
        stepped.step(0).unwrap();
    }
}

/// What the guest gets, ringing when it must.
fn exchange(stepped: &mut Stepped, beside: &Neighbour, guest: &mut Client) -> Vec<u32> {
    let mut got = Vec::new();
    while guest.pump().unwrap() {
        while let Some((header, _)) = guest.message() {
            got.push(header.op);
        }
        if guest.take_doorbell() {
            stepped.ring(beside, GUEST).unwrap();
        }
        settle(stepped);
    }
    got
}

#[test]
fn a_guest_that_is_held_back_gets_its_events_when_it_has_made_room() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings {
        workers: 1,
        control: DomId::ZERO,
        sim_dir: folder.path().join("sim"),
        store_domid: DomId::ZERO,
        watch_event_timeout: None,
        doorbells: Doorbells::default(),
    };
    let host = Arc::new(sim::Host::open(&settings.sim_dir, DomId::ZERO).unwrap());
    let logs = Logs::start(Destination::Stderr, None).unwrap();
    let store = Store::new(&Config { features: OFFERED, ..Config::default() }).unwrap();
    let content = Content { store, kept: None, formers: HashMap::new(), sockets: Vec::new() };
    let mut stepped = Stepped::new(settings, content, host, logs).unwrap();
    let mut dom0 = stepped.connect().unwrap();
    ask(&mut stepped, &mut dom0, Op::Control, b"sim\0create\x005\0");
    ask(&mut stepped, &mut dom0, Op::Introduce, b"5\x001\x001\0");
    ask(&mut stepped, &mut dom0, Op::Write, &[&b"/a\0"[..], &[b'x'; 900]].concat());
    ask(&mut stepped, &mut dom0, Op::SetPerms, b"/a\0b0\0");
    let beside = stepped.neighbour(1).unwrap();
    let (page, _) = stepped.attach(&beside, GUEST).unwrap();
    let mut guest = Client::new(page.map().unwrap(), Habits::LINUX);
    guest.ask(Op::Watch, 0, b"/a\0token\0");
    let (event, watch, read) = (Op::WatchEvent as u32, Op::Watch as u32, Op::Read as u32);
    assert_eq!(exchange(&mut stepped, &beside, &mut guest), [watch, event]);

    // Two answers are more than its ring holds, and an event waits behind them.
    guest.ask(Op::Read, 0, b"/a\0");
    guest.ask(Op::Read, 0, b"/a\0");
    assert!(guest.pump().unwrap() && guest.take_doorbell());
    stepped.ring(&beside, GUEST).unwrap();
    settle(&mut stepped);
    ask(&mut stepped, &mut dom0, Op::Write, b"/a\0y");
    let (now, long) = (stepped.now(), Duration::from_secs(1));
    stepped.shared.pauses.pause(&[GUEST], &Arc::from("/a"), now, long);
    assert_eq!(exchange(&mut stepped, &beside, &mut guest), [read, read, event]);
    // Its requests are: until then.
    guest.ask(Op::Read, 0, b"/a\0");
    assert_eq!(exchange(&mut stepped, &beside, &mut guest), [] as [u32; 0]);
    stepped.advance(long);
    settle(&mut stepped);
    assert_eq!(exchange(&mut stepped, &beside, &mut guest), [read]);
    stepped.end();
}
