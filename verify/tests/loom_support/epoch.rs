//! crossbeam-epoch's pointers on loom's atomics. What is freed too early is a fault that is found:
//! a pointer that was retired counts as freed once the guards of that moment are gone, and then
//! nobody may look at it, compare with it or retire it again.
//!
//! # Synchronization
//! As in crossbeam-epoch, pinning has a SeqCst fence that pairs with the one in `defer_destroy`:
//! whoever is pinned later sees what replaced the value, whoever was before is waited for. loom
//! weakens SeqCst accesses to AcqRel and models SeqCst fences faithfully, so such an access has a
//! fence on both sides.

use std::cell::RefCell;
use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, OnceLock};

use loom::sync::atomic::{AtomicUsize, Ordering, fence};

use super::swap::{Did, Known};
use super::{Guard, Published, load};

/// Who is pinned, and what waits for whom before it is freed.
#[derive(Default)]
struct Pins {
    next: usize,
    active: Vec<usize>,
    /// By address of cell and index in its arena: the guards that are still waited for.
    retired: HashMap<(usize, usize), Vec<usize>>,
}

std::thread_local! {
    static PINS: RefCell<Pins> = RefCell::default();
}

/// Begins an execution: nobody is pinned.
pub(super) fn begin() {
    PINS.with(|pins| *pins.borrow_mut() = Pins::default());
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
    /// Unsafe in crossbeam-epoch; here a fault is found instead.
    pub fn defer_destroy<T>(&self, old: Shared<'_, T>) {
        fence(Ordering::SeqCst);
        old.assert_not_freed();
        PINS.with(|pins| {
            let mut pins = pins.borrow_mut();
            let active = pins.active.clone();
            let again = pins.retired.insert(old.key().expect("null is retired"), active);
            assert!(again.is_none(), "retired twice");
        });
    }
}

impl Guard {
    /// Nothing waits to be handed over here.
    pub fn flush(&self) {}
}

/// crossbeam-epoch's atomic pointer: an index, 0 for null.
pub struct Atomic<T>(Box<Slots<T>>);

impl<T> std::fmt::Debug for Atomic<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Atomic")
    }
}

pub struct Slots<T> {
    current: AtomicUsize,
    /// All that was ever there, from index 1 on.
    arena: [OnceLock<Arc<Published<T>>>; ARENA],
    /// How many those are.
    len: Mutex<usize>,
    /// A root cell's, which the log knows.
    known: Option<Known>,
}

/// More than any model puts into one slot, tries that were lost included.
const ARENA: usize = 32;

/// crossbeam-epoch's owned pointer.
#[derive(Debug)]
pub struct Owned<T>(Arc<Published<T>>);

/// crossbeam-epoch's shared pointer.
pub struct Shared<'g, T> {
    /// None: null.
    at: Option<(&'g Slots<T>, usize)>,
    guard: PhantomData<&'g Guard>,
}

impl<T> Clone for Shared<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Shared<'_, T> {}

/// What a lost exchange hands back.
pub struct Lost<P> {
    pub new: P,
}

impl<T> Owned<T> {
    pub fn new(value: T) -> Owned<T> {
        Owned(Arc::new(Published::new(value)))
    }
}

impl<'g, T> Shared<'g, T> {
    pub fn null() -> Shared<'g, T> {
        Shared { at: None, guard: PhantomData }
    }

    pub fn is_null(&self) -> bool {
        self.at.is_none()
    }

    /// Unsafe in crossbeam-epoch; here a fault is found instead.
    pub fn as_ref(&self) -> Option<&'g T> {
        self.assert_not_freed();
        let (slots, index) = self.at?;
        slots.arena[index - 1].get().map(|found| found.look())
    }

    /// Unsafe in crossbeam-epoch; here a fault is found instead.
    pub fn deref(&self) -> &'g T {
        self.as_ref().expect("null is looked at")
    }

    fn key(self) -> Option<(usize, usize)> {
        self.at.map(|(slots, index)| (std::ptr::from_ref(slots).addr(), index))
    }

    fn index(self) -> usize {
        self.at.map_or(0, |(_, index)| index)
    }

    fn assert_not_freed(self) {
        let waits = |pins: &Pins| Some(pins.retired.get(&self.key()?)?.len());
        assert_ne!(PINS.with(|pins| waits(&pins.borrow())), Some(0), "used after it was freed");
    }
}

/// What can be put into an atomic pointer.
pub trait Pointer<T>: Sized {
    /// Its index there.
    fn index_in(&self, slots: &Slots<T>) -> usize;
}

impl<T> Pointer<T> for Owned<T> {
    fn index_in(&self, slots: &Slots<T>) -> usize {
        let mut len = slots.len.lock().unwrap();
        assert!(slots.arena[*len].set(self.0.clone()).is_ok());
        *len += 1;
        *len
    }
}

impl<T> Pointer<T> for Shared<'_, T> {
    fn index_in(&self, _: &Slots<T>) -> usize {
        self.index()
    }
}

impl<T> Atomic<T> {
    pub fn null() -> Atomic<T> {
        let arena = [const { OnceLock::new() }; ARENA];
        let current = AtomicUsize::new(0);
        Atomic(Box::new(Slots { current, arena, len: Mutex::new(0), known: None }))
    }

    /// A root cell's.
    pub fn new(value: T) -> Atomic<T> {
        let mut atomic = Atomic::null();
        let first = Owned::new(value).index_in(&atomic.0);
        atomic.0.current = AtomicUsize::new(first);
        atomic.0.known = Some(Known::next());
        atomic
    }

    fn shared<'g>(&'g self, index: usize, _: &'g Guard) -> Shared<'g, T> {
        Shared { at: (index > 0).then_some((&*self.0, index)), guard: PhantomData }
    }

    pub fn load<'g>(&'g self, ordering: Ordering, guard: &'g Guard) -> Shared<'g, T> {
        let index = in_order(ordering, || match &self.0.known {
            Some(known) if known.quiet => self.0.current.load(Ordering::Acquire),
            _ if ordering == Ordering::SeqCst => load(&self.0.current, Ordering::Acquire),
            _ => load(&self.0.current, ordering),
        });
        if let Some(known) = &self.0.known {
            known.add(Did::Load, index);
        }
        self.shared(index, guard)
    }

    pub fn compare_exchange<'g, P: Pointer<T>>(
        &'g self,
        current: Shared<'_, T>,
        new: P,
        success: Ordering,
        failure: Ordering,
        guard: &'g Guard,
    ) -> Result<Shared<'g, T>, Lost<P>> {
        // Else an address could have come back meanwhile.
        current.assert_not_freed();
        let to = new.index_in(&self.0);
        let exchange = || self.0.current.compare_exchange(current.index(), to, success, failure);
        match in_order(success, exchange) {
            Ok(_) => {
                if let Some(known) = &self.0.known {
                    assert!(!known.quiet, "a cell that nobody swaps was swapped");
                    known.add(Did::Swap, to);
                }
                Ok(self.shared(to, guard))
            }
            Err(_) => Err(Lost { new }),
        }
    }

    /// Unsafe in crossbeam-epoch. Nothing is freed here.
    pub fn try_into_owned(self) -> Option<Owned<T>> {
        None
    }
}

/// An access, in the order of all others where it is SeqCst.
fn in_order<R>(ordering: Ordering, access: impl FnOnce() -> R) -> R {
    let order = || {
        if ordering == Ordering::SeqCst {
            fence(Ordering::SeqCst);
        }
    };
    order();
    let result = access();
    order();
    result
}
