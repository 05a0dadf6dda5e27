//! The writer of a slot, one for each: what is called for every sweep of a ring.
//!
//! # Synchronization
//! The order of stores is that of `slot.rs`. The count of bytes steers when memory is given back,
//! and nothing else: relaxed.

use std::{io, sync::Arc};

use super::{
    slot::{self, Overflow, SLOT_WORDS, Spot},
    slots::{SlotError, Slots},
    words::{WORD, Words},
};
use crate::{
    limits::{SLOT_INLINE_BYTES, SLOT_OVERFLOW_BYTES, SLOT_OVERFLOW_KEPT, SLOTS},
    sync::Ordering::{Relaxed, Release},
};

/// The writer of one slot.
#[derive(Debug)]
pub struct SlotWriter {
    slots: Arc<Slots>,
    spot: Spot,
    turn: u64,
    /// Bytes of overflow that each half holds, at least.
    held: [u64; 2],
}

impl SlotWriter {
    /// Takes up a slot where it was left. The caller has set its bit; it goes with the writer.
    pub(super) fn take(slots: Arc<Slots>, spot: Spot) -> io::Result<SlotWriter> {
        let mut writer = SlotWriter { slots, spot, turn: 0, held: [0; 2] };
        let first = spot.word(0);
        // Before a word is touched, so that it is there.
        writer.slots.file.allocate((first * WORD) as u64, (SLOT_WORDS * WORD) as u64)?;
        let words = (first..first + SLOT_WORDS).map(|word| writer.slots.words.get(word));
        if let Some((seen, half)) = slot::see(&words.collect::<Vec<u64>>()) {
            writer.turn = seen.turn;
            writer.hold(half, u64::from(seen.overflow));
        }
        Ok(writer)
    }

    /// Which slot it is.
    #[must_use]
    pub fn slot(&self) -> u32 {
        self.spot.0
    }

    /// Replaces the content: a process that is killed leaves the old one or this one, whole.
    ///
    /// Without overflow there is no system call, but where memory has to be given back.
    ///
    /// # Errors
    /// [`SlotError::TooLong`]; [`SlotError::System`]. The old content stays.
    #[inline]
    pub fn write(&mut self, inline: &[u8], overflow: &[u8]) -> Result<(), SlotError> {
        if inline.len() > SLOT_INLINE_BYTES || overflow.len() > SLOT_OVERFLOW_BYTES {
            let (inline, overflow) = (inline.len(), overflow.len());
            return Err(SlotError::TooLong { inline, overflow });
        }
        let turn = self.turn + 1;
        if !overflow.is_empty() {
            self.hold(usize::from(turn % 2 == 1), overflow.len() as u64);
        }
        let (at, content) = ((self.spot, SLOTS), (inline, overflow));
        slot::write(&self.slots.words, at, turn, content, &self.slots.file)
            .map_err(|source| SlotError::System { slot: self.spot.0, source })?;
        self.turn = turn;
        if overflow.is_empty() && self.held != [0; 2] {
            self.give_back(SLOT_OVERFLOW_KEPT);
        }
        Ok(())
    }

    /// Makes the slot free: a process that is killed leaves the old content or none. Its memory is
    /// given back.
    ///
    /// # Errors
    /// None of today's; the old content stays then.
    pub fn free(mut self) -> Result<(), SlotError> {
        let turn = self.turn + 1;
        slot::free(&self.slots.words, (self.spot, SLOTS), turn, &self.slots.file)
            .map_err(|source| SlotError::System { slot: self.spot.0, source })?;
        self.turn = turn;
        self.give_back(0);
        Ok(())
    }

    /// Accounts for overflow of a half.
    fn hold(&mut self, half: usize, bytes: u64) {
        let bytes = bytes.next_multiple_of(PAGE);
        if let Some(held) = self.held.get_mut(half) {
            let more = bytes.saturating_sub(*held);
            *held += more;
            self.slots.held.fetch_add(more, Relaxed); // Relaxed: a count that steers, no more.
        }
    }

    /// Gives the memory of both overflows back where all slots hold more than `kept`: the newest
    /// content has none, and the older isn't looked at any more.
    #[cold]
    fn give_back(&mut self, kept: u64) {
        if self.slots.held.load(Relaxed) <= kept {
            return; // Relaxed: as in `hold`.
        }
        for (half, held) in (0..).zip(&mut self.held) {
            let at = self.spot.overflow(half, SLOTS);
            if *held > 0 && self.slots.file.forget(at, SLOT_OVERFLOW_BYTES as u64).is_ok() {
                self.slots.held.fetch_sub(*held, Relaxed); // Relaxed: as in `hold`.
                *held = 0;
            }
        }
    }
}

impl Drop for SlotWriter {
    fn drop(&mut self) {
        let held: u64 = self.held.iter().sum();
        self.slots.held.fetch_sub(held, Relaxed); // Relaxed: as in `hold`. The next one counts it.
        if let Some((word, bit)) = self.slots.bit(self.spot.0) {
            word.fetch_and(!bit, Release); // Release: pairs with the Acquire in `Slots::writer`.
        }
    }
}

const PAGE: u64 = 4096;
