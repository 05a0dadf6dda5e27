//! The root cell: one pointer to the current version, replaced by compare and swap.
//!
//! Production has arc-swap's ([`swap`](self)). The feature `epoch-cell` puts one of our own over
//! crossbeam-epoch in its place, should arc-swap ever be in doubt: nothing else differs. Under loom
//! the store runs on a third, whose accesses loom sees; the models of `verify` choose.
//!
//! # Invariants
//! 1. What is loaded was current at a moment within the call.
//! 2. A replacement succeeds only on top of the very value it names, and then nothing was there
//!    in between: one that is held can't come back.
//! 3. A guard holds one version, and no other that comes after it.

use std::ops::Deref;
use std::sync::Arc;

#[cfg(any(feature = "epoch-cell", loom))]
#[cfg_attr(loom, allow(dead_code))]
mod epoch;
#[cfg(loom)]
mod model;
#[cfg(any(not(feature = "epoch-cell"), loom))]
#[cfg_attr(loom, allow(dead_code))]
mod swap;

#[cfg(all(feature = "epoch-cell", not(loom)))]
pub(crate) use epoch::{EpochCell as Cell, EpochGuard as Guard};
#[cfg(not(any(feature = "epoch-cell", loom)))]
pub(crate) use swap::{SwapCell as Cell, SwapGuard as Guard};
#[cfg(loom)]
#[allow(unused_imports)] // Each model takes one.
pub(crate) use {
    epoch::EpochCell,
    model::{ModelCell as Cell, ModelGuard as Guard},
    swap::SwapCell,
};

/// A place for the current version.
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

#[cfg(test)]
#[cfg(not(loom))]
mod tests;
