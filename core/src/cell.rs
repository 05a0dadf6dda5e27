//! The root cell: one pointer to the current version, replaced by compare and swap.
//!
//! # Synchronization
//! All of it is arc-swap's, pinned to 1.9.5: earlier releases have known faults (use after free
//! under address reuse). A load is wait-free; a replacement publishes everything written before it
//! to whoever loads the new value.

use std::ops::Deref;
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

/// A place for the current version. Production runs on [`SwapCell`]; models bring their own.
pub(crate) trait RootCell<V> {
    /// A borrowed current value: cheap, for a short while.
    type Guard<'c>: Deref<Target = Arc<V>>
    where
        Self: 'c,
        V: 'c;

    /// The current value.
    fn load(&self) -> Self::Guard<'_>;

    /// Puts `new` in the place of `current`, unless that is no longer there.
    fn replace(&self, current: &Arc<V>, new: &Arc<V>) -> bool;
}

/// The cell of production.
#[derive(Debug)]
pub(crate) struct SwapCell<V>(ArcSwap<V>);

impl<V> SwapCell<V> {
    pub(crate) fn new(value: V) -> SwapCell<V> {
        SwapCell(ArcSwap::from_pointee(value))
    }
}

impl<V> RootCell<V> for SwapCell<V> {
    type Guard<'c>
        = Guard<Arc<V>>
    where
        V: 'c;

    #[inline]
    fn load(&self) -> Guard<Arc<V>> {
        self.0.load()
    }

    fn replace(&self, current: &Arc<V>, new: &Arc<V>) -> bool {
        let before = self.0.compare_and_swap(current, Arc::clone(new));
        Arc::ptr_eq(&before, current)
    }
}
