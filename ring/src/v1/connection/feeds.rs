//! The subscriptions of a connection that speaks v2: what its owner does for them.

use myriad_core::{Errno, Store};

use super::{Connection, State};
use crate::v2::{
    limits::FEED_AHEAD,
    records::HELLO,
    serve::{self, Followed, Past, Told},
};

impl Connection {
    /// Whether it has subscriptions: [`Connection::follow`] matters to it.
    #[must_use]
    pub fn has_feeds(&self) -> bool {
        self.speaker().is_some_and(|v2| !v2.feeds.is_empty())
    }

    /// Queues what subscriptions have to be told, as far as there is room. Call it when something
    /// was published, and when something was sent.
    pub fn follow(&mut self, store: &Store) -> Followed {
        let Some(v2) = self.v2.as_deref_mut().filter(|v2| v2.speaks) else {
            return Followed::All;
        };
        let queue = &mut self.queue;
        let room = FEED_AHEAD.saturating_sub(queue.waiting());
        v2.feeds.follow(store, room, |message| {
            // Never a duplicate, and never given up.
            let _queued = queue.push_encoded_event(message, false, None, None);
            FEED_AHEAD.saturating_sub(queue.waiting())
        })
    }

    /// Whether [`Connection::follow`] would have room for anything.
    #[must_use]
    pub fn can_follow(&self) -> bool {
        self.queue.waiting() < FEED_AHEAD
    }

    /// Gives the answer to a question about the past: a message that
    /// [`begin`](crate::v2::frame::begin) has begun, or the error and why. Queue the events up to
    /// now before.
    pub fn answer_history(&mut self, answer: Result<Vec<u8>, (Errno, String)>) {
        let Some(id) = self.speaker().map(|v2| v2.waiting) else { return };
        let State::Waiting(header, _) = &self.state else { return };
        if header.op != HELLO {
            return;
        }
        let waiting = std::mem::replace(&mut self.state, State::Open);
        let State::Waiting(_, ticket) = waiting else { return };
        self.queue.push_reply(serve::told(id, answer), ticket);
    }

    /// What a subscription has to be told out of the past. Answer it by [`Connection::tell`], or
    /// by [`Connection::ask_later`] where nobody can be asked now.
    pub fn asks(&mut self) -> Option<Past> {
        self.v2.as_deref_mut().and_then(|v2| v2.feeds.ask())
    }

    /// A question of [`Connection::asks`] will have to be asked again.
    pub fn ask_later(&mut self, number: u64) {
        if let Some(v2) = self.v2.as_deref_mut() {
            v2.feeds.ask_later(number);
        }
    }

    /// The answer to a question of [`Connection::asks`]; none where nobody keeps the past: the
    /// client is told of a gap. While it is called the store's feed must have what follows, where
    /// the answer says so; what it has let go of is asked for again.
    pub fn tell(&mut self, store: &Store, number: u64, told: Option<Told>) {
        if let Some(v2) = self.v2.as_deref_mut() {
            v2.feeds.tell(store, number, told);
        }
    }
}
