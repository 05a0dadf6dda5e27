//! What stands in the place of arc-swap and crossbeam-epoch under loom, so that the sources of
//! production (`core/src/{cell,publish,feed}.rs`) compile unchanged into the models: a model's
//! root says `extern crate self as arc_swap` (and `crossbeam_epoch`) and re-exports these.
//!
//! A pointer is the index of a value in an arena that only grows: no address is used twice, and
//! nothing is freed, so reclamation itself is not modelled. It is accounted instead: what has been
//! handed over for destruction counts as freed once every guard of that moment is gone, and
//! whoever looks at it then has found a fault.
//!
//! # Synchronization
//! loom 0.7 explores a race only between an access and the *last* one of the same atomic: where a
//! thread loads before it swaps, its own load hides those of others, and schedules are left out.
//! So each model runs twice, with loads of two kinds ([`Loads`]): as additions of nothing, which
//! gives every order of accesses, each seeing the newest value; and as loads, which may also see
//! older values as far as the orderings allow.
//!
//! What a pointer leads to is checked for having been published: it has an `UnsafeCell` of loom's,
//! written when it is made and read when it is looked at. The locks are the standard library's:
//! loom doesn't see them, and they are never held across an access.
#![allow(clippy::disallowed_types, dead_code, unused_imports)]

mod epoch;
mod swap;

pub use epoch::{Atomic, Owned, Pin, Shared, pin};
pub use swap::{ArcSwap, Did, Log, begin};

use std::cell::Cell;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicUsize, Ordering};

/// How a model's loads are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loads {
    /// All orders of accesses; a load sees the newest value.
    Newest,
    /// A load may see an older value; loom leaves out many orders.
    Older,
}

/// Runs a model to its end, with both kinds of loads. `preemptions`: all schedules with at most so
/// many, where there are too many others.
///
/// It ends when loom has no schedule left: there is no bound of executions or of time, whatever
/// the environment says, and an execution of more than [`BRANCHES`] steps panics.
pub fn explore(name: &str, preemptions: Option<usize>, model: fn()) {
    for loads in [Loads::Newest, Loads::Older] {
        let executions = Arc::new(AtomicU64::new(0));
        let count = executions.clone();
        let mut builder = loom::model::Builder::new();
        (builder.max_permutations, builder.max_duration) = (None, None);
        (builder.max_branches, builder.checkpoint_file) = (BRANCHES, None);
        builder.preemption_bound = preemptions;
        builder.check(move || {
            LOADS.with(|current| current.set(loads));
            model();
            count.fetch_add(1, Relaxed);
        });
        let executions = executions.load(Relaxed);
        assert!(executions > 1 || loads == Loads::Older, "{name}: nothing happens at once");
        let bound = preemptions.map_or("all".into(), |n| format!("up to {n} preemptions"));
        println!("explored: {name}, {loads:?}: {executions} executions, {bound}");
    }
}

/// Steps of one execution; none comes near it unless a loop doesn't end.
const BRANCHES: usize = 1000;

std::thread_local! {
    // loom runs all threads of a model on the one that called it.
    static LOADS: Cell<Loads> = const { Cell::new(Loads::Newest) };
    static SEEN: Cell<u64> = const { Cell::new(0) };
}

/// Something has happened, in this execution or another of the test.
pub fn saw(what: u32) {
    SEEN.with(|seen| seen.set(seen.get() | 1 << what));
}

/// Whether it has happened in any execution of the test.
pub fn seen(what: u32) -> bool {
    SEEN.with(|seen| seen.get() & 1 << what != 0)
}

/// How loads are made at present.
pub fn loads() -> Loads {
    LOADS.with(Cell::get)
}

/// A load of the model's kind.
fn load(from: &AtomicUsize, ordering: Ordering) -> usize {
    match loads() {
        Loads::Newest => from.fetch_add(0, ordering),
        Loads::Older => from.load(ordering),
    }
}

/// A value that has to be published before it is looked at.
#[derive(Debug)]
struct Published<T> {
    made: UnsafeCell<()>,
    value: T,
}

impl<T> Published<T> {
    fn new(value: T) -> Published<T> {
        let made = UnsafeCell::new(());
        made.with_mut(|_| ());
        Published { made, value }
    }

    fn look(&self) -> &T {
        self.made.with(|_| ());
        &self.value
    }
}

/// A guard: of arc-swap where it holds a value, else of crossbeam-epoch.
#[derive(Debug)]
pub struct Guard<T = Pin>(T);

impl<T> Deref for Guard<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}
