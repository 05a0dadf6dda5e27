//! The server's end of rings in a memory file.
//!
//! # Synchronization
//! As in `end.rs`; the error is stored with Release, for clients that load it with Acquire.

use std::{io, os::fd::OwnedFd};

use super::{end::End, file::Rings, places::Place, sizes::Sizes, words::Words};
use crate::{
    page::{BadIndex, Lane},
    sync::Ordering::Release,
    v1::connection::Failure,
};

/// The server's end. It moves bytes; what they mean is a
/// [`Connection`](crate::v1::Connection)'s business.
///
/// ```
/// # use myriad_ring::shm::{ClientEnd, Rings, ServerEnd, Sizes};
/// let (mut server, file) = ServerEnd::create(Sizes::granted(4096, 4096))?;
/// let mut client = ClientEnd::new(Rings::open(&file)?);
///
/// assert!(!server.look_again(true, false)?); // it sleeps, for requests
/// assert_eq!(client.send(&[&b"a request"[..]])?, 9);
/// assert!(client.take_bell()); // and has to be woken
/// let mut scratch = [0; 64];
/// let taken = server.receive(&mut scratch, |bytes| bytes.len())?;
/// assert_eq!((taken, &scratch[..9]), (9, &b"a request"[..]));
/// assert_eq!(server.send([&b"an answer"[..]])?, 9);
/// assert!(!server.take_bell()); // the client is awake
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ServerEnd {
    end: End<Rings>,
    failure: Option<Failure>,
}

impl ServerEnd {
    /// Makes rings, and gives the file for the client.
    ///
    /// # Errors
    /// The system's, as of [`Rings::create`].
    pub fn create(sizes: Sizes) -> io::Result<(ServerEnd, OwnedFd)> {
        let (rings, file) = Rings::create(sizes)?;
        Ok((ServerEnd { end: End::new(rings, Lane::Requests), failure: None }, file))
    }

    /// Copies what the client has sent into `scratch`, as far as that goes, and shows it to
    /// `take`, which says how many of the bytes it takes, from the front; the others stay in the
    /// ring.
    ///
    /// # Errors
    /// [`BadIndex`], once: then the error word says so, and nothing more is given or taken. Fail
    /// the connection with [`Failure::RingIndex`].
    pub fn receive(
        &mut self,
        scratch: &mut [u8],
        take: impl FnOnce(&[u8]) -> usize,
    ) -> Result<usize, BadIndex> {
        self.unless_failed(0, |end| end.receive(scratch, take))
    }

    /// Copies as much as there is room for into the ring, and says how many bytes. Messages may be
    /// cut anywhere.
    ///
    /// # Errors
    /// As of [`ServerEnd::receive`].
    pub fn send<'a>(
        &mut self,
        pieces: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<usize, BadIndex> {
        self.unless_failed(0, |end| end.send(pieces))
    }

    /// Whether there is something to do: requests, where the connection `wants_input`; room, where
    /// it `has_output`.
    ///
    /// # Errors
    /// As of [`ServerEnd::receive`].
    pub fn finds(&mut self, wants_input: bool, has_output: bool) -> Result<bool, BadIndex> {
        self.unless_failed(false, |end| end.finds(wants_input, has_output))
    }

    /// The same before it isn't looked at any more: after a `false` the client rings for what is
    /// next.
    ///
    /// # Errors
    /// As of [`ServerEnd::receive`].
    pub fn look_again(&mut self, wants_input: bool, has_output: bool) -> Result<bool, BadIndex> {
        self.unless_failed(false, |end| end.look_again(wants_input, has_output))
    }

    /// It is looked at again.
    pub fn awake(&self) {
        self.end.awake();
    }

    /// Whether the client must be woken for what was done since this was asked last. Ask once at
    /// the end of a sweep, after the last index was stored.
    #[must_use]
    pub fn take_bell(&mut self) -> bool {
        self.end.take_bell()
    }

    /// The client has gone: what it has sent by now is all that is taken, whatever it says later.
    pub fn close(&mut self) {
        self.end.close();
    }

    /// Gives the rings up, and says why.
    pub fn fail(&mut self, failure: Failure) {
        self.failure = Some(failure);
        // Release: pairs with the Acquire in `ClientEnd::error`.
        self.end.words().store(Place::Error, failure.number(), Release);
    }

    fn unless_failed<T>(
        &mut self,
        otherwise: T,
        work: impl FnOnce(&mut End<Rings>) -> Result<T, BadIndex>,
    ) -> Result<T, BadIndex> {
        if self.failure.is_some() {
            return Ok(otherwise);
        }
        let done = work(&mut self.end);
        if done.is_err() {
            self.fail(Failure::RingIndex);
        }
        done
    }
}
