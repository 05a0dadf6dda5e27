//! The loop of a worker.

use std::{
    collections::HashMap,
    io,
    sync::{Arc, mpsc::TryRecvError},
    time::{Duration, Instant},
};

use ahash::RandomState;
use myriad_core::{Caller, ConnId, DomId};
use myriad_ring::v1::{
    connection::{Connection, Peer, Progress},
    limits::INPUT_MAX,
};
use rustix::fd::OwnedFd;
use tracing::warn;

use super::{
    Shared,
    accept::{Acceptor, Listener},
    client::Client,
    events::Events,
    guests::Guests,
    host::Around,
    mailbox::{Inbox, Message},
    poll::{Poll, Ready},
    send::Sent,
};
use crate::limits;

/// A worker, with all that it owns.
pub(super) struct Worker {
    id: u16,
    shared: Arc<Shared>,
    inbox: Inbox,
    poll: Poll,
    acceptor: Option<Acceptor>,
    guests: Guests,
    /// Those whose listeners pause.
    paused_guests: Vec<DomId>,
    clients: Clients,
    events: Events,
    around: Around,
    next_number: u64,
    scratch: Box<[u8]>,
    start: Instant,
    /// Time since the start, as of this sweep.
    now: Duration,
    next_tend: Duration,
}

/// Clients by the number in their [`ConnId`], and the lists of those that want something.
#[derive(Debug, Default)]
pub(super) struct Clients {
    all: HashMap<u64, Client, RandomState>,
    /// Those with bytes to be sent.
    dirty: Vec<u64>,
    /// Those with requests that wait for the next sweep.
    busy: Vec<u64>,
    /// Those that time matters to: open transactions, or a guest's undelivered events.
    tended: Vec<u64>,
}

impl Clients {
    pub(super) fn get(&mut self, number: u64) -> Option<&mut Client> {
        self.all.get_mut(&number)
    }

    pub(super) fn numbers(&self) -> Vec<u64> {
        self.all.keys().copied().collect()
    }

    /// Notes that there are bytes to be sent.
    pub(super) fn note_output(&mut self, number: u64) {
        if let Some(client) = self.all.get_mut(&number)
            && !client.dirty
            && client.can_send()
        {
            client.dirty = true;
            self.dirty.push(number);
        }
    }

    fn note_busy(&mut self, number: u64) {
        if let Some(client) = self.all.get_mut(&number)
            && !client.busy
        {
            client.busy = true;
            self.busy.push(number);
        }
    }

    fn note_time(&mut self, number: u64) {
        if let Some(client) = self.all.get_mut(&number)
            && !client.tended
            && needs_tending(&client.conn)
        {
            client.tended = true;
            self.tended.push(number);
        }
    }
}

fn needs_tending(conn: &Connection) -> bool {
    conn.transactions() > 0 || conn.next_deadline().is_some()
}

/// Tokens of what isn't a client: above all numbers of clients.
const BELL: u64 = u64::MAX;
const LISTENER: u64 = u64::MAX - 1;
const GUESTS: u64 = 1 << 62;

impl Worker {
    pub(super) fn new(
        id: u16,
        shared: Arc<Shared>,
        inbox: Inbox,
        listener: Option<OwnedFd>,
    ) -> io::Result<Worker> {
        let poll = Poll::new()?;
        poll.add_bell(inbox.bell.fd(), BELL)?;
        let listener = listener.map(|fd| Listener::new(fd, LISTENER, &poll)).transpose()?;
        Ok(Worker {
            id,
            events: Events::new(id, &shared),
            around: Around::new(Arc::clone(&shared), ConnId::new(id, 0)),
            shared,
            inbox,
            poll,
            acceptor: listener.map(Acceptor::new),
            guests: Guests::default(),
            paused_guests: Vec::new(),
            clients: Clients::default(),
            next_number: 0,
            scratch: vec![0; INPUT_MAX].into_boxed_slice(),
            start: Instant::now(),
            now: Duration::ZERO,
            next_tend: Duration::ZERO,
        })
    }

    /// Serves until it is told to stop.
    pub(super) fn run(mut self) -> io::Result<()> {
        let mut ready = Vec::with_capacity(limits::EVENTS_PER_SWEEP);
        while self.sweep(&mut ready)? {}
        for number in self.clients.numbers() {
            self.flush(number);
        }
        self.around.trace.flush();
        Ok(())
    }

    /// One turn; false when it is to stop.
    fn sweep(&mut self, ready: &mut Vec<Ready>) -> io::Result<bool> {
        if !self.sleep(ready)? {
            return Ok(false);
        }
        self.now = self.start.elapsed();
        self.around.trace.refresh();
        if !self.read_inbox() {
            return Ok(false);
        }
        self.deliver(None);
        for event in ready.drain(..) {
            self.happened(event)?;
        }
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
        Ok(true)
    }

    /// Waits for something to do, if there is nothing; false when it is to stop.
    fn sleep(&mut self, ready: &mut Vec<Ready>) -> io::Result<bool> {
        let mut timeout = Some(Duration::ZERO);
        if self.clients.busy.is_empty() {
            self.inbox.bell.sleep();
            // Whoever leaves a message or commits from here on rings the bell.
            match self.inbox.messages.try_recv() {
                Ok(message) => {
                    if !self.handle(message) {
                        return Ok(false);
                    }
                }
                Err(TryRecvError::Disconnected) => return Ok(false),
                Err(TryRecvError::Empty) if self.events.has_news() => {}
                Err(TryRecvError::Empty) => timeout = self.until_deadline(),
            }
        }
        self.poll.wait(timeout, ready)?;
        self.inbox.bell.awake();
        Ok(true)
    }

    fn until_deadline(&self) -> Option<Duration> {
        let tend = (!self.clients.tended.is_empty()).then_some(self.next_tend);
        let accept = self.acceptor.as_ref().and_then(|acceptor| acceptor.listener.deadline());
        let guests = (!self.paused_guests.is_empty()).then(|| self.now + limits::ACCEPT_PAUSE);
        let deadline = tend.into_iter().chain(accept).chain(guests).min()?;
        Some(deadline.saturating_sub(self.start.elapsed()))
    }

    fn read_inbox(&mut self) -> bool {
        while let Ok(message) = self.inbox.messages.try_recv() {
            if !self.handle(message) {
                return false;
            }
        }
        true
    }

    /// False when it is to stop.
    fn handle(&mut self, message: Message) -> bool {
        match message {
            Message::Client { socket, number } => {
                self.add(Peer::Socket(number), Caller::Control, socket);
            }
            Message::Listen { domid, listener } => {
                let token = GUESTS | u64::from(domid.0);
                match Listener::new(listener, token, &self.poll) {
                    Ok(listener) => self.guests.insert(domid, listener),
                    Err(error) => warn!("domain {domid} can't be reached: {error}"),
                }
            }
            Message::Introduced(domid) => {
                let number = self.guests.get(domid).and_then(|guest| guest.client);
                if let Some(number) = number
                    && let Some(client) = self.clients.get(number)
                    && !client.reset(&self.shared.store)
                {
                    self.close(number);
                }
            }
            Message::Gone(domid) => {
                if let Some(number) = self.guests.remove(domid).and_then(|guest| guest.client) {
                    self.close(number);
                }
            }
            Message::Resume(conn) => self.clients.note_busy(number_of(conn)),
            Message::Answer(conn, answer) => {
                let number = number_of(conn);
                self.deliver(None);
                if let Some(client) = self.clients.get(number) {
                    client.conn.answer(&answer);
                    self.clients.note_output(number);
                    self.clients.note_busy(number);
                }
            }
            Message::Stop => return false,
        }
        true
    }

    fn happened(&mut self, event: Ready) -> io::Result<()> {
        match event.token {
            BELL => {}
            LISTENER => {
                if let Some(acceptor) = &mut self.acceptor {
                    acceptor.accept(&self.shared.mailboxes, &self.poll, self.now);
                }
            }
            token if token & GUESTS != 0 => self.accept_guest(token ^ GUESTS),
            number => {
                let deaf = self.clients.get(number).is_some_and(|client| client.is_deaf());
                if event.hung_up && deaf {
                    self.close(number);
                } else if event.readable {
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

    fn accept_guest(&mut self, token: u64) {
        let domid = DomId(u16::try_from(token).unwrap_or(u16::MAX));
        let Some(guest) = self.guests.get(domid) else { return };
        let Some(socket) = guest.listener.accept(&self.poll, self.now) else {
            if guest.listener.deadline().is_some() {
                self.paused_guests.push(domid);
            }
            return;
        };
        let before = guest.client.take();
        if let Some(number) = before {
            self.close(number);
        }
        let info = self.shared.store.pin().domain(domid).filter(|info| info.introduced);
        let Some(info) = info else { return };
        let caller = Caller::Guest { domid, instance: info.instance };
        let number = self.add(Peer::Domain(domid), caller, socket);
        if let Some(guest) = self.guests.get(domid) {
            guest.client = number;
        }
    }

    /// Takes a client in; its number, unless the system has no room for it.
    fn add(&mut self, peer: Peer, caller: Caller, socket: OwnedFd) -> Option<u64> {
        let number = self.next_number;
        self.next_number = number.wrapping_add(1);
        let id = ConnId::new(self.id, number);
        let settings = &self.shared.settings;
        let timeout = settings.watch_event_timeout;
        let timeout = (timeout > 0).then(|| Duration::from_secs(u64::from(timeout)));
        let conn = Connection::new(id, peer, caller)
            .with_event_timeout(timeout)
            .with_waker(self.shared.mailboxes.waker(id));
        let client = Client::new(conn, socket);
        if let Err(error) = client.add_to(&self.poll, number) {
            warn!("a client can't be served: {error}");
            return None;
        }
        self.clients.all.insert(number, client);
        self.around.trace.connection(peer, true);
        Some(number)
    }

    fn close(&mut self, number: u64) {
        let Some(mut client) = self.clients.all.remove(&number) else { return };
        client.conn.close(&self.shared.store);
        let peer = client.conn.peer();
        if let Peer::Domain(domid) = peer {
            self.guests.ended(domid, number);
        }
        self.around.trace.connection(peer, false);
    }

    /// Reads once, and executes requests up to a bound.
    fn read_and_serve(&mut self, number: u64) {
        let Some(client) = self.clients.get(number) else { return };
        client.read(&mut self.scratch);
        let mut left = limits::REQUESTS_PER_SWEEP;
        loop {
            let Some(client) = self.clients.get(number) else { return };
            if left == 0 {
                self.clients.note_busy(number);
                break;
            }
            left -= 1;
            self.around.current = client.conn.id();
            match client.conn.step(&self.shared.store, &mut self.around, self.now) {
                Progress::Held { seq } => self.answered(number, seq),
                Progress::Idle if client.refill() => {}
                Progress::Idle if client.has_ended() => {
                    self.flush(number);
                    return self.close(number);
                }
                Progress::Stalled => {
                    client.stalled = true;
                    break;
                }
                Progress::Failed(_) => return self.close(number),
                Progress::Idle | Progress::Waiting => break,
            }
        }
        if self.around.take_quotas_changed() {
            self.wake_stalled();
        }
        self.clients.note_output(number);
        self.clients.note_time(number);
        self.update_interest(number);
    }

    /// A request was executed: its events come first, then its reply.
    fn answered(&mut self, number: u64, seq: u64) {
        let committed = self.around.take_committed();
        self.deliver(Some(seq.max(committed)));
        if let Some(client) = self.clients.get(number) {
            client.conn.release(self.now);
        }
    }

    /// Queues the events of all commits, or of those up to one of this worker's.
    fn deliver(&mut self, up_to: Option<u64>) {
        let shared = &self.shared;
        self.events.deliver(shared, &mut self.clients, &mut self.around.trace, up_to, self.now);
    }

    /// Quotas were raised: who was over one may not be any more.
    fn wake_stalled(&mut self) {
        for number in self.clients.numbers() {
            if self.clients.get(number).is_some_and(|client| client.stalled) {
                self.clients.note_busy(number);
            }
        }
    }

    /// Sends what a client has to be sent, and goes on with what waited for that.
    fn flush(&mut self, number: u64) {
        let Some(client) = self.clients.get(number) else { return };
        if client.send() == Sent::Closed {
            return self.close(number);
        }
        if client.stalled {
            client.stalled = false;
            self.clients.note_busy(number);
        }
        self.clients.note_time(number);
        self.update_interest(number);
    }

    fn update_interest(&mut self, number: u64) {
        let Some(client) = self.clients.get(number) else { return };
        if let Err(error) = client.update_interest(&self.poll, number) {
            warn!("a client can't be served any more: {error}");
            self.close(number);
        }
    }

    /// Does what time brings.
    fn keep_time(&mut self) {
        if let Some(acceptor) = &mut self.acceptor {
            acceptor.listener.resume(&self.poll, self.now);
        }
        for domid in std::mem::take(&mut self.paused_guests) {
            if let Some(guest) = self.guests.get(domid) {
                guest.listener.resume(&self.poll, self.now);
                if guest.listener.deadline().is_some() {
                    self.paused_guests.push(domid);
                }
            }
        }
        if self.clients.tended.is_empty() || self.now < self.next_tend {
            return;
        }
        self.next_tend = self.now.saturating_add(limits::TEND_EVERY);
        for number in std::mem::take(&mut self.clients.tended) {
            let Some(client) = self.clients.get(number) else { continue };
            client.tended = false;
            client.conn.tend(&self.shared.store, &mut self.around, self.now);
            if client.stalled {
                client.stalled = false;
                self.clients.note_busy(number);
            }
            self.clients.note_time(number);
        }
    }
}

/// The number that a client has at its worker.
pub(super) fn number_of(conn: ConnId) -> u64 {
    conn.0 & (u64::MAX >> 16)
}
