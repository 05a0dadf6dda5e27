//! Domains that die and whose ids are used again at the worst moments: while the daemon starts, and
//! while their ends are still being dealt with. Nobody inherits an end.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;
mod guests;

use std::{os::unix::net::UnixStream, sync::mpsc::channel};

use common::{Client, Daemon};
use guests::{Guest, Lab, home};
use myriad_ring::{page::guest::Habits, v1::Op};

fn introduce(dom0: &mut Client, domid: u16) {
    dom0.ok(Op::Introduce, format!("{domid}\x001\x001\0").as_bytes());
}

/// Creates a domain as soon as its id is free.
fn create(dom0: &mut Client, domid: u16) {
    while let Err(error) = dom0.control(&["sim", "create", &domid.to_string()]) {
        assert_eq!(error, "EEXIST");
    }
}

fn give_home(dom0: &mut Client, domid: u16) {
    dom0.write(&home(domid), "").unwrap();
    dom0.set_perms(&home(domid), &[&format!("n{domid}")]);
}

fn is_introduced(dom0: &mut Client, domid: u16) -> bool {
    dom0.ok(Op::IsDomainIntroduced, format!("{domid}\0").as_bytes()) == b"T\0"
}

/// One client destroys domains of an id, and another makes the next one the moment it can: that
/// one lives, is known, and is served.
#[test]
fn who_comes_while_another_is_buried_is_not_buried_with_it() {
    let lab = Lab::start(&["--workers", "2"]);
    let mut dom0 = lab.connect();
    let (destroy, orders) = channel::<u16>();
    let (done, destroyed) = channel::<()>();
    let mut other = lab.connect();
    let undertaker = std::thread::spawn(move || {
        for domid in orders {
            other.control(&["sim", "destroy", &domid.to_string()]).unwrap();
            done.send(()).unwrap();
        }
    });
    for domid in [5, 6] {
        create(&mut dom0, domid);
        introduce(&mut dom0, domid);
        for life in 0..LIVES {
            destroy.send(domid).unwrap();
            create(&mut dom0, domid);
            introduce(&mut dom0, domid);
            give_home(&mut dom0, domid);
            destroyed.recv().unwrap();
            assert!(is_introduced(&mut dom0, domid), "life {life} of domain {domid}");
            let permissions = dom0.ok(Op::GetPerms, format!("{}\0", home(domid)).as_bytes());
            assert_eq!(permissions, format!("n{domid}\0").as_bytes());
            if life % 10 == 0 {
                lab.attach(domid, Habits::LINUX).is_well();
            } else {
                assert_eq!(lab.guest(domid).write("by-socket", "x"), Ok(b"OK\0".to_vec()));
            }
        }
    }
    drop(destroy);
    undertaker.join().unwrap();
    assert_eq!(dom0.control(&["check"]).as_deref(), Ok("OK"));
}

/// Commands wait in the socket before the daemon has begun to read it: its first requests are of
/// domains that are there, die, and come back.
#[test]
fn domains_die_and_come_back_while_the_daemon_starts() {
    for start in 0..5 {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("socket");
        let eager = {
            let socket = socket.clone();
            std::thread::spawn(move || {
                // As soon as anyone listens there.
                let clients = (0..4).map(|_| {
                    while UnixStream::connect(&socket).is_err() {
                        std::thread::yield_now();
                    }
                    Client::connect(&socket)
                });
                let clients: Vec<Client> = clients.collect();
                let threads = (1_u16..).zip(clients).map(|(first, mut dom0)| {
                    std::thread::spawn(move || {
                        for domid in (first..=40).step_by(4) {
                            churn(&mut dom0, domid);
                        }
                    })
                });
                threads.collect::<Vec<_>>().into_iter().for_each(|thread| thread.join().unwrap());
            })
        };
        let lab = Lab::of(Daemon::start_in(dir, &["--workers", "3", "--sim-domains", "1-40"]));
        eager.join().unwrap();
        let mut dom0 = lab.connect();
        for domid in 1..=40 {
            assert!(is_introduced(&mut dom0, domid), "start {start}, domain {domid}");
        }
        let mut machine = lab.machine();
        let mut attached = 0;
        machine
            .attach(myriad_core::DomId(1), myriad_core::DomId(40), |_, _| attached += 1)
            .unwrap();
        assert_eq!(attached, 40);
        for domid in [1, 17, 40] {
            let mut guest: Guest = lab.attach(domid, Habits::LINUX);
            // Its third life: what the first two had is gone.
            assert_eq!(guest.ask(Op::Read, "life\0"), Ok("3".into()));
            guest.is_well();
        }
        assert_eq!(dom0.control(&["check"]).as_deref(), Ok("OK"));
    }
}

/// Three lives of a domain; the last one goes on.
fn churn(dom0: &mut Client, domid: u16) {
    for life in 1..=3 {
        if life > 1 {
            dom0.control(&["sim", "destroy", &domid.to_string()]).unwrap();
            create(dom0, domid);
        }
        assert_eq!(dom0.read(&home(domid)), Err("ENOENT".into()));
        give_home(dom0, domid);
        introduce(dom0, domid);
        dom0.write(&format!("{}/life", home(domid)), &life.to_string()).unwrap();
    }
}

/// Enough for the races to be met.
const LIVES: u32 = 300;
