//! A page of two rings of four bytes with loom's atomics, its mutants, and how a model is explored.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};

use crate::{
    layout::{Lane, Word},
    shared::Shared,
    sync::Ordering,
};
use loom::{cell::UnsafeCell, sync::atomic, thread};

/// What is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
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

pub const RING: usize = 4;

/// Right before the indices wrap, and not at the beginning of the ring.
pub const START: u32 = u32::MAX - 2;

/// A byte, and who uses it.
#[derive(Default)]
struct Byte {
    used: UnsafeCell<()>,
    value: AtomicU8,
}

pub struct Memory {
    words: [atomic::AtomicU32; 8],
    bytes: [[Byte; RING]; 2],
}

impl Memory {
    pub fn new() -> Arc<Memory> {
        let words = Word::ALL.map(|word| {
            let is_index = word.offset() < Word::Features.offset();
            atomic::AtomicU32::new(if is_index { START } else { 0 })
        });
        Arc::new(Memory { words, bytes: Default::default() })
    }
}

/// An end's page.
pub struct Small {
    memory: Arc<Memory>,
    mutant: Mutant,
    late: RefCell<Vec<(Lane, usize, Vec<u8>)>>,
}

impl Small {
    pub fn new(memory: Arc<Memory>, mutant: Mutant) -> Small {
        Small { memory, mutant, late: RefCell::default() }
    }

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

/// How a model's loads are made. loom explores a race only between an access and the last one of
/// the same atomic, so that an end's look at its own index hides what the other does: each model
/// runs with both.
#[derive(Clone, Copy, Debug)]
pub enum Loads {
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

/// How loads are made at present.
pub fn loads() -> Loads {
    LOADS.get()
}

/// Explores a model to its end. `preemptions`: of all orders of accesses, those with at most so
/// many, where there are too many others.
pub fn explore(
    name: &str,
    preemptions: Option<usize>,
    model: impl Fn() + Copy + Send + Sync + 'static,
) {
    explore_with(Loads::Newest, name, preemptions, model);
    explore_with(Loads::Older, name, None, model);
}

/// The same with loads of one kind.
pub fn explore_with(
    loads: Loads,
    name: &str,
    preemptions: Option<usize>,
    model: impl Fn() + Copy + Send + Sync + 'static,
) {
    let executions = Arc::new(AtomicU64::new(0));
    let count = executions.clone();
    let mut builder = loom::model::Builder::new();
    (builder.max_permutations, builder.max_duration) = (None, None);
    (builder.max_branches, builder.checkpoint_file) = (BRANCHES, None);
    builder.preemption_bound = preemptions;
    builder.check(move || {
        LOADS.set(loads);
        model();
        count.fetch_add(1, Relaxed);
    });
    let executions = executions.load(Relaxed);
    println!("explored: {name}, {loads:?}: {executions} executions");
}

/// Steps of one execution; none comes near it unless a loop doesn't end.
const BRANCHES: usize = 10_000;
