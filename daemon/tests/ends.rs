//! How domains end, alone and together, and what is told of it: C's `check_domains`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;
mod guests;

use common::Client;
use guests::{Lab, home};
use myriad_ring::{page::guest::Habits, v1::Op};

/// A client that hears of the ends of domains.
fn listener(lab: &Lab) -> Client {
    let mut client = lab.connect();
    client.watch("@releaseDomain", "t");
    client
}

/// What was told since this was asked last; the host's commands are answered after their events.
fn told(listener: &mut Client, command: &[&str]) -> usize {
    listener.control(command).unwrap();
    let events = listener.kept_events();
    assert!(events.iter().all(|(path, _)| path == "@releaseDomain"), "{events:?}");
    events.len()
}

fn introduce(client: &mut Client, domid: u16) {
    client.ok(Op::Introduce, format!("{domid}\x001\x001\0").as_bytes());
}

#[test]
fn a_shutdown_is_told_once_until_it_is_resumed() {
    let lab = Lab::start(&["--workers", "1"]);
    lab.build(5);
    let mut dom0 = listener(&lab);
    assert_eq!(told(&mut dom0, &["sim", "shutdown", "5"]), 1);
    assert_eq!(told(&mut dom0, &["sim", "shutdown", "5"]), 0);
    assert_eq!(told(&mut dom0, &["sim", "crash", "5"]), 0, "it is down already");
    for _ in 0..3 {
        dom0.ok(Op::Resume, b"5\0");
        assert_eq!(dom0.kept_events(), [], "a resumption is told to nobody");
        assert_eq!(told(&mut dom0, &["sim", "crash", "5"]), 1);
        assert_eq!(told(&mut dom0, &["sim", "crash", "5"]), 0);
    }
    // Its end is another matter.
    assert_eq!(told(&mut dom0, &["sim", "destroy", "5"]), 1);
    assert_eq!(dom0.ask(Op::Resume, 0, b"5\0"), Err("ENOENT".into()));
}

#[test]
fn a_domain_that_runs_again_is_no_news() {
    let lab = Lab::start(&["--workers", "1"]);
    let mut dom0 = listener(&lab);
    dom0.control(&["sim", "create", "5-6"]).unwrap();
    assert_eq!(told(&mut dom0, &["sim", "shutdown", "5"]), 0, "nobody knows it");
    introduce(&mut dom0, 5);
    assert_eq!(told(&mut dom0, &["sim", "resume", "5"]), 0);
    assert_eq!(told(&mut dom0, &["sim", "crash", "6"]), 0, "5 runs, and 6 is not introduced");
    assert_eq!(told(&mut dom0, &["sim", "crash", "5"]), 1);
}

/// The next event of the hypervisor, for whichever domain, tells of it.
#[test]
fn a_domain_that_had_shut_down_before_its_introduction_is_told_at_the_next_look() {
    let lab = Lab::start(&["--workers", "1"]);
    let mut dom0 = listener(&lab);
    dom0.control(&["sim", "create", "5-7"]).unwrap();
    assert_eq!(told(&mut dom0, &["sim", "shutdown", "5"]), 0, "nobody knows it");
    introduce(&mut dom0, 5);
    assert_eq!(dom0.kept_events(), []);
    assert_eq!(told(&mut dom0, &["sim", "crash", "6"]), 1, "5 is news, and 6 not introduced");
    assert_eq!(told(&mut dom0, &["sim", "crash", "6"]), 0);
    assert_eq!(told(&mut dom0, &["sim", "shutdown", "7"]), 0);
    introduce(&mut dom0, 6);
    introduce(&mut dom0, 7);
    // One look, one event for a plain watch.
    assert_eq!(told(&mut dom0, &["sim", "shutdown", "7"]), 1);
    assert_eq!(told(&mut dom0, &["sim", "shutdown", "7"]), 0);
}

#[test]
fn a_release_begins_a_new_life_in_which_a_shutdown_is_news() {
    let lab = Lab::start(&["--workers", "1"]);
    let mut dom0 = listener(&lab);
    lab.build(5);
    assert_eq!(told(&mut dom0, &["sim", "shutdown", "5"]), 1);
    // As libxl does for a soft reset.
    dom0.ok(Op::Release, b"5\0");
    assert_eq!(dom0.kept_events().len(), 1);
    introduce(&mut dom0, 5);
    assert_eq!(dom0.kept_events(), []);
    assert_eq!(told(&mut dom0, &["sim", "shutdown", "5"]), 1);
    // And one that was introduced again without a release is the same life.
    introduce(&mut dom0, 5);
    assert_eq!(told(&mut dom0, &["sim", "shutdown", "5"]), 0);
}

#[test]
fn the_end_of_a_domain_that_nobody_introduced_is_told_to_nobody() {
    let lab = Lab::start(&["--workers", "1"]);
    let mut dom0 = listener(&lab);
    dom0.control(&["sim", "create", "5"]).unwrap();
    dom0.write("/given", "").unwrap();
    // The store knows it by this.
    dom0.set_perms("/given", &["n5"]);
    assert_eq!(told(&mut dom0, &["sim", "shutdown", "5"]), 0);
    assert_eq!(told(&mut dom0, &["sim", "destroy", "5"]), 0);
    assert_eq!(dom0.read("/given"), Err("ENOENT".into()));
}

#[test]
fn a_stub_domain_has_no_access_to_its_guests_successor() {
    let lab = Lab::start(&["--workers", "2"]);
    let mut dom0 = lab.connect();
    let _guest = lab.boot(9, Habits::LINUX);
    let mut stub = lab.boot(10, Habits::MINIOS);
    dom0.ok(Op::SetTarget, b"10\x009\0");
    assert_eq!(stub.ask(Op::Write, &format!("{}/a\0x", home(9))), Ok("OK".into()));
    lab.destroy(9);
    let mut successor = lab.boot(9, Habits::LINUX);
    assert_eq!(stub.ask(Op::Write, &format!("{}/a\0x", home(9))), Err("EACCES".into()));
    assert_eq!(stub.ask(Op::Read, &format!("{}\0", home(9))), Err("EACCES".into()));
    successor.is_well();
    // Nor has the stub domain's successor any to the guest.
    dom0.ok(Op::SetTarget, b"10\x009\0");
    assert_eq!(stub.ask(Op::Read, &format!("{}\0", home(9))), Ok(String::new()));
    lab.destroy(10);
    let mut stub = lab.boot(10, Habits::MINIOS);
    assert_eq!(stub.ask(Op::Read, &format!("{}\0", home(9))), Err("EACCES".into()));
}
