//! The parts that serve, put together: store, what is kept of it, host, workers and socket.
//!
//! `xenstored` has them in a process of their own ([`crate::server`]), a toolstack in its own
//! ([`crate::embed`]).

use std::{
    hash::{BuildHasher, RandomState},
    sync::Arc,
};

use myriad_core::{
    Config, DomId, Store,
    limits::{FEED_BYTES, FEED_SLOTS},
};
use myriad_ring::v1::features;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::{info, warn};

use crate::{
    claim::Socket,
    confine::{self, Needs},
    control,
    history::{HistoryFile, HistoryThread, Reader},
    limits,
    logs::Logs,
    options::{Options, Places},
    past,
    recovery::{Checkpointer, Recovery},
    server::ServeError,
    sim, tree,
    worker::{Content, Settings, Team, Xen},
    xen,
};

/// Whose process it is in which the parts serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Process {
    /// `xenstored`'s: it is confined, and what systemd keeps for it are its clients' sockets.
    Daemon,
    /// Another program's, which has its descriptors for itself.
    Others,
}

/// What serves.
#[derive(Debug)]
pub(crate) struct Serving {
    pub(crate) store: Store,
    pub(crate) team: Team,
    keepers: Keepers,
    socket: Socket,
}

impl Serving {
    /// Serves from now on. `failed` is called if a worker ends by a fault of ours.
    pub(crate) fn start(
        options: &Options,
        places: &Places,
        socket: Socket,
        logs: Logs,
        of: Process,
        failed: impl Fn() + Clone + Send + 'static,
    ) -> Result<Serving, ServeError> {
        raise_file_limit();
        let real = xen::is_here()?.then(|| Xen::open(options.workers())).transpose()?;
        let is_real = real.is_some();
        let host = simulated_host(options, places, is_real)?;
        let (content, waiting) = content(options, places, of)?;
        control::prepare();
        if of == Process::Daemon && !options.no_confinement {
            // From here on files are opened where `Needs` has it, and threads that are started are
            // confined like this one.
            let _ = confine::enter(&Needs::of(options, places, is_real), &logs);
        }
        let store = content.store.clone();
        let (keepers, past) = waiting.start(&store)?;
        let content = Content { past, ..content };
        let settings = Settings {
            workers: options.workers(),
            control: options.priv_domid,
            store_domid: options.master_domid,
            sim_dir: places.sim_dir(),
            watch_event_timeout: options.watch_event_timeout(),
            doorbells: options.ring_doorbells.into(),
        };
        let team = Team::start(settings, content, host, real, logs, socket.listener(), failed)?;
        let host = if is_real { "serving" } else { "no Xen in use: serving the simulated host" };
        info!("{host} on {}", places.socket.display());
        Ok(Serving { store, team, keepers, socket })
    }

    /// Ends the workers, then what keeps the store; the socket's path is free afterwards.
    pub(crate) fn stop(self) {
        self.team.stop();
        drop(self.keepers);
        drop(self.socket);
    }
}

/// What keeps what happens to the store, before its threads are there.
struct Waiting {
    recovery: Option<Recovery>,
    history: Option<HistoryFile>,
    /// Opens the history file again.
    reader: Option<Reader>,
}

impl Waiting {
    fn start(self, store: &Store) -> Result<(Keepers, Option<past::Source>), ServeError> {
        let recovery = self.recovery;
        let checkpointer = recovery.map(|recovery| recovery.checkpointer(store)).transpose()?;
        let history = self.history.map(|history| history.follow(store.clone())).transpose()?;
        let flusher = history.as_ref().map(HistoryThread::flusher);
        let past = self.reader.zip(flusher).map(|(open, flusher)| past::Source { open, flusher });
        Ok((Keepers { _checkpointer: checkpointer, _history: history }, past))
    }
}

/// The threads that keep what happens to the store; dropped, they end.
#[derive(Debug)]
struct Keepers {
    _checkpointer: Option<Checkpointer>,
    _history: Option<HistoryThread>,
}

/// The store: the one that an earlier daemon has left, or an empty one. What happens to it from now
/// on is kept.
fn content(
    options: &Options,
    places: &Places,
    of: Process,
) -> Result<(Content, Waiting), ServeError> {
    let control = options.priv_domid;
    let mut recovery = options.recovery(places)?;
    let history = options.history(places);
    let feed = match history {
        Some(_) => (limits::HISTORY_FEED_SLOTS, limits::HISTORY_FEED_BYTES),
        None => (FEED_SLOTS, FEED_BYTES),
    };
    let config = Config {
        control,
        quotas: options.quotas(),
        features: features::OFFERED,
        keep_orphans: options.keep_orphans,
        reclaimer: true,
        journal: recovery.as_ref().map(Recovery::journal),
        generation: history.as_ref().map_or(0, after_history),
        feed_slots: feed.0,
        feed_bytes: feed.1,
        ..Config::default()
    };
    let former = recovery.as_mut().map(|recovery| recovery.restore(&config)).transpose()?;
    let store = match former.flatten() {
        Some(store) => store,
        None => {
            let store = Store::new(&config)?;
            tree::build(&store, control, !options.no_domain_init)?;
            store
        }
    };
    let kept = recovery.as_ref().map(|recovery| recovery.begin(&store)).transpose()?;
    let sockets = recovery.as_mut().filter(|_| of == Process::Daemon).map(Recovery::sockets);
    let formers = recovery.as_mut().map(|recovery| std::mem::take(&mut recovery.formers));
    let store_number = history.as_ref().map_or_else(any_number, HistoryFile::number);
    let reader = history.as_ref().and_then(HistoryFile::reader);
    let formers = formers.unwrap_or_default();
    let content = Content { store, kept, formers, sockets, store_number, past: None };
    Ok((content, Waiting { recovery, history, reader }))
}

/// Where a store's generations begin: not with the last that history has, so that who knows that
/// one is not taken for one who knows what this store begins with.
fn after_history(history: &HistoryFile) -> u64 {
    match history.generation() {
        0 => 0,
        last => last.saturating_add(1),
    }
}

/// A number that no other store has.
fn any_number() -> u64 {
    RandomState::new().hash_one(0).max(1)
}

/// The simulated host: the one that is there, with the domains that were asked for. On a real one
/// there is none, and no file of it.
fn simulated_host(
    options: &Options,
    places: &Places,
    is_real: bool,
) -> Result<Arc<sim::Host>, ServeError> {
    if is_real {
        return Ok(Arc::new(sim::Host::new(options.priv_domid)));
    }
    let host = sim::Host::open(&places.sim_dir(), options.priv_domid)?;
    let domids: Vec<DomId> = options.sim_domains.iter().flat_map(|range| range.iter()).collect();
    host.create_missing(&domids)?;
    Ok(Arc::new(host))
}

/// A client is a descriptor: take as many as the system allows.
fn raise_file_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
    {
        warn!("can't raise the limit of open files, which bounds the clients: {error}");
    }
}

impl Places {
    /// Makes the run directory, where there is none.
    pub(crate) fn make(&self) -> Result<(), ServeError> {
        let path = &self.run_dir;
        std::fs::create_dir_all(path)
            .map_err(|source| ServeError::RunDir { path: path.clone(), source })
    }
}

impl Options {
    /// Refuses what can't be served yet.
    pub(crate) fn served_by_this_version(&self) -> Result<(), ServeError> {
        match (self.live_update, self.event) {
            (true, _) => Err(ServeError::LiveUpdate),
            (_, Some(_)) => Err(ServeError::Event),
            _ => Ok(()),
        }
    }
}
