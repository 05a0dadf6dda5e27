//! The daemon of a simulation, which may be killed and come back.

use std::{collections::HashMap, path::PathBuf, sync::Arc};

use myriad::{
    logs::{Destination, Logs},
    recovery::Recovery,
    sim::Host,
    worker::{Content, Settings, Stepped},
};
use myriad_core::{Config, DomId, Quota, Store};
use myriad_ring::{page::Doorbells, v1::features};

use super::limits::{EVENT_TIMEOUT, FEW_OUTSTANDING, FEW_RECORDS, JOURNAL_BYTES, WORKERS};

/// What outlives a daemon, and how one is made.
pub(super) struct Site {
    config: Config,
    host: Arc<Host>,
    logs: Logs,
    directory: PathBuf,
    /// What happens is kept, for a daemon that is killed.
    keeps: bool,
}

/// A daemon.
pub(super) struct Daemon {
    pub(super) stepped: Stepped,
    recovery: Option<Recovery>,
}

impl Site {
    /// A host, on which each seed has a daemon of one of several kinds.
    pub(super) fn new(seed: u64, directory: PathBuf) -> Result<Site, String> {
        let mut config = Config { features: features::OFFERED, reclaimer: true, ..<_>::default() };
        match seed % 3 {
            1 => config.quotas.set(Quota::Outstanding, FEW_OUTSTANDING),
            2 => config.feed_slots = FEW_RECORDS,
            _ => {}
        }
        let host = Host::open(&directory.join(SIM), DomId::ZERO).map_err(|e| e.to_string())?;
        let host = Arc::new(host);
        let logs = Logs::start(Destination::Stderr, None).map_err(|error| error.to_string())?;
        Ok(Site { config, host, logs, directory, keeps: seed.is_multiple_of(2) })
    }

    /// Whether a daemon here may be killed.
    pub(super) fn keeps(&self) -> bool {
        self.keeps
    }

    /// A daemon, with what the one before it has left.
    pub(super) fn start(&self) -> Result<Daemon, String> {
        let open = || Recovery::open(&self.directory, JOURNAL_BYTES);
        let mut recovery = self.keeps.then(open).transpose().map_err(|e| e.to_string())?;
        let journal = recovery.as_ref().map(Recovery::journal);
        let config = Config { journal, ..self.config.clone() };
        let former = recovery.as_mut().map(|recovery| recovery.restore(&config)).transpose();
        let store = match former.map_err(|error| error.to_string())?.flatten() {
            Some(store) => store,
            None => Store::new(&config).map_err(|error| error.to_string())?,
        };
        let kept = recovery.as_ref().map(|recovery| recovery.begin(&store)).transpose();
        let kept = kept.map_err(|error| error.to_string())?;
        let formers = recovery.as_mut().map(|recovery| std::mem::take(&mut recovery.formers));
        let formers = formers.unwrap_or_else(HashMap::new);
        let content = Content { store, kept, formers, sockets: None, store_number: 1, past: None };
        let settings = Settings {
            workers: WORKERS,
            control: DomId::ZERO,
            sim_dir: self.directory.join(SIM),
            store_domid: DomId::ZERO,
            watch_event_timeout: Some(EVENT_TIMEOUT),
            doorbells: Doorbells::default(),
        };
        let stepped = Stepped::new(settings, content, Arc::clone(&self.host), self.logs.clone());
        Ok(Daemon { stepped: stepped.map_err(|error| error.to_string())?, recovery })
    }
}

impl Daemon {
    /// Ends it where it stands: it has no further step, and what it has kept is in its files.
    pub(super) fn kill(&mut self) {
        // Another may have them from now on.
        self.recovery = None;
    }

    /// What another thread does elsewhere.
    pub(super) fn keep(&self) -> Result<(), String> {
        let Some(recovery) = &self.recovery else { return Ok(()) };
        recovery.checkpoint_if_due(self.stepped.store()).map_err(|error| error.to_string())
    }
}

/// Where the simulated host keeps what outlives a daemon.
const SIM: &str = "sim";
