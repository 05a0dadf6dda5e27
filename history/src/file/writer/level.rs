//! Promotion: what a tier's versions are made of before they are written.
//!
//! **P1** A tier above the first gets one version for each period in which something changed, made
//! of what the tier below got: per path the last change, removals kept. It gets more where memory
//! would run out, a segment ends, or the tier below is about to lose what isn't here yet.

use crate::file::merge::Merge;
use crate::file::model::Change;
use crate::file::record::Moment;

/// What a tier's next version is to hold.
#[derive(Debug, Default)]
pub(crate) struct Level {
    period: u64,
    merge: Merge,
    /// The last version in it.
    last: Moment,
    first_generation: u64,
}

impl Level {
    pub(crate) fn new(period: u64) -> Level {
        Level { period: period.max(1), ..Level::default() }
    }

    /// Whether a version of that time belongs to a later period than what is here.
    pub(crate) fn is_due(&self, at: u64) -> bool {
        !self.merge.is_empty() && self.last.at / self.period != at / self.period
    }

    /// Adds a change of a version.
    pub(crate) fn add(&mut self, version: Moment, change: &Change<'_>) {
        if self.merge.is_empty() {
            self.first_generation = version.generation;
        }
        self.last = version;
        self.merge.add(change);
    }

    /// Bytes that it keeps, about.
    pub(crate) fn bytes(&self) -> usize {
        self.merge.bytes()
    }

    /// Whether something of a generation up to this isn't written yet.
    pub(crate) fn holds(&self, generation: u64) -> bool {
        !self.merge.is_empty() && self.first_generation <= generation
    }

    /// Begins anew; gives what was here.
    pub(crate) fn take(&mut self) -> Option<(Moment, Merge)> {
        let merge = std::mem::take(&mut self.merge);
        (!merge.is_empty()).then_some((self.last, merge))
    }
}
