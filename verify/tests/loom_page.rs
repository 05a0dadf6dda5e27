//! The index protocol of the shared page under every interleaving: `ring/src/page/end.rs` as it
//! is, over two rings of four bytes with loom's atomics.
//!
//! A byte has one of loom's `UnsafeCell`s: two honest ends never touch one at once, and where an
//! ordering is missing they would. Sleeping is loom's `Notify`: a doorbell that is lost is a
//! deadlock, which loom finds. A model that is not explored to its end fails.
//!
//! The mutants stand beside the models: a page that weakens an ordering, forgets the fences, or
//! copies late makes them fail.
#![cfg(loom)]
#![allow(
    missing_docs,
    dead_code,
    unused_imports,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arc_with_non_send_sync,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::disallowed_types
)]

#[path = "../../ring/src/page/doorbells.rs"]
mod doorbells;
#[path = "../../ring/src/page/end.rs"]
mod end;
#[path = "../../ring/src/page/indices.rs"]
mod indices;
#[path = "../../ring/src/page/layout.rs"]
mod layout;
#[path = "../../ring/src/limits.rs"]
mod limits;
#[path = "loom_page/memory.rs"]
mod memory;
#[path = "../../ring/src/page/shared.rs"]
mod shared;
#[path = "../../ring/src/sync.rs"]
mod sync;
#[path = "../../ring/src/page/window.rs"]
mod window;

use std::sync::Arc;

use doorbells::Doorbells;
use end::End;
use indices::Indices;
use layout::Lane;
use loom::{sync::Notify, thread};
use memory::{Memory, Mutant, RING, Small, explore};

/// Enough for each side to be stopped between its index, its look and its sleep.
const PREEMPTIONS: Option<usize> = Some(3);

/// The guest's end and the server's.
fn ends(mutant: Mutant, doorbells: Doorbells) -> (End<Small>, End<Small>) {
    let memory = Memory::new();
    let end = |inbound| End::new(Small::new(memory.clone(), mutant), inbound, doorbells);
    (end(Lane::Responses), end(Lane::Requests))
}

fn receive(end: &mut End<Small>, most: usize) -> Vec<u8> {
    let (mut scratch, mut bytes) = ([0; RING], Vec::new());
    let taken = end.receive(&mut scratch, |shown| {
        bytes.extend_from_slice(&shown[..shown.len().min(most)]);
        bytes.len()
    });
    assert_eq!(taken, Ok(bytes.len()), "two honest ends");
    bytes
}

/// Bytes are put and taken while the other end does the same; the ring wraps, and so do indices.
fn transfer(mutant: Mutant) {
    explore("a transfer", None, move || {
        let (mut guest, mut server) = ends(mutant, Doorbells::Always);
        let sender = thread::spawn(move || {
            let first = guest.send([&[1u8, 2][..], &[3]]).unwrap();
            let second = guest.send([&[4u8, 5, 6][first - 3..]]).unwrap();
            assert!(first == 3 && (1..=3).contains(&second));
            first + second
        });
        let mut bytes = receive(&mut server, 2);
        bytes.extend(receive(&mut server, RING));
        let sent = sender.join().unwrap();
        bytes.extend(receive(&mut server, RING));
        assert_eq!(bytes, [1, 2, 3, 4, 5, 6][..sent]);
    });
}

/// A server sleeps until a guest that rings only when it must has sent two messages.
fn requests_are_heard(mutant: Mutant) {
    explore("requests", PREEMPTIONS, move || {
        let (mut guest, mut server) = ends(mutant, Doorbells::WhenNeeded);
        let bell = Arc::new(Notify::new());
        let rung = bell.clone();
        let sender = thread::spawn(move || {
            for byte in [1, 2] {
                assert_eq!(guest.send([&[byte][..]]), Ok(1));
                if guest.take_doorbell() {
                    rung.notify();
                }
            }
        });
        let mut bytes = Vec::new();
        while bytes.len() < 2 {
            bytes.extend(receive(&mut server, RING));
            if bytes.len() < 2 && !server.look_again(true, false).unwrap() {
                bell.wait();
            }
        }
        assert_eq!(bytes, [1, 2]);
        sender.join().unwrap();
    });
}

/// A server sends more than the ring holds to a guest that rings only when the ring was full; both
/// sleep.
fn room_is_heard_of(mutant: Mutant) {
    explore("room", PREEMPTIONS, move || {
        let (mut guest, mut server) = ends(mutant, Doorbells::WhenNeeded);
        let (to_guest, to_server) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (guests, servers) = (to_guest.clone(), to_server.clone());
        let reader = thread::spawn(move || {
            let mut bytes = Vec::new();
            while bytes.len() < 5 {
                bytes.extend(receive(&mut guest, RING));
                if guest.take_doorbell() {
                    servers.notify();
                }
                if bytes.len() < 5 && !guest.look_again(true, false).unwrap() {
                    guests.wait();
                }
            }
            assert_eq!(bytes, [1, 2, 3, 4, 5]);
        });
        assert_eq!(server.send([&[1u8, 2, 3][..]]), Ok(3));
        let mut left = &[4u8, 5][..];
        while !left.is_empty() {
            left = &left[server.send([left]).unwrap()..];
            if server.take_doorbell() {
                to_guest.notify();
            }
            if !left.is_empty() && !server.look_again(false, true).unwrap() {
                to_server.wait();
            }
        }
        reader.join().unwrap();
    });
}

/// A guest asks for a reconnection in the middle of a message; once it is connected, the rings are
/// empty for it, and what it sends is what arrives.
fn reconnection(mutant: Mutant) {
    explore("a reconnection", None, move || {
        let (mut guest, mut server) = ends(mutant, Doorbells::Always);
        let asker = thread::spawn(move || {
            assert_eq!(guest.send([&[8u8, 9][..]]), Ok(2));
            guest.ask_to_reconnect();
            if !guest.is_connected() {
                return false;
            }
            guest.adopt();
            assert_eq!(
                guest.own(),
                Indices::default(),
                "reconnected before the rings were emptied"
            );
            assert_eq!(guest.send([&[1u8][..]]), Ok(1));
            true
        });
        let before = receive(&mut server, 1);
        assert!(before.is_empty() || before == [8]);
        let asked = server.wants_reconnect();
        if asked {
            let rest = server.readable();
            assert_eq!(
                rest,
                Ok(2 - before.len() as u32),
                "reconnects before all that was sent is there"
            );
            server.empty();
            server.set_connected();
        }
        let has_sent = asker.join().unwrap();
        assert!(asked || !has_sent);
        if asked {
            assert_eq!(receive(&mut server, RING), [1][..usize::from(has_sent)]);
        }
    });
}

#[test]
fn bytes_arrive_as_they_were_put() {
    transfer(Mutant::Nothing);
}

#[test]
fn no_request_is_slept_through() {
    requests_are_heard(Mutant::Nothing);
}

#[test]
fn no_room_is_slept_through() {
    room_is_heard_of(Mutant::Nothing);
}

#[test]
fn a_reconnection_begins_anew() {
    reconnection(Mutant::Nothing);
}

#[test]
#[should_panic = "Causality violation"]
fn stores_must_release() {
    transfer(Mutant::Release);
}

#[test]
#[should_panic = "Causality violation"]
fn loads_must_acquire() {
    transfer(Mutant::Acquire);
}

#[test]
#[should_panic = "Causality violation"]
fn bytes_must_be_put_before_the_index() {
    transfer(Mutant::Late);
}

#[test]
#[should_panic = "deadlock"]
fn requests_are_slept_through_without_fences() {
    requests_are_heard(Mutant::Fence);
}

#[test]
#[should_panic = "deadlock"]
fn room_is_slept_through_without_fences() {
    room_is_heard_of(Mutant::Fence);
}

#[test]
#[should_panic = "reconnect"]
fn a_connection_must_be_released() {
    reconnection(Mutant::Connected);
}

#[test]
#[should_panic = "reconnect"]
fn a_connection_must_be_acquired() {
    reconnection(Mutant::Wish);
}
