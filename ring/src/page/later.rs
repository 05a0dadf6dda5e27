//! A server whose indices are stored later than they have moved, and the one that comes after it
//! (`indices.rs`).

use super::{indices::Indices, server::ServerEnd};

impl ServerEnd {
    /// Where the server's own indices are in the page.
    #[must_use]
    pub fn indices(&self) -> Indices {
        self.end.own()
    }

    /// From now on its own indices are stored by [`ServerEnd::commit`] alone: what is received and
    /// sent is the guest's to know only then.
    #[must_use]
    pub fn with_indices_put_off(mut self) -> ServerEnd {
        self.end.put_off();
        self
    }

    /// Where its own indices will be after [`ServerEnd::commit`].
    #[must_use]
    pub fn intended(&self) -> Indices {
        self.end.intended()
    }

    /// Stores its own indices. (A page that was rewritten meanwhile has the last word.)
    pub fn commit(&mut self) {
        self.commit_responses();
        self.commit_requests();
    }

    /// The first half of [`ServerEnd::commit`].
    pub fn commit_responses(&mut self) {
        if self.failure().is_none() {
            self.end.commit_put();
        }
    }

    /// The second half.
    pub fn commit_requests(&mut self) {
        if self.failure().is_none() {
            self.end.commit_taken();
        }
    }

    /// Goes on where a server before this one was: its indices stood at `old` in the page, and it
    /// was about to store `intended`. False where the page says neither, which has the last word
    /// then: what was left of the connection is of no use any more.
    pub fn resume(&mut self, old: Indices, intended: Indices) -> bool {
        let known = self.end.resume(old, intended);
        self.advertise();
        known
    }
}
