//! Memory of a few lines with loom's atomics, its mutants, and how a model is explored.

use std::{
    cell::Cell,
    sync::{
        Arc,
        atomic::{AtomicU64 as OfStd, Ordering::Relaxed},
    },
};

use loom::{
    cell::UnsafeCell,
    sync::atomic::{AtomicU64, Ordering},
};

use crate::{record::LINE_WORDS, words::Words};

/// What is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    Nothing,
    /// Subtractions don't release.
    Sub,
    /// Stores don't release.
    Store,
    /// Exchanges neither acquire nor release.
    Exchange,
    /// Loads don't acquire.
    Load,
    /// A state of the memory is changed whatever it was.
    Blind,
}

/// Words before the first line, all of them states.
pub const HEADER: usize = LINE_WORDS;

#[derive(Debug)]
enum Word {
    State(AtomicU64),
    Data { used: UnsafeCell<()>, value: OfStd },
}

/// Words, shared by the threads of a model.
#[derive(Clone, Debug)]
pub struct Memory(Arc<[Word]>);

impl Memory {
    pub fn new(lines: usize) -> Memory {
        let word = |at: usize| match at < HEADER || at.is_multiple_of(LINE_WORDS) {
            true => Word::State(AtomicU64::new(0)),
            false => Word::Data { used: UnsafeCell::new(()), value: OfStd::new(0) },
        };
        Memory((0..HEADER + lines * LINE_WORDS).map(word).collect())
    }
}

impl Words for Memory {
    fn load(&self, at: usize, ordering: Ordering) -> u64 {
        match (&self.0[at], loads()) {
            (Word::State(word), Loads::Newest) => word.fetch_add(0, ordering),
            (Word::State(word), Loads::Older) => word.load(ordering),
            (Word::Data { .. }, _) => panic!("data is loaded as a state"),
        }
    }

    fn store(&self, at: usize, value: u64, ordering: Ordering) {
        match (&self.0[at], loads()) {
            (Word::State(word), Loads::Newest) => drop(word.swap(value, ordering)),
            (Word::State(word), Loads::Older) => word.store(value, ordering),
            (Word::Data { .. }, _) => panic!("data is stored as a state"),
        }
    }

    fn exchange(&self, at: usize, old: u64, new: u64) -> Result<u64, u64> {
        let Word::State(word) = &self.0[at] else { panic!("data is changed as a state") };
        if mutant() == Mutant::Blind {
            return Ok(word.swap(new, Ordering::AcqRel));
        }
        word.compare_exchange(old, new, Ordering::AcqRel, Ordering::Acquire)
    }

    fn get(&self, at: usize) -> u64 {
        match &self.0[at] {
            Word::State(word) => word.load(Ordering::Relaxed),
            Word::Data { used, value } => used.with(|_| value.load(Relaxed)),
        }
    }

    fn put(&self, at: usize, new: u64) {
        match &self.0[at] {
            Word::State(word) => word.store(new, Ordering::Relaxed),
            Word::Data { used, value } => used.with_mut(|_| value.store(new, Relaxed)),
        }
    }
}

/// How a model's loads are made, see `loom_support`: each model runs with both.
#[derive(Clone, Copy, Debug)]
pub enum Loads {
    /// Additions of nothing: all orders of accesses; a load sees the newest value.
    Newest,
    /// Loads, which may see older values; loom leaves out some orders.
    Older,
}

thread_local! {
    // loom runs all threads of a model on the one that called it.
    static LOADS: Cell<Loads> = const { Cell::new(Loads::Newest) };
    static MUTANT: Cell<Mutant> = const { Cell::new(Mutant::Nothing) };
}

pub fn loads() -> Loads {
    LOADS.get()
}

pub fn mutant() -> Mutant {
    MUTANT.get()
}

/// Explores a model to its end: of all orders of accesses, those with at most so many preemptions.
pub fn explore(name: &str, mutant: Mutant, preemptions: Option<usize>, model: fn()) {
    for loads in [Loads::Newest, Loads::Older] {
        let executions = Arc::new(OfStd::new(0));
        let count = executions.clone();
        let mut builder = loom::model::Builder::new();
        (builder.max_permutations, builder.max_duration) = (None, None);
        (builder.max_branches, builder.checkpoint_file) = (BRANCHES, None);
        builder.preemption_bound = preemptions;
        builder.check(move || {
            LOADS.set(loads);
            MUTANT.set(mutant);
            model();
            count.fetch_add(1, Relaxed);
        });
        let executions = executions.load(Relaxed);
        assert!(executions > 1, "{name}: nothing happens at once");
        println!("explored: {name}, {loads:?}: {executions} executions");
    }
}

/// Steps of one execution; none comes near it unless a loop doesn't end.
const BRANCHES: usize = 2000;
