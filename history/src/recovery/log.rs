//! The journal's protocol, over any memory: how committers share segments, and how those come to
//! be used again.
//!
//! Space is taken from one end, `tail`, the place of the next line. Who finds the segment full
//! opens the next that is free, not always the neighbour: one writer that stands still holds up
//! its segment, and not the journal. Places only grow, so that `tail` never has a value twice.
//!
//! **J4** A segment is free, open, closed, or being cleaned. Space is taken in the tail's alone,
//! which is open. One that was opened in vain, since another was faster, goes back to be free.
//! **J5** Its count is of lines: those that were taken less those whose writers are done. While it
//! is open it has [`OPEN`] more, so that it reaches 0 only after it was closed and all writers are
//! done; then, and only then, it may be cleaned.
//! **J6** A free segment has no stamp in any line. So no record of an earlier lap can be found in
//! an open one, and no late mark can hit what has come in its place.
//!
//! # Synchronization
//! Cleaning comes before the Release that makes a segment free, which pairs with the Acquire of who
//! opens it, whose Release of the tail pairs with the Acquire of who takes space there. (All that
//! change the tail are exchanges, so that each continues what the opener released.) What a writer
//! has put comes before its Release in `end`, which pairs with the Acquire of who cleans.

use super::{
    failpoint::{self, Point},
    record::{self, RecordHead, RecordId, Shape},
    words::{Words, index},
};
use crate::sync::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

/// What is shared by all who commit.
#[derive(Debug)]
pub(crate) struct Log<M> {
    pub(crate) words: M,
    pub(crate) shape: Shape,
    key: u64,
    tail: Apart,
    segments: Box<[Apart]>,
    free: AtomicU64,
}

/// An atomic in a line of the cache of its own.
#[derive(Debug)]
#[repr(align(64))]
struct Apart(AtomicU64);

/// Space that was taken, and who takes it has to give back by
/// [`Journal::end`](super::Journal::end). With
/// [`RecordId::NONE`]: leave to commit without a record.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "its segment can't be used again before `end`"]
pub struct Place {
    pub(crate) id: RecordId,
    pub(crate) lines: u64,
}

/// Why there is no space for a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Full {
    /// every segment is in use: a checkpoint has to be completed first
    #[error("every segment of the journal is in use until a checkpoint is complete")]
    Segments,
    /// the record is larger than a segment
    #[error("a record of {bytes} bytes is more than a segment of the journal holds")]
    TooLarge {
        /// Bytes of the body.
        bytes: usize,
    },
}

impl<M: Words> Log<M> {
    /// An empty log over words that are all 0 from the first line on. `key` is random.
    pub(crate) fn new(words: M, shape: Shape, key: u64) -> Log<M> {
        let segments: Box<[Apart]> = (0..shape.segments).map(|_| Apart::new(FREE)).collect();
        // Place 0 is none, so the first segment is number 1.
        let first = shape.lines;
        if let Some(segment) = segments.get(index(1 % shape.segments)) {
            segment.0.store(OPEN, Relaxed); // Relaxed: nobody else has it yet.
        }
        let free = AtomicU64::new(shape.segments - 1);
        Log { words, shape, key, tail: Apart::new(first), segments, free }
    }

    /// Takes space for a record and writes it there.
    #[inline]
    pub(crate) fn reserve(&self, head: &RecordHead, parts: &[&[u8]]) -> Result<Place, Full> {
        let bytes = parts.iter().fold(0_usize, |sum, part| sum.saturating_add(part.len()));
        let lines = record::lines(bytes);
        // One line of a segment stays empty, so that its end isn't the next one's beginning.
        if lines >= self.shape.lines || u32::try_from(bytes).is_err() {
            return Err(Full::TooLarge { bytes });
        }
        let id = RecordId(self.take(lines)?);
        record::write(&self.words, self.shape, self.key, id, head, parts);
        Ok(Place { id, lines })
    }

    /// Marks a record as published.
    #[inline]
    pub(crate) fn mark(&self, id: RecordId) {
        record::mark(&self.words, self.shape, self.key, id);
    }

    /// Who has taken space writes there no more.
    #[inline]
    pub(crate) fn end(&self, place: Place) {
        if let Some(segment) = self.segment(place.id.0 / self.shape.lines) {
            // Release: pairs with the Acquire in `clean`.
            segment.fetch_sub(place.lines, Release);
        }
    }

    /// Segments that nothing lies in.
    pub(crate) fn free(&self) -> u64 {
        self.free.load(Relaxed) // Relaxed: a hint of when a checkpoint is due.
    }

    /// Makes every segment free again in which nobody writes, and all of whose records are of
    /// publications up to `seq`; how many.
    pub(crate) fn release_up_to(&self, seq: u64) -> u64 {
        (0..self.shape.segments).filter(|segment| self.clean(*segment, seq)).count() as u64
    }

    /// The first of so many lines for the caller alone.
    #[inline]
    fn take(&self, lines: u64) -> Result<u64, Full> {
        // Ends: each turn that fails is another's success, in taking or in opening.
        loop {
            // Acquire: pairs with the Release in `open_next`.
            let tail = self.tail.0.load(Acquire);
            if tail % self.shape.lines + lines < self.shape.lines {
                // Relaxed: it publishes nothing of its own, and continues what it has read.
                if self.tail.0.compare_exchange(tail, tail + lines, Relaxed, Relaxed).is_ok() {
                    return Ok(tail);
                }
            } else {
                self.open_next(tail)?;
            }
        }
    }

    /// Moves the tail from a segment that has no room to a free one, unless another does.
    #[cold]
    fn open_next(&self, tail: u64) -> Result<(), Full> {
        let full = tail / self.shape.lines;
        for number in full + 1..full + self.shape.segments {
            let Some(segment) = self.segment(number) else { continue };
            // Acquire: pairs with the Releases of FREE here and in `clean`.
            if segment.compare_exchange(FREE, OPEN, Acquire, Relaxed).is_err() {
                continue;
            }
            let first = number * self.shape.lines;
            // Release: pairs with the Acquire in `take`. Relaxed where it fails: nothing is read.
            if self.tail.0.compare_exchange(tail, first, Release, Relaxed).is_err() {
                // Another was faster. Release: pairs with the Acquire above, of whoever is next.
                segment.store(FREE, Release);
                return Ok(());
            }
            self.free.fetch_sub(1, Relaxed); // Relaxed: see `free`.
            if let Some(segment) = self.segment(full) {
                // Release: pairs with the Acquire in `clean`. From OPEN less the lines that are
                // done to those that are not: below 0 never, since all lines were taken.
                segment.fetch_sub(OPEN - tail % self.shape.lines, Release);
            }
            return Ok(());
        }
        // Relaxed: a look at whether another has opened one meanwhile; `take` reads it again.
        if self.tail.0.load(Relaxed) == tail { Err(Full::Segments) } else { Ok(()) }
    }

    /// Makes a segment free again, if it may be.
    fn clean(&self, number: u64, seq: u64) -> bool {
        let Some(segment) = self.segment(number) else { return false };
        // Acquire: pairs with the Releases in `end` and `open_next`: what was written is seen.
        if segment.compare_exchange(QUIET, CLEANING, Acquire, Relaxed).is_err() {
            return false;
        }
        let begin = number * self.shape.lines;
        let (mut end, mut newest) = (begin, 0);
        // Ends: each record has a line at least. All that was taken is filled with records.
        while end < begin + self.shape.lines
            && let Some(found) = record::find(&self.words, self.shape, self.key, end)
        {
            newest = newest.max(found.head.seq);
            end += found.lines();
        }
        if newest > seq {
            segment.store(QUIET, Release); // Release: pairs with the Acquire above.
            return false;
        }
        for line in begin..end {
            failpoint::hit(Point::SegmentReuse);
            record::clear(&self.words, self.shape, line);
        }
        failpoint::hit(Point::SegmentReuse);
        // Relaxed: see `free`. Before the segment is, so that the count is never below zero.
        self.free.fetch_add(1, Relaxed);
        segment.store(FREE, Release); // Release: pairs with the Acquire in `open_next`.
        true
    }

    /// A segment by its number, counted through all laps.
    #[inline]
    fn segment(&self, number: u64) -> Option<&AtomicU64> {
        self.segments.get(index(number % self.shape.segments)).map(|segment| &segment.0)
    }
}

impl Place {
    /// The record; [`RecordId::NONE`] where the commit goes without.
    #[must_use]
    pub fn record(&self) -> RecordId {
        self.id
    }
}

impl Apart {
    fn new(value: u64) -> Apart {
        Apart(AtomicU64::new(value))
    }
}

/// Closed, and nobody writes.
const QUIET: u64 = 0;
/// What an open segment has more than its lines: more than there can be lines.
const OPEN: u64 = 1 << 32;
/// Someone makes it free.
const CLEANING: u64 = u64::MAX - 1;
/// Nothing lies in it.
const FREE: u64 = u64::MAX;
