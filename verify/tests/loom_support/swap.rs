//! arc-swap's cell on loom's atomics, and a log of who did what to which cell.
//!
//! # Synchronization
//! arc-swap loads and swaps with SeqCst throughout. loom weakens SeqCst accesses to AcqRel and
//! models SeqCst fences faithfully, so each access in its place has a fence on both sides. The log
//! has the order of the accesses: a thread is never stopped between an access and its entry.

use std::cell::RefCell;
use std::sync::{Arc, Mutex};

use loom::sync::atomic::{AtomicUsize, Ordering, fence};
use loom::thread::{self, ThreadId};

use super::{Guard, Published, load};

/// What a thread did to a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Did {
    Load,
    Swap,
    /// It waited for the value that it loaded last, and waits no longer.
    Wait,
}

/// What happened, one after another, as (thread, cell, what, which value): cells and their values
/// are numbered in the order of their making.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<(ThreadId, usize, Did, usize)>>>);

impl Log {
    /// That of this execution.
    pub fn current() -> Log {
        CELLS.with(|cells| cells.borrow().log.clone())
    }

    pub fn entries(&self) -> Vec<(ThreadId, usize, Did, usize)> {
        self.0.lock().unwrap().clone()
    }

    /// The calling thread waits no longer for the value of `cell` that it loaded last.
    pub fn waited(&self, cell: usize) {
        let of = |e: &&(ThreadId, usize, Did, usize)| e.0 == me() && e.1 == cell;
        let value = self.entries().iter().rfind(of).map(|e| e.3).expect("it was loaded");
        self.add(cell, Did::Wait, value);
    }

    pub(super) fn add(&self, cell: usize, did: Did, value: usize) {
        self.0.lock().unwrap().push((me(), cell, did, value));
    }
}

fn me() -> ThreadId {
    thread::current().id()
}

/// The cells of an execution.
#[derive(Clone, Default)]
struct Cells {
    log: Log,
    made: usize,
    quiet: Option<usize>,
}

std::thread_local! {
    static CELLS: RefCell<Cells> = RefCell::default();
}

/// Begins an execution: an empty log, and no guards. `quiet`: the number of a cell that nobody
/// swaps in this model, so that the order of its loads doesn't matter.
pub fn begin(quiet: Option<usize>) -> Log {
    super::epoch::begin();
    let log = Log::default();
    CELLS.with(|cells| *cells.borrow_mut() = Cells { log: log.clone(), made: 0, quiet });
    log
}

/// A cell as the log knows it.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) log: Log,
    pub(super) number: usize,
    pub(super) quiet: bool,
}

impl Known {
    /// The next that is made.
    pub(super) fn next() -> Known {
        CELLS.with(|cells| {
            let mut cells = cells.borrow_mut();
            let number = cells.made;
            cells.made += 1;
            Known { log: cells.log.clone(), number, quiet: cells.quiet == Some(number) }
        })
    }

    pub(super) fn add(&self, did: Did, value: usize) {
        self.log.add(self.number, did, value);
    }
}

/// arc-swap's cell, on loom's atomics.
pub struct ArcSwap<T> {
    current: AtomicUsize,
    arena: Mutex<Vec<Arc<Published<Arc<T>>>>>,
    known: Known,
}

impl<T> std::fmt::Debug for ArcSwap<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ArcSwap")
    }
}

impl<T> ArcSwap<T> {
    pub fn from_pointee(value: T) -> ArcSwap<T> {
        let arena = Mutex::new(vec![Arc::new(Published::new(Arc::new(value)))]);
        ArcSwap { current: AtomicUsize::new(0), arena, known: Known::next() }
    }

    fn at(&self, index: usize) -> Arc<T> {
        let found = self.arena.lock().unwrap()[index].clone();
        found.look().clone()
    }

    pub fn load(&self) -> Guard<Arc<T>> {
        fence(Ordering::SeqCst);
        let index = match self.known.quiet {
            true => self.current.load(Ordering::Acquire),
            false => load(&self.current, Ordering::Acquire),
        };
        fence(Ordering::SeqCst);
        self.known.add(Did::Load, index);
        Guard(self.at(index))
    }

    pub fn compare_and_swap(&self, current: &Arc<T>, new: Arc<T>) -> Guard<Arc<T>> {
        assert!(!self.known.quiet, "a cell that nobody swaps was swapped");
        let (expected, to) = {
            let new = Arc::new(Published::new(new));
            let mut arena = self.arena.lock().unwrap();
            arena.push(new);
            (arena.iter().position(|a| Arc::ptr_eq(&a.value, current)), arena.len() - 1)
        };
        let expected = expected.expect("what is compared with was loaded from here");
        fence(Ordering::SeqCst);
        let swapped =
            self.current.compare_exchange(expected, to, Ordering::AcqRel, Ordering::Acquire);
        fence(Ordering::SeqCst);
        match swapped {
            Ok(_) => {
                self.known.add(Did::Swap, to);
                Guard(current.clone())
            }
            Err(found) => Guard(self.at(found)),
        }
    }
}
