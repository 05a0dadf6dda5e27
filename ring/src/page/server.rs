//! The server's end of a guest's page.
//!
//! # Synchronization
//! As in `end.rs`; features and errors are stored with Release, for guests that load them with
//! Acquire.

use super::{
    doorbells::Doorbells,
    end::End,
    layout::{ERROR_COMM, ERROR_NONE, ERROR_PROTO, ERROR_RINGIDX, Lane, RING_SIZE, Word},
    raw::Page,
    shared::Shared,
    window::BadIndex,
};
use crate::{
    limits::SCRATCH,
    sync::Ordering::{Relaxed, Release},
    v1::{connection::Failure, features},
};

/// The server's end. See the [module](super) for how a worker drives it.
///
/// It takes requests and gives replies as bytes, in pieces of any size; what they mean is a
/// [`Connection`](crate::v1::Connection)'s business.
///
/// ```
/// # use myriad_ring::page::{Memfd, Scratch, ServerEnd, guest::{GuestEnd, Habits}};
/// # use myriad_ring::v1::features;
/// let memory = Memfd::create()?; // stands for a domain's page
/// let mut server = ServerEnd::new(memory.map()?, features::OFFERED);
/// server.start();
/// let mut guest = GuestEnd::new(memory.map()?, Habits::LINUX);
///
/// assert_eq!(guest.send(b"some bytes")?, 10);
/// assert!(guest.take_doorbell()); // the server may be asleep
///
/// // Takes four of them; the others stay in the ring.
/// let taken = server.receive(&mut Scratch::default(), |bytes| bytes.len().min(4))?;
/// assert_eq!((taken, server.readable()?), (4, 6));
/// assert_eq!(server.send([&b"a reply, "[..], b"and an event"])?, 21);
/// assert!(server.take_doorbell() && !server.take_doorbell());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ServerEnd {
    pub(super) end: End<Page>,
    /// What is written into the page's word for it (bits of [`features`]).
    pub(super) features: u32,
    failure: Option<Failure>,
    /// What the page said when it was found ([`features::SPEAKS_V2`]).
    pub(super) spoke_v2: bool,
}

/// Memory for bytes on their way out of a page: one per worker is enough.
#[derive(Clone, Debug)]
pub struct Scratch([u8; SCRATCH]);

impl Default for Scratch {
    fn default() -> Scratch {
        Scratch([0; SCRATCH])
    }
}

impl ServerEnd {
    /// The server's end of a page, going on at the indices that are in it; they need not be 0.
    /// Nothing is written yet: call [`ServerEnd::introduce`] or [`ServerEnd::start`].
    ///
    /// `features` are the bits that the domain is offered ([`features`]); without
    /// [`features::ERROR`] the error word is left alone, without [`features::RECONNECTION`] the
    /// guest's wish to reconnect is.
    #[must_use]
    pub fn new(page: Page, features: u32) -> ServerEnd {
        let end = End::new(page, Lane::Requests, Doorbells::default());
        let spoke_v2 = end.shared().load(Word::Features, Relaxed) & features::SPEAKS_V2 != 0;
        ServerEnd { end, features, failure: None, spoke_v2 }
    }

    /// Sets when the guest's doorbell is rung.
    #[must_use]
    pub fn with_doorbells(mut self, doorbells: Doorbells) -> ServerEnd {
        self.end.set_doorbells(doorbells);
        self
    }

    /// INTRODUCE, the first or another one: advertises the features, empties both rings and
    /// withdraws the error. A guest that waits for it (a domain that was made without a
    /// toolstack) is told that it is connected. (C's `do_introduce`.)
    ///
    /// Reset the [`Connection`](crate::v1::Connection) as well.
    pub fn introduce(&mut self) {
        self.renew();
        if self.end.wants_reconnect() {
            self.end.set_connected();
        }
    }

    /// The server has started and finds the domain there: advertises the features and says that
    /// the ring is connected, at the indices where it is. The doorbell is due in any case: Linux
    /// in dom0 waits for it. (C's `init_domain`.)
    pub fn start(&mut self) {
        self.advertise();
        self.end.set_connected();
    }

    /// Whether the guest asks for a reconnection, and was offered that it may. Ask in each sweep,
    /// before anything else; then reset the [`Connection`](crate::v1::Connection) and call
    /// [`ServerEnd::reconnect`].
    #[must_use]
    pub fn wants_reconnect(&self) -> bool {
        self.features & features::RECONNECTION != 0 && self.end.wants_reconnect()
    }

    /// Empties both rings, withdraws the error, and tells the guest that it is connected. A ring
    /// that had failed is served again.
    pub fn reconnect(&mut self) {
        self.renew();
        self.end.set_connected();
    }

    /// Copies what the guest has sent into `scratch` and shows it to `take`, which says how many
    /// of the bytes it takes, from the front; the others stay in the ring. `take` isn't called
    /// where there is none. Gives how many were taken: 0 to 1024.
    ///
    /// # Errors
    /// [`BadIndex`], once: then the ring has failed, the error word says so, and it gives and takes
    /// nothing more. Fail the connection with [`Failure::RingIndex`].
    pub fn receive(
        &mut self,
        scratch: &mut Scratch,
        take: impl FnOnce(&[u8]) -> usize,
    ) -> Result<usize, BadIndex> {
        self.unless_failed(0, |end| end.receive(&mut scratch.0, take))
    }

    /// Copies as much as there is room for into the ring, and says how many bytes that is, 0 to
    /// 1024. Messages may be cut anywhere.
    ///
    /// Give it all that there is to send: a guest rings when it has made room in a *full* ring,
    /// and not when it has in any other.
    ///
    /// # Errors
    /// As of [`ServerEnd::receive`].
    pub fn send<'a>(
        &mut self,
        pieces: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<usize, BadIndex> {
        self.unless_failed(0, |end| end.send(pieces))
    }

    /// Bytes that wait to be received.
    ///
    /// # Errors
    /// As of [`ServerEnd::receive`].
    pub fn readable(&mut self) -> Result<u32, BadIndex> {
        self.unless_failed(0, End::readable)
    }

    /// Whether there is something to do: requests, where the connection `wants_input`; room,
    /// where it `has_output`; a wish to reconnect. Call it before waiting for the event channel,
    /// after it was unmasked. After a `false` a doorbell comes for whatever is next, even of a
    /// guest that rings only when it must.
    ///
    /// # Errors
    /// As of [`ServerEnd::receive`].
    pub fn look_again(&mut self, wants_input: bool, has_output: bool) -> Result<bool, BadIndex> {
        let found = self.unless_failed(false, |end| end.look_again(wants_input, has_output))?;
        Ok(found || self.wants_reconnect())
    }

    /// The same for who goes on looking, or was told by a doorbell: it costs less, and a doorbell
    /// that comes after a `false` may be missed.
    ///
    /// # Errors
    /// As of [`ServerEnd::receive`].
    pub fn finds(&mut self, wants_input: bool, has_output: bool) -> Result<bool, BadIndex> {
        let found = self.unless_failed(false, |end| end.finds(wants_input, has_output))?;
        Ok(found || self.wants_reconnect())
    }

    /// Whether the guest's doorbell is to be rung for what was done since this was asked last. Ask
    /// once at the end of a sweep, after the last index was stored.
    #[must_use]
    pub fn take_doorbell(&mut self) -> bool {
        self.end.take_doorbell()
    }

    /// Serves the ring no more, and writes why. (C's `ignore_connection`, which doesn't ring the
    /// doorbell either.) The domain stays known; [`ServerEnd::introduce`] and
    /// [`ServerEnd::reconnect`] begin anew.
    pub fn fail(&mut self, failure: Failure) {
        self.failure = Some(failure);
        self.write_error(failure.number());
    }

    /// Why the ring isn't served, where it isn't.
    #[must_use]
    pub fn failure(&self) -> Option<Failure> {
        self.failure
    }

    /// The event channel port that whoever built the domain left in the page. It goes before the
    /// port that INTRODUCE names.
    #[must_use]
    pub fn event_channel(&self) -> Option<u32> {
        let port = self.end.shared().load(Word::EventChannel, Relaxed);
        (port != 0).then_some(port)
    }

    fn renew(&mut self) {
        self.failure = None;
        (self.features, self.spoke_v2) = (self.features & !features::SPEAKS_V2, false);
        // First: what is in the ring is of v2, where that was spoken, and must not be taken for v1.
        self.end.empty();
        self.advertise();
        self.write_error(ERROR_NONE);
    }

    pub(super) fn advertise(&mut self) {
        // Release: pairs with the guest's Acquire in `GuestEnd::features`.
        self.end.shared().store(Word::Features, self.features, Release);
    }

    fn write_error(&mut self, number: u32) {
        if self.features & features::ERROR != 0 {
            // Release: pairs with the guest's Acquire in `GuestEnd::error`.
            self.end.shared().store(Word::Error, number, Release);
        }
    }

    fn unless_failed<T>(
        &mut self,
        otherwise: T,
        work: impl FnOnce(&mut End<Page>) -> Result<T, BadIndex>,
    ) -> Result<T, BadIndex> {
        if self.failure.is_some() {
            return Ok(otherwise);
        }
        let done = work(&mut self.end);
        if self.end.take_rewritten() {
            // Firmware has zeroed the page, and the features with it: they are never withdrawn.
            self.advertise();
        }
        if done.is_err() {
            self.fail(Failure::RingIndex);
        }
        done
    }
}

const _: () = {
    assert!(Failure::Communication as u32 == ERROR_COMM);
    assert!(Failure::RingIndex as u32 == ERROR_RINGIDX);
    assert!(Failure::Protocol as u32 == ERROR_PROTO);
    assert!(SCRATCH == RING_SIZE as usize);
};
