//! The cell of production: arc-swap's.
//!
//! # Synchronization
//! All of it is arc-swap's, pinned to 1.9.5: up to 1.9.4 a load could give a value of another cell
//! whose address had been that of an earlier value of this one (`verify/canary.sh` shows it). A
//! load is wait-free; a replacement publishes everything written before it to whoever loads the
//! new value.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

use super::RootCell;

/// A pointer that readers borrow without counting.
#[derive(Debug)]
pub(crate) struct SwapCell<V>(ArcSwap<V>);

/// What a load gives.
pub(crate) type SwapGuard<V> = Guard<Arc<V>>;

impl<V> SwapCell<V> {
    pub(crate) fn new(value: V) -> SwapCell<V> {
        SwapCell(ArcSwap::from_pointee(value))
    }
}

impl<V> RootCell<V> for SwapCell<V> {
    type Guard<'c>
        = SwapGuard<V>
    where
        V: 'c;

    #[inline]
    fn load(&self) -> SwapGuard<V> {
        self.0.load()
    }

    fn replace(&self, current: &Arc<V>, new: &Arc<V>) -> bool {
        let before = self.0.compare_and_swap(current, Arc::clone(new));
        Arc::ptr_eq(&before, current)
    }
}
