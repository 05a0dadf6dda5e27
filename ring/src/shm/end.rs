//! One end of two rings in a memory file, server's or client's: how bytes and indices move, and
//! who is woken.
//!
//! # Invariants
//! 1. A byte is put only where the consumer has said that it is done, and taken only where the
//!    producer has said that it is there. (A producer may go on with an older look at the
//!    consumer's index, which allows less.)
//! 2. An index is stored after the bytes that it speaks of, once per transfer.
//! 3. An end's own indices are its own: what the memory says of them isn't looked at.
//!
//! # Sleep
//! Who would sleep says what for, has a full fence, and looks once more ([`End::look_again`]); who
//! has stored an index has a full fence, and looks whether the other sleeps for that
//! ([`End::take_bell`]). Of two that do so at once, at least one sees the other (Dekker). Who is to
//! ring takes the other's word back first. A word that was said again meanwhile goes with it, and
//! nothing is lost by that: the bell that follows wakes the sleeper, which looks before it sleeps
//! again.
//!
//! # Synchronization
//! Each Release pairs with the peer's Acquire of the same index, the SeqCst fences with each other;
//! the words of sleep carry no data. `verify/tests/loom_shm.rs` runs this file under loom.

use super::{
    places::{FOR_BYTES, FOR_ROOM, Place},
    words::Words,
};
use crate::{
    page::{BadIndex, Lane, Window},
    sync::Ordering::{Acquire, Relaxed, Release},
};

/// One end.
#[derive(Debug)]
pub(crate) struct End<W> {
    words: W,
    inbound: Lane,
    outbound: Lane,
    /// The next byte that it takes, and that it puts.
    taken: u32,
    put: u32,
    /// How far the other side was done when it was looked at last.
    freed: u32,
    /// What the other side was not told of: [`FOR_BYTES`], [`FOR_ROOM`].
    untold: u32,
    /// Where the last byte ends that is taken; none: there may be more.
    last: Option<u32>,
}

impl<W: Words> End<W> {
    /// The end that consumes `inbound`. It begins where the memory says that it is: nobody else
    /// may have the memory yet, or all of it was made by who is trusted.
    pub(crate) fn new(words: W, inbound: Lane) -> End<W> {
        let outbound = match inbound {
            Lane::Requests => Lane::Responses,
            Lane::Responses => Lane::Requests,
        };
        let taken = words.load(Place::consumed(inbound), Relaxed);
        let put = words.load(Place::produced(outbound), Relaxed);
        End { words, inbound, outbound, taken, put, freed: put, untold: 0, last: None }
    }

    pub(crate) fn words(&self) -> &W {
        &self.words
    }

    /// Copies what is there into `scratch`, as far as that goes, and shows it to `take`, which
    /// says how many bytes it has taken, from the front. The others stay in the ring.
    pub(crate) fn receive(
        &mut self,
        scratch: &mut [u8],
        take: impl FnOnce(&[u8]) -> usize,
    ) -> Result<usize, BadIndex> {
        let span = self.look_in()?.readable(scratch.len());
        let Some(bytes) = scratch.get_mut(..span.len()).filter(|bytes| !bytes.is_empty()) else {
            return Ok(0);
        };
        let (head, tail) = bytes.split_at_mut_checked(span.first.len()).unwrap_or_default();
        self.words.copy_out(self.inbound, span.first.start, head);
        self.words.copy_out(self.inbound, span.second.start, tail);
        let taken = take(bytes).min(bytes.len());
        if let Some(count) = u32::try_from(taken).ok().filter(|count| *count > 0) {
            self.taken = self.taken.wrapping_add(count);
            self.untold |= FOR_ROOM;
            // Release: pairs with the producer's Acquire in `look_out`: it overwrites what is
            // copied.
            self.words.store(Place::consumed(self.inbound), self.taken, Release);
        }
        Ok(taken)
    }

    /// Copies pieces into the ring, one after another, until it is full or there are no more; says
    /// how many bytes. The last piece may be cut.
    pub(crate) fn send<'a>(
        &mut self,
        pieces: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<usize, BadIndex> {
        let mut count: u32 = 0;
        for piece in pieces {
            let window = self.look_out(piece.len().saturating_add(count as usize))?;
            let span = window.writable(count, piece.len());
            let bytes = piece.get(..span.len()).unwrap_or_default();
            let (head, tail) = bytes.split_at_checked(span.first.len()).unwrap_or_default();
            self.words.copy_in(self.outbound, span.first.start, head);
            self.words.copy_in(self.outbound, span.second.start, tail);
            count = count.saturating_add(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
            if bytes.len() < piece.len() {
                break;
            }
        }
        if count > 0 {
            self.put = self.put.wrapping_add(count);
            self.untold |= FOR_BYTES;
            // Release: pairs with the consumer's Acquire in `look_in`: the bytes are there.
            self.words.store(Place::produced(self.outbound), self.put, Release);
        }
        Ok(count as usize)
    }

    /// Whether there is something to do: bytes to take, where it `wants_input`, or room, where it
    /// `has_output`.
    pub(crate) fn finds(&mut self, wants_input: bool, has_output: bool) -> Result<bool, BadIndex> {
        let has_input = wants_input && self.look_in()?.used() > 0;
        Ok(has_input || (has_output && self.look_out(usize::MAX)?.free() > 0))
    }

    /// The same for an end that sleeps after a `false`: a bell comes for what is next. Call
    /// [`End::awake`] afterwards.
    pub(crate) fn look_again(
        &mut self,
        wants_input: bool,
        has_output: bool,
    ) -> Result<bool, BadIndex> {
        let bytes = if wants_input { FOR_BYTES } else { 0 };
        let room = if has_output { FOR_ROOM } else { 0 };
        self.words.store(Place::sleeps(self.inbound), bytes | room, Relaxed);
        // Pairs with the fence in `take_bell`.
        self.words.fence();
        let found = self.finds(wants_input, has_output);
        if !matches!(found, Ok(false)) {
            self.awake();
        }
        found
    }

    /// It doesn't sleep, and will look by itself.
    pub(crate) fn awake(&self) {
        self.words.store(Place::sleeps(self.inbound), 0, Relaxed);
    }

    /// Whether the other side must be woken for what has moved since this was asked last.
    pub(crate) fn take_bell(&mut self) -> bool {
        let untold = std::mem::take(&mut self.untold);
        if untold == 0 {
            return false;
        }
        // Pairs with the fence in `look_again`.
        self.words.fence();
        let sleeps = Place::sleeps(self.outbound);
        if self.words.load(sleeps, Relaxed) & untold == 0 {
            return false;
        }
        self.words.store(sleeps, 0, Relaxed);
        true
    }

    /// The other side has gone: what it has put by now is all that is taken, whatever the memory
    /// says later.
    pub(crate) fn close(&mut self) {
        // Acquire: pairs with the producer's Release in `send`; `look_in` checks it.
        let produced = self.words.load(Place::produced(self.inbound), Acquire);
        self.last.get_or_insert(produced);
    }

    fn look_in(&self) -> Result<Window, BadIndex> {
        // Acquire: pairs with the producer's Release in `send`: the bytes are there.
        let load = || self.words.load(Place::produced(self.inbound), Acquire);
        let produced = self.last.unwrap_or_else(load);
        Window::new(self.inbound, self.taken, produced, self.words.size(self.inbound))
    }

    /// The room for `wanted` bytes; the other side's index is looked at only where what is known
    /// of it doesn't allow as many.
    fn look_out(&mut self, wanted: usize) -> Result<Window, BadIndex> {
        let size = self.words.size(self.outbound);
        let known = Window::new(self.outbound, self.freed, self.put, size)?;
        if known.free() as usize >= wanted {
            return Ok(known);
        }
        // Acquire: pairs with the consumer's Release in `receive`: what it has taken is copied.
        let freed = self.words.load(Place::consumed(self.outbound), Acquire);
        let window = Window::new(self.outbound, freed, self.put, size)?;
        self.freed = freed;
        Ok(window)
    }
}
