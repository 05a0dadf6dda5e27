//! The command line and environment of `xenstored`.
//!
//! Every option of C's `xenstored` is taken as C takes it (`usage()` in `tools/xenstored/core.c`,
//! and 4.17's `xenstored_core.c` for those since removed), so that `launch-xenstore`, systemd
//! units and Debian's `/etc/default/xencommons` work unchanged. Invariants:
//! - a wrong value is refused with the option's name and what would be right; C ignores unknown
//!   options and reads wrong numbers as 0;
//! - options that have no meaning here are accepted and do nothing, and say so in their help.

mod places;
mod values;

use std::{path::PathBuf, time::Duration};

use clap::{Parser, builder::FalseyValueParser};
use myriad_core::{DomId, Quota, Quotas};

pub use places::Places;
pub use values::{
    AccessLog, DomidRange, InternalDb, LogFormat, QuotaSetting, RingDoorbells, SizeOrOff, Switch,
    TimeoutSetting,
};

use crate::{
    history::HistoryFile,
    limits,
    recovery::{RecoverError, Recovery},
};

/// What `xenstored` was told on its command line.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "xenstored",
    about = "Serves the xenstore tree to the control domain and its guests",
    disable_help_flag = true,
    disable_version_flag = true,
    infer_long_args = true,
    version
)]
pub struct Options {
    /// Write the daemon's pid to this file, and refuse to start while another holds it
    #[arg(short = 'F', long, value_name = "FILE")]
    pub pid_file: Option<PathBuf>,

    /// Print this help
    #[arg(short = 'H', long, visible_short_alias = 'h', action = clap::ArgAction::Help)]
    help: Option<bool>,

    /// Print the version
    #[arg(long, action = clap::ArgAction::Version)]
    version: Option<bool>,

    /// Stay in the foreground
    #[arg(short = 'N', long)]
    pub no_fork: bool,

    /// Print the daemon's pid once it serves
    #[arg(short = 'P', long)]
    pub output_pid: bool,

    /// Log to this file, messages traced as the switches say; default: standard error with -N,
    /// else syslog
    #[arg(short = 'T', long, value_name = "FILE")]
    pub trace_file: Option<PathBuf>,

    /// Turn a trace switch on or off: one of obj, io, wrl, acc, tdb after a + or -
    #[arg(long, value_name = "±SWITCH", allow_hyphen_values = true)]
    pub trace_control: Vec<Switch>,

    /// Limit the nodes of each domain (quota `nodes`)
    #[arg(short = 'E', long, value_name = "NB", value_parser = values::number)]
    entry_nb: Option<u32>,

    /// Limit the bytes of each node (quota `node-size`)
    #[arg(short = 'S', long, value_name = "SIZE", value_parser = values::number)]
    entry_size: Option<u32>,

    /// Limit the watches of each domain (quota `watches`)
    #[arg(short = 'W', long, value_name = "NB", value_parser = values::number)]
    watch_nb: Option<u32>,

    /// Limit the open transactions of each domain (quota `transactions`)
    #[arg(short = 't', long, value_name = "NB", value_parser = values::number)]
    transaction: Option<u32>,

    /// Limit the permissions of each node (quota `node-permissions`)
    #[arg(short = 'A', long, value_name = "NB", value_parser = values::number)]
    perm_nb: Option<u32>,

    /// Limit the length of paths (quota `path-max`, at most 2048)
    #[arg(short = 'M', long, value_name = "CHARS", value_parser = values::number)]
    path_max: Option<u32>,

    /// Set a quota; 0 means no limit
    #[arg(short = 'Q', long, value_name = "WHAT=NB", value_parser = values::hard_quota)]
    quota: Vec<QuotaSetting>,

    /// Set a soft quota, whose violation is logged: memory
    #[arg(short = 'q', long, value_name = "WHAT=NB", value_parser = values::soft_quota)]
    quota_soft: Vec<QuotaSetting>,

    /// Set a timeout: watch-event, how long an event is kept for a guest that doesn't read
    #[arg(short = 'w', long, value_name = "WHAT=SECONDS")]
    timeout: Vec<TimeoutSetting>,

    /// Keep the nodes of domains that die, as the control domain's, instead of removing them
    #[arg(short = 'K', long)]
    pub keep_orphans: bool,

    /// The domain in which the daemon runs
    #[arg(short = 'm', long, value_name = "DOMID", default_value = "0")]
    #[arg(value_parser = values::domid)]
    pub master_domid: DomId,

    /// The control domain
    #[arg(short = 'p', long, value_name = "DOMID", default_value = "0")]
    #[arg(value_parser = values::domid)]
    pub priv_domid: DomId,

    /// The event channel port of the control domain's ring: refused by this version
    #[arg(short = 'e', long, value_name = "PORT", value_parser = values::number)]
    pub event: Option<u32>,

    /// Take over from a daemon that was updated (only its predecessor may pass this)
    #[arg(short = 'U', long)]
    pub live_update: bool,

    /// Don't introduce the control domain
    #[arg(short = 'D', long)]
    pub no_domain_init: bool,

    /// Log more
    #[arg(short = 'V', long)]
    pub verbose: bool,

    /// Start with an empty store, whatever an earlier daemon has left
    #[arg(short = 'R', long)]
    no_recovery: bool,

    /// Accepted for older versions' sake; does nothing
    #[arg(short = 'L', long)]
    preserve_local: bool,

    /// Accepted for 4.17's sake; the store is always in memory
    #[arg(short = 'I', long, value_name = "on|off", num_args = 0..=1, default_missing_value = "on")]
    internal_db: Option<InternalDb>,

    /// Threads that serve; default: one per core, at most 4
    #[arg(long, value_name = "N", value_parser = values::workers, help_heading = OURS)]
    workers: Option<u16>,

    /// Domains that exist in the simulated host at start, such as 1-20,30
    #[arg(long, value_name = "RANGES", value_delimiter = ',', help_heading = OURS)]
    pub sim_domains: Vec<DomidRange>,

    /// When a guest is told that its ring has moved: `needed` spares those that are awake the
    /// event, but MiniOS and firmware may wait for it
    #[arg(long, value_name = "WHEN", default_value = "always", help_heading = OURS)]
    pub ring_doorbells: RingDoorbells,

    /// Memory (below the run directory) for what a killed daemon comes back from; `off`: it comes
    /// back empty, and domains must start anew
    #[arg(long, value_name = "SIZE|off", default_value = "32M", help_heading = OURS)]
    #[arg(value_parser = values::journal_size)]
    journal_size: SizeOrOff,

    /// Size of the file that history is kept in, from 1M; it never grows. `off`: none is kept. The
    /// file is `history` in XENSTORED_ROOTDIR, else in XENSTORED_RUNDIR, else in /var/lib/xenstored
    #[arg(long, value_name = "SIZE|off", default_value = "64M", help_heading = OURS)]
    history_size: SizeOrOff,

    /// Keep all privileges: open any file, make any system call. Without it the daemon gives away
    /// what it doesn't need once it has started
    #[arg(long, env = "XENSTORED_NO_CONFINEMENT", value_parser = FalseyValueParser::new())]
    #[arg(hide_env = true, help_heading = OURS)]
    pub no_confinement: bool,

    /// How log lines are written
    #[arg(long, value_name = "FORMAT", default_value = "text", help_heading = OURS)]
    pub log_format: LogFormat,

    /// Log each access to this file, in oxenstored's form
    #[arg(long, value_name = "FILE|off", default_value = "off", help_heading = OURS)]
    pub access_log: AccessLog,
}

const OURS: &str = "Options that only Myriad has";

impl Options {
    /// The quotas that unprivileged domains start with. A later option wins over an earlier kind:
    /// `-Q` over the short options, as their order cannot be told apart.
    #[must_use]
    pub fn quotas(&self) -> Quotas {
        let mut quotas = Quotas::default();
        let single = [
            (Quota::Nodes, self.entry_nb),
            (Quota::NodeSize, self.entry_size),
            (Quota::Watches, self.watch_nb),
            (Quota::Transactions, self.transaction),
            (Quota::NodePermissions, self.perm_nb),
            (Quota::PathMax, self.path_max),
        ];
        for (quota, value) in single {
            if let Some(value) = value {
                quotas.set(quota, value);
            }
        }
        for setting in self.quota.iter().chain(&self.quota_soft) {
            quotas.set(setting.quota, setting.value);
        }
        let path_max = quotas.get(Quota::PathMax);
        quotas.set(Quota::PathMax, path_max.min(limits::PATH_MAX));
        quotas
    }

    /// For how long an event is kept for a guest that doesn't read; none: for ever.
    #[must_use]
    pub fn watch_event_timeout(&self) -> Option<Duration> {
        let seconds = self.timeout.last().map_or(limits::WATCH_EVENT_TIMEOUT, |t| t.seconds);
        (seconds > 0).then(|| Duration::from_secs(u64::from(seconds)))
    }

    /// How many workers to run.
    #[must_use]
    pub fn workers(&self) -> u16 {
        self.workers.unwrap_or_else(|| {
            let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
            u16::try_from(cores).unwrap_or(limits::DEFAULT_WORKERS).min(limits::DEFAULT_WORKERS)
        })
    }

    /// What an earlier daemon has left, and where this one keeps what the next one needs; none
    /// where nothing is to be kept.
    ///
    /// # Errors
    /// [`RecoverError`].
    pub fn recovery(&self, places: &Places) -> Result<Option<Recovery>, RecoverError> {
        let Some(bytes) = self.journal_size.bytes() else {
            Recovery::forget(&places.run_dir)?;
            return Ok(None);
        };
        if self.no_recovery {
            Recovery::forget(&places.run_dir)?;
        }
        Recovery::open(&places.run_dir, bytes).map(Some)
    }

    /// The history file; none where it is not to be kept, or can't be.
    #[must_use]
    pub fn history(&self, places: &Places) -> Option<HistoryFile> {
        HistoryFile::open(&places.history(), self.history_size.bytes()?)
    }

    /// Makes paths independent of the working directory, which the daemon leaves when it goes
    /// into the background.
    #[must_use]
    pub fn with_absolute_paths(mut self) -> Options {
        let fix = |path: &mut PathBuf| {
            if let Ok(absolute) = std::path::absolute(&*path) {
                *path = absolute;
            }
        };
        self.pid_file.as_mut().map(fix);
        self.trace_file.as_mut().map(fix);
        if let AccessLog::File(path) = &mut self.access_log {
            fix(path);
        }
        self
    }
}

#[cfg(test)]
mod tests;
