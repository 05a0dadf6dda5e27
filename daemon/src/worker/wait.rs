//! How a worker waits: for a while without a system call, then asleep.
//!
//! While rings are hot the worker looks at doorbells and indices, and at descriptors now and then.
//! It waits so for half as long after each time in vain, and for twice as long after each that was
//! not. So it does for sockets, by a system call a look (`lookout.rs`). Before it sleeps, whoever
//! has something for it must know that it does: the bells' words say so, and event channels are
//! unmasked; then it looks once more.

use std::{io, sync::mpsc::TryRecvError, time::Duration};

use tracing::warn;

use super::{poll::Batch, run::Worker};
use crate::limits;

impl Worker {
    /// Before it waits for descriptors: for how long at most; none: until something happens.
    pub(super) fn lie_down(&mut self) -> Option<Duration> {
        let mut timeout = Some(Duration::ZERO);
        // While a ring is hot, descriptors are only looked at.
        let hot = self.has_rings() && self.now < self.hot_until;
        if self.clients.busy.is_empty() && !hot {
            self.cool();
            self.leave_rings();
            if self.shared.store.to_reclaim() > 0 {
                self.shared.reclaimer.wake();
            }
        }
        if self.clients.busy.is_empty() && !hot {
            self.inbox.bell.sleep();
            // Whoever leaves a message or commits from here on rings the bell.
            match self.inbox.messages.try_recv() {
                Ok(message) => self.handle(message),
                Err(TryRecvError::Disconnected) => self.stopping = true,
                Err(TryRecvError::Empty) if self.events.has_news() => {}
                Err(TryRecvError::Empty) => timeout = self.until_deadline(),
            }
        }
        if timeout != Some(Duration::ZERO) && !self.neighbours.sleep() {
            timeout = Some(Duration::ZERO);
        }
        timeout
    }

    /// After that.
    pub(super) fn get_up(&mut self) {
        self.now = self.shared.clock.now();
        self.neighbours.awake();
        self.inbox.bell.awake();
    }

    /// While rings are hot: waits a little for doorbells without a system call. True where there
    /// was one, or other work, so that descriptors can wait for another while.
    pub(super) fn spin(&mut self, batch: &mut Batch) -> bool {
        if !self.has_rings() {
            return false;
        }
        for look in 0u32.. {
            let is_due = look.is_multiple_of(limits::LOOKS_PER_CLOCK);
            if is_due {
                self.now = self.shared.clock.now();
            }
            let now = self.now;
            if now >= self.next_poll {
                self.next_poll = now.saturating_add(self.lookout.poll_every(now));
                return false;
            }
            // Not at the first look: the sweep has just looked at messages and commits, or will.
            let again = is_due && look > 0;
            if again && self.hears_message() {
                batch.clear();
                return true;
            }
            let moved = self.look_at_hot_rings();
            if moved {
                self.hot_until = now.saturating_add(self.patience);
            }
            let news = moved || self.neighbours.has_news() || (again && self.events.has_news());
            if news {
                self.patience = self.patience.saturating_mul(2).min(limits::HOT);
            }
            if news || !self.clients.busy.is_empty() {
                batch.clear();
                return true;
            }
            if now >= self.hot_until {
                self.patience = (self.patience / 2).max(limits::HOT_LEAST);
                return false;
            }
            std::hint::spin_loop();
        }
        false
    }

    /// After a sweep that has served a socket: looks for a while whether there is more to do.
    pub(super) fn look_out(&mut self, batch: &mut Batch) -> io::Result<bool> {
        // With more to do at hand, or hot rings, the worker doesn't sleep anyhow.
        if !self.clients.busy.is_empty() || (self.has_rings() && self.now < self.hot_until) {
            return Ok(false);
        }
        let Some(patience) = self.lookout.begin() else { return Ok(false) };
        let until = self.shared.clock.now().saturating_add(patience);
        // Ends: time passes.
        loop {
            self.poll.wait(Some(Duration::ZERO), batch)?;
            self.now = self.shared.clock.now();
            let called = self.look_at_hot_rings() || self.neighbours.has_news();
            let found = !batch.is_empty();
            if found || called || self.events.has_news() || self.hears_message() {
                self.lookout.end(found);
                return Ok(true);
            }
            if self.now >= until {
                self.lookout.end(false);
                return Ok(false);
            }
        }
    }

    /// Acts on a message, if there is one.
    fn hears_message(&mut self) -> bool {
        let message = self.inbox.messages.try_recv();
        message.map(|message| self.handle(message)).is_ok()
    }

    /// Whether any ring may be hot.
    fn has_rings(&self) -> bool {
        !self.neighbours.is_empty() || !self.ports.hot().is_empty() || !self.programs.is_empty()
    }

    /// A doorbell was rung, or a ring had something without: others may be soon.
    pub(super) fn warm(&mut self) {
        self.hot_until = self.now.saturating_add(self.patience);
    }

    /// Finds the rings whose doorbells were rung.
    pub(super) fn hear(&mut self) {
        let (guests, clients, store) = (&mut self.guests, &mut self.clients, &self.shared.store);
        let mut any = false;
        self.neighbours.hear(|machine, domid| {
            if let Some(number) = guests.get(domid).and_then(|guest| guest.client) {
                any |= clients.note_rung(number, machine, store);
            }
        });
        if any {
            self.warm();
        }
    }

    fn until_deadline(&self) -> Option<Duration> {
        let tend = self.clients.tending.deadline();
        let accept = self.acceptor.as_ref().and_then(|acceptor| acceptor.listener.deadline());
        let guests = (!self.paused_guests.is_empty()).then(|| self.now + limits::ACCEPT_PAUSE);
        let resume = (!self.paused.is_empty()).then_some(self.next_resume);
        let turns = self.turns.deadline();
        let deadlines = tend.into_iter().chain(accept).chain(guests).chain(resume).chain(turns);
        let deadline = deadlines.min()?;
        Some(deadline.saturating_sub(self.shared.clock.now()))
    }

    /// Finds the hot rings in which something has moved. Whether there are any.
    pub(super) fn look_at_hot_rings(&mut self) -> bool {
        let (clients, store) = (&mut self.clients, &self.shared.store);
        let mut any = false;
        for (_, number) in self.ports.hot() {
            any |= clients.note_call(*number, store);
        }
        any | self.programs.look(clients, store)
    }

    /// Before sleep: the ports of hot rings fire again, and what came before they could is found.
    fn cool(&mut self) {
        if self.ports.hot().is_empty() {
            return;
        }
        match self.ports.cool() {
            Ok(cold) => {
                for number in cold {
                    if let Some(client) = self.clients.get(number)
                        && client.left_something(&self.shared.store)
                    {
                        self.clients.note_busy(number);
                    }
                }
            }
            Err(error) => warn!("event channels can't be unmasked: {error}"),
        }
    }
}
