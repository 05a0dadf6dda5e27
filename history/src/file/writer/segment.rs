//! Records into segments, and segments into the superblock.

use super::ring::{self, Open};
use super::{Missing, Writer};
use crate::file::codec::put;
use crate::file::errors::WriteError;
use crate::file::model::GapReason;
use crate::file::record::{Kind, Moment, Place, Sealed, Span};
use crate::file::storage::Storage;
use crate::file::superblock::Superblock;
use crate::limits::RECORD_BYTES;

impl<S: Storage> Writer<S> {
    /// Writes the open block of a tier, if there is anything in it. After an error its commits are
    /// missing.
    pub(super) fn write_delta(&mut self, tier: usize) -> Result<(), WriteError> {
        let Some(state) = self.tiers.get_mut(tier).filter(|t| !t.delta.is_empty()) else {
            return Ok(());
        };
        let span = state.delta.span();
        let filter = state.delta.filter();
        let large = state.delta.raw().len() > RECORD_BYTES;
        let raw = if large { &[] } else { state.delta.raw() };
        let sealed = Sealed::new(Kind::Delta, span, &filter, raw, &mut self.zip);
        let sealed = sealed.with(state.delta.flags());
        state.delta.clear();
        state.shares.next_block();
        let done = if large { Err(TooLarge) } else { Ok(()) };
        let done = match done {
            Ok(()) => self.write_gap(tier).and_then(|()| self.put(tier, sealed)),
            Err(TooLarge) => Ok(false),
        };
        let reason = match done {
            Ok(true) => {
                self.tiers.get_mut(tier).into_iter().for_each(|tier| tier.written = span.last);
                return Ok(());
            }
            Ok(false) => GapReason::TooLarge,
            Err(_) => GapReason::Disk,
        };
        self.pause |= done.is_err();
        let before = self.tiers.get(tier).map_or(0, |tier| tier.written.generation);
        let (from_seq, at) = (span.first.seq, span.first.at);
        let generation = before;
        let missing = Missing { reason, from_seq, generation, at, bridged: false, known: false };
        self.tiers.get_mut(tier).into_iter().for_each(|tier| tier.miss(missing));
        done.map(|_| ())
    }

    /// Writes the gap that a tier has to tell of. After an error it still has.
    pub(super) fn write_gap(&mut self, tier: usize) -> Result<(), WriteError> {
        let Some(gap) = self.tiers.get(tier).and_then(|tier| tier.gap) else { return Ok(()) };
        let mut raw = vec![code(gap.reason), u8::from(gap.bridged)];
        put(&mut raw, gap.from_seq);
        let moment = Moment { seq: gap.from_seq, generation: gap.generation, at: gap.at };
        let span = Span { first: moment, last: moment, commits: 0, changes: 0 };
        let sealed = Sealed::new(Kind::Gap, span, &[], &raw, &mut self.zip);
        self.put(tier, sealed)?;
        self.tiers.get_mut(tier).into_iter().for_each(|tier| tier.gap = None);
        Ok(())
    }

    /// Writes a record behind the others of a tier, in a new segment where the old one is full.
    /// Tells whether it could: one that is too large for any segment can't be.
    pub(super) fn put(&mut self, tier: usize, sealed: Sealed) -> Result<bool, WriteError> {
        let extent = self.block.tiers.get(tier).copied().unwrap_or_default();
        if sealed.len() > ring::most(&extent) {
            return Ok(false);
        }
        let fits = match self.newest(tier) {
            Some(open) => self.make_room(tier, sealed.len(), open.target.max(open.used()))?,
            None => false,
        };
        if !fits {
            let known = self.tiers.get(tier).is_some_and(|tier| tier.known);
            self.begin(tier, known, (sealed.len(), 0))?;
        }
        self.write(tier, sealed)?;
        Ok(true)
    }

    /// Whether the tier's newest segment has room for so many bytes more, or gets it, within
    /// `most` bytes in all.
    pub(super) fn make_room(
        &mut self,
        tier: usize,
        bytes: u64,
        most: u64,
    ) -> Result<bool, WriteError> {
        let Some(open) = self.newest(tier) else { return Ok(false) };
        let needed = open.at + bytes;
        let number = |s: &&crate::file::superblock::Segment| {
            usize::from(s.tier) == tier && s.number == open.number
        };
        let room = self.block.segments.iter().rfind(number).map_or(0, |s| s.offset + s.len);
        if needed <= room {
            return Ok(true);
        }
        let grow = |block: &Superblock| Ok(ring::grow(block, tier, &open, needed, most));
        let Some(next) = self.keep_promoted(tier, grow)? else { return Ok(false) };
        self.write_block(next)?;
        Ok(true)
    }

    /// Begins a new segment of a tier.
    pub(super) fn begin(
        &mut self,
        tier: usize,
        continues: bool,
        need: (u64, u64),
    ) -> Result<(), WriteError> {
        let (last, open) =
            self.tiers.get(tier).map(|tier| (tier.written, tier.open)).unwrap_or_default();
        let ended = open.as_ref().map(|open| (open, last));
        let begin = |block: &Superblock| {
            ring::begin(block, tier, ended, (last, continues), need).map(|next| Some(next.0))
        };
        self.keep_promoted(tier, begin)?;
        let (next, open) = ring::begin(&self.block, tier, ended, (last, continues), need)?;
        self.write_block(next)?;
        self.tiers.get_mut(tier).into_iter().for_each(|tier| tier.open = Some(open));
        Ok(())
    }

    /// Writes a record where the tier's newest segment has room for it.
    pub(super) fn write(&mut self, tier: usize, mut sealed: Sealed) -> Result<(), WriteError> {
        let lost = WriteError::Internal("a segment that isn't there");
        let open = self.tiers.get_mut(tier).and_then(|tier| tier.open.as_mut()).ok_or(lost)?;
        let number = u8::try_from(tier).map_err(|_| WriteError::Internal("a tier's number"))?;
        let file = self.block.file;
        let place = Place { file, tier: number, segment: open.number, number: open.records };
        self.disk.write_at(sealed.at(&place), open.at)?;
        open.at += sealed.len();
        open.records += 1;
        Ok(())
    }

    /// Makes a superblock the one on the disk.
    pub(super) fn write_block(&mut self, mut next: Superblock) -> Result<(), WriteError> {
        next.number = self.block.number + 1;
        self.disk.write_at(&next.encode(), next.place())?;
        self.block = next;
        Ok(())
    }

    /// What a superblock is to be changed to; nothing that the tier above hasn't got is evicted by
    /// it: that is promoted first, which is tried once.
    fn keep_promoted(
        &mut self,
        tier: usize,
        change: impl Fn(&Superblock) -> Result<Option<Superblock>, WriteError>,
    ) -> Result<Option<Superblock>, WriteError> {
        let Some(next) = change(&self.block)? else { return Ok(None) };
        let evicted = ring::evicted(&self.block, &next, tier);
        let newest = evicted.map(|segment| segment.last_generation).max();
        let level = self.level(tier + 1);
        if !level.zip(newest).is_some_and(|(level, newest)| level.holds(newest)) {
            return Ok(Some(next));
        }
        self.promote(tier + 1)?;
        change(&self.block)
    }

    fn newest(&self, tier: usize) -> Option<Open> {
        self.tiers.get(tier).and_then(|tier| tier.open)
    }
}

/// A block that no record can hold.
struct TooLarge;

/// The number of a gap's reason in the file.
pub(crate) fn code(reason: GapReason) -> u8 {
    match reason {
        GapReason::Overrun => 1,
        GapReason::Disk => 2,
        GapReason::Restart => 3,
        GapReason::TooLarge => 4,
        GapReason::Other(code) => code,
    }
}

/// The reason of a number in the file.
pub(crate) fn reason(code: u8) -> GapReason {
    match code {
        1 => GapReason::Overrun,
        2 => GapReason::Disk,
        3 => GapReason::Restart,
        4 => GapReason::TooLarge,
        other => GapReason::Other(other),
    }
}
