//! What waits to be sent to one client: whole messages, in order.
//!
//! An event whose path and token stand in a queued event already is not queued again, unless it
//! is of a special node. Events may be given up when they have waited too long, but never one
//! whose first byte has been sent. Each step costs the same however much waits.

use std::{collections::VecDeque, time::Duration};

use ahash::RandomState;
use hashbrown::{HashTable, hash_table::Entry};

use crate::v1::{connection::ticket::Ticket, header::HEADER_LEN, limits::QUEUE_KEPT, reply};

#[derive(Debug, Default)]
pub(crate) struct OutputQueue {
    messages: VecDeque<Queued>,
    /// The number of the front message; each message has one more than the one before it.
    front: u64,
    /// Bytes of the front message that have been sent.
    sent: usize,
    /// The numbers of the events that a new one must differ from.
    events: HashTable<u64>,
    keys: RandomState,
    /// The events that may be given up, and when: in order.
    deadlines: VecDeque<(Duration, u64)>,
    waiting: usize,
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

impl OutputQueue {
    /// Bytes of the messages that wait, each counted whole until its last byte is sent.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting == 0
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
        let mut bytes = Vec::new();
        if !reply::put_event(&mut bytes, path, token) {
            return Pushed::OverLong;
        }
        let number = self.front.wrapping_add(count(self.messages.len()));
        let compared = !path.starts_with(b"@");
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
        self.rest();
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

    /// When [`OutputQueue::expire`] has something to do next.
    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        self.deadlines.front().map(|&(deadline, _)| deadline)
    }

    pub(crate) fn clear(&mut self) {
        while !self.messages.is_empty() {
            self.pop();
        }
        self.rest();
    }

    fn push(&mut self, message: Queued) {
        self.waiting = self.waiting.saturating_add(message.bytes.len());
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
        self.waiting = self.waiting.saturating_sub(message.bytes.len());
        if self.deadlines.front().is_some_and(|&(_, due)| due == number) {
            self.deadlines.pop_front();
        }
        if let (Some(ticket), true) = (message.ticket, message.is_reply) {
            ticket.drop_quietly();
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
        let (messages, front, keys) = (&self.messages, self.front, &self.keys);
        let same = |&other: &u64| body_at(messages, front, other) == body;
        let hash = |&other: &u64| keys.hash_one(body_at(messages, front, other));
        match self.events.entry(keys.hash_one(body), same, hash) {
            Entry::Occupied(_) => false,
            Entry::Vacant(slot) => {
                slot.insert(number);
                true
            }
        }
    }

    /// Takes an event out of those that a new one is compared with.
    fn forget_event(&mut self, number: u64) {
        let hash = self.keys.hash_one(body_at(&self.messages, self.front, number));
        if let Ok(entry) = self.events.find_entry(hash, |&other| other == number) {
            entry.remove();
        }
    }

    /// Frees what a quiet connection has no use for.
    fn rest(&mut self) {
        if self.messages.capacity().max(self.events.capacity()) > QUEUE_KEPT {
            self.messages = VecDeque::new();
            self.events = HashTable::new();
            self.deadlines = VecDeque::new();
        }
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

#[cfg(test)]
mod tests {
    use std::{
        sync::{Arc, mpsc},
        task::{Wake, Waker},
    };

    use super::*;
    use crate::v1::connection::ticket::Outstanding;

    struct Bell(mpsc::Sender<()>);

    impl Wake for Bell {
        fn wake(self: Arc<Self>) {
            self.0.send(()).unwrap();
        }
    }

    fn all(queue: &OutputQueue) -> Vec<u8> {
        queue.unsent().flatten().copied().collect()
    }

    fn event(path: &[u8], token: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        assert!(reply::put_event(&mut out, path, token));
        out
    }

    #[test]
    fn an_identical_event_waits_once_but_special_ones_do_not_merge() {
        let mut queue = OutputQueue::default();
        assert_eq!(queue.push_event(b"a", b"t", None, None), Pushed::Queued);
        assert_eq!(queue.push_event(b"a", b"u", None, None), Pushed::Queued);
        assert_eq!(queue.push_event(b"a", b"t", None, None), Pushed::Duplicate);
        for _ in 0..2 {
            assert_eq!(queue.push_event(b"@releaseDomain", b"t", None, None), Pushed::Queued);
        }
        let special = event(b"@releaseDomain", b"t");
        let expected = [event(b"a", b"t"), event(b"a", b"u"), special.clone(), special].concat();
        assert_eq!(all(&queue), expected);
        // Until its last byte is sent it counts as queued.
        queue.advance(HEADER_LEN);
        assert_eq!(queue.push_event(b"a", b"t", None, None), Pushed::Duplicate);
        queue.advance(4);
        assert_eq!(queue.push_event(b"a", b"t", None, None), Pushed::Queued);
    }

    #[test]
    fn bytes_leave_in_order_whatever_the_pieces() {
        for piece in 1..40 {
            let mut queue = OutputQueue::default();
            let mut expected = Vec::new();
            for n in 0..20u8 {
                queue.push_reply(vec![n; usize::from(n) + 1], None);
                expected.extend(vec![n; usize::from(n) + 1]);
                queue.push_event(&[b'a', n + 1], b"t", None, None);
                expected.extend(event(&[b'a', n + 1], b"t"));
            }
            assert_eq!(queue.waiting(), expected.len());
            let mut seen = Vec::new();
            while !queue.is_empty() {
                let chunk: Vec<u8> = queue.unsent().flatten().copied().take(piece).collect();
                assert!(!chunk.is_empty());
                queue.advance(chunk.len());
                seen.extend(chunk);
            }
            assert_eq!(seen, expected);
            assert!(queue.events.is_empty());
        }
    }

    #[test]
    fn late_events_are_given_up_unless_they_are_being_sent() {
        let at = Duration::from_secs;
        let mut queue = OutputQueue::default();
        let requests = Outstanding::new(Waker::noop().clone());
        queue.push_event(b"a", b"t", Some(requests.open()), Some(at(20)));
        queue.push_event(b"b", b"t", Some(requests.open()), Some(at(21)));
        queue.push_reply(b"reply".to_vec(), None);
        queue.push_event(b"c", b"t", Some(requests.open()), Some(at(22)));
        queue.advance(1);
        assert_eq!(queue.next_deadline(), Some(at(20)));
        assert_eq!(queue.expire(at(19)), 0);
        assert_eq!(queue.expire(at(21)), 1);
        assert_eq!(requests.len(), 2);
        let expected = [&event(b"a", b"t")[1..], b"reply", &event(b"c", b"t")].concat();
        assert_eq!(all(&queue), expected);
        assert_eq!(queue.waiting(), expected.len() + 1);
        // What was given up is no longer a duplicate.
        assert_eq!(queue.push_event(b"b", b"t", None, None), Pushed::Queued);
        queue.advance(expected.len());
        assert_eq!((all(&queue), requests.len()), (event(b"b", b"t"), 0));
        assert_eq!(queue.next_deadline(), None);
    }

    #[test]
    fn who_caused_an_event_is_woken_when_it_has_left_and_nobody_for_a_reply() {
        let (sender, woken) = mpsc::channel();
        let requests = Outstanding::new(Waker::from(Arc::new(Bell(sender))));
        let mut queue = OutputQueue::default();
        let ticket = requests.open();
        queue.push_reply(b"reply".to_vec(), Some(requests.open()));
        for name in [b"a", b"b"] {
            queue.push_event(name, b"t", Some(ticket.clone()), Some(Duration::from_secs(1)));
        }
        drop(ticket);
        queue.advance(5);
        assert_eq!((requests.len(), woken.try_iter().count()), (1, 0));
        queue.advance(event(b"a", b"t").len());
        assert_eq!((requests.len(), woken.try_iter().count()), (1, 0));
        queue.advance(event(b"b", b"t").len());
        assert_eq!((requests.len(), woken.try_iter().count()), (0, 1));
        // So is who caused one that is given up, or that goes with its connection.
        queue.push_event(b"a", b"t", Some(requests.open()), Some(Duration::ZERO));
        queue.expire(Duration::ZERO);
        assert_eq!((requests.len(), woken.try_iter().count()), (0, 1));
        queue.push_event(b"a", b"t", Some(requests.open()), None);
        queue.clear();
        assert_eq!((requests.len(), woken.try_iter().count()), (0, 1));
    }

    #[test]
    fn giving_up_all_leaves_nothing() {
        let mut queue = OutputQueue::default();
        for n in 0..200u8 {
            queue.push_event(&[b'a', n], b"t", None, Some(Duration::from_secs(1)));
        }
        assert_eq!(queue.expire(Duration::from_secs(1)), 200);
        assert!(queue.is_empty() && queue.messages.is_empty() && queue.events.is_empty());
        assert_eq!(queue.messages.capacity(), 0);
        queue.push_reply(b"x".to_vec(), None);
        queue.clear();
        assert!(queue.is_empty() && all(&queue).is_empty());
    }
}
