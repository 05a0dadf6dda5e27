//! Which of the hypervisor's domains each one is that the store knows.
//!
//! Ids are used again: what is heard of a dead domain may be heard when the next of its id has been
//! introduced. So the hypervisor's unique id of each is remembered from before its introduction on.
//!
//! # Synchronization
//! A slot per domain id. It is stored with Release before the life is published, so whoever finds
//! that life in the store and then loads the slot with Acquire sees its unique id, or a later one.

use myriad_core::DomId;

use crate::sync::{
    AtomicU64,
    Ordering::{Acquire, Release},
};

/// The unique ids of domains that were introduced.
#[derive(Debug)]
pub(super) struct Lives(Box<[AtomicU64]>);

impl Lives {
    pub(super) fn new() -> Lives {
        Lives((0..DomId::SELF.0).map(|_| AtomicU64::new(NONE)).collect())
    }

    /// This one is about to be introduced.
    pub(super) fn begin(&self, domid: DomId, unique_id: u64) {
        if let Some(slot) = self.0.get(usize::from(domid.0)) {
            // Release: pairs with the Acquire in `is`.
            slot.store(unique_id, Release);
        }
    }

    /// Whether the domain that was introduced last is this one.
    pub(super) fn is(&self, domid: DomId, unique_id: u64) -> bool {
        // Acquire: pairs with the Release in `begin`.
        self.0.get(usize::from(domid.0)).is_some_and(|slot| slot.load(Acquire) == unique_id)
    }

    /// Whether none with this id was ever introduced.
    pub(super) fn is_none(&self, domid: DomId) -> bool {
        self.is(domid, NONE)
    }
}

const NONE: u64 = u64::MAX;

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::*;

    #[test]
    fn the_last_one_counts() {
        let lives = Lives::new();
        assert!(lives.is_none(DomId(5)));
        lives.begin(DomId(5), 70);
        lives.begin(DomId(5), 71);
        assert!(lives.is(DomId(5), 71) && !lives.is(DomId(5), 70) && !lives.is_none(DomId(5)));
        lives.begin(DomId::SELF, 70);
        assert!(!lives.is(DomId::SELF, 70) && lives.is_none(DomId(6)));
    }
}
