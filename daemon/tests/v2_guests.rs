//! Guests that speak protocol v2 on their rings, beside those that speak v1; and what a killed
//! daemon leaves of them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;
mod guests;
mod ring_stream;

use std::{
    io::{Read, Write},
    sync::Arc,
    time::Duration,
};

use guests::{Lab, home};
use myriad::sim::machine::Machine;
use myriad_core::{DomId, Errno, Perm};
use myriad_ring::{
    client::{Client, Commit, Error, Event, Store},
    page::{
        Lane, Page, Word,
        guest::{GuestEnd, Habits, Liar},
        layout::{ERROR_COMM, ERROR_NONE, ERROR_PROTO},
    },
    v1::{Op, features},
    v2::{frame::FRAME_HEAD, records::HELLO},
};
use ring_stream::{Ring, attach};

fn event(path: &str, token: &str) -> Event {
    Event { path: path.into(), token: token.into() }
}

#[test]
fn a_thousand_of_each_share_a_tree_and_hear_each_other() {
    const EACH: u16 = 1000;
    let lab = Lab::start(&["--workers", "2"]);
    let mut dom0 = Client::connect_to_best(lab.path("socket")).unwrap();
    let partner = |domid: u16| if domid <= EACH { domid + EACH } else { domid - EACH };
    let data = |domid: u16| format!("{}/data", home(domid));
    // First: a grant to a domain that isn't there is nobody's.
    (1..=2 * EACH).for_each(|domid| create(&mut dom0, domid));
    for domid in 1..=2 * EACH {
        let shared: Vec<Perm> = [format!("n{domid}"), format!("r{}", partner(domid))]
            .map(|text| Perm::parse(text.as_bytes()).unwrap())
            .to_vec();
        let own = &shared[..1];
        let commit = Commit::new().mkdir(home(domid)).set_perms(home(domid), own);
        let commit = commit.write(data(domid), "0").set_perms(data(domid), &shared);
        dom0.commit(&commit).unwrap();
    }
    let mut guests = attach(lab.machine(), 1, 2 * EACH);
    for (at, (page, guest)) in guests.iter_mut().enumerate() {
        let domid = u16::try_from(at).unwrap() + 1;
        let offered = Liar::new(page.clone()).get(Word::Features);
        assert_eq!(offered & (features::V2 | features::SPEAKS_V2), features::V2);
        if domid > EACH {
            assert!(guest.negotiate().unwrap());
            let offered = Liar::new(page.clone()).get(Word::Features);
            assert_ne!(offered & features::SPEAKS_V2, 0);
        }
        let watched = data(partner(domid));
        guest.watch(&watched, "partner").unwrap();
        assert_eq!(guest.next_event().unwrap(), event(&watched, "partner"));
    }
    for round in 1..=3 {
        for (at, (_, guest)) in guests.iter_mut().enumerate() {
            let domid = u16::try_from(at).unwrap() + 1;
            let value = format!("{round} of {domid}");
            if domid > EACH {
                guest.commit(&Commit::new().write("data", &value)).unwrap();
            } else {
                guest.write("data", &value).unwrap();
            }
        }
        for (at, (_, guest)) in guests.iter_mut().enumerate() {
            let other = partner(u16::try_from(at).unwrap() + 1);
            assert_eq!(guest.next_event().unwrap(), event(&data(other), "partner"));
            assert_eq!(guest.read(data(other)).unwrap(), format!("{round} of {other}").as_bytes());
        }
    }
    // What isn't shared with it, nobody of either kind may have.
    for at in [0, usize::from(EACH)] {
        let domid = u16::try_from(at).unwrap() + 2;
        let refused = guests[at].1.read(data(domid)).unwrap_err();
        assert_eq!(refused.errno(), Some(Errno::EACCES));
    }
    assert_eq!(lab.connect().control(&["check"]).unwrap(), "OK");
}

fn create<S: Read + Write>(dom0: &mut Client<S>, domid: u16) {
    let created = dom0.raw(Op::Control as u32, 0, format!("sim\0create\0{domid}\0").as_bytes());
    assert_eq!(created.unwrap().header.op, Op::Control as u32);
    let introduce = format!("{domid}\x001\x001\0");
    let introduced = dom0.raw(Op::Introduce as u32, 0, introduce.as_bytes()).unwrap();
    assert_eq!(introduced.header.op, Op::Introduce as u32);
}

/// A guest that speaks v2 and has a watch, on a machine that keeps its page.
fn speaker(lab: &Lab, domid: u16) -> (Page, Client<Ring>) {
    lab.build(domid);
    let (page, mut guest) = attach(lab.machine().keeping_pages(), domid, domid).pop().unwrap();
    assert!(guest.negotiate().unwrap());
    guest.watch("x", "t").unwrap();
    guest.next_event().unwrap();
    guest.commit(&Commit::new().write("x", "1")).unwrap();
    assert_eq!(guest.next_event().unwrap(), event("x", "t"));
    (page, guest)
}

#[test]
fn after_a_crash_v2_is_over_and_a_reconnection_begins_with_v1() {
    let args = ["--workers", "1"];
    let lab = Lab::start(&args);
    let (page, guest) = speaker(&lab, 5);
    let lab = lab.kill_and_restart(&args);
    let machine = again(guest);
    let liar = Liar::new(page.clone());
    while liar.get(Word::Error) != ERROR_COMM {
        std::thread::yield_now();
    }
    assert_ne!(liar.get(Word::Features) & features::SPEAKS_V2, 0);
    // Frames are not taken for messages of v1, nor for anything.
    let mut end = GuestEnd::new(page.clone(), Habits::LINUX);
    end.send(&[0xff; 100]).unwrap();
    machine.ring(DomId(5)).unwrap();
    assert_eq!(lab.usage(5).watches, 0, "nobody is left to hear of it");
    lab.connect().write(&format!("{}/x", home(5)), "2").unwrap();
    assert_eq!(liar.get(Word::Error), ERROR_COMM);
    let mut guest = begin_anew(machine, page.clone(), 5);
    assert_eq!(guest.read("x").unwrap(), b"2");
    assert_eq!(liar.get(Word::Features) & features::SPEAKS_V2, 0);
    assert!(guest.negotiate().unwrap());
    guest.watch("x", "u").unwrap();
    assert_eq!(guest.next_event().unwrap(), event("x", "u"));
    assert_eq!(lab.connect().control(&["check"]).unwrap(), "OK");
    // And once more, with a daemon that is killed before the guest has done anything about it.
    let lab = lab.kill_and_restart(&args);
    let machine = again(guest);
    while liar.get(Word::Error) != ERROR_COMM {
        std::thread::yield_now();
    }
    let waiting = Client::new(Ring { machine, domid: DomId(5), end });
    let lab = lab.kill_and_restart(&args);
    let machine = again(waiting);
    lab.connect().control(&["check"]).unwrap();
    assert_eq!(liar.get(Word::Error), ERROR_COMM);
    let mut guest = begin_anew(machine, page, 5);
    assert_eq!(guest.read("x").unwrap(), b"2");
}

#[test]
fn a_guest_of_v1_goes_on_where_one_of_v2_does_not() {
    let args = ["--workers", "1"];
    let lab = Lab::start(&args);
    let (page, _guest) = speaker(&lab, 5);
    lab.build(6);
    let mut old = attach(lab.machine().keeping_pages(), 6, 6).pop().unwrap();
    old.1.watch("y", "t").unwrap();
    old.1.next_event().unwrap();
    let lab = lab.kill_and_restart(&args);
    let machine = again(old.1);
    let end = GuestEnd::new(old.0.clone(), Habits::LINUX);
    let mut old = Client::new(Ring { machine, domid: DomId(6), end });
    assert_eq!(old.next_event().unwrap(), event("y", "t"), "each watch fires once");
    old.write("y", "1").unwrap();
    assert_eq!(old.next_event().unwrap(), event("y", "t"));
    assert_eq!(Liar::new(page).get(Word::Error), ERROR_NONE, "its machine has not come back");
    drop(lab);
}

#[test]
fn a_reconnection_and_an_introduction_end_v2() {
    let lab = Lab::start(&["--workers", "1"]);
    let (page, guest) = speaker(&lab, 5);
    let machine = Arc::clone(&guest.stream().machine);
    let mut guest = begin_anew(machine, page.clone(), 5);
    assert_eq!(guest.read("x").unwrap(), b"1");
    assert_eq!(lab.usage(5).watches, 0);
    assert!(guest.negotiate().unwrap());
    lab.connect().ok(Op::Introduce, b"5\x001\x001\0");
    let liar = Liar::new(page.clone());
    while liar.get(Word::Features) & features::SPEAKS_V2 != 0 {
        std::thread::yield_now();
    }
    let machine = Arc::clone(&guest.stream().machine);
    let end = GuestEnd::new(page, Habits::LINUX);
    let mut guest = Client::new(Ring { machine, domid: DomId(5), end });
    assert_eq!(guest.read("x").unwrap(), b"1");
}

#[test]
fn a_guest_that_breaks_v2_loses_its_ring_until_it_reconnects() {
    let lab = Lab::start(&["--workers", "1"]);
    let mut other = speaker(&lab, 6);
    for bad in [&[0xff; FRAME_HEAD][..], &message(HELLO)] {
        let (page, mut guest) = if lab.usage_or_none(5).is_none() {
            speaker(&lab, 5)
        } else {
            let mut again = attach(lab.machine(), 5, 5).pop().unwrap();
            assert!(again.1.negotiate().unwrap());
            again
        };
        let machine = Arc::clone(&guest.stream().machine);
        assert!(guest.ask(&myriad_ring::v2::Request::Info).is_ok());
        let mut end = GuestEnd::new(page.clone(), Habits::LINUX);
        end.send(bad).unwrap();
        machine.ring(DomId(5)).unwrap();
        let liar = Liar::new(page.clone());
        while liar.get(Word::Error) != ERROR_PROTO {
            std::thread::yield_now();
        }
        liar.scribble(Lane::Requests, 0, &[7; 1024]);
        other.1.commit(&Commit::new().write("x", "2")).unwrap();
        let mut guest = begin_anew(machine, page, 5);
        assert!(guest.read("x").is_ok() || guest.read("x").unwrap_err().is_not_found());
    }
    assert_eq!(lab.connect().control(&["check"]).unwrap(), "OK");
}

#[test]
fn a_message_longer_than_the_ring_and_a_slot_comes_whole() {
    let lab = Lab::start(&["--workers", "1"]);
    let (_, mut guest) = speaker(&lab, 5);
    let value = [b'v'; 1500];
    let paths: Vec<String> = (0..30).map(|n| format!("x/{n}")).collect();
    let commit = paths.iter().fold(Commit::new(), |commit, path| commit.write(path, value));
    guest.commit(&commit).unwrap();
    let nodes = guest.get_many(&paths).unwrap();
    assert!(nodes.iter().all(|node| node.as_ref().unwrap().value == value));
    // Rings in a memory file are for programs.
    let wanted = myriad_ring::v2::Request::Ring(Default::default());
    let refused = guest.ask(&wanted).unwrap_err();
    assert!(matches!(refused, Error::Declined { errno: Errno::ENOSYS, .. }));
}

/// A message of v1 where frames are expected.
fn message(op: u32) -> Vec<u8> {
    common::message(op, u32::MAX, 0, &[0; 8])
}

/// The machine gives its pages to the next daemon.
fn again(guest: Client<Ring>) -> Arc<Machine> {
    let machine = Arc::clone(&guest.stream().machine);
    drop(guest);
    let mut machine = Arc::into_inner(machine).unwrap();
    machine.reconnect(Duration::from_secs(60), |_, why| panic!("{why}")).unwrap();
    Arc::new(machine)
}

/// The guest asks for a reconnection, and speaks v1.
fn begin_anew(machine: Arc<Machine>, page: Page, domid: u16) -> Client<Ring> {
    let mut end = GuestEnd::new(page, Habits::LINUX);
    end.reconnect();
    machine.ring(DomId(domid)).unwrap();
    while !end.has_reconnected() {
        std::thread::yield_now();
    }
    Client::new(Ring { machine, domid: DomId(domid), end })
}
