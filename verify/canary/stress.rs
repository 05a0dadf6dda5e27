//! A stress of publication under reuse of addresses, which arc-swap up to 1.9.4 fails.
//!
//! Two cells hold values of the same size, as a store has its version and its slot. Writers replace
//! them without end, and each old value is freed at once: so an address goes from one cell to the
//! other and back all the time. A reader that is stopped between its look at a cell and its claim
//! comes back with an address that is another cell's by now. In those releases a writer of that
//! cell then took the claim for its own, and the reader was given the wrong cell's value
//! (arc-swap's issue 210).
//!
//! Every value says which cell it was made for, and that it was dropped. Guards are nested deeper
//! than arc-swap has fast slots for, so that the slower way is gone, too.
//!
//! # Synchronization
//! None is needed: what a value says is written before it is published, and when it is dropped.
//! Relaxed throughout, so that nothing is hidden.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

use arc_swap::{ArcSwap, Guard};

/// What a run has done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Done {
    /// Values that were looked at.
    pub loads: u64,
    /// Values that were replaced.
    pub stores: u64,
}

/// Which cell a value was made for; [`DROPPED`] once it is gone.
#[derive(Debug)]
struct Value(AtomicU64, AtomicU64);

impl Value {
    fn new(cell: u64) -> Arc<Value> {
        Arc::new(Value(AtomicU64::new(cell), AtomicU64::new(!cell)))
    }

    fn check(&self, cell: u64) -> Result<(), String> {
        match (self.0.load(Relaxed), !self.1.load(Relaxed)) {
            (DROPPED, _) | (_, DROPPED) => Err(format!("a dropped value in cell {cell}")),
            (of, too) if (of, too) == (cell, cell) => Ok(()),
            (of, too) => Err(format!("cell {cell} gives a value of cell {of} ({too})")),
        }
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        self.0.store(DROPPED, Relaxed);
        self.1.store(!DROPPED, Relaxed);
    }
}

/// What all threads share.
struct Stress {
    cells: [ArcSwap<Value>; 2],
    wrong: OnceLock<String>,
    stop: AtomicBool,
    loads: AtomicU64,
    stores: AtomicU64,
}

/// Reads and writes while `go_on`, which the readers ask each round.
///
/// # Errors
/// What was wrong, at the first wrong value.
pub(crate) fn stress(go_on: impl Fn() -> bool + Sync) -> Result<Done, String> {
    let stress = Stress {
        cells: [0, 1].map(|cell| ArcSwap::new(Value::new(cell))),
        wrong: OnceLock::new(),
        stop: AtomicBool::new(false),
        loads: AtomicU64::new(0),
        stores: AtomicU64::new(0),
    };
    std::thread::scope(|scope| {
        let (stress, go_on) = (&stress, &go_on);
        for _ in 0..WRITERS {
            scope.spawn(|| stress.write());
        }
        for _ in 0..READERS {
            scope.spawn(move || stress.read(go_on, || stress.look()));
        }
        scope.spawn(move || stress.read(go_on, || stress.look_deep()));
    });
    let done = Done { loads: stress.loads.load(Relaxed), stores: stress.stores.load(Relaxed) };
    stress.wrong.into_inner().map_or(Ok(done), Err)
}

impl Stress {
    fn write(&self) {
        let mut count = 0;
        while !self.stop.load(Relaxed) {
            for (number, cell) in (0..).zip(&self.cells) {
                count += 1;
                // Mostly the shortest way: it frees and takes addresses the fastest.
                if count % 64 == 0 {
                    let now = cell.load_full();
                    cell.compare_and_swap(&now, Value::new(number));
                } else {
                    cell.store(Value::new(number));
                }
            }
        }
        self.stores.fetch_add(count, Relaxed);
    }

    /// Looks again and again.
    fn read(&self, go_on: impl Fn() -> bool, look: impl Fn() -> Result<u64, String>) {
        let mut count = 0;
        while go_on() && !self.stop.load(Relaxed) {
            for _ in 0..LOOKS {
                match look() {
                    Ok(loads) => count += loads,
                    Err(wrong) => {
                        // The first is kept.
                        let _ = self.wrong.set(wrong);
                        self.stop.store(true, Relaxed);
                    }
                }
            }
        }
        // The first that is done ends it for all.
        self.stop.store(true, Relaxed);
        self.loads.fetch_add(count, Relaxed);
    }

    /// Nothing but loads, so that a thread is mostly in the middle of one when it is stopped.
    fn look(&self) -> Result<u64, String> {
        let [first, second] = &self.cells;
        first.load().check(0)?;
        second.load().check(1)?;
        Ok(2)
    }

    /// With many guards held at once.
    fn look_deep(&self) -> Result<u64, String> {
        let [first, second] = &self.cells;
        let held: [[Guard<Arc<Value>>; 2]; DEPTH] =
            std::array::from_fn(|_| [first.load(), second.load()]);
        for (number, guard) in held.iter().flat_map(|guards| (0..).zip(guards)) {
            guard.check(number)?;
        }
        Ok(2 * DEPTH as u64)
    }
}

/// No cell has this number.
const DROPPED: u64 = 0xdead;
/// Pairs of guards that are held at once: a thread of arc-swap's has eight fast slots.
const DEPTH: usize = 6;
const READERS: usize = 3;
const WRITERS: usize = 2;
/// Looks of a round.
const LOOKS: usize = 100;
