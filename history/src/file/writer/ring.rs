//! Where segments go: each tier's extent is a ring of them.
//!
//! **E1** A segment is contiguous, begins where the one before it ended or at the extent's start,
//! and takes at most a third of the extent: so the one before it is whole when it ends.
//! **E2** It gets its room in steps. A segment that a step overlaps is evicted whole, in the
//! superblock, before anything is written there.

use crate::file::errors::WriteError;
use crate::file::record::Moment;
use crate::file::superblock::{Extent, Segment, Superblock};
use crate::limits::TIER_SEGMENTS;

/// The newest segment of a tier, while it is being written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Open {
    pub(crate) number: u64,
    pub(crate) offset: u64,
    /// Where the next record goes, and its number.
    pub(crate) at: u64,
    pub(crate) records: u64,
    /// Bytes at which it is to end.
    pub(crate) target: u64,
    /// Bytes of its snapshot; 0: none.
    pub(crate) snapshot: u64,
    pub(crate) continues: bool,
}

impl Open {
    pub(crate) fn used(&self) -> u64 {
        self.at - self.offset
    }
}

/// Bytes that a segment may take.
pub(crate) fn most(extent: &Extent) -> u64 {
    extent.len / 3
}

/// Bytes at which a segment ends, given those of its snapshot.
pub(crate) fn target(extent: &Extent, snapshot: u64) -> u64 {
    (extent.len / USUAL).max(snapshot.saturating_mul(3)).min(most(extent))
}

/// The superblock with a new segment of a tier, after `last`; what it overlaps is gone. It has
/// `need` bytes, and lies where it can have `later`.
pub(crate) fn begin(
    block: &Superblock,
    tier: usize,
    ended: Option<(&Open, Moment)>,
    (last, continues): (Moment, bool),
    (need, later): (u64, u64),
) -> Result<(Superblock, Open), WriteError> {
    let mut next = block.clone();
    let lost = WriteError::Internal("a tier that isn't there");
    let number = u8::try_from(tier).map_err(|_| WriteError::Internal("a tier's number"))?;
    if let Some((open, moment)) = ended {
        close(&mut next, number, open, moment);
    }
    let extent = next.tiers.get_mut(tier).ok_or(lost)?;
    let ordinal = extent.next;
    extent.next += 1;
    let extent = *extent;
    let end = extent.offset + extent.len;
    let newest = next.segments.iter().rfind(|s| s.tier == number);
    let after = newest.map_or(extent.offset, |s| s.offset + s.len);
    let wanted = need.max(later).min(most(&extent));
    let offset = if after + wanted > end { extent.offset } else { after };
    let len = step(&extent).max(need).min(most(&extent)).min(end - offset);
    make_room(&mut next, number, offset, len);
    if next.segments.iter().filter(|s| s.tier == number).count() >= TIER_SEGMENTS {
        spare(&mut next, number);
    }
    next.segments.push(Segment {
        tier: number,
        continues,
        incarnation: next.incarnation,
        number: ordinal,
        offset,
        len,
        seq: last.seq,
        generation: last.generation,
        ..Segment::default()
    });
    let target = target(&extent, 0);
    let open =
        Open { number: ordinal, offset, at: offset, records: 0, target, snapshot: 0, continues };
    Ok((next, open))
}

/// The superblock with more room for the newest segment of a tier, up to a place that is needed.
/// Nothing if it can't have that much.
pub(crate) fn grow(
    block: &Superblock,
    tier: usize,
    open: &Open,
    needed: u64,
    most: u64,
) -> Option<Superblock> {
    let extent = *block.tiers.get(tier)?;
    let number = u8::try_from(tier).ok()?;
    let end = (extent.offset + extent.len).min(open.offset + most);
    if needed > end {
        return None;
    }
    let mut next = block.clone();
    let newest = next.segments.iter_mut().rfind(|s| s.tier == number)?;
    let from = newest.offset + newest.len;
    let until = needed.max(from + step(&extent)).min(end);
    newest.len = until - newest.offset;
    make_room(&mut next, number, from, until - from);
    Some(next)
}

/// The segments of a tier that one superblock has and the next hasn't.
pub(crate) fn evicted<'b>(
    block: &'b Superblock,
    next: &'b Superblock,
    tier: usize,
) -> impl Iterator<Item = &'b Segment> {
    let kept =
        |s: &&Segment| next.segments.iter().any(|n| n.tier == s.tier && n.number == s.number);
    block.segments.iter().filter(move |s| usize::from(s.tier) == tier && !kept(s))
}

/// The newest segment has come to its end.
pub(crate) fn close(block: &mut Superblock, tier: u8, open: &Open, last: Moment) {
    let segment = block.segments.iter_mut().rfind(|s| s.tier == tier && s.number == open.number);
    if let Some(segment) = segment {
        segment.closed = true;
        segment.len = open.used();
        segment.last_seq = last.seq;
        segment.last_generation = last.generation;
        segment.last_at = last.at;
    }
    block.segments.retain(|s| !s.closed || s.len > 0);
}

/// There are too many segments, after many restarts: the smallest goes that no other needs, so that
/// a daemon which keeps being killed doesn't take the past before that with it.
fn spare(block: &mut Superblock, tier: u8) {
    let of_tier: Vec<&Segment> = block.segments.iter().filter(|s| s.tier == tier).collect();
    let free = of_tier.windows(2).filter_map(|pair| match pair {
        [segment, next] if !next.continues => Some((segment.len, segment.number)),
        _ => None,
    });
    let oldest = of_tier.first().map(|segment| segment.number);
    let number = free.min().map(|(_, number)| number).or(oldest);
    block.segments.retain(|s| s.tier != tier || Some(s.number) != number);
}

fn make_room(block: &mut Superblock, tier: u8, offset: u64, len: u64) {
    block.segments.retain(|s| {
        let grows = s.offset + s.len == offset + len && !s.closed;
        s.tier != tier || grows || !overlaps(s, offset, len)
    });
}

fn overlaps(segment: &Segment, offset: u64, len: u64) -> bool {
    segment.offset < offset + len && offset < segment.offset + segment.len
}

fn step(extent: &Extent) -> u64 {
    (extent.len / STEPS).max((extent.len / 8).min(STEP_BYTES)).next_multiple_of(8)
}

/// Segments of a tier, usually.
const USUAL: u64 = 16;
/// Steps in which a whole extent would be filled.
const STEPS: u64 = 64;
/// Bytes of a step, unless the extent is small.
const STEP_BYTES: u64 = 64 << 10;
