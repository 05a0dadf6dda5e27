//! Protocol v2 over rings in a memory file, as the client library uses them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;
mod guests;
mod raw_rings;

use std::{io::Write, time::Duration};

use common::{Daemon, PATIENCE};
use guests::Lab;
use myriad_core::Errno;
use myriad_ring::{
    client::{Client, Commit, Error, Event, Store, Stream},
    v1::Op as Classics,
    v2::{Op, Request, frame::first, status},
};
use raw_rings::{agreed, receive_with_file, wanted};

fn upgraded(daemon: &Daemon, requests: u32, answers: u32) -> Client<Stream> {
    let mut client = Client::connect_to_best(daemon.path("socket")).unwrap();
    client.stream().set_read_timeout(Some(PATIENCE)).unwrap();
    assert!(client.share_rings(requests, answers).unwrap());
    assert!(matches!(client.stream(), Stream::Rings(_)));
    client
}

fn event(path: &str, token: &str) -> Event {
    Event { path: path.into(), token: token.into() }
}

#[test]
fn all_that_a_socket_carries_rings_do() {
    let daemon = Lab::start(&["--workers", "2"]);
    let mut plain = Client::connect_to(daemon.path("socket")).unwrap();
    let mut rings = upgraded(&daemon, 0, 0);
    rings.watch("/a", "t").unwrap();
    assert_eq!(rings.next_event().unwrap(), event("/a", "t"));
    plain.write("/a/b", "1").unwrap();
    assert_eq!(rings.next_event().unwrap(), event("/a/b", "t"));
    let commit = Commit::new().if_value("/a/b", "1").write("/a/b", "2").write("/a/c", "3");
    rings.commit(&commit).unwrap();
    assert_eq!(rings.next_event().unwrap(), event("/a/b", "t"));
    assert_eq!(rings.next_event().unwrap(), event("/a/c", "t"));
    assert_eq!(rings.commit(&commit).unwrap_err().errno(), Some(Errno::EAGAIN));
    assert_eq!(rings.get("/a/b").unwrap().value, b"2");
    let next = rings.transact(|tx| {
        let next = tx.read("/a/c")?.len() + 1;
        tx.write("/a/c", next.to_string())?;
        Ok::<usize, Error>(next)
    });
    assert_eq!(next.unwrap(), 2);
    let reply = rings.raw(Classics::Control as u32, 0, b"check\0").unwrap();
    assert_eq!(reply.payload, b"OK\0");
}

#[test]
fn messages_longer_than_the_rings_come_whole() {
    let daemon = Lab::start(&[]);
    let mut rings = upgraded(&daemon, 1, 1);
    let value = [b'v'; 3000];
    let names: Vec<String> = (0..250).map(|n| format!("/long/{n}")).collect();
    let commit = names.iter().fold(Commit::new(), |commit, name| commit.write(name, value));
    rings.commit(&commit).unwrap();
    let all = rings.get_many(&names).unwrap();
    assert!(all.len() == 250 && all.iter().all(|node| node.as_ref().unwrap().value == value));
}

#[test]
fn both_sides_sleep_and_are_woken() {
    let daemon = Lab::start(&["--workers", "1"]);
    let mut plain = Client::connect_to(daemon.path("socket")).unwrap();
    let mut rings = upgraded(&daemon, 0, 0);
    rings.watch("/n", "t").unwrap();
    rings.next_event().unwrap();
    // One thread waits for the other in turn, for longer than either looks at the rings.
    for round in 0..300 {
        std::thread::scope(|scope| {
            scope.spawn(|| assert_eq!(rings.next_event().unwrap(), event("/n", "t")));
            if round % 3 == 0 {
                std::thread::yield_now();
            }
            plain.write("/n", round.to_string()).unwrap();
        });
        assert_eq!(rings.read("/n").unwrap(), round.to_string().into_bytes());
    }
    rings.stream().set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    assert!(matches!(rings.next_event(), Err(Error::TimedOut)));
    rings.stream().set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(rings.read("/n").unwrap(), b"299");
}

#[test]
fn many_clients_count_without_losing_any() {
    let daemon = Lab::start(&["--workers", "2"]);
    upgraded(&daemon, 0, 0).write("/n", "0").unwrap();
    let rounds = 50;
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut client = upgraded(&daemon, 0, 0);
                let mut done = 0;
                while done < rounds {
                    let node = client.get("/n").unwrap();
                    let count: u32 = String::from_utf8(node.value).unwrap().parse().unwrap();
                    let commit = Commit::new()
                        .if_value_stamp("/n", node.stamps.unwrap().value)
                        .write("/n", (count + 1).to_string());
                    match client.commit(&commit) {
                        Ok(_) => done += 1,
                        Err(error) => assert_eq!(error.errno(), Some(Errno::EAGAIN)),
                    }
                }
            });
        }
    });
    assert_eq!(upgraded(&daemon, 0, 0).read("/n").unwrap(), (4 * rounds).to_string().into_bytes());
}

#[test]
fn who_gets_no_rings_goes_on_without() {
    let daemon = Lab::start(&["--workers", "1"]);
    daemon.introduce(5);
    // A guest isn't offered any.
    let mut guest = Client::connect_to(daemon.path("sim/5.socket")).unwrap();
    assert!(guest.negotiate().unwrap() && !guest.share_rings(0, 0).unwrap());
    assert!(guest.ask(&Request::Info).is_ok());
    // So many, and no more, until one of them goes.
    let mut all: Vec<_> = (0..64).map(|_| upgraded(&daemon, 1, 1)).collect();
    let mut late = Client::connect_to_best(daemon.path("socket")).unwrap();
    assert!(!late.share_rings(0, 0).unwrap());
    assert!(matches!(late.stream(), Stream::Socket(_)));
    late.write("/late", "1").unwrap();
    drop(all.pop());
    while !late.share_rings(0, 0).unwrap() {
        std::thread::yield_now();
    }
    assert_eq!(late.read("/late").unwrap(), b"1");
    // One that speaks v1, and one that has them.
    let mut old = Client::connect_to(daemon.path("socket")).unwrap();
    assert!(!old.share_rings(0, 0).unwrap() && late.share_rings(0, 0).unwrap());
}

#[test]
fn what_comes_behind_the_wish_is_told() {
    let daemon = Lab::start(&[]);
    let client = agreed(&daemon);
    let both = [wanted(0, 0).encode(1), Request::Info.encode(2)].concat();
    (&client.stream).write_all(&both).unwrap();
    let mut bytes = Vec::new();
    while bytes.len() < 200 {
        let (more, file) = receive_with_file(&client.stream);
        assert!(file.is_none());
        bytes.extend(more);
    }
    let frame = first(&bytes).unwrap();
    assert_eq!(
        (frame.op.get(), status::errno(frame.status.get())),
        (Op::Ring as u16, Some(Errno::EBUSY))
    );
    // It goes on, on the socket.
    let mut raw = raw_rings::Raw::of(client.stream);
    assert_eq!(raw.ask(&Request::Info, 3).0.status.get(), 0);
}
