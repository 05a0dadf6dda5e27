//! The side of a [`Connection`] that looks to the client: events and bytes.

use std::time::Duration;

use myriad_core::{Fire, Record, Store};

use crate::{
    v1::{
        connection::{Connection, State, backlog::Pushed, ticket::Ticket},
        header::HEADER_LEN,
        limits::PRIVILEGED_EVENTS_MAX,
    },
    v2,
};

/// A watch event out of the commit feed.
#[derive(Clone, Debug)]
pub struct Event<'a> {
    /// The publication that fired it.
    pub seq: u64,
    /// Its place among that publication's events.
    pub at: usize,
    /// The path as the client is to see it.
    pub path: &'a [u8],
    /// The watch's token.
    pub token: &'a [u8],
    /// The request of a guest that caused it.
    pub ticket: Option<Ticket>,
}

impl Connection {
    /// Whether the client wants an event that a publication has fired: a watch of v2 may hear of
    /// some kinds of change alone.
    #[must_use]
    pub fn wants(&self, record: &Record, fire: &Fire) -> bool {
        self.v2.as_ref().is_none_or(|v2| v2.kinds.want(record, fire))
    }

    /// Queues an event, unless the same one waits already, it is longer than a message may be,
    /// or the client is too far behind.
    pub fn deliver(&mut self, event: Event<'_>, now: Duration) {
        self.release_early(event.seq, event.at);
        if event.seq > self.deaf_until {
            self.push_event(event.path, event.token, event.ticket, now);
        }
    }

    /// Queues the held replies that come before an event of the same publication.
    fn release_early(&mut self, seq: u64, at: usize) {
        let State::Held(held) = &mut self.state else { return };
        if held.seq == seq {
            let before = held.early.iter().take_while(|early| early.fires <= at).count();
            for early in held.early.drain(..before) {
                self.queue.push_reply(early.bytes, held.ticket.clone());
            }
        }
    }

    /// The request whose reply is held, if a record of the feed is what it published: for the
    /// events of that record.
    #[must_use]
    pub fn ticket_of(&self, record: &Record) -> Option<Ticket> {
        let State::Held(held) = &self.state else { return None };
        // A guest has one connection.
        let own = held.seq == record.seq && record.author == self.session.caller;
        held.ticket.clone().filter(|_| own)
    }

    /// Events were lost on their way here: every watch fires once.
    pub fn overrun(&mut self, store: &Store, now: Duration) {
        let fires = store.pin().all_fires(self.session.id);
        for fire in fires {
            self.push_event(fire.path().as_bytes(), fire.token(), None, now);
        }
    }

    /// Bytes to be sent, in order and in pieces of a message or less.
    pub fn unsent(&self) -> impl Iterator<Item = &[u8]> {
        self.queue.unsent()
    }

    /// Whether there are bytes to be sent.
    #[must_use]
    pub fn has_output(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Notes that the next `n` bytes have been sent. (Where events had to be dropped before, each
    /// watch fires once now.)
    pub fn advance(&mut self, n: usize, store: &Store) {
        self.queue.advance(n);
        if self.missed && self.queue.waiting() < PRIVILEGED_EVENTS_MAX / 2 {
            self.missed = false;
            // Only a privileged client misses events this way, and its events don't expire.
            self.overrun(store, Duration::ZERO);
        }
    }

    pub(super) fn push_event(
        &mut self,
        path: &[u8],
        token: &[u8],
        ticket: Option<Ticket>,
        now: Duration,
    ) {
        if self.is_failed() {
            return;
        }
        let encoded = self.speaker().map(|_| v2::serve::event(path, token));
        let waiting = self.queue.waiting();
        let deadline = if self.session.is_guest() {
            let len = path.len().saturating_add(token.len()).saturating_add(HEADER_LEN + 2);
            let len = encoded.as_ref().map_or(len, |event| event.as_ref().map_or(0, Vec::len));
            if self.session.memory_refuses(waiting, len, now) {
                return;
            }
            self.event_timeout.map(|timeout| now.saturating_add(timeout))
        } else if waiting > PRIVILEGED_EVENTS_MAX {
            self.missed = true;
            return;
        } else {
            None
        };
        // A duplicate or an over-long one is dropped, as C does.
        match encoded {
            None => self.queue.push_event(path, token, ticket, deadline),
            Some(None) => Pushed::OverLong,
            Some(Some(event)) => {
                let compared = !path.starts_with(b"@");
                self.queue.push_encoded_event(event, compared, ticket, deadline)
            }
        };
    }
}
