//! The alternative cell: a pointer to a box with a counted version in it, over crossbeam-epoch.
//!
//! # Invariants
//! 1. A box is in the cell once, and retired once: by whoever has swapped it out.
//! 2. A thread is pinned inside of a call alone. A guard counts its version and pins nothing, so
//!    who keeps one for long keeps that version and no other.
//! 3. What is retired goes: each replacement hands its box to the collector at once, which frees
//!    those of two epochs ago. So a few old versions linger, and more only while a thread is
//!    stopped in the middle of a load.
//!
//! It costs what arc-swap saves: all readers count up and down in one place.
//!
//! # Synchronization
//! Loads and swaps are SeqCst, as arc-swap's are: publication looks at two cells, and its bound on
//! overtaking relies on one order of all accesses (`publish.rs`). The swap publishes the box, and
//! all that was written before it, to whoever loads it.

use std::ops::Deref;
use std::sync::Arc;

use crossbeam_epoch::{Atomic, Guard, Owned, Shared, pin};

use super::RootCell;
use crate::sync::Ordering::SeqCst;

/// A pointer that readers follow while they are pinned.
#[derive(Debug)]
pub(crate) struct EpochCell<V>(Atomic<Arc<V>>);

/// What a load gives.
#[derive(Debug)]
pub(crate) struct EpochGuard<V>(Arc<V>);

impl<V> EpochCell<V> {
    pub(crate) fn new(value: V) -> EpochCell<V> {
        EpochCell(Atomic::new(Arc::new(value)))
    }
}

impl<V> RootCell<V> for EpochCell<V> {
    type Guard<'c>
        = EpochGuard<V>
    where
        V: 'c;

    #[inline]
    fn load(&self) -> EpochGuard<V> {
        let pin = pin();
        // SeqCst: pairs with the SeqCst swap in `replace`.
        let current = self.0.load(SeqCst, &pin);
        EpochGuard(Arc::clone(value(current, &pin)))
    }

    fn replace(&self, current: &Arc<V>, new: &Arc<V>) -> bool {
        let pin = pin();
        // SeqCst: pairs with the SeqCst swap below, of whoever put it there.
        let found = self.0.load(SeqCst, &pin);
        if !Arc::ptr_eq(value(found, &pin), current) {
            return false;
        }
        let new = Owned::new(Arc::clone(new));
        // SeqCst: pairs with the loads. While we are pinned no other box can be where this one is,
        // so the swap succeeds on top of this very box.
        let won = self.0.compare_exchange(found, new, SeqCst, SeqCst, &pin).is_ok();
        if won {
            retire(found, &pin);
            pin.flush();
        }
        won
    }
}

impl<V> Deref for EpochGuard<V> {
    type Target = Arc<V>;

    #[inline]
    fn deref(&self) -> &Arc<V> {
        &self.0
    }
}

#[inline]
#[allow(unsafe_code)]
fn value<'g, V>(current: Shared<'g, Arc<V>>, _pin: &'g Guard) -> &'g Arc<V> {
    // SAFETY: `current` was loaded from a cell under this pin. A cell is never empty, and what it
    // points to was made by `new` or `replace` and is freed only through `retire`, which waits for
    // every pin that was there when it left the cell, or with the cell itself, which is borrowed.
    unsafe { current.deref() }
}

#[allow(unsafe_code)]
fn retire<V>(old: Shared<'_, Arc<V>>, pin: &Guard) {
    // SAFETY: `old` has just left its cell, by our swap and nobody else's: no later load can find
    // it, and it is retired once. Whoever frees it may be another thread, and may be late: `V` is
    // shared by threads wherever a cell is, and a version borrows nothing.
    unsafe { pin.defer_destroy(old) }
}

impl<V> Drop for EpochCell<V> {
    #[allow(unsafe_code)]
    fn drop(&mut self) {
        let last = std::mem::replace(&mut self.0, Atomic::null());
        // SAFETY: the cell is being dropped, so no other thread can load from it, and it owns what
        // it points to.
        drop(unsafe { last.try_into_owned() });
    }
}
