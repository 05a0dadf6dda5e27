//! Promotion: from the levels into the tiers, and up.

use super::Writer;
use super::level::Level;
use super::ring;
use crate::file::errors::WriteError;
use crate::file::model::{Change, Commit};
use crate::file::record::Moment;
use crate::file::storage::Storage;
use crate::limits::{MERGE_BYTES_MAX, MERGE_BYTES_MIN, MERGE_PART};

impl<S: Storage> Writer<S> {
    pub(super) fn level(&self, tier: usize) -> Option<&Level> {
        self.levels.get(tier.checked_sub(1)?)
    }

    /// Writes what a level has as a version of its tier, and adds it to the one above. Ends: each
    /// call of itself is for a tier above.
    pub(super) fn promote(&mut self, tier: usize) -> Result<(), WriteError> {
        let level = tier.checked_sub(1).and_then(|at| self.levels.get_mut(at));
        let Some((moment, merge)) = level.and_then(Level::take) else { return Ok(()) };
        let above = tier + 1;
        let due = self.level(above).is_some_and(|level| level.is_due(moment.at));
        let mut done = if due { self.promote(above) } else { Ok(()) };
        let sorted = merge.sorted();
        let changes: Vec<Change<'_>> =
            sorted.iter().flat_map(|(path, merged)| merged.changes(path)).collect();
        if let Some(level) = self.levels.get_mut(tier) {
            changes.iter().for_each(|change| level.add(moment, change));
        }
        let Moment { seq, generation, at } = moment;
        self.push(tier, &Commit { seq, generation, at, changes: &changes }, true);
        done = done.and(self.write_delta(tier));
        done.and(if self.is_full(above) { self.promote(above) } else { Ok(()) })
    }

    /// Whether a level has no room for more: in memory, or in a segment of its tier.
    pub(super) fn is_full(&self, tier: usize) -> bool {
        let most = (self.block.size / MERGE_PART).clamp(MERGE_BYTES_MIN, MERGE_BYTES_MAX);
        let segment = self.block.tiers.get(tier).map_or(0, |extent| ring::most(extent) / 2);
        let most = most.min(segment);
        self.level(tier).is_some_and(|level| level.bytes() as u64 > most)
    }

    /// Promotes what the levels have, up to that of a tier.
    pub(super) fn flush_levels(&mut self, highest: usize) -> Result<(), WriteError> {
        let mut done = Ok(());
        for tier in 1..=highest {
            done = done.and(self.promote(tier));
        }
        done
    }
}
