//! The loop of a worker.

use std::{collections::HashMap, io, sync::Arc, time::Duration};

use myriad_core::{ConnId, DomId};
use myriad_history::recovery::Keeper;
use myriad_ring::{page, v1::limits::INPUT_MAX};
use rustix::fd::OwnedFd;

use super::{
    Shared,
    accept::{Acceptor, Listener},
    clients::Clients,
    events::Events,
    followers::Following,
    guests::Guests,
    host::Around,
    lookout::Lookout,
    machine::Neighbours,
    mailbox::Inbox,
    poll::{Batch, Poll, Ready},
    ports::Ports,
    programs::Programs,
    turns::Turns,
};
use crate::{limits, recovery::Former, xen::DomainWatch};

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
    /// The clients with subscriptions.
    pub(super) following: Following,
    pub(super) around: Around,
    pub(super) scratch: Scratch,
    /// The machines whose guests are served here.
    pub(super) neighbours: Neighbours,
    /// The event channels of real domains.
    pub(super) ports: Ports,
    /// The rings of programs that are looked at.
    pub(super) programs: Programs,
    /// Until when doorbells are waited for without sleeping.
    pub(super) hot_until: Duration,
    /// For how long: half as long after each time in vain, twice after each that was not. (Where
    /// the guest can't run meanwhile, since it has the same core, all waiting is in vain.)
    pub(super) patience: Duration,
    /// Whether and for how long sockets are waited for without sleeping.
    pub(super) lookout: Lookout,
    /// When descriptors are looked at next, while the worker doesn't sleep.
    pub(super) next_poll: Duration,
    /// Clients that have to wait, and when the first of them goes on.
    pub(super) paused: Vec<u64>,
    pub(super) next_resume: Duration,
    /// Sweeps since something was retired that is not freed.
    unreclaimed: u32,
    /// Whose turn it is at nodes where transactions meet.
    pub(super) turns: Turns,
    /// What an earlier daemon was about to do with rings that may be there again soon.
    pub(super) formers: HashMap<DomId, Box<Former>>,
    /// Questions to all workers so far.
    pub(super) rounds: u64,
    /// Time since the start, as of this sweep.
    pub(super) now: Duration,
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
            following: Following::default(),
            scratch: Scratch::new(),
            neighbours: Neighbours::default(),
            ports,
            programs: Programs::default(),
            hot_until: Duration::ZERO,
            patience: limits::HOT,
            lookout: Lookout::new(),
            next_poll: Duration::ZERO,
            paused: Vec::new(),
            next_resume: Duration::MAX,
            unreclaimed: 0,
            turns: Turns::default(),
            formers: HashMap::new(),
            rounds: 0,
            now: Duration::ZERO,
        })
    }

    /// Serves until it is told to stop.
    pub(super) fn run(mut self) -> io::Result<()> {
        let mut batch = Batch::new();
        while !self.stopping {
            self.sweep(&mut batch)?;
        }
        self.finish();
        Ok(())
    }

    /// Sends what can still be sent.
    pub(super) fn finish(&mut self) {
        for number in self.clients.numbers() {
            self.flush(number);
        }
        self.around.trace.flush();
    }

    /// One turn.
    fn sweep(&mut self, batch: &mut Batch) -> io::Result<()> {
        self.around.trace.refresh();
        if !self.spin(batch) && !self.look_out(batch)? {
            let patience = self.lie_down();
            self.poll.wait(patience, batch)?;
            self.get_up();
        }
        self.work(batch)
    }

    /// Does what there is to do.
    pub(super) fn work(&mut self, batch: &mut Batch) -> io::Result<()> {
        self.around.trace.refresh();
        self.read_inbox();
        self.deliver(None);
        for event in batch.iter() {
            self.happened(event)?;
        }
        self.hear();
        // Also where there was no time to wait for them: whoever is busy must not hide them.
        self.look_at_hot_rings();
        let busy = self.clients.take_busy();
        for &number in &busy {
            if let Some(client) = self.clients.get(number) {
                client.busy = false;
                self.read_and_serve(number);
            }
            if self.clients.dirty.len() >= limits::DIRTY_MAX
                || Keeper::held() >= limits::RECORDS_HELD
            {
                self.flush_all();
                self.settle(0);
            }
        }
        self.clients.give_back(busy);
        self.keep_time();
        self.follow();
        self.flush_all();
        self.settle(0);
        self.follow_on();
        self.around.trace.flush();
        self.note_retired();
        Ok(())
    }

    /// Has freed elsewhere what is retired, a few versions at a time: to wake a thread costs more
    /// than most of them. What is left is so before this worker sleeps.
    fn note_retired(&mut self) {
        let waiting = self.shared.store.to_reclaim();
        self.unreclaimed = if waiting > 0 { self.unreclaimed.saturating_add(1) } else { 0 };
        if waiting >= limits::RECLAIM_BATCH || self.unreclaimed >= limits::RECLAIM_SWEEPS {
            self.unreclaimed = 0;
            self.shared.reclaimer.wake();
        }
    }

    /// What rings were told of is in their slots by now: the journal need not keep the records of
    /// what they asked for, but for the first `but` of them.
    pub(super) fn settle(&self, but: usize) {
        if let Some(kept) = self.shared.kept.as_ref().filter(|_| Keeper::held() > but) {
            kept.keeper.settle(but);
        }
    }

    /// Sends to all to whom there is something to be sent.
    fn flush_all(&mut self) {
        let dirty = self.clients.take_dirty();
        for &number in &dirty {
            if let Some(client) = self.clients.get(number) {
                client.dirty = false;
                self.flush(number);
            }
        }
        self.clients.give_back(dirty);
    }

    /// A socket is readable: of rings it has bells. False where it has ended.
    fn hear_bells(&mut self, number: u64) -> bool {
        let client = self.clients.get(number);
        let Some(rings) = client.and_then(|client| client.shared_mut()) else {
            self.lookout.note(self.now);
            return true;
        };
        rings.hear(&mut self.scratch.socket)
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
                if event.readable && !self.hear_bells(number) {
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
