//! One end of a page, server's or guest's: how bytes and indices move.
//!
//! # Invariants
//! 1. A byte is put only where the consumer has said that it is done, and taken only where the
//!    producer has said that it is there.
//! 2. An index is stored after the bytes that it speaks of, once per transfer.
//! 3. Indices are judged as one look found them; nothing is looked at again after the check.
//!
//! # The page has the last word
//! The indices that count are those in the page, ours too, as in C: firmware zeroes the whole page
//! when it is done (hvmloader's `xenbus_shutdown`), and kernels mend what they find odd. This end
//! remembers what it stored last, and where the page says otherwise, someone is rewriting it,
//! perhaps right now: it looks until two looks agree, at most [`SETTLING_LOOKS`] times.
//!
//! # Doorbells
//! Neither side may miss that the other waits. Each stores its index, has a full fence, and then
//! looks at the other's: [`End::look_again`] before it sleeps, [`Doorbells::WhenNeeded`] to learn
//! whether the other may sleep. Of two that do so at once, at least one sees the other.
//!
//! # Synchronization
//! Words are `xs_wire.h`'s; the peer is C, a kernel, or this very file on the other side. Each
//! Release here pairs with the peer's Acquire (in C a read barrier after its load), each Acquire
//! with the peer's Release (a write barrier before its store). The SeqCst fences pair with the
//! peer's (`mb`). `verify/tests/loom_page.rs` runs this file under loom.

use super::{
    doorbells::Doorbells,
    indices::Indices,
    layout::{CONNECTED, Lane, RECONNECT, Word},
    shared::Shared,
    window::{BadIndex, Window},
};
use crate::{
    limits::SETTLING_LOOKS,
    sync::Ordering::{Acquire, Relaxed, Release},
};

/// One end of a page.
#[derive(Debug)]
pub(crate) struct End<S> {
    pub(super) shared: S,
    pub(super) inbound: Lane,
    pub(super) outbound: Lane,
    /// What this end stored last, or found, in its own indices.
    pub(super) taken: u32,
    pub(super) put: u32,
    /// How far it has come; beyond the above only while stores are put off.
    pub(super) at: Indices,
    /// Whether stores of its own indices wait for [`End::commit`].
    pub(super) puts_off: bool,
    doorbells: Doorbells,
    /// Its own indices before the first move that the other side wasn't told of.
    untold: Option<(u32, u32)>,
    /// The other side must be told, whatever moved.
    pub(super) forced: bool,
    /// Its own indices were not as it had left them.
    pub(super) rewritten: bool,
}

impl<S: Shared> End<S> {
    /// The end that consumes `inbound`. It goes on where the page's indices are.
    pub(crate) fn new(shared: S, inbound: Lane, doorbells: Doorbells) -> End<S> {
        let outbound = match inbound {
            Lane::Requests => Lane::Responses,
            Lane::Responses => Lane::Requests,
        };
        let mut end = End {
            shared,
            inbound,
            outbound,
            taken: 0,
            put: 0,
            at: Indices::default(),
            puts_off: false,
            doorbells,
            untold: None,
            forced: false,
            rewritten: false,
        };
        end.adopt();
        end
    }

    pub(crate) fn set_doorbells(&mut self, doorbells: Doorbells) {
        self.doorbells = doorbells;
    }

    pub(crate) fn shared(&self) -> &S {
        &self.shared
    }

    /// Takes the page's indices for its own.
    pub(crate) fn adopt(&mut self) {
        self.taken = self.shared.load(self.inbound.consumed(), Relaxed);
        self.put = self.shared.load(self.outbound.produced(), Relaxed);
        self.at = self.own();
    }

    /// The bytes that wait to be taken.
    pub(crate) fn readable(&mut self) -> Result<u32, BadIndex> {
        Ok(self.look(self.inbound)?.used())
    }

    /// The bytes that there is room for.
    pub(crate) fn writable(&mut self) -> Result<u32, BadIndex> {
        Ok(self.look(self.outbound)?.free())
    }

    /// Copies what is there into `scratch`, as far as that goes, and shows it to `take`, which
    /// says how many bytes it has taken, from the front. The others stay in the ring.
    pub(crate) fn receive(
        &mut self,
        scratch: &mut [u8],
        take: impl FnOnce(&[u8]) -> usize,
    ) -> Result<usize, BadIndex> {
        let window = self.look(self.inbound)?;
        let span = window.readable(scratch.len());
        let Some(bytes) = scratch.get_mut(..span.len()).filter(|bytes| !bytes.is_empty()) else {
            return Ok(0);
        };
        let (head, tail) = bytes.split_at_mut_checked(span.first.len()).unwrap_or_default();
        self.shared.copy_out(self.inbound, span.first.start, head);
        self.shared.copy_out(self.inbound, span.second.start, tail);
        let taken = take(bytes).min(bytes.len());
        if let Some(count) = u32::try_from(taken).ok().filter(|count| *count > 0) {
            self.note_move();
            self.at.taken = window.consumed().wrapping_add(count);
            self.moved();
        }
        Ok(taken)
    }

    /// Copies pieces into the ring, one after another, until it is full or there are no more; says
    /// how many bytes. The last piece may be cut.
    pub(crate) fn send<'a>(
        &mut self,
        pieces: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<usize, BadIndex> {
        let window = self.look(self.outbound)?;
        let mut count = 0;
        for piece in pieces {
            let span = window.writable(count, piece.len());
            let bytes = piece.get(..span.len()).unwrap_or_default();
            let (head, tail) = bytes.split_at_checked(span.first.len()).unwrap_or_default();
            self.shared.copy_in(self.outbound, span.first.start, head);
            self.shared.copy_in(self.outbound, span.second.start, tail);
            count = count.saturating_add(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
            if bytes.len() < piece.len() {
                break;
            }
        }
        if count > 0 {
            self.note_move();
            self.at.put = window.produced().wrapping_add(count);
            self.moved();
        }
        Ok(count as usize)
    }

    /// Whether there is something to do for an end that would sleep now: bytes to take, where it
    /// `wants_input`, or room, where it `has_output`. A doorbell that comes after a `false` isn't
    /// missed.
    pub(crate) fn look_again(
        &mut self,
        wants_input: bool,
        has_output: bool,
    ) -> Result<bool, BadIndex> {
        self.shared.fence();
        self.finds(wants_input, has_output)
    }

    /// The same for an end that won't sleep.
    pub(crate) fn finds(&mut self, wants_input: bool, has_output: bool) -> Result<bool, BadIndex> {
        Ok((wants_input && self.readable()? > 0) || (has_output && self.writable()? > 0))
    }

    /// Whether the other side must be told of what moved since this was asked last.
    pub(crate) fn take_doorbell(&mut self) -> bool {
        let forced = std::mem::take(&mut self.forced);
        let Some((taken, put)) = self.untold.take() else { return forced };
        match self.doorbells {
            Doorbells::Always => true,
            Doorbells::WhenNeeded => forced || self.may_sleep(taken, put),
            Doorbells::ForBytes => forced || self.put != put,
        }
    }

    /// Whether the other side may be asleep, which has been told of these indices of ours.
    fn may_sleep(&self, taken: u32, put: u32) -> bool {
        self.shared.fence();
        let their_taken = self.shared.load(self.outbound.consumed(), Relaxed);
        let their_put = self.shared.load(self.inbound.produced(), Relaxed);
        let new = self.put.wrapping_sub(put);
        let saw_all = new > 0 && self.put.wrapping_sub(their_taken) <= new;
        let was_full = self.taken != taken && their_put.wrapping_sub(taken) >= S::SIZE;
        saw_all || was_full
    }

    /// Whether, since this was asked last, this end's own indices were found rewritten.
    pub(crate) fn take_rewritten(&mut self) -> bool {
        std::mem::take(&mut self.rewritten)
    }

    /// Empties both rings, as C does: all four indices become 0. The other side must not be using
    /// them.
    pub(crate) fn empty(&mut self) {
        for lane in [Lane::Requests, Lane::Responses] {
            self.shared.store(lane.consumed(), 0, Relaxed);
            self.shared.store(lane.produced(), 0, Relaxed);
        }
        (self.taken, self.put, self.untold) = (0, 0, None);
        self.at = Indices::default();
    }

    /// Whether the rings are connected.
    pub(crate) fn is_connected(&self) -> bool {
        // Acquire: pairs with the Release in `set_connected`: the indices are those of now.
        self.shared.load(Word::Connection, Acquire) == CONNECTED
    }

    /// Whether the guest asks for the rings to be emptied.
    pub(crate) fn wants_reconnect(&self) -> bool {
        // Acquire: pairs with the Release in `ask_to_reconnect`: the guest is done with the rings.
        self.shared.load(Word::Connection, Acquire) == RECONNECT
    }

    /// The server: the rings can be used.
    pub(crate) fn set_connected(&mut self) {
        // Release: pairs with the Acquire in `is_connected`.
        self.shared.store(Word::Connection, CONNECTED, Release);
        self.forced = true;
    }

    /// The guest: asks for the rings to be emptied.
    pub(crate) fn ask_to_reconnect(&mut self) {
        // Release: pairs with the Acquire in `wants_reconnect`.
        self.shared.store(Word::Connection, RECONNECT, Release);
        self.forced = true;
    }

    /// Looks at the indices of a lane, and checks them.
    fn look(&mut self, lane: Lane) -> Result<Window, BadIndex> {
        let mut before = None;
        let mut last = self.look_once(lane);
        // Ends: it counts.
        for _ in 0..SETTLING_LOOKS {
            let (window, is_ours) = last;
            if (window.is_ok() && is_ours) || before == Some(window) {
                break;
            }
            before = Some(window);
            self.shared.pause();
            last = self.look_once(lane);
        }
        let (window, is_ours) = last;
        if let Ok(window) = window
            && !is_ours
        {
            self.rewritten = true;
            if lane == self.inbound {
                self.taken = window.consumed();
                self.at.taken = self.taken;
            } else {
                self.put = window.produced();
                self.at.put = self.put;
            }
        }
        window
    }

    /// One look, and whether our own index is as we left it.
    fn look_once(&self, lane: Lane) -> (Result<Window, BadIndex>, bool) {
        // The one of the two that the other side stores. Acquire: pairs with its Release in
        // `receive` or `send`: what it has put is there, what it has taken is copied.
        let (consumed, produced, is_ours) = if lane == self.inbound {
            let consumed = self.shared.load(lane.consumed(), Relaxed);
            let is_ours = consumed == self.taken;
            let consumed = if is_ours { self.at.taken } else { consumed };
            (consumed, self.shared.load(lane.produced(), Acquire), is_ours)
        } else {
            let produced = self.shared.load(lane.produced(), Relaxed);
            let is_ours = produced == self.put;
            let produced = if is_ours { self.at.put } else { produced };
            (self.shared.load(lane.consumed(), Acquire), produced, is_ours)
        };
        (Window::new(lane, consumed, produced, S::SIZE), is_ours)
    }

    fn moved(&mut self) {
        if !self.puts_off {
            self.commit();
        }
    }

    fn note_move(&mut self) {
        self.untold.get_or_insert((self.taken, self.put));
    }
}
