//! Workers: threads that each own some connections outright.
//!
//! A worker reads, executes and answers the requests of its connections, and delivers to them the
//! events of everyone's commits. Nothing that a connection has is shared: parsing, transactions
//! and queues need no synchronisation. Invariants:
//!
//! 1. A connection belongs to one worker all its life; its [`ConnId`](myriad_core::ConnId) names
//!    the worker.
//! 2. Before a reply that was computed at a publication is queued, the worker's feed is drained up
//!    to that publication, and no further: a client's own events precede its reply.
//! 3. Whoever commits wakes the workers whose connections have events; a worker that sleeps has
//!    drained its feed and mailbox (`bell`).
//! 4. An idle connection costs nothing per sweep: a sweep touches those that are readable,
//!    writable, named in an event, or have requests waiting. Only connections with open
//!    transactions or undelivered events of a guest are looked at by time.
//! 5. Each connection gets a bounded number of requests per sweep. A client that doesn't read
//!    isn't read from past a bound, so it costs others nothing.
//! 6. A guest that is held back is not read from, and costs nothing until its time is over.
//! 7. No guard of the store is held across a system call: they live inside single calls of
//!    `core` and `ring`.

mod accept;
mod arrivals;
mod bell;
mod blame;
mod client;
mod clients;
mod clock;
mod content;
mod doorbell;
mod events;
mod fault;
mod followers;
mod gate;
mod guests;
mod host;
mod link;
mod lives;
mod lookout;
mod machine;
mod mailbox;
mod pauses;
mod poll;
mod ports;
mod programs;
mod real;
mod refusals;
mod returned;
mod rings;
mod run;
mod send;
mod serve;
mod slab;
mod stepped;
mod takeup;
mod tending;
mod trace;
mod turns;
mod wait;

use std::{
    io,
    path::PathBuf,
    sync::Arc,
    thread::{Builder, JoinHandle},
    time::Duration,
};

use myriad_core::{DomId, Store};
use myriad_ring::page::Doorbells;
use rustix::fd::OwnedFd;
use tracing::{error, warn};

use crate::{
    control::{HighWater, Pins},
    hypervisor::Hypervisor,
    logs::Logs,
    past,
    reclaim::Reclaimer,
    recovery::Kept,
    sim,
    stored::Places,
    xen::DomainWatch,
};
use clock::Clock;
pub use content::Content;
use fault::OnPanic;
use mailbox::{Inbox, Mailboxes, Message};
pub use real::Xen;
use run::Worker;
pub use stepped::{Neighbour, Stepped};

/// What workers are told at start.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How many workers.
    pub workers: u16,
    /// The control domain.
    pub control: DomId,
    /// The directory of the simulated guests' sockets.
    pub sim_dir: PathBuf,
    /// The domain in which the daemon runs: relative paths of its programs lie below its home.
    pub store_domid: DomId,
    /// For how long an event is kept for a guest that doesn't read; none: for ever.
    pub watch_event_timeout: Option<Duration>,
    /// When guests are told that their rings have moved.
    pub doorbells: Doorbells,
}

/// What all workers share.
#[derive(Debug)]
struct Shared {
    settings: Settings,
    store: Store,
    host: Arc<sim::Host>,
    /// The hypervisor, where this is a control domain; then no domain is simulated.
    xen: Option<Xen>,
    logs: Logs,
    mailboxes: Mailboxes,
    sockets: guests::Directory,
    seen: HighWater,
    pins: Pins,
    refusals: refusals::Refusals,
    clock: Clock,
    pauses: pauses::Pauses,
    rings: rings::Rings,
    lives: lives::Lives,
    reclaimer: Reclaimer,
    /// Which workers have to be told of each publication.
    followers: followers::Followers,
    store_number: u64,
    /// Who is asked for the past.
    past: Option<past::Asker>,
    /// What is kept for the next daemon, where anything is.
    kept: Option<Kept>,
    /// Places for programs' sockets that outlive the daemon.
    places: Option<Places>,
    /// The workers run on threads, and may have others work for them.
    has_threads: bool,
}

impl Shared {
    /// That of workers on threads, beside a simulated host, with nothing kept; and the workers'
    /// inboxes.
    fn new(
        settings: Settings,
        store: Store,
        host: Arc<sim::Host>,
        logs: Logs,
        reclaimer: Reclaimer,
    ) -> io::Result<(Shared, Vec<Inbox>)> {
        let (mailboxes, inboxes) = Mailboxes::new(settings.workers)?;
        let shared = Shared {
            sockets: guests::Directory::create(settings.sim_dir.clone())?,
            store,
            host,
            xen: None,
            logs,
            mailboxes,
            seen: HighWater::default(),
            pins: Pins::new(settings.workers),
            followers: followers::Followers::new(settings.workers),
            store_number: 0,
            past: None,
            settings,
            refusals: refusals::Refusals::default(),
            clock: Clock::system(),
            pauses: pauses::Pauses::default(),
            rings: rings::Rings::new(),
            lives: lives::Lives::new(),
            reclaimer,
            places: None,
            kept: None,
            has_threads: true,
        };
        Ok((shared, inboxes))
    }

    /// Whether the host has a domain.
    fn has_domain(&self, domid: DomId) -> bool {
        self.unique_id(domid).is_some()
    }

    /// Which of those that had its id a domain of the host is.
    fn unique_id(&self, domid: DomId) -> Option<u64> {
        let domain = match &self.xen {
            Some(xen) => xen.host.domain(domid),
            None => self.host.domain(domid),
        };
        domain.map(|domain| domain.unique_id)
    }
}

/// All workers.
#[derive(Debug)]
pub struct Team {
    shared: Arc<Shared>,
    /// Where simulated guests come in; none on a real host.
    gate: Option<gate::Gate>,
    threads: Vec<JoinHandle<()>>,
}

impl Team {
    /// Starts the workers. `failed` is called if one ends by a fault of ours.
    ///
    /// # Errors
    /// A thread, descriptor or directory that the system refuses.
    pub fn start(
        settings: Settings,
        content: Content,
        host: Arc<sim::Host>,
        xen: Option<(Xen, DomainWatch)>,
        logs: Logs,
        listener: &OwnedFd,
        failed: impl Fn() + Clone + Send + 'static,
    ) -> io::Result<Team> {
        let Content { store, kept, formers, sockets, store_number, past } = content;
        let (xen, watch) = xen.unzip();
        let (reclaimer, reclaiming) = Reclaimer::start(store.clone())?;
        let shared = Shared::new(settings, store, host, logs, reclaimer.clone());
        let (mut shared, inboxes) = shared.inspect_err(|_| reclaimer.stop())?;
        shared.xen = xen;
        shared.store_number = store_number;
        let telling = shared.ask_of(past).inspect_err(|_| reclaimer.stop())?;
        shared.places = kept.as_ref().and(sockets.as_ref()).and_then(|_| Places::offered());
        shared.kept = kept;
        let found = !formers.is_empty();
        let mut team = Team { shared: Arc::new(shared), gate: None, threads: vec![reclaiming] };
        team.threads.extend(telling);
        takeup::take_up(&team.shared, formers);
        takeup::take_sockets(&team.shared, sockets.unwrap_or_default());
        match team.fill(inboxes, found, watch, listener, failed) {
            Ok(()) => Ok(team),
            Err(error) => {
                team.stop();
                Err(error)
            }
        }
    }

    /// Starts the threads that there aren't.
    fn fill(
        &mut self,
        inboxes: Vec<Inbox>,
        found: bool,
        mut watch: Option<DomainWatch>,
        listener: &OwnedFd,
        failed: impl Fn() + Clone + Send + 'static,
    ) -> io::Result<()> {
        let shared = &self.shared;
        if shared.xen.is_some() {
            let own = real::own_ring(shared, found).map_err(io::Error::other)?;
            shared.mailboxes.post(shared.mailboxes.owner(DomId::ZERO), own);
        } else {
            self.gate = Some(gate::Gate::open(Arc::clone(shared))?);
        }
        let mut listener = Some(listener.try_clone()?);
        for (id, inbox) in (0..).zip(inboxes) {
            let worker = Worker::new(id, Arc::clone(shared), inbox, listener.take(), watch.take())?;
            let failed = failed.clone();
            let run = move || {
                let _panicked = OnPanic(&failed);
                if let Err(error) = worker.run() {
                    error!("a worker ends: {error}");
                    failed();
                }
            };
            self.threads.push(Builder::new().name(format!("worker-{id}")).spawn(run)?);
        }
        Ok(())
    }

    /// Something was published by no worker: whoever sleeps looks for events of its connections.
    pub(crate) fn published(&self) {
        let mailboxes = &self.shared.mailboxes;
        mailboxes.workers().for_each(|worker| mailboxes.wake(worker));
    }

    /// Ends the workers, and waits until they have.
    pub fn stop(self) {
        for worker in self.shared.mailboxes.workers() {
            self.shared.mailboxes.post(worker, Message::Stop);
        }
        self.shared.reclaimer.stop();
        self.shared.past.iter().for_each(past::Asker::stop);
        for thread in self.threads {
            // A worker that ends the team itself, by what it has called, ends on its own.
            if thread.thread().id() != std::thread::current().id() {
                // One that panicked has said so.
                let _ = thread.join();
            }
        }
        if let Some(gate) = self.gate {
            gate.close();
        }
        if let Err(error) = self.shared.sockets.clear() {
            warn!("the simulated guests' sockets stay: {error}");
        }
    }
}
