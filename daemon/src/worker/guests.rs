//! Guests of the simulated host: a Unix socket each, where a real one has a ring.
//!
//! A life of a domain has a socket of its own, under a name that no other has: `.5.7`. `5.socket`
//! is a link to that of the last life of domain 5, put into the place of the one before at once. So
//! the end of a life can't touch the next one's: it removes its own name alone, and who connects by
//! the other finds that nobody listens.
//!
//! # Synchronization
//! A flag and a counter, relaxed: they publish nothing. One decides only whether something is
//! logged once more, the other only that numbers differ.

use std::{collections::HashMap, io, path::PathBuf};

use ahash::RandomState;
use myriad_core::{DomId, Instance};
use rustix::fd::OwnedFd;

use super::accept::Listener;
use crate::{
    claim::{self, ClaimError},
    sim,
    sync::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

/// The directory of the guests' sockets.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    /// No descriptor was left, and that was logged.
    exhausted: AtomicBool,
    /// Sockets so far.
    lives: AtomicU64,
}

/// A socket at which a guest arrives.
#[derive(Debug)]
pub(super) struct GuestSocket {
    pub(super) listener: OwnedFd,
    /// The number of its socket.
    pub(super) file: u64,
}

impl Directory {
    /// Makes it, without sockets: those that are in it were left by a daemon that was killed.
    pub(super) fn create(path: PathBuf) -> io::Result<Directory> {
        let directory =
            Directory { path, exhausted: AtomicBool::new(false), lives: AtomicU64::new(0) };
        std::fs::create_dir_all(&directory.path)?;
        directory.clear()?;
        Ok(directory)
    }

    /// Listens for a guest, in the place of any before it.
    pub(super) fn listen(&self, domid: DomId) -> Result<GuestSocket, ClaimError> {
        let file = self.lives.fetch_add(1, Relaxed);
        let own = self.own(domid, file);
        let listener = claim::listen(&own)?;
        let new = self.path.join(format!(".{domid}.{file}.link"));
        let put =
            std::fs::hard_link(&own, &new).and_then(|()| std::fs::rename(&new, self.socket(domid)));
        if let Err(source) = put {
            self.forget(domid, file);
            return Err(ClaimError::System { what: "put a link at", path: new, source });
        }
        if self.exhausted.load(Relaxed) {
            self.exhausted.store(false, Relaxed);
        }
        Ok(GuestSocket { listener, file })
    }

    /// Whether a failure is to be logged: for want of descriptors there are as many as domains.
    pub(super) fn is_news(&self, error: &ClaimError) -> bool {
        !(error.is_want_of_descriptors() && self.exhausted.swap(true, Relaxed))
    }

    /// Nobody can connect any more as the life of a domain that had this socket.
    pub(super) fn forget(&self, domid: DomId, file: u64) {
        // What can't be removed harms nobody: nobody listens.
        let _ = std::fs::remove_file(self.own(domid, file));
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

    fn own(&self, domid: DomId, file: u64) -> PathBuf {
        self.path.join(format!(".{domid}.{file}"))
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
