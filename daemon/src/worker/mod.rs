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
//!    drained its feed and mailbox ([`bell`]).
//! 4. An idle connection costs nothing per sweep: a sweep touches those that are readable,
//!    writable, named in an event, or have requests waiting. Only connections with open
//!    transactions or undelivered events of a guest are looked at by time.
//! 5. Each connection gets a bounded number of requests per sweep. A client that doesn't read
//!    isn't read from past a bound, so it costs others nothing.
//! 6. No guard of the store is held across a system call: they live inside single calls of
//!    `core` and `ring`.

mod accept;
mod bell;
mod client;
mod guests;
mod host;
mod mailbox;
mod poll;
mod refusals;
mod run;
mod send;
mod trace;

use std::{io, path::PathBuf, sync::Arc, thread::JoinHandle};

use myriad_core::{DomId, Store};
use rustix::fd::OwnedFd;
use tracing::error;

use crate::{control::HighWater, logs::Logs, sim};
use bell::Bell;
use mailbox::{Mailboxes, Message};
use run::Worker;

/// What workers are told at start.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How many workers.
    pub workers: u16,
    /// The control domain.
    pub control: DomId,
    /// The directory of the simulated guests' sockets.
    pub sim_dir: PathBuf,
    /// Seconds for which an event is kept for a guest that doesn't read; 0: for ever.
    pub watch_event_timeout: u32,
}

/// What all workers share.
#[derive(Debug)]
struct Shared {
    settings: Settings,
    store: Store,
    host: Arc<sim::Host>,
    logs: Logs,
    mailboxes: Mailboxes,
    seen: HighWater,
    refusals: refusals::Refusals,
    checking: control_check::Checking,
}

/// All workers.
#[derive(Debug)]
pub struct Team {
    mailboxes: Mailboxes,
    threads: Vec<JoinHandle<()>>,
    sockets: guests::Directory,
}
