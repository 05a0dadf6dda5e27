//! The stretch up to the end in which every commit is there, one by one.
//!
//! Coarser tiers have what several commits came to, so it lies in tier 0. It begins behind the last
//! thing that makes it doubtful: what was evicted, a gap, another run of the daemon, a guest's
//! excess.

use crate::file::errors::ReadError;
use crate::file::model::{Gap, OwnedCommit, Tier};
use crate::file::order;

use super::History;
use super::scan::SegmentIndex;

/// A stretch of generations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unbroken {
    /// Every commit after this generation is there …
    pub after: u64,
    /// … up to this one.
    pub upto: u64,
}

impl History {
    /// The newest stretch in which every commit is there that may concern a node or what is below
    /// it; none where there is nothing.
    #[must_use]
    pub fn unbroken(&self, below: &str) -> Option<Unbroken> {
        let segments = self.index.tiers.first()?;
        let upto = segments.last().map(end)?;
        let mut after = 0;
        let mut before: Option<&SegmentIndex> = None;
        for segment in segments {
            if before.is_none_or(|before| !goes_on(before, segment)) {
                after = after.max(start(segment));
            }
            for gap in &segment.gaps {
                after = after.max(known_again(segment, gap).unwrap_or(upto));
            }
            before = Some(segment);
        }
        let near = |path: &str| order::is_within(path, below) || order::is_within(below, path);
        let left_out = self.left_out.iter().filter(|one| one.tier == Tier(0) && near(&one.path));
        for one in left_out {
            after = after.max(if one.to == 0 { upto } else { one.to });
        }
        Some(Unbroken { after, upto })
    }

    /// The commits after a generation of [`History::unbroken`], oldest first, with the changes of a
    /// node and of what is below it. (One that was removed with something above it: as if it had
    /// been removed itself.)
    pub fn each_commit(
        &self,
        after: u64,
        below: &str,
    ) -> impl Iterator<Item = Result<OwnedCommit, ReadError>> {
        let all = self.walk(after.saturating_add(1).., (below, true), false);
        all.filter(|commit| {
            commit.as_ref().map_or(true, |c| c.head.tier == Tier(0) && !c.head.merged)
        })
    }
}

/// Whether a segment begins where the one before it ended, in the same run.
fn goes_on(before: &SegmentIndex, segment: &SegmentIndex) -> bool {
    let whole = before.entry.closed && before.end == before.entry.offset + before.entry.len;
    let next = before.entry.number + 1 == segment.entry.number;
    let run = before.entry.incarnation == segment.entry.incarnation;
    whole && next && run && end(before) == segment.entry.generation
}

/// After which generation a segment tells, where nothing is known of what was before it.
fn start(segment: &SegmentIndex) -> u64 {
    let first = segment.blocks.first().map(|block| block.span.first.generation);
    let base = segment.base.as_ref().map(|base| base.moment.generation);
    segment.entry.generation.max(base.or(first).unwrap_or(0))
}

/// Up to which generation it tells.
fn end(segment: &SegmentIndex) -> u64 {
    segment.last.map_or(segment.entry.generation, |last| last.generation)
}

/// After which generation a segment tells again behind a gap.
fn known_again(segment: &SegmentIndex, gap: &Gap) -> Option<u64> {
    let blocks = segment.blocks.iter().map(|block| block.span.first.generation);
    let base = segment.base.as_ref().map(|base| base.moment.generation);
    blocks.chain(base).filter(|generation| *generation > gap.generation).min()
}
