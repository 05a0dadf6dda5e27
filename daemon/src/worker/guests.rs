//! Guests of the simulated host: a Unix socket each, where a real one has a ring.
//!
//! # Synchronization
//! A flag, relaxed: it publishes nothing, and decides only whether something is logged once more.

use std::{collections::HashMap, io, path::PathBuf};

use ahash::RandomState;
use myriad_core::DomId;
use rustix::fd::OwnedFd;

use super::accept::Listener;
use crate::{
    claim::{self, ClaimError},
    sync::{AtomicBool, Ordering::Relaxed},
};

/// The directory of the guests' sockets.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    /// No descriptor was left, and that was logged.
    exhausted: AtomicBool,
}

impl Directory {
    /// Makes it, empty: what is in it was left by a daemon that was killed.
    pub(super) fn create(path: PathBuf) -> io::Result<Directory> {
        let directory = Directory { path, exhausted: AtomicBool::new(false) };
        directory.remove()?;
        std::fs::create_dir_all(&directory.path)?;
        Ok(directory)
    }

    /// Listens for a guest.
    pub(super) fn listen(&self, domid: DomId) -> Result<OwnedFd, ClaimError> {
        // Left by a release that came between: nobody listens there any more.
        self.forget(domid);
        claim::listen(&self.socket(domid))
    }

    /// Whether a failure is to be logged: for want of descriptors there are as many as domains.
    pub(super) fn is_news(&self, error: &ClaimError) -> bool {
        !(error.is_want_of_descriptors() && self.exhausted.swap(true, Relaxed))
    }

    /// A domain could be reached.
    pub(super) fn note_success(&self) {
        if self.exhausted.load(Relaxed) {
            self.exhausted.store(false, Relaxed);
        }
    }

    /// Nobody can connect as this domain any more.
    pub(super) fn forget(&self, domid: DomId) {
        // It isn't there: good.
        let _ = std::fs::remove_file(self.socket(domid));
    }

    /// Where machines full of guests connect.
    pub(super) fn machines(&self) -> PathBuf {
        self.path.join("machines.socket")
    }

    /// Removes the directory with all sockets.
    pub(super) fn remove(&self) -> io::Result<()> {
        match std::fs::remove_dir_all(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn socket(&self, domid: DomId) -> PathBuf {
        self.path.join(format!("{domid}.socket"))
    }
}

/// The guests that a worker serves.
#[derive(Debug, Default)]
pub(super) struct Guests {
    guests: HashMap<DomId, Guest, RandomState>,
}

#[derive(Debug)]
pub(super) struct Guest {
    /// None for a domain that has a ring.
    pub(super) listener: Option<Box<Listener>>,
    /// The number of its connection.
    pub(super) client: Option<u64>,
}

impl Guests {
    pub(super) fn insert(&mut self, domid: DomId, listener: Listener) {
        self.guests.insert(domid, Guest { listener: Some(Box::new(listener)), client: None });
    }

    /// A domain that is served here from now on, if it wasn't.
    pub(super) fn served(&mut self, domid: DomId) -> &mut Guest {
        self.guests.entry(domid).or_insert(Guest { listener: None, client: None })
    }

    pub(super) fn get(&mut self, domid: DomId) -> Option<&mut Guest> {
        self.guests.get_mut(&domid)
    }

    pub(super) fn remove(&mut self, domid: DomId) -> Option<Guest> {
        self.guests.remove(&domid)
    }

    /// The connection of a domain has ended.
    pub(super) fn ended(&mut self, domid: DomId, client: u64) {
        if let Some(guest) = self.guests.get_mut(&domid)
            && guest.client == Some(client)
        {
            guest.client = None;
        }
    }
}
