//! What waits to be sent to one client: whole messages, in order.
//!
//! Invariant: a client for whom nothing waits has no [`Backlog`]: it costs a pointer. The thread
//! keeps some for the next ones.

use std::{cell::RefCell, time::Duration};

use crate::v1::{
    connection::{
        backlog::{Backlog, Pushed},
        ticket::Ticket,
    },
    spare::Spares,
};

thread_local! {
    static SPARES: RefCell<Spares<Box<Backlog>>> = const { RefCell::new(Spares::NONE) };
}

#[derive(Debug, Default)]
pub(crate) struct OutputQueue(Option<Box<Backlog>>);

impl OutputQueue {
    /// Bytes of the messages that wait, each counted whole until its last byte is sent.
    pub(crate) fn waiting(&self) -> usize {
        self.0.as_ref().map_or(0, |backlog| backlog.waiting())
    }

    /// Bytes of the replies that wait, counted likewise.
    pub(crate) fn replies(&self) -> usize {
        self.0.as_ref().map_or(0, |backlog| backlog.replies())
    }

    /// What a server that comes back must send.
    pub(crate) fn unanswered(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().flat_map(|backlog| backlog.unanswered())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting() == 0
    }

    /// Queues a reply that is encoded already.
    pub(crate) fn push_reply(&mut self, bytes: Vec<u8>, ticket: Option<Ticket>) {
        self.backlog().push_reply(bytes, ticket);
    }

    pub(crate) fn push_event(
        &mut self,
        path: &[u8],
        token: &[u8],
        ticket: Option<Ticket>,
        deadline: Option<Duration>,
    ) -> Pushed {
        self.backlog().push_event(path, token, ticket, deadline)
    }

    pub(crate) fn push_encoded_event(
        &mut self,
        bytes: Vec<u8>,
        compared: bool,
        ticket: Option<Ticket>,
        deadline: Option<Duration>,
    ) -> Pushed {
        self.backlog().push_encoded_event(bytes, compared, ticket, deadline)
    }

    /// The bytes to be sent, in order and in pieces of a message or less.
    pub(crate) fn unsent(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().flat_map(|backlog| backlog.unsent())
    }

    /// Notes that the next `n` bytes have been sent.
    pub(crate) fn advance(&mut self, n: usize) {
        self.work(|backlog| backlog.advance(n));
    }

    /// Gives up the events whose time has come; says how many.
    pub(crate) fn expire(&mut self, now: Duration) -> usize {
        self.work(|backlog| backlog.expire(now)).unwrap_or(0)
    }

    /// When [`OutputQueue::expire`] has something to do next.
    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        self.0.as_ref().and_then(|backlog| backlog.next_deadline())
    }

    pub(crate) fn clear(&mut self) {
        self.work(Backlog::clear);
    }

    fn backlog(&mut self) -> &mut Backlog {
        let spare = || SPARES.with_borrow_mut(Spares::take).unwrap_or_default();
        self.0.get_or_insert_with(spare)
    }

    /// Does something that messages leave by.
    fn work<T>(&mut self, work: impl FnOnce(&mut Backlog) -> T) -> Option<T> {
        let done = self.0.as_mut().map(|backlog| work(backlog));
        if let Some(backlog) = self.0.take_if(|backlog| backlog.is_done())
            && backlog.is_small()
        {
            SPARES.with_borrow_mut(|spares| spares.give(backlog));
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{Arc, mpsc},
        task::{Wake, Waker},
    };

    use super::*;
    use crate::v1::{connection::ticket::Outstanding, header::HEADER_LEN, reply};

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
            assert!(queue.0.is_none());
        }
    }

    #[test]
    fn late_events_are_given_up_unless_they_are_being_sent() {
        let at = Duration::from_secs;
        let mut queue = OutputQueue::default();
        let requests = Outstanding::new(Waker::noop().clone());
        queue.push_event(b"a", b"t", Some(requests.open(1)), Some(at(20)));
        queue.push_event(b"b", b"t", Some(requests.open(1)), Some(at(21)));
        queue.push_reply(b"reply".to_vec(), None);
        queue.push_event(b"c", b"t", Some(requests.open(1)), Some(at(22)));
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
        let ticket = requests.open(1);
        queue.push_reply(b"reply".to_vec(), Some(requests.open(1)));
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
        queue.push_event(b"a", b"t", Some(requests.open(1)), Some(Duration::ZERO));
        queue.expire(Duration::ZERO);
        assert_eq!((requests.len(), woken.try_iter().count()), (0, 1));
        queue.push_event(b"a", b"t", Some(requests.open(1)), None);
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
        assert!(queue.is_empty() && queue.0.is_none());
        queue.push_reply(b"x".to_vec(), None);
        queue.clear();
        assert!(queue.is_empty() && all(&queue).is_empty());
    }
}
