//! What open transactions keep from being freed.
//!
//! Versions share what they have in common, so it is not a sum: everything that was retired since
//! the base of the oldest transaction.
//!
//! # Synchronization
//! Relaxed throughout: figures for a report, on which nothing else hangs.

use crate::sync::{AtomicU64, Ordering::Relaxed};

/// Bytes that the open transactions of each worker pin, as of when it looked last.
#[derive(Debug)]
pub struct Pins {
    now: Box<[AtomicU64]>,
    most: AtomicU64,
}

impl Pins {
    /// For so many workers.
    #[must_use]
    pub fn new(workers: u16) -> Pins {
        Pins { now: (0..workers).map(|_| AtomicU64::new(0)).collect(), most: AtomicU64::new(0) }
    }

    /// A worker's transactions were found to pin `before`, and do so `after` they moved on.
    pub fn note(&self, worker: u16, before: u64, after: u64) {
        if let Some(now) = self.now.get(usize::from(worker)) {
            now.store(after, Relaxed);
        }
        self.most.fetch_max(before, Relaxed);
    }

    /// Bytes that are pinned.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.now.iter().map(|now| now.load(Relaxed)).max().unwrap_or(0)
    }

    /// The most bytes that were pinned at any time a worker looked.
    #[must_use]
    pub fn most(&self) -> u64 {
        self.most.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_transaction_of_all_counts() {
        let pins = Pins::new(2);
        pins.note(0, 500, 100);
        pins.note(1, 300, 300);
        assert_eq!((pins.bytes(), pins.most()), (300, 500));
        pins.note(1, 200, 0);
        pins.note(9, 0, 900);
        assert_eq!((pins.bytes(), pins.most()), (100, 500));
    }
}
