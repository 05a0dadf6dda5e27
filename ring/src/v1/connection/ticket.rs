//! Requests that count as outstanding.
//!
//! A guest's request is outstanding until its reply and every event that it caused have left
//! (XSA-326): otherwise it could have the server queue events for others without end. Each part
//! of that work holds a clone of the request's [`Ticket`]; the request is done when the last
//! clone is dropped, by whichever connection and thread that is.

use std::{sync::Arc, task::Waker};

/// Stands for an outstanding request of a guest, or for several that were published together.
///
/// Whoever queues an event that the request has caused keeps a clone beside it, and drops the
/// clone when the event has been sent or given up.
#[derive(Clone, Debug)]
pub struct Ticket(Arc<Held>);

/// The outstanding requests of one connection. Each ticket holds a clone of its waker: their
/// number is the reference count, less one.
#[derive(Debug)]
pub(crate) struct Outstanding(Arc<Waker>);

#[derive(Debug)]
struct Held {
    /// For the first request.
    first: Option<Arc<Waker>>,
    /// For the others.
    more: Vec<Arc<Waker>>,
}

impl Outstanding {
    /// `waker`: told each time that a request is done because of another connection.
    pub(crate) fn new(waker: Waker) -> Outstanding {
        Outstanding(Arc::new(waker))
    }

    /// A ticket for so many requests, one or more.
    pub(crate) fn open(&self, requests: usize) -> Ticket {
        let more = std::iter::repeat_n(&self.0, requests.saturating_sub(1)).cloned().collect();
        Ticket(Arc::new(Held { first: Some(Arc::clone(&self.0)), more }))
    }

    pub(crate) fn len(&self) -> u32 {
        u32::try_from(Arc::strong_count(&self.0).saturating_sub(1)).unwrap_or(u32::MAX)
    }
}

impl Ticket {
    /// Drops a clone where no one need be woken: the caller looks at the count next.
    pub(crate) fn drop_quietly(self) {
        if let Some(mut held) = Arc::into_inner(self.0) {
            held.first = None;
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // The count goes first, so that whoever is woken sees it.
        self.more.clear();
        if let Some(count) = self.first.take() {
            let waker = Waker::clone(&count);
            drop(count);
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, task::Wake};

    use super::*;

    struct Bell(mpsc::Sender<()>);

    impl Wake for Bell {
        fn wake(self: Arc<Self>) {
            self.0.send(()).unwrap();
        }
    }

    #[test]
    fn a_request_is_done_when_its_last_event_is() {
        let (sender, rung) = mpsc::channel();
        let requests = Outstanding::new(Waker::from(Arc::new(Bell(sender))));
        let first = requests.open(1);
        let event = first.clone();
        let second = requests.open(1);
        assert_eq!(requests.len(), 2);
        first.drop_quietly();
        assert_eq!((requests.len(), rung.try_recv().is_ok()), (2, false));
        std::thread::spawn(move || drop(event)).join().unwrap();
        assert_eq!((requests.len(), rung.try_recv().is_ok()), (1, true));
        second.drop_quietly();
        assert_eq!((requests.len(), rung.try_recv().is_ok()), (0, false));
    }

    #[test]
    fn requests_of_one_publication_are_done_together() {
        let (sender, rung) = mpsc::channel();
        let requests = Outstanding::new(Waker::from(Arc::new(Bell(sender))));
        let (batch, alone) = (requests.open(3), requests.open(1));
        let event = batch.clone();
        batch.drop_quietly();
        assert_eq!((requests.len(), rung.try_iter().count()), (4, 0));
        drop(event);
        assert_eq!((requests.len(), rung.try_iter().count()), (1, 1));
        let batch = requests.open(2);
        batch.drop_quietly();
        alone.drop_quietly();
        assert_eq!((requests.len(), rung.try_iter().count()), (0, 0));
    }
}
