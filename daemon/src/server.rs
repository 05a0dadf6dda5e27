//! The life of the daemon: from its options to its end.

use std::{io, path::PathBuf};

use myriad_core::Error;
use sd_notify::NotifyState;
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};
use tracing::{info, warn};

use crate::{
    claim::{ClaimError, PidFile, Socket},
    detach,
    logs::{self, LogError},
    options::{Options, Places},
    recovery::RecoverError,
    serving::{Process, Serving},
    sim::{SimError, TableError},
    xen::XenError,
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
    options.served_by_this_version()?;
    let places = Places::from_env();
    let detached = detach::is_child() && !options.no_fork;
    let options = options.with_absolute_paths();
    if detached {
        detach::leave()?;
    }
    places.make()?;
    let pid_file = options.pid_file.as_deref().map(PidFile::claim).transpose()?;
    let socket = Socket::claim(&places.socket)?;
    let logs = logs::install(&options)?;
    let mut signals = Signals::new([SIGHUP, SIGTERM, SIGINT])?;
    if options.no_confinement {
        info!("not confined: --no-confinement");
    }
    let failed = signals.handle();
    let serving =
        Serving::start(&options, &places, socket, logs.clone(), Process::Daemon, move || {
            failed.close();
        })?;
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
    serving.stop();
    // From here on a new daemon may start.
    drop(pid_file);
    logs.flush();
    if asked { Ok(()) } else { Err(ServeError::Worker) }
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
