//! The client's end of rings in a memory file.
//!
//! # Synchronization
//! As in `end.rs`; the error is written by the server with Release.

use super::{end::End, file::Rings, places::Place, words::Words};
use crate::{
    page::{BadIndex, Lane},
    sync::Ordering::Acquire,
};

/// The client's end.
#[derive(Debug)]
pub struct ClientEnd {
    end: End<Rings>,
}

impl ClientEnd {
    /// The client's end of rings that the server has just made.
    #[must_use]
    pub fn new(rings: Rings) -> ClientEnd {
        ClientEnd { end: End::new(rings, Lane::Responses) }
    }

    /// Copies as much as there is room for into the ring, and says how many bytes.
    ///
    /// # Errors
    /// [`BadIndex`]: the server has lied.
    pub fn send(&mut self, pieces: &[&[u8]]) -> Result<usize, BadIndex> {
        self.end.send(pieces.iter().copied())
    }

    /// Copies what the server has sent, as far as it fits; says how many bytes.
    ///
    /// # Errors
    /// [`BadIndex`]: the server has lied.
    pub fn receive(&mut self, to: &mut [u8]) -> Result<usize, BadIndex> {
        self.end.receive(to, |bytes| bytes.len())
    }

    /// Whether there is something to take, where it `wants_input`, or room, where it `has_output`.
    ///
    /// # Errors
    /// [`BadIndex`]: the server has lied.
    pub fn finds(&mut self, wants_input: bool, has_output: bool) -> Result<bool, BadIndex> {
        self.end.finds(wants_input, has_output)
    }

    /// The same before it sleeps: after a `false` the server rings for what is next. Call
    /// [`ClientEnd::awake`] afterwards.
    ///
    /// # Errors
    /// [`BadIndex`]: the server has lied.
    pub fn look_again(&mut self, wants_input: bool, has_output: bool) -> Result<bool, BadIndex> {
        self.end.look_again(wants_input, has_output)
    }

    /// It doesn't sleep any more.
    pub fn awake(&self) {
        self.end.awake();
    }

    /// Whether the server must be woken for what was done since this was asked last.
    #[must_use]
    pub fn take_bell(&mut self) -> bool {
        self.end.take_bell()
    }

    /// Why the server has given the rings up; 0: it has not.
    #[must_use]
    pub fn error(&self) -> u32 {
        // Acquire: pairs with the Release in `ServerEnd::fail`.
        self.end.words().load(Place::Error, Acquire)
    }
}
