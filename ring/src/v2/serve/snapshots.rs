//! The snapshots that a client has open.
//!
//! What one keeps from being freed is bounded as an open transaction's is (T3): past that it is
//! given up, and whoever reads it next is told.

use std::collections::BTreeMap;

use myriad_core::{Errno, Quota, Reads, Snapshot, limits::PINNED_BYTES};

use super::{Around, Done, Failed, Speaker};
use crate::v2::{body::put, records::SnapshotOf};

/// Open snapshots by number; those that were given up are none.
#[derive(Debug, Default)]
pub(crate) struct Snapshots {
    open: BTreeMap<u32, Option<Kept>>,
    last: u32,
}

struct Kept(Snapshot);

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Snapshot at {}", self.0.generation())
    }
}

impl Snapshots {
    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    /// Bytes that the oldest keeps from being freed, at most about.
    pub(crate) fn pinned_bytes(&self) -> u64 {
        let kept = self.open.values().flatten();
        kept.map(|kept| kept.0.pinned_bytes()).max().unwrap_or(0)
    }

    /// Gives up those that keep too much.
    pub(crate) fn tend(&mut self) {
        for kept in self.open.values_mut() {
            kept.take_if(|kept| kept.0.pinned_bytes() > PINNED_BYTES);
        }
    }

    /// What a number stands for; 0 is not one.
    pub(super) fn get(&mut self, number: u32) -> Result<&mut Snapshot, Failed> {
        match self.open.get_mut(&number) {
            Some(Some(kept)) => Ok(&mut kept.0),
            Some(None) => {
                Err(Failed::new(Errno::EAGAIN, "the snapshot kept too much, and was given up"))
            }
            None => Err(unknown()),
        }
    }

    pub(super) fn end(&mut self, number: u32) -> Result<(), Failed> {
        self.open.remove(&number).map(drop).ok_or_else(unknown)
    }

    fn begin(&mut self, snapshot: Snapshot) -> u32 {
        // Ends: far fewer are open than there are numbers.
        loop {
            self.last = self.last.wrapping_add(1);
            if self.last != 0 && !self.open.contains_key(&self.last) {
                break;
            }
        }
        self.open.insert(self.last, Some(Kept(snapshot)));
        self.last
    }
}

impl Speaker {
    pub(super) fn snapshot(&mut self, around: &mut Around<'_>, out: &mut Vec<u8>) -> Done {
        if self.snapshots.len() >= self.snapshots_max(around.session) {
            // For the log, where it is a guest's.
            around.session.refuses(Quota::Transactions, usize::MAX);
            return Err(Failed::new(Errno::ENOSPC, "as many snapshots are open as may be"));
        }
        let snapshot = around.store.snapshot();
        let (seq, generation) = (snapshot.seq(), snapshot.generation());
        let number = self.snapshots.begin(snapshot);
        let of = SnapshotOf {
            snapshot: number.into(),
            generation: generation.into(),
            ..Default::default()
        };
        put(out, &of);
        Ok(seq)
    }

    /// Reads from a snapshot, or from the store as it is; gives the generation that was read, too,
    /// and the publication that the answer comes after.
    pub(super) fn reading<R>(
        &mut self,
        snapshot: u32,
        around: &mut Around<'_>,
        read: impl FnOnce(&mut dyn Reads, &mut Around<'_>, u64) -> Result<R, Failed>,
    ) -> Result<(R, u64), Failed> {
        if snapshot == 0 {
            let store = around.store;
            let mut view = store.pin();
            let (seq, generation) = (view.seq(), view.generation());
            return Ok((read(&mut view, around, generation)?, seq));
        }
        let snapshot = self.snapshots.get(snapshot)?;
        let generation = snapshot.generation();
        Ok((read(snapshot, around, generation)?, around.store.pin().seq()))
    }
}

fn unknown() -> Failed {
    Failed::new(Errno::ENOENT, "there is no snapshot of this number")
}
