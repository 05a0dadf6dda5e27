//! The messages that wait to be sent to one client, in order, while there are any.
//!
//! An event whose path and token stand in a queued event already is not queued again, unless it
//! is of a special node. Events may be given up when they have waited too long, but never one
//! whose first byte has been sent. Each step costs the same however much waits.

use std::{collections::VecDeque, sync::LazyLock, time::Duration};

use ahash::RandomState;
use hashbrown::{HashTable, hash_table::Entry};

use crate::v1::{
    connection::{buffers, ticket::Ticket},
    header::HEADER_LEN,
    limits::QUEUE_KEPT,
    reply,
};

/// By which events are compared: of nobody's choosing, so that no client can make many collide.
static KEYS: LazyLock<RandomState> = LazyLock::new(RandomState::new);

#[derive(Debug, Default)]
pub(crate) struct Backlog {
    messages: VecDeque<Queued>,
    /// The number of the front message; each message has one more than the one before it.
    front: u64,
    /// Bytes of the front message that have been sent.
    sent: usize,
    /// The numbers of the events that a new one must differ from.
    events: HashTable<u64>,
    /// The events that may be given up, and when: in order.
    deadlines: VecDeque<(Duration, u64)>,
    waiting: usize,
    /// The replies among the messages, and their bytes.
    replies: (usize, usize),
}

/// A message, or what is left of an event that was given up: no bytes.
#[derive(Debug)]
struct Queued {
    bytes: Vec<u8>,
    /// Whether it is an event that a new one is compared with.
    compared: bool,
    ticket: Option<Ticket>,
    /// The ticket is the client's own, who looks at its limits after each sending anyhow. That of
    /// an event may be of a client elsewhere, who must be woken when it is dropped.
    is_reply: bool,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    Queued,
    /// The same is queued already.
    Duplicate,
    /// It is longer than a message may be.
    OverLong,
}

impl Backlog {
    /// Bytes of the messages that wait, each counted whole until its last byte is sent.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Bytes of the replies that wait, counted likewise.
    pub(crate) fn replies(&self) -> usize {
        self.replies.1
    }

    /// What is left of a message that is being sent, and the replies behind it: what a server that
    /// comes back must send. Events it fires anew.
    pub(crate) fn unanswered(&self) -> impl Iterator<Item = &[u8]> {
        // Most have no replies: then it is the first one at most.
        let last = if self.replies.0 == 0 { 1 } else { self.messages.len() };
        let pieces = self.messages.iter().take(last).enumerate().map(|(at, message)| {
            let sent = if at == 0 { self.sent } else { 0 };
            let owed = message.is_reply || sent > 0;
            message.bytes.get(sent..).filter(|_| owed).unwrap_or_default()
        });
        pieces.filter(|piece| !piece.is_empty())
    }

    /// Queues a reply that is encoded already.
    pub(crate) fn push_reply(&mut self, bytes: Vec<u8>, ticket: Option<Ticket>) {
        self.push(Queued { bytes, compared: false, ticket, is_reply: true });
    }

    pub(crate) fn push_event(
        &mut self,
        path: &[u8],
        token: &[u8],
        ticket: Option<Ticket>,
        deadline: Option<Duration>,
    ) -> Pushed {
        // In one allocation: a guest's change can fire a hundred watches with long tokens.
        let parts = HEADER_LEN.saturating_add(path.len()).saturating_add(token.len());
        let mut bytes = Vec::with_capacity(parts.saturating_add(2));
        if !reply::put_event(&mut bytes, path, token) {
            return Pushed::OverLong;
        }
        self.push_encoded_event(bytes, !path.starts_with(b"@"), ticket, deadline)
    }

    /// The same for an event that is encoded already, of v2 too: that its bytes are the same behind
    /// as many as a header of v1 has says that it is the same. `compared`: whether that matters.
    pub(crate) fn push_encoded_event(
        &mut self,
        bytes: Vec<u8>,
        compared: bool,
        ticket: Option<Ticket>,
        deadline: Option<Duration>,
    ) -> Pushed {
        let number = self.front.wrapping_add(count(self.messages.len()));
        if compared && !self.note_event(number, body_of(&bytes)) {
            return Pushed::Duplicate;
        }
        if let Some(deadline) = deadline {
            self.deadlines.push_back((deadline, number));
        }
        self.push(Queued { bytes, compared, ticket, is_reply: false });
        Pushed::Queued
    }

    /// The bytes to be sent, in order and in pieces of a message or less.
    pub(crate) fn unsent(&self) -> impl Iterator<Item = &[u8]> {
        let pieces = self.messages.iter().enumerate().map(|(at, message)| {
            let sent = if at == 0 { self.sent } else { 0 };
            message.bytes.get(sent..).unwrap_or_default()
        });
        pieces.filter(|piece| !piece.is_empty())
    }

    /// Notes that the next `n` bytes have been sent.
    pub(crate) fn advance(&mut self, mut n: usize) {
        while let Some(message) = self.messages.front() {
            let left = message.bytes.len().saturating_sub(self.sent);
            if n < left {
                self.sent = self.sent.saturating_add(n);
                return;
            }
            n = n.saturating_sub(left);
            self.pop();
        }
    }

    /// Gives up the events whose time has come; says how many.
    pub(crate) fn expire(&mut self, now: Duration) -> usize {
        let mut given_up = 0;
        while let Some(&(deadline, number)) = self.deadlines.front()
            && deadline <= now
        {
            self.deadlines.pop_front();
            given_up += usize::from(self.give_up(number));
        }
        // What was given up at the front has no bytes: nothing is sent by this.
        self.advance(0);
        given_up
    }

    /// When [`Backlog::expire`] has something to do next.
    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        self.deadlines.front().map(|&(deadline, _)| deadline)
    }

    pub(crate) fn clear(&mut self) {
        while !self.messages.is_empty() {
            self.pop();
        }
    }

    fn push(&mut self, message: Queued) {
        let bytes = message.bytes.len();
        self.waiting = self.waiting.saturating_add(bytes);
        if message.is_reply {
            let (count, sum) = self.replies;
            self.replies = (count.saturating_add(1), sum.saturating_add(bytes));
        }
        self.messages.push_back(message);
    }

    fn pop(&mut self) {
        let number = self.front;
        if self.messages.front().is_some_and(|message| message.compared) {
            self.forget_event(number);
        }
        let Some(message) = self.messages.pop_front() else { return };
        self.front = number.wrapping_add(1);
        self.sent = 0;
        let bytes = message.bytes.len();
        self.waiting = self.waiting.saturating_sub(bytes);
        if message.is_reply {
            let (count, sum) = self.replies;
            self.replies = (count.saturating_sub(1), sum.saturating_sub(bytes));
        }
        if self.deadlines.front().is_some_and(|&(_, due)| due == number) {
            self.deadlines.pop_front();
        }
        if message.is_reply {
            buffers::done_with(message.bytes);
            if let Some(ticket) = message.ticket {
                ticket.drop_quietly();
            }
        }
    }

    fn give_up(&mut self, number: u64) -> bool {
        if number == self.front && self.sent > 0 {
            return false;
        }
        self.forget_event(number);
        let Some(message) = get_mut(&mut self.messages, self.front, number) else { return false };
        message.compared = false;
        message.ticket = None;
        self.waiting = self.waiting.saturating_sub(message.bytes.len());
        message.bytes = Vec::new();
        true
    }

    /// Notes an event under its number; false where the same waits already.
    fn note_event(&mut self, number: u64, body: &[u8]) -> bool {
        let (messages, front) = (&self.messages, self.front);
        let same = |&other: &u64| body_at(messages, front, other) == body;
        let hash = |&other: &u64| KEYS.hash_one(body_at(messages, front, other));
        match self.events.entry(KEYS.hash_one(body), same, hash) {
            Entry::Occupied(_) => false,
            Entry::Vacant(slot) => {
                slot.insert(number);
                true
            }
        }
    }

    /// Takes an event out of those that a new one is compared with.
    fn forget_event(&mut self, number: u64) {
        let hash = KEYS.hash_one(body_at(&self.messages, self.front, number));
        if let Ok(entry) = self.events.find_entry(hash, |&other| other == number) {
            entry.remove();
        }
    }

    /// Whether no message is left, with bytes or without.
    pub(crate) fn is_done(&self) -> bool {
        self.messages.is_empty()
    }

    /// Whether it is worth keeping, once it is done with.
    pub(crate) fn is_small(&self) -> bool {
        self.messages.capacity().max(self.events.capacity()) <= QUEUE_KEPT
    }
}

fn get_mut(messages: &mut VecDeque<Queued>, front: u64, number: u64) -> Option<&mut Queued> {
    messages.get_mut(usize::try_from(number.wrapping_sub(front)).ok()?)
}

fn body_at(messages: &VecDeque<Queued>, front: u64, number: u64) -> &[u8] {
    let at = usize::try_from(number.wrapping_sub(front)).ok();
    at.and_then(|at| messages.get(at)).map_or(&[], |message| body_of(&message.bytes))
}

fn body_of(message: &[u8]) -> &[u8] {
    message.get(HEADER_LEN..).unwrap_or_default()
}

fn count(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}
