//! The loop of a worker.

use std::{
    io,
    sync::{Arc, mpsc::TryRecvError},
    time::Duration,
};

use myriad_core::{ConnId, DomId};
use myriad_ring::{page, v1::limits::INPUT_MAX};
use rustix::fd::OwnedFd;

use super::{
    Shared,
    accept::{Acceptor, Listener},
    clients::Clients,
    events::Events,
    guests::Guests,
    host::Around,
    machine::Neighbours,
    mailbox::Inbox,
    poll::{Batch, Poll, Ready},
    real::Ports,
};
use crate::{limits, xen::DomainWatch};

/// A worker, with all that it owns.
pub(super) struct Worker {
    pub(super) id: u16,
    pub(super) shared: Arc<Shared>,
    pub(super) inbox: Inbox,
    /// It was told to stop.
    pub(super) stopping: bool,
    pub(super) poll: Poll,
    pub(super) acceptor: Option<Acceptor>,
    pub(super) guests: Guests,
    /// Those whose listeners pause.
    pub(super) paused_guests: Vec<DomId>,
    pub(super) clients: Clients,
    pub(super) events: Events,
    pub(super) around: Around,
    pub(super) next_number: u64,
    pub(super) scratch: Scratch,
    /// The machines whose guests are served here.
    pub(super) neighbours: Neighbours,
    /// The event channels of real domains.
    pub(super) ports: Ports,
    /// Until when doorbells are waited for without sleeping.
    hot_until: Duration,
    /// For how long: half as long after each time in vain, twice after each that was not. (Where
    /// the guest can't run meanwhile, since it has the same core, all waiting is in vain.)
    patience: Duration,
    /// When descriptors are looked at next, while the worker doesn't sleep.
    next_poll: Duration,
    /// Clients that have to wait, and when the first of them goes on.
    pub(super) paused: Vec<u64>,
    pub(super) next_resume: Duration,
    /// Questions to all workers so far.
    pub(super) rounds: u64,
    /// Time since the start, as of this sweep.
    pub(super) now: Duration,
    pub(super) next_tend: Duration,
    /// What the commits weighed that were there when time was kept last.
    pub(super) tended_weight: u64,
}

/// Memory for bytes on their way in.
pub(super) struct Scratch {
    pub(super) socket: Box<[u8]>,
    pub(super) ring: page::Scratch,
}

impl Scratch {
    fn new() -> Scratch {
        let socket = vec![0; INPUT_MAX].into_boxed_slice();
        Scratch { socket, ring: page::Scratch::default() }
    }
}

/// Tokens of what isn't a client: above all numbers of clients.
const BELL: u64 = u64::MAX;
const LISTENER: u64 = u64::MAX - 1;
pub(super) const MACHINES: u64 = u64::MAX - 2;
const PORTS: u64 = u64::MAX - 3;
pub(super) const GUESTS: u64 = 1 << 62;

impl Worker {
    pub(super) fn new(
        id: u16,
        shared: Arc<Shared>,
        inbox: Inbox,
        listener: Option<OwnedFd>,
        watch: Option<DomainWatch>,
    ) -> io::Result<Worker> {
        let poll = Poll::new()?;
        poll.add_bell(inbox.bell.fd(), BELL)?;
        let listener = listener.map(|fd| Listener::new(fd, LISTENER, &poll)).transpose()?;
        let ports = Ports::of(&shared, id, watch, &poll, PORTS)?;
        Ok(Worker {
            id,
            events: Events::new(id, &shared),
            around: Around::new(Arc::clone(&shared), ConnId::new(id, 0)),
            shared,
            inbox,
            stopping: false,
            poll,
            acceptor: listener.map(Acceptor::new),
            guests: Guests::default(),
            paused_guests: Vec::new(),
            clients: Clients::default(),
            next_number: 0,
            scratch: Scratch::new(),
            neighbours: Neighbours::default(),
            ports,
            hot_until: Duration::ZERO,
            patience: limits::HOT,
            next_poll: Duration::ZERO,
            paused: Vec::new(),
            next_resume: Duration::MAX,
            rounds: 0,
            now: Duration::ZERO,
            next_tend: Duration::ZERO,
            tended_weight: 0,
        })
    }

    /// Serves until it is told to stop.
    pub(super) fn run(mut self) -> io::Result<()> {
        let mut batch = Batch::new();
        while !self.stopping {
            self.sweep(&mut batch)?;
        }
        for number in self.clients.numbers() {
            self.flush(number);
        }
        self.around.trace.flush();
        Ok(())
    }

    /// One turn.
    fn sweep(&mut self, batch: &mut Batch) -> io::Result<()> {
        self.around.trace.refresh();
        if !self.spin(batch) {
            self.sleep(batch)?;
        }
        self.now = self.shared.start.elapsed();
        self.around.trace.refresh();
        self.read_inbox();
        self.deliver(None);
        for event in batch.iter() {
            self.happened(event)?;
        }
        self.hear();
        for number in std::mem::take(&mut self.clients.busy) {
            if let Some(client) = self.clients.get(number) {
                client.busy = false;
                self.read_and_serve(number);
            }
        }
        self.keep_time();
        for number in std::mem::take(&mut self.clients.dirty) {
            if let Some(client) = self.clients.get(number) {
                client.dirty = false;
                self.flush(number);
            }
        }
        self.around.trace.flush();
        if self.shared.store.to_reclaim() > 0 {
            self.shared.reclaimer.wake();
        }
        Ok(())
    }

    /// Waits for something to do, if there is nothing.
    fn sleep(&mut self, batch: &mut Batch) -> io::Result<()> {
        let mut timeout = Some(Duration::ZERO);
        // While a ring is hot, descriptors are only looked at.
        let hot = !self.neighbours.is_empty() && self.shared.start.elapsed() < self.hot_until;
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
        self.poll.wait(timeout, batch)?;
        self.neighbours.awake();
        self.inbox.bell.awake();
        Ok(())
    }

    /// While rings are hot: waits a little for doorbells without a system call. True where there
    /// was one, or other work, so that descriptors can wait for another while.
    fn spin(&mut self, batch: &mut Batch) -> bool {
        if self.neighbours.is_empty() {
            return false;
        }
        loop {
            let now = self.shared.start.elapsed();
            if now >= self.next_poll {
                self.next_poll = now.saturating_add(limits::POLL_WHILE_HOT);
                return false;
            }
            if let Ok(message) = self.inbox.messages.try_recv() {
                self.handle(message);
                batch.clear();
                return true;
            }
            let news = self.neighbours.has_news() || self.events.has_news();
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
    }

    /// Finds the rings whose doorbells were rung.
    fn hear(&mut self) {
        let clients = &mut self.clients;
        let mut any = false;
        self.neighbours.hear(|number| {
            clients.note_busy(number);
            any = true;
        });
        if any {
            self.hot_until = self.now.saturating_add(self.patience);
        }
    }

    fn until_deadline(&self) -> Option<Duration> {
        let tend = (!self.clients.tended.is_empty()).then_some(self.next_tend);
        let accept = self.acceptor.as_ref().and_then(|acceptor| acceptor.listener.deadline());
        let guests = (!self.paused_guests.is_empty()).then(|| self.now + limits::ACCEPT_PAUSE);
        let resume = (!self.paused.is_empty()).then_some(self.next_resume);
        let deadline = tend.into_iter().chain(accept).chain(guests).chain(resume).min()?;
        Some(deadline.saturating_sub(self.shared.start.elapsed()))
    }

    fn happened(&mut self, event: Ready) -> io::Result<()> {
        match event.token {
            BELL | MACHINES => {}
            PORTS => self.hear_ports(),
            LISTENER => {
                if let Some(acceptor) = &mut self.acceptor {
                    acceptor.accept(&self.shared.mailboxes, &self.poll, self.now);
                }
            }
            token if token & GUESTS != 0 => self.accept_guest(token ^ GUESTS),
            number => {
                if event.hung_up {
                    self.hang_up(number);
                    return Ok(());
                }
                if event.readable {
                    self.read_and_serve(number);
                }
                if event.writable
                    && let Some(client) = self.clients.get(number)
                {
                    client.unblock();
                    self.clients.note_output(number);
                }
            }
        }
        Ok(())
    }
}
