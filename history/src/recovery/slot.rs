//! One slot: two halves of two lines each, of which the newer one counts, and overflow for each.
//!
//! ```text
//! word 0   turn: grows by one with each content; 0: never written
//!      1   bytes here 2 │ bytes of overflow 2 │ CRC32C 4
//!      2…  up to 112 bytes
//! ```
//!
//! **S1** The half that is changed is the one with the older turn, and it gets the next turn when
//! all of its content is there, overflow included. So at any store the half with the newer turn is
//! whole, and it is the old content or the new one; the other isn't looked at.
//! **S2** The length [`FREED`] says that the slot is free: freeing is a content like others.
//!
//! # Synchronization
//! A slot has one writer, and no reader while that lives. What orders its stores is for those who
//! read the file after a kill: a fence of Release, so that the turn before is there before the
//! other half is touched, and the Release of the turn; both pair with the end of the process.

use std::io;

use super::{
    failpoint::{self, Point},
    record::halves,
    words::{WORD, Words, put_parts},
};
use crate::{
    limits::{SLOT_INLINE_BYTES, SLOT_OVERFLOW_BYTES},
    sync::{Ordering::Release, fence},
};

/// The bytes of a slot that don't lie in the words.
pub(crate) trait Overflow {
    /// Writes from a byte of the file on. When it returns they are in the file.
    fn write(&self, at: u64, bytes: &[u8]) -> io::Result<()>;

    /// Gives memory back; what was there is 0.
    fn forget(&self, at: u64, len: u64) -> io::Result<()>;
}

/// What a slot holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SlotContent {
    /// Up to [`SLOT_INLINE_BYTES`].
    pub inline: Vec<u8>,
    /// Up to [`SLOT_OVERFLOW_BYTES`].
    pub overflow: Vec<u8>,
}

/// What can be told of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) turn: u64,
    inline: u16,
    pub(crate) overflow: u16,
    crc: u32,
}

/// Where a slot lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spot(pub(crate) u32);

impl Spot {
    /// The first word of a half.
    pub(crate) fn word(self, half: u64) -> usize {
        FIRST_WORD + self.0 as usize * SLOT_WORDS + usize::from(half % 2 == 1) * HALF_WORDS
    }

    /// The byte of the file where the overflow of a half begins.
    pub(crate) fn overflow(self, half: u64, slots: u32) -> u64 {
        let before = u64::from(self.0) * 2 + half % 2;
        file_words(slots) * WORD as u64 + before * SLOT_OVERFLOW_BYTES as u64
    }
}

/// Puts a content into the half that isn't the newest, under the next turn. Both lengths fit.
#[inline]
pub(crate) fn write(
    words: &impl Words,
    (spot, slots): (Spot, u32),
    turn: u64,
    (inline, overflow): (&[u8], &[u8]),
    to: &impl Overflow,
) -> io::Result<()> {
    let len = u64::from(u16::try_from(inline.len()).unwrap_or(FREED));
    put(words, (spot, slots), turn, len, (inline, overflow), to)
}

/// Makes a slot free, under the next turn.
pub(crate) fn free(
    words: &impl Words,
    at: (Spot, u32),
    turn: u64,
    to: &impl Overflow,
) -> io::Result<()> {
    put(words, at, turn, u64::from(FREED), (&[], &[]), to)
}

#[inline]
fn put(
    words: &impl Words,
    (spot, slots): (Spot, u32),
    turn: u64,
    len: u64,
    (inline, overflow): (&[u8], &[u8]),
    to: &impl Overflow,
) -> io::Result<()> {
    let at = spot.word(turn);
    failpoint::hit(Point::Slot);
    fence(Release); // Release: pairs with the end of the process, see the module's text.
    if !overflow.is_empty() {
        to.write(spot.overflow(turn, slots), overflow)?;
    }
    let crc = crc(spot, turn, inline, overflow);
    words.put(at + 1, len | (overflow.len() as u64) << 16 | u64::from(crc) << 32);
    put_parts(words, at + 2, &[inline]);
    failpoint::hit(Point::Slot);
    words.store(at, turn, Release); // Release: pairs with the end of the process, as above.
    failpoint::hit(Point::Slot);
    Ok(())
}

/// What the newer half of a slot says, of the words of both; none where there is no content.
pub(crate) fn see(words: &[u64]) -> Option<(Seen, usize)> {
    let halves = words.chunks_exact(HALF_WORDS).enumerate().filter_map(|(half, words)| {
        let [turn, lengths, ..] = words else { return None };
        let [a, b, c, d, crc @ ..] = lengths.to_le_bytes();
        let (inline, overflow) = (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]));
        let seen = Seen { turn: *turn, inline, overflow, crc: u32::from_le_bytes(crc) };
        (*turn != 0).then_some((seen, half))
    });
    halves.max_by_key(|(seen, _)| seen.turn)
}

impl Seen {
    /// Whether it says that the slot is free.
    pub(crate) fn is_free(&self) -> bool {
        self.inline == FREED
    }

    /// The content, if it is as it was written: of the words of its half and its overflow.
    pub(crate) fn content(
        &self,
        spot: Spot,
        half: &[u64],
        overflow: Vec<u8>,
    ) -> Option<SlotContent> {
        let words = half.get(2..).unwrap_or_default();
        let bytes = words.iter().flat_map(|word| word.to_le_bytes());
        let inline: Vec<u8> = bytes.take(usize::from(self.inline)).collect();
        let is_whole = inline.len() == usize::from(self.inline)
            && overflow.len() == usize::from(self.overflow)
            && crc(spot, self.turn, &inline, &overflow) == self.crc;
        is_whole.then_some(SlotContent { inline, overflow })
    }
}

fn crc(spot: Spot, turn: u64, inline: &[u8], overflow: &[u8]) -> u32 {
    let [low, high] = halves(turn);
    let salt = low.rotate_left(16) ^ high ^ spot.0;
    let crc = crc32c::crc32c_append(salt, inline);
    if overflow.is_empty() { crc } else { crc32c::crc32c_append(crc, overflow) }
}

/// Words of a file before the overflow.
pub(crate) fn file_words(slots: u32) -> u64 {
    (FIRST_WORD + slots as usize * SLOT_WORDS) as u64
}

/// Words of both halves.
pub(crate) const SLOT_WORDS: usize = 2 * HALF_WORDS;
/// Words of a half: two lines of the cache.
pub(crate) const HALF_WORDS: usize = 16;
/// The word of the first slot: a page comes before.
pub(crate) const FIRST_WORD: usize = 512;
/// The length that says that a slot is free.
const FREED: u16 = u16::MAX;

const _: () = assert!(SLOT_INLINE_BYTES == (HALF_WORDS - 2) * WORD);
const _: () = assert!(SLOT_OVERFLOW_BYTES <= u16::MAX as usize);
