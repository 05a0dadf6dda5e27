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

use std::cell::Cell;
use std::sync::Arc;

use end::End;
use layout::Lane;
use loom::{sync::Notify, thread};
use memory::{Loads, Mutant, RING, START, explore, explore_with};
use places::{FOR_BYTES, FOR_ROOM, Place};
use rings::{Did, Small};
use sync::Ordering::Relaxed;
use window::BadIndex;
use words::Words;

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

/// What a liar stores: the producer's index of requests, the consumer's of answers, and what both
/// sleep for.
type Lies = (u32, u32, u32);

/// Nothing, some, all that fits, more than fits, and less than nothing.
const INDICES: [u32; 5] =
    [START, START.wrapping_add(2), START.wrapping_add(4), START.wrapping_add(5), START - 1];
const SLEEPS: [u32; 3] = [0, FOR_BYTES | FOR_ROOM, u32::MAX];

/// The client stores any indices, words and bytes, while the server takes, puts, and would sleep.
fn liar((produced, consumed, sleeps): Lies) {
    let memory = Small::new(Mutant::Nothing).beside_a_liar();
    let client = memory.other();
    let mut server = End::new(memory, Lane::Requests);
    server.words().did();
    let liar = thread::spawn(move || {
        client.store(Place::RequestsProduced, produced, Relaxed);
        client.scribble(Lane::Requests);
        client.store(Place::AnswersConsumed, consumed, Relaxed);
        client.store(Place::ClientSleeps, sleeps, Relaxed);
        client.store(Place::ServerSleeps, sleeps, Relaxed);
        // What is the server's own.
        client.store(Place::RequestsConsumed, produced, Relaxed);
        client.store(Place::AnswersProduced, consumed, Relaxed);
    });
    let (mut put, mut taken) = (0, 0);
    for _ in 0..2 {
        taken += take(&mut server);
        put += send(&mut server);
        let _bell = server.take_bell();
    }
    let found = server.look_again(true, true);
    if let Err(bad) = found {
        check(bad);
    }
    liar.join().unwrap();
    assert!(taken <= 2 * RING && put <= 2 * RING);
    server.close();
    let rest = take(&mut server);
    assert_eq!(rest + take(&mut server), rest, "nothing comes after the end");
}

/// Takes what is there; holds the end to what it owes whatever is alleged.
fn take(server: &mut End<Small>) -> usize {
    server.words().did();
    let (mut scratch, mut shown) = ([0; 2 * RING], 0);
    let taken = server.receive(&mut scratch, |bytes| {
        shown = bytes.len();
        shown
    });
    let did = server.words().did();
    let looks = |did: &&Did| matches!(did, Did::Loaded(_));
    assert!(did.iter().filter(looks).count() <= 1, "one look for one decision");
    let copied = did.iter().map(|did| match did {
        Did::Copied(_, len) => *len,
        Did::Loaded(place) => {
            assert_eq!(*place, Place::RequestsProduced, "its own are its own");
            0
        }
    });
    let copied: usize = copied.sum();
    match taken {
        Ok(taken) => {
            assert!(taken == shown && taken <= RING, "more than a ring holds");
            assert_eq!(copied, taken, "each byte is read once");
            taken
        }
        Err(bad) => {
            assert_eq!(copied, 0, "moved by a bad index");
            check(bad);
            0
        }
    }
}

fn send(server: &mut End<Small>) -> usize {
    server.words().did();
    let put = server.send([&[1u8, 2, 3][..]]);
    let looks = server.words().did().len();
    assert!(looks <= 1, "one look for one decision");
    match put {
        Ok(put) => {
            assert!(put <= 3);
            put
        }
        Err(bad) => {
            check(bad);
            0
        }
    }
}

fn check(bad: BadIndex) {
    assert!(bad.produced.wrapping_sub(bad.consumed) > RING as u32);
    FAILED.set(FAILED.get() + 1);
}

thread_local! {
    // loom runs all threads of a model on the one that called it.
    static FAILED: Cell<u32> = const { Cell::new(0) };
    static LIES: Cell<Lies> = const { Cell::new((0, 0, 0)) };
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
