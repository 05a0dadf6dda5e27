//! The life of the daemon: from its options to its end.

use std::{io, path::PathBuf, sync::Arc};

use myriad_core::{
    Config, DomId, Error, Store,
    limits::{FEED_BYTES, FEED_SLOTS},
};
use myriad_ring::v1::features;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sd_notify::NotifyState;
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};
use tracing::{info, warn};

use crate::{
    claim::{ClaimError, PidFile, Socket},
    confine::{self, Needs},
    control, detach,
    history::{HistoryFile, HistoryThread},
    limits,
    logs::{self, LogError, Logs},
    options::{Options, Places},
    recovery::{Checkpointer, RecoverError, Recovery},
    sim::{self, SimError, TableError},
    tree,
    worker::{Content, Settings, Team, Xen},
    xen::{self, XenError},
};

/// Why the daemon can't serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// live update is not there yet
    #[error("--live-update: not supported by this version; start without it")]
    LiveUpdate,
    /// the control domain's ring is not served yet
    #[error("--event: this version serves no ring of Xen's; start without it")]
    Event,
    /// the run directory can't be made
    #[error("can't make the run directory {path}: {source}; set XENSTORED_RUNDIR to another")]
    RunDir {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// the pid file or the socket is not to be had
    #[error(transparent)]
    Claim(#[from] ClaimError),
    /// a log can't be opened
    #[error(transparent)]
    Log(#[from] LogError),
    /// the domains of `--sim-domains`
    #[error("--sim-domains: {0}")]
    SimDomains(#[from] SimError),
    /// the simulated host's table of domains
    #[error(transparent)]
    SimHost(#[from] TableError),
    /// Xen's devices can't be used
    #[error(transparent)]
    Xen(#[from] XenError),
    /// the store can't be set up
    #[error("can't set up the store: {0}")]
    Store(#[from] Error),
    /// what an earlier daemon has left, or the place for it
    #[error("recovery: {0}")]
    Recovery(#[from] RecoverError),
    /// a thread or descriptor is not to be had
    #[error("can't start: {0}")]
    System(#[from] io::Error),
    /// a worker ended by a fault of the daemon
    #[error("a worker failed: see the log; this is a fault of xenstored, please report it")]
    Worker,
}

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// [`ServeError`]: what can't be had, and what to do about it.
pub fn run(options: Options) -> Result<(), ServeError> {
    if options.live_update {
        return Err(ServeError::LiveUpdate);
    }
    if options.event.is_some() {
        return Err(ServeError::Event);
    }
    let places = Places::from_env();
    let detached = detach::is_child() && !options.no_fork;
    let options = options.with_absolute_paths();
    if detached {
        detach::leave()?;
    }
    std::fs::create_dir_all(&places.run_dir)
        .map_err(|source| ServeError::RunDir { path: places.run_dir.clone(), source })?;
    let pid_file = options.pid_file.as_deref().map(PidFile::claim).transpose()?;
    let socket = Socket::claim(&places.socket)?;
    let logs = logs::install(&options)?;
    let mut signals = Signals::new([SIGHUP, SIGTERM, SIGINT])?;
    raise_file_limit();

    let real = xen::is_here()?.then(|| Xen::open(options.workers())).transpose()?;
    let is_real = real.is_some();
    let host = simulated_host(&options, &places, is_real)?;
    let (content, waiting) = content(&options, &places)?;
    confine(&options, &places, is_real, &logs);
    let keepers = waiting.start(&content.store)?;
    let settings = Settings {
        workers: options.workers(),
        control: options.priv_domid,
        store_domid: options.master_domid,
        sim_dir: places.sim_dir(),
        watch_event_timeout: options.watch_event_timeout(),
        doorbells: options.ring_doorbells.into(),
    };
    let failed = signals.handle();
    let team =
        Team::start(settings, content, host, real, logs.clone(), socket.listener(), move || {
            failed.close();
        })?;
    let host = if is_real { "serving" } else { "no Xen in use: serving the simulated host" };
    info!("{host} on {}", places.socket.display());
    ready(detached, options.output_pid)?;

    let mut asked = false;
    for signal in signals.forever() {
        if signal == SIGHUP {
            logs.reopen();
            info!("SIGHUP: the log files are open again");
        } else {
            asked = true;
            break;
        }
    }
    tell(&[NotifyState::Stopping]);
    info!("ending");
    team.stop();
    drop(keepers);
    // From here on a new daemon may start.
    drop(socket);
    drop(pid_file);
    logs.flush();
    if asked { Ok(()) } else { Err(ServeError::Worker) }
}

/// Gives away what is not needed any more. From here on files are opened where [`Needs`] has it,
/// and threads that are started are confined like the one that starts them.
fn confine(options: &Options, places: &Places, is_real: bool, logs: &Logs) {
    control::prepare();
    match options.no_confinement {
        true => info!("not confined: --no-confinement"),
        false => drop(confine::enter(&Needs::of(options, places, is_real), logs)),
    }
}

/// What keeps what happens to the store, before its threads are there.
struct Waiting {
    recovery: Option<Recovery>,
    history: Option<HistoryFile>,
}

impl Waiting {
    fn start(self, store: &Store) -> Result<Keepers, ServeError> {
        let recovery = self.recovery;
        let checkpointer = recovery.map(|recovery| recovery.checkpointer(store)).transpose()?;
        let history = self.history.map(|history| history.follow(store.clone())).transpose()?;
        Ok(Keepers { _checkpointer: checkpointer, _history: history })
    }
}

/// The threads that keep what happens to the store; dropped, they end.
struct Keepers {
    _checkpointer: Option<Checkpointer>,
    _history: Option<HistoryThread>,
}

/// The store: the one that an earlier daemon has left, or an empty one. What happens to it from now
/// on is kept.
fn content(options: &Options, places: &Places) -> Result<(Content, Waiting), ServeError> {
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
        generation: history.as_ref().map_or(0, HistoryFile::generation),
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
    let sockets = recovery.as_mut().map(Recovery::sockets).unwrap_or_default();
    let formers = recovery.as_mut().map(|recovery| std::mem::take(&mut recovery.formers));
    let content = Content { store, kept, formers: formers.unwrap_or_default(), sockets };
    Ok((content, Waiting { recovery, history }))
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

fn ready(detached: bool, output_pid: bool) -> io::Result<()> {
    tell(&[NotifyState::Ready, NotifyState::MainPid(std::process::id())]);
    if detached {
        // The parent prints the pid.
        detach::ready()?;
    } else if output_pid {
        use std::io::Write;
        writeln!(io::stdout(), "{}", std::process::id())?;
    }
    Ok(())
}

/// Tells systemd, if it started the daemon.
fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        warn!("can't tell systemd: {error}");
    }
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
