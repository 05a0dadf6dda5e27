//! The doorbells of simulated guests under every interleaving: `ring/src/board.rs` as it is, with
//! loom's atomics and a board of one word of bits.
//!
//! Sleeping is loom's `Notify`: a doorbell that is lost is a deadlock, which loom finds. What a
//! doorbell speaks of is one of loom's cells: where an ordering is missing, two threads use it at
//! once. The mutants stand beside the models.
#![cfg(loom)]
#![allow(
    missing_docs,
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_types
)]

#[path = "../../ring/src/board.rs"]
mod board;
#[path = "../../ring/src/sync.rs"]
mod sync;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use board::{Board, Place, Words};
use loom::{
    cell::UnsafeCell,
    sync::{Notify, atomic::AtomicU32},
    thread,
};
use sync::Ordering;

/// What is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mutant {
    Nothing,
    /// Bits don't release.
    Release,
    /// Taking doesn't acquire.
    Acquire,
    /// No fence.
    Fence,
}

/// Sleeper's word, summary, bits.
#[derive(Clone)]
struct Small(Arc<[AtomicU32; 3]>, Mutant);

impl Small {
    fn at(&self, at: Place) -> &AtomicU32 {
        match at {
            Place::Sleeping => &self.0[0],
            Place::Summary(_) => &self.0[1],
            Place::Bits(_) => &self.0[2],
        }
    }

    fn weakened(&self, ordering: Ordering) -> Ordering {
        match (self.1, ordering) {
            (Mutant::Release, Ordering::Release) | (Mutant::Acquire, Ordering::Acquire) => {
                Ordering::Relaxed
            }
            _ => ordering,
        }
    }
}

impl Words for Small {
    const BITS: usize = 1;

    fn load(&self, at: Place, ordering: Ordering) -> u32 {
        self.at(at).load(self.weakened(ordering))
    }

    fn store(&self, at: Place, value: u32, ordering: Ordering) {
        self.at(at).store(value, self.weakened(ordering));
    }

    fn swap(&self, at: Place, value: u32, ordering: Ordering) -> u32 {
        self.at(at).swap(value, self.weakened(ordering))
    }

    fn set(&self, at: Place, bits: u32, ordering: Ordering) {
        self.at(at).fetch_or(bits, self.weakened(ordering));
    }

    fn lower(&self, at: Place, ordering: Ordering) -> bool {
        self.at(at).compare_exchange(1, 0, ordering, Ordering::Relaxed).is_ok()
    }

    fn fence(&self) {
        if self.1 != Mutant::Fence {
            loom::sync::atomic::fence(Ordering::SeqCst);
        }
    }
}

fn explore(name: &'static str, model: impl Fn() + Send + Sync + 'static) {
    let executions = Arc::new(AtomicU64::new(0));
    let count = executions.clone();
    let mut builder = loom::model::Builder::new();
    (builder.max_permutations, builder.max_duration) = (None, None);
    (builder.max_branches, builder.checkpoint_file) = (BRANCHES, None);
    builder.preemption_bound = Some(PREEMPTIONS);
    builder.check(move || {
        model();
        count.fetch_add(1, Relaxed);
    });
    let executions = executions.load(Relaxed);
    println!("explored: {name}: {executions} executions, up to {PREEMPTIONS} preemptions");
}

/// Two who ring, each for a domain of its own, and a reader that sleeps when there is nothing.
fn heard(mutant: Mutant) {
    explore("doorbells", move || {
        let words = || AtomicU32::new(0);
        let board = Board(Small(Arc::new([words(), words(), words()]), mutant));
        let (wake, news) =
            (Arc::new(Notify::new()), Arc::new([UnsafeCell::new(()), UnsafeCell::new(())]));
        let ringers = [0u16, 1].map(|domain| {
            let (board, wake, news) = (board.clone(), wake.clone(), news.clone());
            thread::spawn(move || {
                // The reader looks only after it has heard of this.
                news[usize::from(domain)].with_mut(|_| {});
                if board.post(domain) {
                    wake.notify();
                }
            })
        });
        let mut all = 0;
        while all < 2 {
            let mut heard = Vec::new();
            board.take(|domain| heard.push(domain));
            for domain in heard {
                // Whoever has rung is done with it.
                news[usize::from(domain)].with(|_| {});
                all += 1;
            }
            if all < 2 && board.sleep() {
                wake.wait();
                board.awake();
            }
        }
        ringers.into_iter().for_each(|ringer| ringer.join().unwrap());
    });
}

const PREEMPTIONS: usize = 3;
const BRANCHES: usize = 10_000;

#[test]
fn no_doorbell_is_slept_through_or_heard_too_early() {
    heard(Mutant::Nothing);
}

#[test]
#[should_panic = "Causality violation"]
fn bits_must_release() {
    heard(Mutant::Release);
}

#[test]
#[should_panic = "Causality violation"]
fn taking_must_acquire() {
    heard(Mutant::Acquire);
}

#[test]
#[should_panic = "deadlock"]
fn doorbells_are_slept_through_without_fences() {
    heard(Mutant::Fence);
}
