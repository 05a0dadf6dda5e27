//! A doorbell that costs a system call only where the worker sleeps.
//!
//! # Synchronization
//! `Bell::ring` and `Bell::sleep` are the two halves of a Dekker handshake. The ringer makes its
//! news visible (a publication in the store, a message in the mailbox), fences, and looks whether
//! the worker sleeps; the worker says that it sleeps, fences, and looks for news. Both fences are
//! SeqCst, so at least one of them sees the other: news can't be overlooked by a worker that then
//! sleeps. The flag itself carries no data. `verify/tests/loom_worker.rs` runs this file under
//! loom.

use std::{io, sync::Arc};

use rustix::{
    event::{EventfdFlags, eventfd},
    fd::OwnedFd,
};

use crate::sync::{
    AtomicBool,
    Ordering::{Relaxed, SeqCst},
    fence,
};

/// Wakes one worker; any thread may ring.
#[derive(Clone, Debug)]
pub(super) struct Bell(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    sleeping: AtomicBool,
    event: OwnedFd,
}

impl Bell {
    pub(super) fn new() -> io::Result<Bell> {
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Bell(Arc::new(Inner { sleeping: AtomicBool::new(false), event })))
    }

    /// Wakes the worker if it sleeps. What it should find must be visible before.
    pub(super) fn ring(&self) {
        // Pairs with the fence in `sleep`.
        fence(SeqCst);
        // An exchange that finds the worker awake writes nothing, so what it says later stays.
        let sleeping = &self.0.sleeping;
        if sleeping.load(Relaxed)
            && sleeping.compare_exchange(true, false, Relaxed, Relaxed).is_ok()
        {
            // It fails only when the counter is full, and then the event is pending anyhow.
            let _ = rustix::io::write(&self.0.event, &1u64.to_ne_bytes());
        }
    }

    /// The worker is about to sleep: from here on it must look for news once more.
    pub(super) fn sleep(&self) {
        self.0.sleeping.store(true, Relaxed);
        // Pairs with the fence in `ring`.
        fence(SeqCst);
    }

    /// The worker is awake: it will look for news by itself.
    pub(super) fn awake(&self) {
        self.0.sleeping.store(false, Relaxed);
    }

    /// What becomes readable when the bell rings (an edge each time).
    pub(super) fn fd(&self) -> &OwnedFd {
        &self.0.event
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::*;
    use crate::worker::poll::{Batch, Poll};
    use std::time::Duration;

    fn woken(poll: &Poll, timeout: Option<Duration>) -> usize {
        let mut batch = Batch::new();
        poll.wait(timeout, &mut batch).unwrap();
        batch.iter().count()
    }

    #[test]
    fn only_a_sleeper_is_woken_and_each_ring_is_an_edge() {
        let bell = Bell::new().unwrap();
        let poll = Poll::new().unwrap();
        poll.add_bell(bell.fd(), 1).unwrap();
        bell.ring();
        assert_eq!(woken(&poll, Some(Duration::ZERO)), 0);
        for _ in 0..2 {
            bell.sleep();
            bell.ring();
            bell.ring();
            assert_eq!(woken(&poll, None), 1);
            assert_eq!(woken(&poll, Some(Duration::ZERO)), 0);
        }
        bell.sleep();
        bell.awake();
        bell.ring();
        assert_eq!(woken(&poll, Some(Duration::ZERO)), 0);
    }

    #[test]
    fn no_news_is_overlooked() {
        // A worker that sleeps whenever it finds no news, and a ringer: were one ring lost, the
        // worker would sleep for ever and the test would not end.
        let (news, found) = std::sync::mpsc::channel();
        let bell = Bell::new().unwrap();
        let ringer = bell.clone();
        let thread = std::thread::spawn(move || {
            for number in 0..50_000 {
                news.send(number).unwrap();
                ringer.ring();
            }
        });
        let poll = Poll::new().unwrap();
        poll.add_bell(bell.fd(), 1).unwrap();
        let mut next = 0;
        while next < 50_000 {
            bell.sleep();
            match found.try_recv() {
                Ok(number) => {
                    bell.awake();
                    assert_eq!(number, next);
                    next += 1;
                }
                Err(_) => assert_eq!(woken(&poll, None), 1),
            }
        }
        thread.join().unwrap();
    }
}
