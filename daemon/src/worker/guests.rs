//! Guests of the simulated host: a Unix socket each, where a real one has a ring.
//!
//! # Synchronization
//! A flag, relaxed: it publishes nothing, and decides only whether something is logged once more.

use std::{
    collections::HashMap,
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use ahash::RandomState;
use myriad_core::{DomId, Instance};
use rustix::fd::OwnedFd;

use super::accept::Listener;
use crate::{
    claim::{self, ClaimError},
    sim,
    sync::{AtomicBool, Ordering::Relaxed},
};

/// The directory of the guests' sockets.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    /// No descriptor was left, and that was logged.
    exhausted: AtomicBool,
}

/// A socket at which a guest arrives.
#[derive(Debug)]
pub(super) struct GuestSocket {
    pub(super) listener: OwnedFd,
    /// The number of its file.
    pub(super) file: u64,
}

impl Directory {
    /// Makes it, without sockets: those that are in it were left by a daemon that was killed.
    pub(super) fn create(path: PathBuf) -> io::Result<Directory> {
        let directory = Directory { path, exhausted: AtomicBool::new(false) };
        std::fs::create_dir_all(&directory.path)?;
        directory.clear()?;
        Ok(directory)
    }

    /// Listens for a guest, in the place of any before it.
    pub(super) fn listen(&self, domid: DomId) -> Result<GuestSocket, ClaimError> {
        let path = self.socket(domid);
        let listener = claim::listen(&path)?;
        if self.exhausted.load(Relaxed) {
            self.exhausted.store(false, Relaxed);
        }
        // Without its number it will stay when its domain has gone, and harm nobody.
        let file = std::fs::metadata(&path).map_or(0, |found| found.ino());
        Ok(GuestSocket { listener, file })
    }

    /// Whether a failure is to be logged: for want of descriptors there are as many as domains.
    pub(super) fn is_news(&self, error: &ClaimError) -> bool {
        !(error.is_want_of_descriptors() && self.exhausted.swap(true, Relaxed))
    }

    /// Nobody can connect as this domain any more by this socket. (The next of its id may have put
    /// its own there.)
    pub(super) fn forget(&self, domid: DomId, file: u64) {
        let path = self.socket(domid);
        let is_it = |path: &Path| std::fs::metadata(path).is_ok_and(|found| found.ino() == file);
        if !is_it(&path) {
            return;
        }
        // Aside, since another may take its place right now: then that one goes back.
        let aside = self.path.join(format!(".{domid}.{file}"));
        if std::fs::rename(&path, &aside).is_ok() {
            if !is_it(&aside) {
                // Where a third is there already, this one is past, too.
                let _ = std::fs::hard_link(&aside, &path);
            }
            let _ = std::fs::remove_file(aside);
        }
    }

    /// Where machines full of guests connect.
    pub(super) fn machines(&self) -> PathBuf {
        self.path.join("machines.socket")
    }

    /// Removes all sockets. The table of domains stays: they outlive the daemon.
    pub(super) fn clear(&self) -> io::Result<()> {
        for entry in std::fs::read_dir(&self.path)? {
            let entry = entry?;
            if entry.file_name() != sim::FILE {
                match std::fs::remove_file(entry.path()) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
        }
        Ok(())
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
    /// Which of those that had its id.
    pub(super) life: Instance,
    /// None for a domain that has a ring.
    pub(super) arrival: Option<Box<Arrival>>,
    /// The number of its connection.
    pub(super) client: Option<u64>,
}

/// Where a simulated guest arrives.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) listener: Listener,
    pub(super) file: u64,
}

impl Guests {
    /// A life of a domain that is served here from now on. Gives the one before it, if any.
    pub(super) fn begin(&mut self, domid: DomId, life: Instance) -> Option<Guest> {
        let same = self.guests.get(&domid).is_some_and(|guest| guest.life == life);
        let begun = Guest { life, arrival: None, client: None };
        if same { None } else { self.guests.insert(domid, begun) }
    }

    pub(super) fn get(&mut self, domid: DomId) -> Option<&mut Guest> {
        self.guests.get_mut(&domid)
    }

    /// A life of a domain is over. Gives it, where it was served here.
    pub(super) fn end(&mut self, domid: DomId, life: Instance) -> Option<Guest> {
        let served = self.guests.get(&domid).is_some_and(|guest| guest.life == life);
        if served { self.guests.remove(&domid) } else { None }
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
