//! Rings in a memory file under every interleaving: `ring/src/shm/end.rs` as it is, over two rings
//! of four bytes with loom's atomics; beside a peer that obeys, and beside one that lies.
//!
//! A byte has one of loom's `UnsafeCell`s: two honest ends never touch one at once, and where an
//! ordering is missing they would. Sleeping is loom's `Notify`: a bell that is lost is a deadlock,
//! which loom finds. A model that is not explored to its end fails. The mutants stand beside the
//! models.
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

#[path = "../../ring/src/shm/end.rs"]
mod end;
#[path = "../../ring/src/page/layout.rs"]
mod layout;
#[path = "loom_shm/liar.rs"]
mod liar;
#[path = "loom_page/memory.rs"]
mod memory;
#[path = "../../ring/src/shm/places.rs"]
mod places;
#[path = "loom_shm/rings.rs"]
mod rings;
#[path = "../../ring/src/page/shared.rs"]
mod shared;
#[path = "../../ring/src/sync.rs"]
mod sync;
#[path = "../../ring/src/page/window.rs"]
mod window;
#[path = "../../ring/src/shm/words.rs"]
mod words;

mod page {
    pub use crate::{
        layout::Lane,
        window::{BadIndex, Window},
    };
}

use std::sync::Arc;

use end::End;
use layout::Lane;
use liar::{FAILED, INDICES, LIES, SLEEPS, liar};
use loom::{sync::Notify, thread};
use memory::{Loads, Mutant, RING, explore, explore_with};
use rings::Small;

/// Enough for each side to be stopped between its index, its look and its sleep.
const PREEMPTIONS: Option<usize> = Some(3);

/// The client's end and the server's.
fn ends(mutant: Mutant) -> (End<Small>, End<Small>) {
    let memory = Small::new(mutant);
    (End::new(memory.other(), Lane::Responses), End::new(memory, Lane::Requests))
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
        let (mut client, mut server) = ends(mutant);
        let sender = thread::spawn(move || {
            let first = client.send([&[1u8, 2][..], &[3]]).unwrap();
            let second = client.send([&[4u8, 5, 6][first - 3..]]).unwrap();
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

/// Explores a model with loads that see the newest value, and with loads that may not.
fn both_ways(name: &str, model: impl Fn() + Copy + Send + Sync + 'static) {
    explore_with(Loads::Newest, name, PREEMPTIONS, model);
    explore_with(Loads::Older, name, PREEMPTIONS, model);
}

/// A server sleeps until a client has sent two messages, which rings only for who sleeps.
fn requests_are_heard(mutant: Mutant) {
    both_ways("requests", move || {
        let (mut client, mut server) = ends(mutant);
        let bell = Arc::new(Notify::new());
        let rung = bell.clone();
        let sender = thread::spawn(move || {
            for byte in [1, 2] {
                assert_eq!(client.send([&[byte][..]]), Ok(1));
                if client.take_bell() {
                    rung.notify();
                }
            }
        });
        let mut bytes = Vec::new();
        while bytes.len() < 2 {
            bytes.extend(receive(&mut server, RING));
            if bytes.len() < 2 && !server.look_again(true, false).unwrap() {
                bell.wait();
                server.awake();
            }
        }
        assert_eq!(bytes, [1, 2]);
        sender.join().unwrap();
    });
}

/// A server sends more than the ring holds to a client that sleeps for it; both sleep, the server
/// for room.
fn room_is_heard_of(mutant: Mutant) {
    both_ways("room", move || {
        let (mut client, mut server) = ends(mutant);
        let (to_client, to_server) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (clients, servers) = (to_client.clone(), to_server.clone());
        let reader = thread::spawn(move || {
            let mut bytes = Vec::new();
            while bytes.len() < 5 {
                bytes.extend(receive(&mut client, RING));
                if client.take_bell() {
                    servers.notify();
                }
                if bytes.len() < 5 && !client.look_again(true, false).unwrap() {
                    clients.wait();
                    client.awake();
                }
            }
            assert_eq!(bytes, [1, 2, 3, 4, 5]);
        });
        assert_eq!(server.send([&[1u8, 2, 3][..]]), Ok(3));
        let mut left = &[4u8, 5][..];
        while !left.is_empty() {
            left = &left[server.send([left]).unwrap()..];
            if server.take_bell() {
                to_client.notify();
            }
            if !left.is_empty() && !server.look_again(false, true).unwrap() {
                to_server.wait();
                server.awake();
            }
        }
        reader.join().unwrap();
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
fn whatever_is_alleged_each_decision_is_of_one_look() {
    for produced in INDICES {
        for consumed in INDICES {
            for sleeps in SLEEPS {
                LIES.set((produced, consumed, sleeps));
                explore_with(Loads::Newest, "a liar", Some(2), || liar(LIES.get()));
            }
        }
    }
    assert!(FAILED.get() > 0, "no allegation was refused");
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
