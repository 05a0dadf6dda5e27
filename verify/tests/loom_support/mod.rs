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
//! arc-swap loads and swaps with SeqCst throughout. loom weakens SeqCst accesses to AcqRel and
//! models SeqCst fences faithfully, so each access in its place has a fence on both sides. What a
//! pointer leads to is checked for having been published: it has an `UnsafeCell` of loom's, written
//! when it is made and read when it is looked at. The locks are the standard library's: loom
//! doesn't see them, and they are never held across an access.
#![allow(clippy::disallowed_types, dead_code)]

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::{Arc, Mutex};

use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicUsize, Ordering, fence};

/// How a model's loads are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loads {
    /// All orders of accesses; a load sees the newest value.
    Newest,
    /// A load may see an older value; loom leaves out some orders.
    Older,
}

/// Runs a model to its end, with both kinds of loads. `preemptions`: all schedules with at most so
/// many, where there are too many others.
pub fn explore(name: &str, preemptions: Option<usize>, model: fn()) {
    for loads in [Loads::Newest, Loads::Older] {
        let executions = Arc::new(std::sync::atomic::AtomicU64::new(0));
        let count = executions.clone();
        let mut builder = loom::model::Builder::new();
        (builder.max_permutations, builder.max_duration) = (None, None);
        builder.preemption_bound = preemptions;
        builder.check(move || {
            LOADS.with(|current| current.set(loads));
            model();
            count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        });
        let bound = preemptions.map_or("all".into(), |n| format!("up to {n} preemptions"));
        println!("{name}, {loads:?}: {executions:?} executions, {bound}");
    }
}

/// Which cell got a new value, one after another: cells are numbered in the order of their making.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<usize>>>);

impl Log {
    /// The cells that got a new value so far.
    pub fn swaps(&self) -> Vec<usize> {
        self.0.lock().unwrap().clone()
    }
}

std::thread_local! {
    // loom runs all threads of a model on the one that called it.
    static LOG: RefCell<Cells> = RefCell::default();
    static PINS: RefCell<Pins> = RefCell::default();
    static LOADS: Cell<Loads> = const { Cell::new(Loads::Newest) };
}

/// A load of the model's kind.
fn load(from: &AtomicUsize, ordering: Ordering) -> usize {
    match LOADS.with(Cell::get) {
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

/// The cells of an execution.
#[derive(Clone, Default)]
struct Cells {
    log: Log,
    made: usize,
    quiet: Option<usize>,
}

/// Begins an execution: an empty log, and no guards. `quiet`: the number of a cell that nobody
/// swaps in this model, so that the order of its loads doesn't matter.
pub fn begin(quiet: Option<usize>) -> Log {
    PINS.with(|pins| *pins.borrow_mut() = Pins::default());
    let log = Log::default();
    LOG.with(|cells| *cells.borrow_mut() = Cells { log: log.clone(), made: 0, quiet });
    log
}

/// arc-swap's cell, on loom's atomics.
pub struct ArcSwap<T> {
    current: AtomicUsize,
    arena: Mutex<Vec<Arc<Published<Arc<T>>>>>,
    log: Log,
    number: usize,
    quiet: bool,
}

impl<T> std::fmt::Debug for ArcSwap<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ArcSwap")
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

impl<T> ArcSwap<T> {
    pub fn from_pointee(value: T) -> ArcSwap<T> {
        let arena = Mutex::new(vec![Arc::new(Published::new(Arc::new(value)))]);
        let cells = LOG.with(|cells| {
            let mut cells = cells.borrow_mut();
            cells.made += 1;
            cells.clone()
        });
        let number = cells.made - 1;
        let quiet = cells.quiet == Some(number);
        ArcSwap { current: AtomicUsize::new(0), arena, log: cells.log, number, quiet }
    }

    fn at(&self, index: usize) -> Arc<T> {
        let found = self.arena.lock().unwrap()[index].clone();
        found.look().clone()
    }

    pub fn load(&self) -> Guard<Arc<T>> {
        fence(Ordering::SeqCst);
        let index = match self.quiet {
            true => self.current.load(Ordering::Acquire),
            false => load(&self.current, Ordering::Acquire),
        };
        fence(Ordering::SeqCst);
        Guard(self.at(index))
    }

    pub fn compare_and_swap(&self, current: &Arc<T>, new: Arc<T>) -> Guard<Arc<T>> {
        assert!(!self.quiet, "a cell that nobody swaps was swapped");
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
                self.log.0.lock().unwrap().push(self.number);
                Guard(current.clone())
            }
            Err(found) => Guard(self.at(found)),
        }
    }
}

/// Who is pinned, and what waits for whom before it is freed.
#[derive(Default)]
struct Pins {
    next: usize,
    active: Vec<usize>,
    /// By address of cell and index in its arena: the guards that are still waited for.
    retired: HashMap<(usize, usize), Vec<usize>>,
}

/// What a guard of crossbeam-epoch holds.
#[derive(Debug)]
pub struct Pin(usize);

impl Drop for Pin {
    fn drop(&mut self) {
        PINS.with(|pins| {
            let mut pins = pins.borrow_mut();
            pins.active.retain(|id| *id != self.0);
            pins.retired.values_mut().for_each(|waits| waits.retain(|id| *id != self.0));
        });
    }
}

/// crossbeam-epoch's pin.
pub fn pin() -> Guard {
    // As in crossbeam-epoch: pairs with the fence in `defer_destroy`. Whoever is pinned later than
    // that sees what replaced the value; whoever was before is waited for.
    fence(Ordering::SeqCst);
    PINS.with(|pins| {
        let mut pins = pins.borrow_mut();
        pins.next += 1;
        let id = pins.next;
        pins.active.push(id);
        Guard(Pin(id))
    })
}

impl Guard {
    /// # Safety
    /// As crossbeam-epoch says; here a fault is found instead.
    #[allow(unsafe_code)]
    pub unsafe fn defer_destroy<T>(&self, old: Shared<'_, T>) {
        fence(Ordering::SeqCst);
        PINS.with(|pins| {
            let mut pins = pins.borrow_mut();
            let active = pins.active.clone();
            let again = pins.retired.insert(old.key(), active);
            assert!(again.is_none(), "retired twice");
        });
    }
}

/// crossbeam-epoch's atomic pointer: an index, 0 for null.
#[derive(Debug)]
pub struct Atomic<T>(Box<Slots<T>>);

#[derive(Debug)]
struct Slots<T> {
    current: AtomicUsize,
    arena: Mutex<Vec<Arc<Published<T>>>>,
}

/// crossbeam-epoch's owned pointer.
#[derive(Debug)]
pub struct Owned<T>(Arc<Published<T>>);

/// crossbeam-epoch's shared pointer.
#[derive(Debug)]
pub struct Shared<'g, T> {
    slots: &'g Slots<T>,
    index: usize,
    guard: PhantomData<&'g Guard>,
}

impl<T> Clone for Shared<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Shared<'_, T> {}

/// What a lost exchange hands back.
#[derive(Debug)]
pub struct Lost<T> {
    pub new: Owned<T>,
}

impl<T> Owned<T> {
    pub fn new(value: T) -> Owned<T> {
        Owned(Arc::new(Published::new(value)))
    }
}

impl<'g, T> Shared<'g, T> {
    fn key(self) -> (usize, usize) {
        (std::ptr::from_ref(self.slots).addr(), self.index)
    }

    pub fn is_null(&self) -> bool {
        self.index == 0
    }

    /// # Safety
    /// As crossbeam-epoch says; here a fault is found instead.
    #[allow(unsafe_code)]
    pub unsafe fn as_ref(&self) -> Option<&'g T> {
        let freed = PINS.with(|pins| {
            pins.borrow().retired.get(&self.key()).is_some_and(|waits| waits.is_empty())
        });
        assert!(!freed, "read after it was freed");
        let at = self.index.checked_sub(1)?;
        let found = self.slots.arena.lock().unwrap().get(at)?.clone();
        let value: *const T = found.look();
        // SAFETY: the arena lives as long as the slot, which is borrowed for 'g; it never drops
        // what is in it before, and what an `Arc` holds doesn't move.
        Some(unsafe { &*value })
    }
}

impl<T: Clone> Atomic<T> {
    pub fn null() -> Atomic<T> {
        let arena = Mutex::new(Vec::new());
        Atomic(Box::new(Slots { current: AtomicUsize::new(0), arena }))
    }

    fn shared<'g>(&'g self, index: usize, _: &'g Guard) -> Shared<'g, T> {
        Shared { slots: &self.0, index, guard: PhantomData }
    }

    pub fn load<'g>(&'g self, ordering: Ordering, guard: &'g Guard) -> Shared<'g, T> {
        self.shared(load(&self.0.current, ordering), guard)
    }

    pub fn compare_exchange<'g>(
        &'g self,
        current: Shared<'_, T>,
        new: Owned<T>,
        success: Ordering,
        failure: Ordering,
        guard: &'g Guard,
    ) -> Result<Shared<'g, T>, Lost<T>> {
        let to = {
            let mut arena = self.0.arena.lock().unwrap();
            arena.push(new.0.clone());
            arena.len()
        };
        match self.0.current.compare_exchange(current.index, to, success, failure) {
            Ok(_) => Ok(self.shared(to, guard)),
            Err(_) => Err(Lost { new }),
        }
    }

    /// # Safety
    /// As crossbeam-epoch says.
    #[allow(unsafe_code)]
    pub unsafe fn try_into_owned(self) -> Option<Owned<T>> {
        None
    }
}
