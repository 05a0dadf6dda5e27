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
    clippy::indexing_slicing,
    clippy::disallowed_types
)]

#[path = "../../ring/src/page/end.rs"]
mod end;
#[path = "../../ring/src/page/layout.rs"]
mod layout;
#[path = "../../ring/src/limits.rs"]
mod limits;
#[path = "../../ring/src/page/shared.rs"]
mod shared;
#[path = "../../ring/src/sync.rs"]
mod sync;
#[path = "../../ring/src/page/window.rs"]
mod window;

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};

use end::{Doorbells, End};
use layout::{Lane, RECONNECT, Word};
use loom::{
    cell::UnsafeCell,
    sync::{Notify, atomic},
    thread,
};
use shared::Shared;
use sync::Ordering;

/// What is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mutant {
    Nothing,
    /// Stores don't release.
    Release,
    /// Loads don't acquire.
    Acquire,
    /// The connection's word isn't released.
    Connected,
    /// The connection's word isn't acquired.
    Wish,
    /// No fence.
    Fence,
    /// Bytes are put after the index.
    Late,
}

const RING: usize = 4;

/// Enough for each side to be stopped between its index, its look and its sleep.
const PREEMPTIONS: Option<usize> = Some(3);

/// Right before the indices wrap, and not at the beginning of the ring.
const START: u32 = u32::MAX - 2;

/// A byte, and who uses it.
#[derive(Default)]
struct Byte {
    used: UnsafeCell<()>,
    value: AtomicU8,
}

struct Memory {
    words: [atomic::AtomicU32; 8],
    bytes: [[Byte; RING]; 2],
}

impl Memory {
    fn new() -> Arc<Memory> {
        let words = Word::ALL.map(|word| {
            let is_index = word.offset() < Word::Features.offset();
            atomic::AtomicU32::new(if is_index { START } else { 0 })
        });
        Arc::new(Memory { words, bytes: Default::default() })
    }
}

/// An end's page.
struct Small {
    memory: Arc<Memory>,
    mutant: Mutant,
    late: RefCell<Vec<(Lane, usize, Vec<u8>)>>,
}

impl Small {
    fn word(&self, word: Word) -> &atomic::AtomicU32 {
        let at = Word::ALL.iter().position(|one| *one == word).unwrap();
        &self.memory.words[at]
    }

    fn put(&self, lane: Lane, at: usize, from: &[u8]) {
        for (byte, new) in self.memory.bytes[lane as usize][at..].iter().zip(from) {
            byte.used.with_mut(|_| byte.value.store(*new, Relaxed));
        }
    }
}

impl Shared for Small {
    const SIZE: u32 = RING as u32;

    fn load(&self, word: Word, ordering: Ordering) -> u32 {
        let is_connection = word == Word::Connection;
        let weak = self.mutant == Mutant::Acquire || (is_connection && self.mutant == Mutant::Wish);
        let ordering = if weak { Ordering::Relaxed } else { ordering };
        match LOADS.get() {
            Loads::Newest => self.word(word).fetch_add(0, ordering),
            Loads::Older => self.word(word).load(ordering),
        }
    }

    fn store(&self, word: Word, value: u32, ordering: Ordering) {
        let is_connection = word == Word::Connection;
        let weak =
            self.mutant == Mutant::Release || (is_connection && self.mutant == Mutant::Connected);
        let ordering = if weak { Ordering::Relaxed } else { ordering };
        match LOADS.get() {
            Loads::Newest => drop(self.word(word).swap(value, ordering)),
            Loads::Older => self.word(word).store(value, ordering),
        }
        for (lane, at, bytes) in self.late.borrow_mut().drain(..) {
            self.put(lane, at, &bytes);
        }
    }

    fn copy_out(&self, lane: Lane, at: usize, to: &mut [u8]) {
        for (byte, to) in self.memory.bytes[lane as usize][at..].iter().zip(to) {
            *to = byte.used.with(|_| byte.value.load(Relaxed));
        }
    }

    fn copy_in(&self, lane: Lane, at: usize, from: &[u8]) {
        match self.mutant {
            Mutant::Late => self.late.borrow_mut().push((lane, at, from.to_vec())),
            _ => self.put(lane, at, from),
        }
    }

    fn fence(&self) {
        if self.mutant != Mutant::Fence {
            atomic::fence(Ordering::SeqCst);
        }
    }

    fn pause(&self) {
        thread::yield_now();
    }
}

/// The guest's end and the server's.
fn ends(mutant: Mutant, doorbells: Doorbells) -> (End<Small>, End<Small>) {
    let memory = Memory::new();
    let end = |inbound| {
        let small = Small { memory: memory.clone(), mutant, late: RefCell::default() };
        End::new(small, inbound, doorbells)
    };
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

/// How a model's loads are made. loom explores a race only between an access and the last one of
/// the same atomic, so that an end's look at its own index hides what the other does: each model
/// runs with both.
#[derive(Clone, Copy, Debug)]
enum Loads {
    /// Additions of nothing, and stores as exchanges, since loom orders only those: all orders of
    /// accesses; a load sees the newest value.
    Newest,
    /// Loads, which may see older values; loom leaves out some orders.
    Older,
}

thread_local! {
    // loom runs all threads of a model on the one that called it.
    static LOADS: Cell<Loads> = const { Cell::new(Loads::Newest) };
}

/// Explores a model to its end. `preemptions`: of all orders of accesses, those with at most so
/// many, where there are too many others.
fn explore(name: &str, preemptions: Option<usize>, model: impl Fn() + Copy + Send + Sync + 'static) {
    for loads in [Loads::Newest, Loads::Older] {
        let executions = Arc::new(AtomicU64::new(0));
        let count = executions.clone();
        let mut builder = loom::model::Builder::new();
        (builder.max_permutations, builder.max_duration) = (None, None);
        builder.preemption_bound = match loads {
            Loads::Newest => preemptions,
            Loads::Older => None,
        };
        builder.check(move || {
            LOADS.set(loads);
            model();
            count.fetch_add(1, Relaxed);
        });
        println!("{name}, {loads:?}: {executions:?} executions");
    }
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
            assert_eq!(guest.own(), (0, 0), "reconnected before the rings were emptied");
            assert_eq!(guest.send([&[1u8][..]]), Ok(1));
            true
        });
        let before = receive(&mut server, 1);
        assert!(before.is_empty() || before == [8]);
        let asked = server.wants_reconnect();
        if asked {
            let rest = server.readable();
            assert_eq!(rest, Ok(2 - before.len() as u32), "reconnects before all that was sent is there");
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
