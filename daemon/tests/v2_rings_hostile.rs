//! Clients on rings in a memory file that lie, stop in the middle, and die: each loses its own
//! connection at most, is told why, and nobody else waits.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;
mod guests;
mod raw_rings;

use std::{io::Write, net::Shutdown};

use common::{Daemon, PATIENCE};
use guests::Lab;
use myriad_core::Errno;
use myriad_ring::{
    client::{Client, Commit, Store, Stream},
    page::{
        Lane,
        layout::{ERROR_PROTO, ERROR_RINGIDX},
    },
    shm::Place,
    v2::{
        Request, Step,
        frame::FRAME_HEAD,
        records::{ALL_LEVELS, Kind, Registration},
        status,
    },
};
use raw_rings::{Raw, agreed};

/// One worker, so that whoever holds it up holds all up; and a client that must be served.
fn daemon() -> (Lab, Client<Stream>) {
    let daemon = Lab::start(&["--workers", "1"]);
    let mut good = Client::connect_to_best(daemon.path("socket")).unwrap();
    good.stream().set_read_timeout(Some(PATIENCE)).unwrap();
    assert!(good.share_rings(0, 0).unwrap());
    (daemon, good)
}

fn write<'a>(path: &'a str, value: &'a [u8]) -> Request<'a> {
    let step = Step { kind: Kind::SetValue, path: path.as_bytes(), value, stamp: 0 };
    Request::Commit(vec![step])
}

fn check(daemon: &Daemon) {
    assert_eq!(daemon.connect().control(&["check"]).unwrap(), "OK");
}

#[test]
fn every_impossible_index_ends_its_connection_alone() {
    let (daemon, mut good) = daemon();
    let (put, done) = (Place::RequestsProduced, Place::AnswersConsumed);
    for (place, lie) in [
        (put, 4097),
        (put, 1 << 31),
        (put, u32::MAX),
        (done, 4097),
        (done, 1 << 31),
        (done, u32::MAX - 4096),
    ] {
        let mut raw = Raw::new(&daemon);
        assert_eq!(raw.ask(&Request::Info, 1).0.status.get(), 0);
        if place == done {
            // The room is looked at once the ring is full.
            let much = [b'x'; 3000];
            raw.ask(&write("/much", &much), 2);
            raw.liar.set(place, raw.liar.get(place).wrapping_add(lie));
            let get = myriad_ring::v2::records::Get { want: 3.into(), ..Default::default() };
            raw.send(&Request::Get(get, b"/much").encode(3));
            raw.send(&Request::Get(get, b"/much").encode(4));
        } else {
            raw.liar.set(place, raw.liar.get(place).wrapping_add(lie));
        }
        // It may have been found already.
        let _ = raw.socket.write_all(&[0]);
        assert_eq!(raw.ended(), ERROR_RINGIDX, "{place:?} {lie}");
        good.write("/good", "1").unwrap();
    }
    check(&daemon);
}

#[test]
fn lies_that_hurt_only_the_liar_are_borne() {
    let (daemon, mut good) = daemon();
    let mut raw = Raw::new(&daemon);
    // What is the server's own, and the header, is not looked at.
    for place in [
        Place::Magic,
        Place::Version,
        Place::RequestsSize,
        Place::AnswersSize,
        Place::RequestsConsumed,
        Place::AnswersProduced,
    ] {
        let before = raw.liar.get(place);
        raw.liar.set(place, before ^ 0x5a5a_5a5a);
        raw.send(&Request::Info.encode(1));
        raw.ring();
        // The next answer is behind this one, wherever the index says that it is.
        while raw.liar.get(Place::AnswersProduced) == before ^ 0x5a5a_5a5a {
            std::thread::yield_now();
        }
        raw.liar.set(Place::Magic, 0);
        good.write("/good", "1").unwrap();
    }
    drop(raw);
    // One who says that it sleeps for everything is rung for each answer, and never listens: its
    // socket gets full of bells.
    let mut deaf = Raw::new(&daemon);
    for id in 0..3000 {
        deaf.liar.set(Place::ClientSleeps, u32::MAX);
        assert_eq!(deaf.ask(&Request::Info, id).0.status.get(), 0);
    }
    // And one who rings for nothing.
    for _ in 0..3000 {
        deaf.ring();
    }
    assert_eq!(deaf.ask(&Request::Info, 1).0.status.get(), 0);
    good.write("/good", "2").unwrap();
    check(&daemon);
}

#[test]
fn a_bad_frame_is_answered_and_ends_it() {
    let (daemon, mut good) = daemon();
    let mut raw = Raw::new(&daemon);
    raw.send(&write("/before", b"1").encode(1));
    raw.send(&[0xff; FRAME_HEAD]);
    assert_eq!(raw.receive().0.status.get(), 0);
    let status = raw.receive().0.status.get();
    assert_eq!(status::errno(status), Some(Errno::E2BIG));
    assert_eq!(raw.ended(), ERROR_PROTO);
    assert_eq!(good.read("/before").unwrap(), b"1");
    check(&daemon);
}

#[test]
fn what_was_sent_before_the_end_is_executed_and_half_of_a_message_is_not() {
    let (daemon, mut good) = daemon();
    good.watch("/last", "t").unwrap();
    good.next_event().unwrap();
    for (round, how) in [Shutdown::Both, Shutdown::Write].into_iter().enumerate() {
        let mut raw = Raw::new(&daemon);
        let last = round.to_string();
        raw.end.send(&[&write("/last", last.as_bytes()).encode(1)]).unwrap();
        raw.end.send(&[&write("/half", b"1").encode(2)[..50]]).unwrap();
        raw.socket.shutdown(how).unwrap();
        good.next_event().unwrap();
        assert_eq!(good.read("/last").unwrap(), last.as_bytes());
        // Whoever keeps the memory and goes on writing it isn't heard.
        if how == Shutdown::Write {
            raw.ended();
        }
        assert!(good.read("/half").unwrap_err().is_not_found());
    }
    check(&daemon);
}

#[test]
fn one_that_writes_the_memory_after_its_end_is_let_go() {
    let (daemon, mut good) = daemon();
    let before = daemon.descriptors();
    let mut raw = Raw::new(&daemon);
    let Raw { socket, mut end, .. } = {
        raw.ask(&Request::Info, 1);
        raw
    };
    drop(socket);
    // It keeps the ring full of requests while the daemon takes leave.
    let info = Request::Info.encode(7);
    let mut whole = &info[..];
    while daemon.descriptors() > before {
        let count = end.send(&[whole]).unwrap_or(0);
        whole = &whole[count..];
        if whole.is_empty() {
            whole = &info;
        }
    }
    good.write("/good", "1").unwrap();
    check(&daemon);
}

#[test]
fn one_that_never_reads_while_events_come_costs_itself_alone() {
    let (daemon, mut good) = daemon();
    let mut lazy = Raw::new(&daemon);
    let depth = ALL_LEVELS.into();
    let watch = Registration { token: 7.into(), depth, ..Registration::default() };
    lazy.ask(&Request::Watch(vec![(watch, b"/storm")]), 1);
    // The socket may have rung; more than all of its queue's bounds is raised.
    let path = "x".repeat(1000);
    for round in 0..12 {
        let commit = (0..200).fold(Commit::new(), |commit, at| {
            commit.write(format!("/storm/{path}/{round}-{at}"), "")
        });
        good.commit(&commit).unwrap();
    }
    // It is read from again, and hears of its watch at least once more after what it has missed.
    let mut heard = 0;
    lazy.send(&Request::Info.encode(99));
    loop {
        let (frame, _) = lazy.receive();
        if frame.id.get() == 99 {
            break;
        }
        heard += 1;
    }
    assert!(heard > 2, "{heard}");
    check(&daemon);
}

#[test]
fn bytes_on_the_socket_are_bells_and_nothing_else() {
    let (daemon, mut good) = daemon();
    let mut raw = Raw::new(&daemon);
    raw.socket.write_all(&write("/by-socket", b"1").encode(1)).unwrap();
    assert_eq!(raw.ask(&Request::Info, 2).0.status.get(), 0);
    assert!(good.read("/by-socket").unwrap_err().is_not_found());
    // A ring on rings is refused, and so is v1's HELLO within.
    let status = raw.ask(&raw_rings::wanted(0, 0), 3).0.status.get();
    assert_eq!(status::errno(status), Some(Errno::EEXIST));
    // And costs no place of those that there are for others.
    for id in 4..200 {
        assert_ne!(raw.ask(&raw_rings::wanted(0, 0), id).0.status.get(), 0);
    }
    let others: Vec<_> = (0..40).map(|_| Raw::new(&daemon)).collect();
    assert_eq!(others.len(), 40);
    check(&daemon);
}

#[test]
fn one_that_dies_with_the_answer_on_its_way_leaves_nothing() {
    let (daemon, mut good) = daemon();
    let before = daemon.descriptors();
    for round in 0..100 {
        let client = agreed(&daemon);
        (&client.stream).write_all(&raw_rings::wanted(0, 0).encode(1)).unwrap();
        if round % 2 == 0 {
            client.stream.shutdown(Shutdown::Read).unwrap();
        }
        drop(client);
    }
    while daemon.descriptors() > before {
        good.write("/good", "1").unwrap();
    }
    // All places for rings are free again.
    let all: Vec<_> = (0..63).map(|_| Raw::new(&daemon)).collect();
    assert_eq!(all.len(), 63);
    check(&daemon);
}

#[test]
fn rubbish_in_the_rings_is_one_clients_rubbish() {
    let (daemon, mut good) = daemon();
    for seed in 0..40_u8 {
        let mut raw = Raw::new(&daemon);
        let rubbish = (0..=255_u8).cycle().map(|at| at.wrapping_mul(seed) ^ seed);
        let bytes: Vec<u8> = rubbish.take(4096).collect();
        raw.liar.scribble(Lane::Requests, 0, &bytes);
        raw.liar.scribble(Lane::Responses, 0, &bytes);
        let some = u32::from(seed) * 100;
        let index = raw.liar.get(Place::RequestsProduced).wrapping_add(some);
        raw.liar.set(Place::RequestsProduced, index);
        raw.ring();
        good.write("/good", [seed]).unwrap();
    }
    check(&daemon);
}
