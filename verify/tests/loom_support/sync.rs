//! The door to atomics for the models of the feed: loom's, with loads of the model's kind.

use loom::sync::atomic::{AtomicU64 as OfLoom, Ordering as Of};

pub(crate) use loom::sync::atomic::{AtomicU32, Ordering};

use crate::loom_support::{Loads, loads};

/// As `core/src/sync.rs` gives, as far as the feed and publication use it.
#[derive(Debug)]
pub(crate) struct AtomicU64(OfLoom);

impl AtomicU64 {
    pub(crate) fn new(value: u64) -> AtomicU64 {
        AtomicU64(OfLoom::new(value))
    }

    pub(crate) fn load(&self, ordering: Of) -> u64 {
        match loads() {
            Loads::Newest => self.0.fetch_add(0, ordering),
            Loads::Older => self.0.load(ordering),
        }
    }

    pub(crate) fn store(&self, value: u64, ordering: Of) {
        self.0.store(value, ordering);
    }

    pub(crate) fn fetch_add(&self, value: u64, ordering: Of) -> u64 {
        self.0.fetch_add(value, ordering)
    }

    pub(crate) fn fetch_sub(&self, value: u64, ordering: Of) -> u64 {
        let before = self.0.fetch_sub(value, ordering);
        assert!(before >= value, "a count falls below zero");
        before
    }

    pub(crate) fn compare_exchange(&self, old: u64, new: u64, ok: Of, no: Of) -> Result<u64, u64> {
        self.0.compare_exchange(old, new, ok, no)
    }
}
