//! The guest's end of a page: for the simulated host, for load, and for tests, hostile ones too.
//!
//! [`GuestEnd`] moves bytes, [`Client`] messages, each with the [`Habits`] of a real guest;
//! [`Liar`] writes into the page whatever it likes.
//!
//! # Synchronization
//! As in `end.rs`; the words of features and errors are written by the server with Release.

pub use super::client::Client;
use super::{
    doorbells::Doorbells,
    end::End,
    layout::{Lane, RING_SIZE, Word},
    raw::Page,
    shared::Shared,
    window::BadIndex,
};
use crate::{
    limits::SCRATCH,
    sync::Ordering::{Acquire, Relaxed},
};

/// What differs between guests that keep the rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Habits {
    /// When it rings.
    pub doorbells: Doorbells,
    /// Puts a message only where the whole of it fits (if it can fit at all).
    pub whole_messages: bool,
    /// Never puts the last byte that there is room for.
    pub spares_a_byte: bool,
}

impl Habits {
    /// Linux: rings only when the server may be asleep (`xenbus_comms.c` since 4.11).
    pub const LINUX: Habits =
        Habits { doorbells: Doorbells::WhenNeeded, whole_messages: false, spares_a_byte: false };
    /// MiniOS as it was for long: whole messages, and no doorbell for what it has read.
    pub const MINIOS: Habits =
        Habits { doorbells: Doorbells::ForBytes, whole_messages: true, spares_a_byte: false };
    /// hvmloader: rings always, and never fills the ring.
    pub const FIRMWARE: Habits =
        Habits { doorbells: Doorbells::Always, whole_messages: false, spares_a_byte: true };
}

/// The guest's end, for bytes.
#[derive(Debug)]
pub struct GuestEnd {
    end: End<Page>,
    habits: Habits,
}

impl GuestEnd {
    /// The guest's end of a page, going on at the indices that are in it.
    #[must_use]
    pub fn new(page: Page, habits: Habits) -> GuestEnd {
        GuestEnd { end: End::new(page, Lane::Responses, habits.doorbells), habits }
    }

    /// Copies as much as there is room for into the ring, from the front; says how many bytes.
    ///
    /// # Errors
    /// [`BadIndex`]: the server has lied.
    pub fn send(&mut self, bytes: &[u8]) -> Result<usize, BadIndex> {
        let spared = u32::from(self.habits.spares_a_byte);
        let room = self.end.writable()?.saturating_sub(spared) as usize;
        let bytes = bytes.get(..room).unwrap_or(bytes);
        if bytes.is_empty() { Ok(0) } else { self.end.send([bytes]) }
    }

    /// Shows what the server has sent to `take`, which says how many of the bytes it takes.
    ///
    /// # Errors
    /// [`BadIndex`]: the server has lied.
    pub fn receive(&mut self, take: impl FnOnce(&[u8]) -> usize) -> Result<usize, BadIndex> {
        self.end.receive(&mut [0; SCRATCH], take)
    }

    pub(super) fn puts_whole_messages(&self) -> bool {
        self.habits.whole_messages
    }

    /// Bytes that there is room for.
    ///
    /// # Errors
    /// [`BadIndex`]: the server has lied.
    pub fn writable(&mut self) -> Result<u32, BadIndex> {
        self.end.writable()
    }

    /// Whether there is something to read, or room where there is something to send. Ask before
    /// waiting for a doorbell.
    ///
    /// # Errors
    /// [`BadIndex`]: the server has lied.
    pub fn look_again(&mut self, has_output: bool) -> Result<bool, BadIndex> {
        self.end.look_again(true, has_output)
    }

    /// Whether the server's doorbell is to be rung for what was done since this was asked last.
    #[must_use]
    pub fn take_doorbell(&mut self) -> bool {
        self.end.take_doorbell()
    }

    /// What the server offers, bits of [`crate::v1::features`].
    #[must_use]
    pub fn features(&self) -> u32 {
        // Acquire: pairs with the Release in `ServerEnd::advertise`.
        self.end.shared().load(Word::Features, Acquire)
    }

    /// Why the server has given the ring up: [`ERROR_NONE`](super::layout::ERROR_NONE) or another.
    #[must_use]
    pub fn error(&self) -> u32 {
        // Acquire: pairs with the Release in `ServerEnd::write_error`.
        self.end.shared().load(Word::Error, Acquire)
    }

    /// Asks for the rings to be emptied. Ring, and use nothing of the page until
    /// [`GuestEnd::has_reconnected`].
    pub fn reconnect(&mut self) {
        self.end.ask_to_reconnect();
    }

    /// Whether the rings are connected, for who has asked for it; it begins at their new indices.
    #[must_use]
    pub fn has_reconnected(&mut self) -> bool {
        let is_connected = self.end.is_connected();
        if is_connected {
            self.end.adopt();
        }
        is_connected
    }

    /// Zeroes rings and words without asking, as hvmloader does when it is done
    /// (`xenbus_shutdown`). Nothing may be on its way.
    pub fn wipe(&mut self) {
        let page = self.end.shared();
        for lane in [Lane::Requests, Lane::Responses] {
            page.copy_in(lane, 0, &[0; RING_SIZE as usize]);
        }
        for word in Word::ALL {
            page.store(word, 0, Relaxed);
        }
        self.end.adopt();
    }
}

/// Writes into a page whatever it likes: a hostile guest, or the other side's firmware.
#[derive(Clone, Debug)]
pub struct Liar(Page);

impl Liar {
    /// A liar about this page.
    #[must_use]
    pub fn new(page: Page) -> Liar {
        Liar(page)
    }

    /// Reads a word.
    #[must_use]
    pub fn get(&self, word: Word) -> u32 {
        // Acquire: pairs with whatever Release the server has stored the word with.
        self.0.load(word, Acquire)
    }

    /// Writes a word.
    pub fn set(&self, word: Word, value: u32) {
        self.0.store(word, value, Relaxed);
    }

    /// Sets all four indices, as where rings don't begin at 0.
    pub fn start_at(&self, requests: u32, responses: u32) {
        self.set(Word::RequestsConsumed, requests);
        self.set(Word::RequestsProduced, requests);
        self.set(Word::ResponsesConsumed, responses);
        self.set(Word::ResponsesProduced, responses);
    }

    /// Writes bytes into a ring, from place `at` on and up to its end.
    pub fn scribble(&self, lane: Lane, at: usize, bytes: &[u8]) {
        self.0.copy_in(lane, at, bytes);
    }
}
