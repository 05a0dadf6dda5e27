//! Guests that can't be served for now, for whatever reason, cost nothing while they wait: the
//! worker that has them sleeps.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;
mod guests;

use guests::{Guest, Lab, message};
use myriad_ring::{
    page::{
        Word,
        guest::{GuestEnd, Habits},
        layout::ERROR_RINGIDX,
    },
    v1::Op,
};

/// Nanoseconds that the first worker has run so far; none while it runs or would.
fn slept_since(lab: &Lab) -> Option<u64> {
    for task in std::fs::read_dir(format!("/proc/{}/task", lab.child.id())).unwrap().flatten() {
        let read = |name| std::fs::read_to_string(task.path().join(name)).unwrap();
        if read("comm").trim() == "worker-0" {
            // Its state is the word after the name in brackets.
            let sleeps = read("stat").rsplit(')').next().unwrap().starts_with(" S");
            let run_time = read("schedstat").split(' ').next().unwrap().parse().unwrap();
            return sleeps.then_some(run_time);
        }
    }
    panic!("there is no worker");
}

/// Waits until the worker has been found asleep, and not to have run, again and again. One that
/// goes round and round never is.
fn await_sleep(lab: &Lab) {
    let (mut before, mut still) = (None, 0);
    while still < 200 {
        let now = slept_since(lab);
        still = if now.is_some() && now == before { still + 1 } else { 0 };
        before = now;
    }
}

/// Asks until neither its ring nor the daemon takes more; reads nothing.
fn stuff(lab: &Lab, guest: &Guest, request: &[u8]) {
    let mut end = GuestEnd::new(guest.page.clone(), Habits::LINUX);
    let (mut unsent, mut quiet) = (Vec::new(), 0);
    while quiet < 50 {
        if unsent.is_empty() {
            unsent = request.to_vec();
        }
        let sent = end.send(&unsent).unwrap();
        unsent.drain(..sent);
        guest.ring();
        quiet = if sent == 0 { quiet + 1 } else { 0 };
        // The worker has had its turn.
        lab.usage(guest.domid.0);
    }
}

#[test]
fn a_guest_that_does_not_read_its_answers_lets_the_worker_sleep() {
    // Where nothing is kept of its answers it has its quota of them, else what its slot has room
    // for.
    for (journal, outstanding) in [("off", 20), ("1M", 1)] {
        let lab = Lab::start(&["--workers", "1", "--journal-size", journal]);
        let mut guest = lab.boot(5, Habits::LINUX);
        let big = format!("big\0{}", "v".repeat(1500));
        assert_eq!(guest.ask(Op::Write, &big), Ok("OK".into()));
        stuff(&lab, &guest, &message(Op::Read, b"big\0"));
        assert_eq!(lab.usage(5).outstanding, outstanding, "it is at its limit");
        await_sleep(&lab);
    }
}

#[test]
fn a_guest_that_does_not_read_its_events_lets_the_worker_sleep() {
    let lab = Lab::start(&["--workers", "1", "-Q", "memory=20000"]);
    let mut guest = lab.boot(5, Habits::LINUX);
    assert_eq!(guest.ask(Op::Watch, "/open\0t\0"), Ok("OK".into()));
    let mut dom0 = lab.connect();
    dom0.write("/open", "").unwrap();
    dom0.set_perms("/open", &["r0"]);
    for number in 0..200 {
        dom0.write(&format!("/open/{number}/{}", "x".repeat(200)), "").unwrap();
    }
    guest.put(message(Op::Read, b"none\0"));
    assert!(lab.usage(5).memory > 19_000, "it is at its limit");
    await_sleep(&lab);
}

#[test]
fn a_guest_that_has_lost_its_ring_lets_the_worker_sleep() {
    let lab = Lab::start(&["--workers", "1"]);
    let guest = lab.boot(5, Habits::LINUX);
    guest.liar().set(Word::RequestsProduced, 5000);
    guest.await_word(Word::Error, ERROR_RINGIDX);
    (0..10).for_each(|_| guest.ring());
    await_sleep(&lab);
}

#[test]
fn a_guest_in_the_middle_of_a_message_lets_the_worker_sleep() {
    let lab = Lab::start(&["--workers", "1"]);
    let mut guest = lab.boot(5, Habits::LINUX);
    guest.put(message(Op::Write, b"data\0x")[..20].to_vec());
    guest.ring();
    await_sleep(&lab);
}
