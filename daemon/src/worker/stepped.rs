//! Workers without threads, moved by hand: for simulations that a seed repeats exactly.
//!
//! Whoever has them says which worker does its next turn, how time passes, and which doorbell
//! arrives when. Nothing here waits, nothing else runs, and the code that serves is that of the
//! daemon. What differs is outside of it: a worker that would wait for descriptors lies down, and
//! a step of it does nothing until one of them is ready or its time has come. So a wake-up that
//! nobody gives is missed here as it would be there.

use std::{
    io,
    os::{fd::AsFd, unix::net::UnixStream},
    sync::Arc,
    time::Duration,
};

use myriad_core::{DomId, Store};
use myriad_ring::{bells::Bells, page::Memfd};
use rustix::fd::OwnedFd;

use super::{
    Content, Settings, Shared,
    clock::{Clock, Manual},
    gate,
    machine::Machine,
    mailbox::Message,
    poll::Batch,
    run::Worker,
    takeup,
};
use crate::{logs::Logs, reclaim::Reclaimer, sim, sim::machine::wake_up};

/// Workers that are moved by hand.
pub struct Stepped {
    shared: Arc<Shared>,
    workers: Vec<Sleeper>,
    clock: Manual,
    clients: u64,
}

/// A process full of simulated guests beside them.
#[derive(Debug)]
pub struct Neighbour {
    machine: Arc<Machine>,
    /// By which its guests ring each worker.
    workers: Vec<Bells>,
    /// By which they are rung.
    guests: Bells,
}

struct Sleeper {
    worker: Worker,
    batch: Batch,
    /// It waits, until then at most.
    asleep: Option<Option<Duration>>,
}

impl Stepped {
    /// Workers beside a simulated host, which take up what an earlier daemon has left. (Programs'
    /// sockets don't outlive it here.)
    ///
    /// # Errors
    /// A descriptor or directory that the system refuses.
    pub fn new(
        settings: Settings,
        content: Content,
        host: Arc<sim::Host>,
        logs: Logs,
    ) -> io::Result<Stepped> {
        let Content { store, kept, formers, store_number, .. } = content;
        let reclaimer = Reclaimer::here(store.clone());
        let (mut shared, inboxes) = Shared::new(settings, store, host, logs, reclaimer)?;
        let clock = Manual::default();
        shared.clock = Clock::Manual(clock.clone());
        (shared.has_threads, shared.kept) = (false, kept);
        shared.store_number = store_number;
        let shared = Arc::new(shared);
        takeup::take_up(&shared, formers);
        let workers = (0..).zip(inboxes).map(|(id, inbox)| {
            let worker = Worker::new(id, Arc::clone(&shared), inbox, None, None)?;
            Ok(Sleeper { worker, batch: Batch::new(), asleep: None })
        });
        let workers = workers.collect::<io::Result<_>>()?;
        Ok(Stepped { shared, workers, clock, clients: 0 })
    }

    /// The store that they serve.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.shared.store
    }

    /// A worker's next turn. False where it sleeps on.
    ///
    /// # Errors
    /// What would end the worker.
    pub fn step(&mut self, worker: usize) -> io::Result<bool> {
        let now = self.clock.peek();
        self.workers.get_mut(worker).map_or(Ok(false), |sleeper| sleeper.step(now))
    }

    /// Until when a worker sleeps: none where it is awake, `MAX` where only news wake it.
    #[must_use]
    pub fn asleep(&self, worker: usize) -> Option<Duration> {
        let until = self.workers.get(worker)?.asleep?;
        Some(until.unwrap_or(Duration::MAX))
    }

    /// The time since the beginning.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.clock.peek()
    }

    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// A client of the socket, which the next worker in turn has.
    ///
    /// # Errors
    /// The system has no sockets to give.
    pub fn connect(&mut self) -> io::Result<UnixStream> {
        let (there, here) = UnixStream::pair()?;
        here.set_nonblocking(true)?;
        there.set_nonblocking(true)?;
        let (socket, number) = (OwnedFd::from(here), self.clients);
        self.clients = number.wrapping_add(1);
        let count = u64::from(self.shared.mailboxes.count());
        let worker = number.checked_rem(count).and_then(|worker| u16::try_from(worker).ok());
        self.shared.mailboxes.post(worker.unwrap_or(0), Message::Client { socket, number });
        Ok(there)
    }

    /// A process full of guests comes.
    ///
    /// # Errors
    /// A descriptor or mapping that the system refuses.
    pub fn neighbour(&mut self, number: u64) -> io::Result<Neighbour> {
        let count = self.shared.mailboxes.count();
        let machine = Arc::new(Machine::new(number, count)?);
        for worker in self.shared.mailboxes.workers() {
            self.shared.mailboxes.post(worker, Message::Machine(Arc::clone(&machine)));
        }
        let workers = (0..count).map(|worker| Bells::map(machine.boards(), worker));
        let workers = workers.collect::<io::Result<_>>()?;
        let guests = Bells::map(machine.boards(), count)?;
        Ok(Neighbour { machine, workers, guests })
    }

    /// It goes, as when it is killed. The pages of its guests stay as they are.
    pub fn part(&self, neighbour: &Neighbour) {
        let gone = |worker| {
            let message = Message::MachineGone(neighbour.machine.number());
            self.shared.mailboxes.post(worker, message);
        };
        self.shared.mailboxes.workers().for_each(gone);
    }

    /// A guest of a process takes the ring of its domain: the page, and the domain's unique id.
    ///
    /// # Errors
    /// Why it can't have it.
    pub fn attach(&self, neighbour: &Neighbour, domid: DomId) -> Result<(Memfd, u64), String> {
        gate::ring(&self.shared, &neighbour.machine, domid)
    }

    /// A process gives the page of a guest back, which an earlier daemon has served.
    ///
    /// # Errors
    /// Why it isn't taken.
    pub fn take_back(
        &self,
        neighbour: &Neighbour,
        domid: DomId,
        page: &(Memfd, u64),
    ) -> Result<(), String> {
        let (file, unique_id) = page;
        let file = file.as_fd().try_clone_to_owned().map_err(|error| error.to_string())?;
        gate::take_back(&self.shared, &neighbour.machine, domid, *unique_id, vec![file])
    }

    /// The doorbell that a guest has rung arrives.
    ///
    /// # Errors
    /// The system's.
    pub fn ring(&self, neighbour: &Neighbour, domid: DomId) -> io::Result<()> {
        let worker = self.shared.mailboxes.owner(domid);
        let Some(bells) = neighbour.workers.get(usize::from(worker)) else { return Ok(()) };
        if bells.ring(domid.0)
            && let Some(wake) = neighbour.machine.wake_of(worker)
        {
            wake_up(wake)?;
        }
        Ok(())
    }

    /// Ends them: what can still be sent is sent.
    pub fn end(mut self) {
        for sleeper in &mut self.workers {
            sleeper.worker.finish();
        }
    }
}

impl Neighbour {
    /// Which guests the workers have rung since this was asked last, each once.
    pub fn hear(&self, mut heard: impl FnMut(DomId)) {
        self.guests.hear(|domid| heard(DomId(domid)));
    }
}

impl Sleeper {
    fn step(&mut self, now: Duration) -> io::Result<bool> {
        let Sleeper { worker, batch, asleep } = self;
        if let Some(until) = *asleep {
            worker.poll.wait(Some(Duration::ZERO), batch)?;
            if batch.is_empty() && until.is_none_or(|until| now < until) {
                return Ok(false);
            }
            *asleep = None;
            worker.get_up();
        } else if !worker.spin(batch) {
            let patience = worker.lie_down();
            worker.poll.wait(Some(Duration::ZERO), batch)?;
            if batch.is_empty() && patience != Some(Duration::ZERO) {
                *asleep = Some(patience.map(|patience| worker.now.saturating_add(patience)));
                return Ok(true);
            }
            worker.get_up();
        }
        worker.work(batch)?;
        Ok(true)
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests;
