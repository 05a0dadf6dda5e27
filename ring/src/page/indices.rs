//! An end's own indices, and storing them later than they have moved.
//!
//! A server that wants to go on after a crash puts the stores of its indices off: it keeps what
//! they will be first, then stores them ([`End::commit`]). One that comes back finds in the page
//! the old or the new value of each, and stores the new ones ([`End::resume`]).
//!
//! # Synchronization
//! As in `end.rs`, to which this belongs.

use super::{end::End, shared::Shared};
use crate::sync::Ordering::{Relaxed, Release};

/// An end's own indices: the next byte that it takes, and that it puts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Indices {
    /// Of the requests, for a server.
    pub taken: u32,
    /// Of the responses, for a server.
    pub put: u32,
}

impl<S: Shared> End<S> {
    /// From now on its own indices are stored by [`End::commit`] alone.
    pub(crate) fn put_off(&mut self) {
        self.puts_off = true;
    }

    /// This end's own indices as the page has them: the next byte that it takes, and that it puts.
    pub(crate) fn own(&self) -> Indices {
        Indices { taken: self.taken, put: self.put }
    }

    /// The same as the next [`End::commit`] stores them.
    pub(crate) fn intended(&self) -> Indices {
        self.at
    }

    /// Stores its own indices, where they have moved.
    pub(crate) fn commit(&mut self) {
        self.commit_put();
        self.commit_taken();
    }

    /// The first half: what was put is there.
    pub(crate) fn commit_put(&mut self) {
        if self.puts_off {
            // The last look may be a while ago.
            self.adopt_rewritten();
        }
        if self.put != self.at.put {
            self.put = self.at.put;
            // Release: pairs with the consumer's Acquire in `look`: the bytes are there.
            self.shared.store(self.outbound.produced(), self.put, Release);
        }
    }

    /// The second half: what was taken is done with.
    pub(crate) fn commit_taken(&mut self) {
        if self.taken != self.at.taken {
            self.taken = self.at.taken;
            // Release: pairs with the producer's Acquire in `look`: it overwrites what is copied.
            self.shared.store(self.inbound.consumed(), self.taken, Release);
        }
    }

    /// Brings the page to where an end before this one was about to bring it: from `old` to
    /// `intended`. False where the page says neither: someone else has written it since. The other
    /// side is told in any case: it may sleep over what is stored now, or was before.
    pub(crate) fn resume(&mut self, old: Indices, intended: Indices) -> bool {
        self.adopt();
        self.forced = true;
        let known = |now: u32, old: u32, intended: u32| now == old || now == intended;
        let is_known =
            known(self.taken, old.taken, intended.taken) && known(self.put, old.put, intended.put);
        if is_known {
            self.at = intended;
            self.commit();
        }
        is_known
    }

    /// Where one of its own indices isn't what it stored last, the page has the last word.
    fn adopt_rewritten(&mut self) {
        let taken = self.shared.load(self.inbound.consumed(), Relaxed);
        let put = self.shared.load(self.outbound.produced(), Relaxed);
        if taken != self.taken {
            (self.taken, self.at.taken, self.rewritten) = (taken, taken, true);
        }
        if put != self.put {
            (self.put, self.at.put, self.rewritten) = (put, put, true);
        }
    }
}
