//! A toolstack that has the store in its own process: it creates domains, each by one commit, and
//! serves their rings. Their guests boot in a thread here; they would do so in any process.
//!
//! ```sh
//! cargo run --release -p myriad --example toolstack -- 10000
//! ```

use std::{
    error::Error,
    path::Path as File,
    sync::mpsc::{Receiver, Sender, channel},
    time::Instant,
};

use myriad::{embed::Server, sim::machine::Machine};
use myriad_core::{Access, Caller, DomId, Edit, FeedItem, Path, Perm, What, Writes};
use myriad_ring::{
    page::guest::{Client, Habits},
    v1::Op,
};

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let count: u16 = std::env::args().nth(1).map_or(Ok(100), |count| count.parse())?;
    let folder = tempfile::tempdir()?;
    let server = Server::builder(folder.path()).start()?;

    // On Xen the hypervisor makes domains; the simulated host has to be told.
    let mut host = server.connect()?;
    host.control("sim", ["create", &format!("1-{count}")])?;
    let begin = Instant::now();
    for domid in (1..=count).map(DomId) {
        server.edit(|edit| create(edit, domid)).result?;
        host.introduce(domid, 1, 1)?;
    }
    println!("{count} domains of {NODES} nodes in {:.0?}", begin.elapsed());

    let mut feed = server.store().feed();
    let (machines, (tell, hear)) = (server.machines(), channel());
    let guests = std::thread::spawn(move || boot(&machines, count, &tell));
    // What the toolstack waits for, it finds in the feed.
    let mut up = 0;
    while up < count {
        match feed.next() {
            FeedItem::Record(record) => {
                let is_up = |what| matches!(what, What::Written(b"up"));
                up += u16::try_from(record.changes().filter(|c| is_up(c.what)).count())?;
            }
            FeedItem::Empty => wait(&hear)?,
            FeedItem::Overrun => return Err("overrun: the toolstack must look for itself".into()),
        }
    }
    println!("{up} guests have read their names, and said so, after {:.0?}", begin.elapsed());
    guests.join().map_err(|_| "the guests failed")??;
    server.stop();
    Ok(())
}

/// What a domain finds of itself: one commit, of which others see all or nothing.
fn create(edit: &mut Edit<'_>, domid: DomId) -> Result<(), myriad_core::Error> {
    edit.know_domain(domid);
    let home = format!("/local/domain/{domid}");
    let name = format!("web-{domid}");
    let nodes = [("", ""), ("/name", &*name), ("/domid", &*domid.to_string()), ("/state", "new")];
    debug_assert_eq!(nodes.len(), NODES);
    for (below, value) in nodes {
        let path = [&*home, below].concat();
        let path = Path::new(&path)?;
        edit.write(&Caller::Control, path, value.as_bytes())?;
        // It may write its state, and read the rest.
        let perms = match below {
            "/state" => vec![Perm { domid, access: Access::None }],
            _ => vec![
                Perm { domid: DomId::ZERO, access: Access::None },
                Perm { domid, access: Access::Read },
            ],
        };
        edit.set_perms(&Caller::Control, path, &perms)?;
    }
    Ok(())
}

/// The guests: each reads its name over its ring, and says that it is up.
fn boot(machines: &File, count: u16, tell: &Sender<()>) -> Result<(), Failure> {
    let mut machine = Machine::connect(machines)?;
    let mut guests = Vec::new();
    machine.attach(DomId(1), DomId(count), |domid, page| {
        guests.push((domid, Client::new(page, Habits::LINUX)));
    })?;
    let mut left = guests.len();
    for (domid, guest) in &mut guests {
        guest.ask(Op::Read, 0, b"name\0");
        move_on(&machine, *domid, guest)?;
    }
    while left > 0 {
        machine.sleep()?;
        let mut rung = Vec::new();
        machine.bells().hear(|domid| rung.push(domid));
        for number in rung {
            let at = usize::from(number).wrapping_sub(1);
            let Some((domid, guest)) = guests.get_mut(at) else { continue };
            move_on(&machine, *domid, guest)?;
            while let Some((reply, payload)) = guest.message() {
                match reply.op {
                    op if op == Op::Read as u32 => {
                        assert_eq!(payload, format!("web-{domid}").as_bytes());
                        guest.ask(Op::Write, 0, b"state\0up");
                        move_on(&machine, *domid, guest)?;
                    }
                    _ => {
                        left -= 1;
                        tell.send(())?;
                    }
                }
            }
        }
    }
    Ok(())
}

/// Moves what can be moved, until nothing can.
fn move_on(machine: &Machine, domid: DomId, guest: &mut Client) -> Result<(), Failure> {
    while guest.pump()? || guest.look_again()? {}
    if guest.take_doorbell() {
        machine.ring(domid)?;
    }
    Ok(())
}

/// The feed calls nobody: here a guest says when there is something in it.
fn wait(hear: &Receiver<()>) -> Result<(), Failure> {
    hear.recv().map_err(|_| "the guests have ended before all were up".into())
}

const NODES: usize = 4;
