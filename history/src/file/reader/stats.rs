//! How full a history is.

use crate::file::model::Tier;

use super::scan::{Index, SegmentIndex};
use crate::limits::FILE_BYTES_MIN;

/// The state of a history file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Bytes of the file.
    pub size: u64,
    /// When it was made: nanoseconds since 1970, UTC.
    pub created: u64,
    /// Runs of daemons that have written it.
    pub incarnation: u32,
    /// Whether the newest snapshot of some tier didn't fit: the file is too small for its store.
    pub too_small: bool,
    /// Its tiers, finest first.
    pub tiers: Vec<TierStats>,
}

/// The state of one tier.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TierStats {
    /// Which.
    pub tier: Tier,
    /// Nanoseconds of which it keeps one version; 0: every commit.
    pub period: u64,
    /// Bytes that it may fill.
    pub budget: u64,
    /// Bytes that it fills.
    pub used: u64,
    /// The oldest and newest version: generation, and nanoseconds since 1970.
    pub span: Option<((u64, u64), (u64, u64))>,
    /// Versions that it has.
    pub versions: u64,
    /// Segments in use.
    pub segments: u32,
    /// Segments that were overwritten since the file was made.
    pub evicted: u64,
    /// Snapshots.
    pub snapshots: u32,
    /// Of these, how many are cut for want of room.
    pub snapshots_cut: u32,
    /// Bytes of the snapshots.
    pub snapshot_bytes: u64,
}

impl Stats {
    pub(crate) fn of(index: &Index) -> Stats {
        let block = &index.block;
        let tier = |(at, segments): (usize, &Vec<SegmentIndex>)| {
            let extent = block.tiers.get(at).copied().unwrap_or_default();
            let bases = || segments.iter().filter_map(|segment| segment.base.as_ref());
            let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
            let commits = segments.iter().flat_map(|segment| &segment.blocks);
            let moments = || {
                let commits = segments.iter().flat_map(|segment| &segment.blocks);
                let commits = commits.flat_map(|block| [block.span.first, block.span.last]);
                commits.chain(bases().map(|base| base.moment)).map(|m| (m.generation, m.at))
            };
            let begun = extent.next.saturating_sub(1);
            TierStats {
                tier: Tier(u8::try_from(at).unwrap_or(u8::MAX)),
                period: extent.period,
                budget: extent.len,
                used: segments.iter().map(|segment| segment.end - segment.entry.offset).sum(),
                span: moments().min().zip(moments().max()),
                versions: commits.map(|block| u64::from(block.span.commits)).sum(),
                segments: count(segments.len()),
                evicted: begun.saturating_sub(segments.len() as u64),
                snapshots: count(bases().count()),
                snapshots_cut: count(bases().filter(|base| base.index.cut.is_some()).count()),
                snapshot_bytes: bases().map(|base| base.bytes).sum(),
            }
        };
        let newest = |segments: &Vec<SegmentIndex>| {
            let base = segments.iter().rev().find_map(|segment| segment.base.as_ref());
            base.is_some_and(|base| base.index.cut.is_some())
        };
        Stats {
            size: block.size.max(FILE_BYTES_MIN),
            created: block.created,
            incarnation: block.incarnation,
            too_small: index.tiers.iter().any(newest),
            tiers: index.tiers.iter().enumerate().map(tier).collect(),
        }
    }
}
