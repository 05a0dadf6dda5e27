//! Guests that write all the time, and a toolstack that has to get through (XSA-206).
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::sync::mpsc::{Receiver, TryRecvError, channel};

use common::{Client, Daemon};
use myriad_ring::v1::Op;

/// Guests that rewrite what the control domain reads.
const GUESTS: u16 = 8;
/// One that writes as much, but a node of its own.
const BYSTANDER: u16 = GUESTS + 1;
/// Requests that a guest has under way: below its quota, so that it never waits for itself.
const UNDER_WAY: usize = 16;
const ROUNDS: usize = 50;
/// What is promised: so many attempts at most.
const ATTEMPTS: usize = 3;

/// Rewrites a node at full speed until the channel's other end is gone. Says how often.
fn hammer(mut guest: Client, path: &str, stopped: &Receiver<()>) -> usize {
    let mut writes = 0;
    while stopped.try_recv() == Err(TryRecvError::Empty) {
        for _ in 0..UNDER_WAY {
            writes += 1;
            guest.send(Op::Write, 0, format!("{path}\0{writes}").as_bytes());
        }
        for _ in 0..UNDER_WAY {
            let (header, body) = guest.receive().unwrap();
            assert_eq!((header.op, &body[..]), (Op::Write as u32, &b"OK\0"[..]));
        }
    }
    writes
}

/// One attempt at a transaction that depends on a node; false where it failed.
fn attempt(dom0: &mut Client, path: &str) -> bool {
    let tx = dom0.start();
    let value = dom0.ask(Op::Read, tx, format!("{path}\0").as_bytes()).unwrap();
    dom0.ask(Op::Write, tx, &[&b"/derived\0"[..], &value].concat()).unwrap();
    match dom0.ask(Op::TransactionEnd, tx, b"T\0") {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error, "EAGAIN");
            false
        }
    }
}

/// Waits until a node changes, as the guests see to: so many reads at most, since they may fail.
fn await_change(dom0: &mut Client, path: &str) {
    let before = dom0.read(path).unwrap();
    let changed = (0..1_000_000).any(|_| dom0.read(path).unwrap() != before);
    assert!(changed, "no guest writes any more");
}

/// The numbers of attempts that the control domain's transactions take.
fn attempts(daemon: &Daemon) -> Vec<usize> {
    let mut dom0 = daemon.connect();
    dom0.write("/contended", "0").unwrap();
    dom0.set_perms("/contended", &["b0"]);
    dom0.write("/derived", "").unwrap();
    for domid in 1..=BYSTANDER {
        daemon.introduce(domid);
    }
    dom0.write("/own", "0").unwrap();
    dom0.set_perms("/own", &[&format!("n{BYSTANDER}")]);
    std::thread::scope(|scope| {
        let hammers: Vec<_> = (1..=BYSTANDER)
            .map(|domid| {
                let (guest, (stop, stopped)) = (daemon.guest(domid), channel::<()>());
                let path = if domid == BYSTANDER { "/own" } else { "/contended" };
                (stop, scope.spawn(move || hammer(guest, path, &stopped)))
            })
            .collect();
        let mut round = || {
            // Nobody is held back when a round begins.
            await_change(&mut dom0, "/contended");
            1 + (0..).take_while(|_| !attempt(&mut dom0, "/contended")).count()
        };
        let attempts = (0..ROUNDS).map(|_| round()).collect();
        for (stop, hammer) in hammers {
            drop(stop);
            assert!(hammer.join().unwrap() > 0);
        }
        attempts
    })
}

#[test]
fn a_transaction_among_eight_hammering_guests_takes_three_attempts_at_most() {
    for workers in ["1", "2", "4"] {
        let daemon = Daemon::start(&["--workers", workers]);
        let attempts = attempts(&daemon);
        println!("attempts with {workers} workers: {attempts:?}");
        let most = attempts.iter().max().unwrap();
        assert!((2..=ATTEMPTS).contains(most), "{workers} workers: {attempts:?}");
        // Each guest is logged once, however often it is held back, and no other is.
        let (_, dir) = daemon.stop();
        let log = std::fs::read_to_string(dir.path().join("stderr")).unwrap();
        let lines: Vec<_> = log.lines().filter(|line| line.contains("is held back")).collect();
        assert!((1..=usize::from(GUESTS)).contains(&lines.len()), "{log}");
        assert!(lines.iter().all(|line| line.contains("/contended")), "{log}");
        assert!(!log.contains(&format!("domain {BYSTANDER} is held back")), "{log}");
    }
}
