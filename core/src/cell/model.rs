//! The cell of models of the whole store: an index of a value, whose accesses loom sees.
//!
//! # Synchronization
//! As the cells of production are taken to be: one order of all accesses. A load is an addition of
//! nothing, since loom gives only those every order, and sees the newest value; fences on both
//! sides make it SeqCst, which loom's own accesses are not. The lock is the standard library's:
//! loom doesn't see it, and it is never held across an access.
#![allow(dead_code, clippy::disallowed_types)]

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use loom::sync::atomic::{AtomicUsize, Ordering::AcqRel, Ordering::SeqCst, fence};

use super::RootCell;

/// The index of the current value, and all that there ever were: no address comes back.
#[derive(Debug)]
pub(crate) struct ModelCell<V> {
    current: AtomicUsize,
    all: Mutex<Vec<Arc<V>>>,
}

/// What a load gives.
#[derive(Debug)]
pub(crate) struct ModelGuard<V>(Arc<V>);

impl<V> Deref for ModelGuard<V> {
    type Target = Arc<V>;

    fn deref(&self) -> &Arc<V> {
        &self.0
    }
}

impl<V> ModelCell<V> {
    pub(crate) fn new(value: V) -> ModelCell<V> {
        ModelCell { current: AtomicUsize::new(0), all: Mutex::new(vec![Arc::new(value)]) }
    }

    fn all(&self) -> std::sync::MutexGuard<'_, Vec<Arc<V>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V> RootCell<V> for ModelCell<V> {
    type Guard<'c>
        = ModelGuard<V>
    where
        V: 'c;

    #[allow(clippy::indexing_slicing)]
    fn load(&self) -> ModelGuard<V> {
        // SeqCst: pairs with the fences here and in `replace`.
        fence(SeqCst);
        let current = self.current.fetch_add(0, AcqRel);
        fence(SeqCst);
        ModelGuard(self.all()[current].clone())
    }

    fn replace(&self, current: &Arc<V>, new: &Arc<V>) -> bool {
        let (expected, to) = {
            let mut all = self.all();
            all.push(Arc::clone(new));
            (all.iter().rposition(|value| Arc::ptr_eq(value, current)), all.len() - 1)
        };
        let Some(expected) = expected else { return false };
        // SeqCst, AcqRel: pairs with those in `load`.
        fence(SeqCst);
        let won = self.current.compare_exchange(expected, to, AcqRel, AcqRel).is_ok();
        fence(SeqCst);
        won
    }
}
