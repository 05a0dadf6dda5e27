//! A record of the journal: its place, its head, and how it is told from other bytes.
//!
//! ```text
//! word 0   stamp: a mix of key and place, xor 1 (written) or 2 (marked); 0: nothing here
//!      1   place
//!      2   length of the body 4 │ CRC32C 4
//!      3   seq
//!      4   place of the parent's record, 0: none
//!      5   when, ns since 1970
//!      6…  body, and zeros up to a multiple of 8 bytes
//! ```
//!
//! A record begins at a *line* of 64 bytes. Its place is the number of its line, counted through
//! all laps, so that none is used twice in the life of a journal; where it lies is that number
//! modulo the lines that there are.
//!
//! **J1** A stamp that was written says that all of its record is there: it is stored last.
//! **J2** Nobody but the journal can make a stamp: the key is random, in no answer and no log, and
//! 62 bits have to be right. So a value that a guest has written is never taken for a record,
//! wherever it lies, and a late mark finds its own record or none.
//! **J3** The CRC is salted with key and place.
//!
//! # Synchronization
//! The stamp is a state; the rest is data, put before it and read after it.

use super::{
    failpoint::{self, Point},
    words::{WORD, Words, get_bytes, index, put_parts},
};
use crate::sync::Ordering::{Acquire, Release};

/// The place of a record in the journal's life. It can be kept, copied, and used by any thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId(pub(crate) u64);

impl RecordId {
    /// No record: what a version has that was published while nothing was recorded.
    pub const NONE: RecordId = RecordId(0);

    /// As a number, for keeping it where this type isn't known.
    #[must_use]
    pub fn to_raw(self) -> u64 {
        self.0
    }

    /// What [`to_raw`](RecordId::to_raw) gave. Any other number is harmless: it marks nothing.
    #[must_use]
    pub fn from_raw(raw: u64) -> RecordId {
        RecordId(raw)
    }
}

/// What a record says besides its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordHead {
    /// The publication that it is of, if its commit succeeds.
    pub seq: u64,
    /// The record of the version that it was built on.
    pub parent: RecordId,
    /// When, in ns since 1970.
    pub at: u64,
}

/// Where the records lie in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// The word of the first line.
    pub(crate) first: usize,
    /// Lines of a segment.
    pub(crate) lines: u64,
    pub(crate) segments: u64,
}

impl Shape {
    /// The lines of all segments.
    pub(crate) fn total(&self) -> u64 {
        self.lines * self.segments
    }

    /// The word where a place, or a line, begins.
    #[inline]
    pub(crate) fn word(&self, place: u64) -> usize {
        self.first + index(place % self.total()) * LINE_WORDS
    }
}

/// A record that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) id: RecordId,
    pub(crate) is_marked: bool,
    pub(crate) head: RecordHead,
    pub(crate) len: usize,
    pub(crate) crc: u32,
}

impl Found {
    /// The lines that it takes.
    pub(crate) fn lines(&self) -> u64 {
        lines(self.len)
    }

    /// Its body, if that is as it was written.
    pub(crate) fn body(&self, words: &impl Words, shape: Shape, key: u64) -> Option<Vec<u8>> {
        let body = get_bytes(words, shape.word(self.id.0) + HEAD_WORDS, self.len);
        (crc(key, self.id, &self.head, &[&body]) == self.crc).then_some(body)
    }
}

/// Writes a record at its place, which nobody else uses; it is not marked.
#[inline]
pub(crate) fn write(
    words: &impl Words,
    shape: Shape,
    key: u64,
    id: RecordId,
    head: &RecordHead,
    parts: &[&[u8]],
) {
    let at = shape.word(id.0);
    let len: usize = parts.iter().map(|part| part.len()).sum();
    let crc = crc(key, id, head, parts);
    failpoint::hit(Point::Reserve);
    words.put(at + 1, id.0);
    words.put(at + 2, len as u64 | u64::from(crc) << u32::BITS);
    words.put(at + 3, head.seq);
    words.put(at + 4, head.parent.0);
    words.put(at + 5, head.at);
    put_parts(words, at + HEAD_WORDS, parts);
    failpoint::hit(Point::Copy);
    // Release: pairs with the Acquire in `find`. It also keeps what was put before it, so that
    // whoever is killed has stored a whole record or no stamp.
    words.store(at, stamp(key, id, WRITTEN), Release);
}

/// Marks a record as published. Nothing happens where it is marked, or isn't there any more.
#[inline]
pub(crate) fn mark(words: &impl Words, shape: Shape, key: u64, id: RecordId) {
    let at = shape.word(id.0);
    let (written, marked) = (stamp(key, id, WRITTEN), stamp(key, id, MARKED));
    // Acquire: pairs with the Release half of another's mark: who finds it may answer.
    if id == RecordId::NONE || words.load(at, Acquire) == marked {
        return;
    }
    failpoint::hit(Point::Mark);
    // A lost exchange is another's mark, or a segment that was reused: then a checkpoint holds it.
    let _ = words.exchange(at, written, marked);
}

/// The record at a line, if there is one.
#[inline]
pub(crate) fn find(words: &impl Words, shape: Shape, key: u64, line: u64) -> Option<Found> {
    let at = shape.word(line);
    // Acquire: pairs with the Release in `write` and with the marks'.
    let found = words.load(at, Acquire);
    if found == 0 {
        return None;
    }
    let id = RecordId(words.get(at + 1));
    let is_marked = found == stamp(key, id, MARKED);
    let is_one = is_marked || found == stamp(key, id, WRITTEN);
    if !is_one || id == RecordId::NONE || id.0 % shape.total() != line % shape.total() {
        return None;
    }
    let [len, crc] = halves(words.get(at + 2));
    let head = RecordHead {
        seq: words.get(at + 3),
        parent: RecordId(words.get(at + 4)),
        at: words.get(at + 5),
    };
    let len = index(u64::from(len));
    let fits = lines(len) <= shape.lines - line % shape.lines;
    fits.then_some(Found { id, is_marked, head, len, crc })
}

/// Makes a line one where no record begins.
pub(crate) fn clear(words: &impl Words, shape: Shape, line: u64) {
    // Release: pairs with the Acquire in `find`.
    words.store(shape.word(line), 0, Release);
}

/// The lines of a record with so many bytes of body.
#[inline]
pub(crate) fn lines(body: usize) -> u64 {
    (HEAD_WORDS * WORD).saturating_add(body).div_ceil(LINE_WORDS * WORD) as u64
}

/// What stands at the head of a record in one of its states. The mix gives a different number for
/// each place, all of whose bits depend on all of the key's (the last step of splitmix64).
#[inline]
fn stamp(key: u64, id: RecordId, state: u64) -> u64 {
    let mixed = id.0 ^ key;
    let mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31 ^ state
}

fn crc(key: u64, id: RecordId, head: &RecordHead, parts: &[&[u8]]) -> u32 {
    let mut bytes = [0; (HEAD_WORDS - 1) * WORD];
    let words = [key, id.0, head.seq, head.parent.0, head.at];
    for (to, word) in bytes.as_chunks_mut::<WORD>().0.iter_mut().zip(words) {
        *to = word.to_le_bytes();
    }
    let head = crc32c::crc32c(&bytes);
    parts.iter().fold(head, |crc, part| crc32c::crc32c_append(crc, part))
}

/// The lower and the upper half of a word.
pub(crate) fn halves(word: u64) -> [u32; 2] {
    let [a, b, c, d, e, f, g, h] = word.to_le_bytes();
    [u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h])]
}

/// Words of a line: a line of the cache, so that two committers don't write the same.
pub(crate) const LINE_WORDS: usize = 8;
/// Words before the body.
pub(crate) const HEAD_WORDS: usize = 6;
const WRITTEN: u64 = 1;
const MARKED: u64 = 2;

const _: () = assert!(HEAD_WORDS <= LINE_WORDS, "a head lies in one line");
