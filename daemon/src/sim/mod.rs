//! The simulated host: domains that exist because someone said so, on a machine without Xen.
//!
//! A first-class backend, not a test double: INTRODUCE, permissions by domain, quotas, death and
//! the reuse of domain ids are the real thing, only the domains are not. Domains are created and
//! destroyed by `CONTROL sim …` ([`Command`]), and a guest talks through a Unix socket in
//! `RUNDIR/sim` where a real one has a ring.
//!
//! Domains outlive the daemon: its table of them is a file ([`Host::open`]), and their pages are
//! held by their [machines](machine), which give them back to the next daemon.
//!
//! # Synchronization
//! A slot per domain id, one word each, changed by compare-and-swap. What is in it is the whole
//! truth about the domain here, and publishes nothing else: relaxed throughout. So a guest's
//! SET_PERMS, which asks for a domain, waits for nobody, and a domain costs the same however many
//! there are. Who has changed a word writes it to the file, looks whether it is still the same, and
//! otherwise does so again: whoever writes last has seen the last change, since the file's writes
//! are put in an order by the kernel's lock of it.

mod command;
pub mod machine;
pub(crate) mod packets;
mod table;

use std::{fmt, io, path::Path};

use myriad_core::DomId;
use rustix::io::Errno;

pub use command::{Command, CommandError};
pub use table::{FILE, TableError};

use table::Table;

use crate::{
    hypervisor::{Condition, DomainState, Hypervisor},
    sync::{AtomicU64, Ordering::Relaxed},
};

/// The domains of the simulated host.
pub struct Host {
    slots: Box<[AtomicU64]>,
    next_unique_id: AtomicU64,
    /// None for a host that ends with the process.
    table: Option<Table>,
}

/// Why a simulated domain could not be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SimError {
    /// the domain exists
    #[error("domain {0} exists already: destroy it first, or take another id")]
    Exists(DomId),
    /// there is no such domain
    #[error("there is no domain {0}: create it first")]
    Unknown(DomId),
    /// no domain can have this id
    #[error("no domain has the id {0}: ids end at 32751")]
    NoId(DomId),
    /// the control domain is not simulated
    #[error("domain {0} is the control domain, which can't be changed")]
    Control(DomId),
    /// what is so now would be forgotten with the daemon
    #[error("the simulated host's table can't be written: {0}; make room for it")]
    Table(Errno),
}

impl Host {
    /// A host where only the control domain runs, and which ends with this process.
    #[must_use]
    pub fn new(control: DomId) -> Host {
        let slots = (0..DomId::SELF.0).map(|_| AtomicU64::new(NOBODY)).collect();
        let host = Host { slots, next_unique_id: AtomicU64::new(1), table: None };
        if let Some(slot) = host.slot(control) {
            slot.store(host.newborn(), Relaxed);
        }
        host
    }

    /// The host whose domains are in the file [`FILE`] of this directory, which is made if there is
    /// none, or it is of an earlier boot: those of a daemon that has ended go on existing, with
    /// their unique ids. While no daemon runs, whoever opens the host can change it.
    ///
    /// # Errors
    /// [`TableError`]: another process has it open, it is something else, or the system refuses.
    pub fn open(directory: &Path, control: DomId) -> Result<Host, TableError> {
        let path = directory.join(FILE);
        let system = |source| TableError::System { path: path.clone(), source };
        std::fs::create_dir_all(directory).map_err(system)?;
        let (table, contents) = Table::open(&path)?;
        // Whose end was under way has died: by now nobody holds its id.
        let is_there = |word: u64| if unpack(word).is_some() { word } else { NOBODY };
        let slots = contents.words.into_iter().map(|word| AtomicU64::new(is_there(word)));
        let host = Host {
            slots: slots.collect(),
            next_unique_id: AtomicU64::new(contents.next_unique_id),
            table: Some(table),
        };
        let has_control = host.create_missing(&[control]);
        has_control.map_err(|error| system(io::Error::other(error)))?;
        Ok(host)
    }

    /// Creates those of these domains that there aren't.
    ///
    /// # Errors
    /// [`SimError::NoId`], [`SimError::Table`].
    pub fn create_missing(&self, domids: &[DomId]) -> Result<(), SimError> {
        let missing: Vec<_> =
            domids.iter().copied().filter(|domid| self.domain(*domid).is_none()).collect();
        self.create(&missing)
    }

    /// Creates domains: all or none, though some may be seen for a moment.
    ///
    /// # Errors
    /// [`SimError::Exists`], [`SimError::NoId`], [`SimError::Table`].
    pub fn create(&self, domids: &[DomId]) -> Result<(), SimError> {
        let made = self.fill(domids);
        let kept = self.save_next().and_then(|()| self.save_all(domids));
        if made.is_ok() && kept.is_err() {
            self.empty(domids);
            // As far as it goes: it is the same table.
            let _ = self.save_all(domids);
        }
        made.and(kept)
    }

    /// Which page the ring of a domain is from now on: the inode of its memory file.
    pub(crate) fn note_page(&self, domid: DomId, inode: u64) -> Result<(), SimError> {
        let Some(table) = &self.table else { return Ok(()) };
        table.save_page(domid, inode).map_err(unsaved)
    }

    /// Whether the ring of a domain is this page.
    pub(crate) fn has_page(&self, domid: DomId, inode: u64) -> bool {
        let page = self.table.as_ref().map(|table| table.page(domid));
        inode != 0 && matches!(page, Some(Ok(page)) if page == inode)
    }

    fn fill(&self, domids: &[DomId]) -> Result<(), SimError> {
        for (done, &domid) in domids.iter().enumerate() {
            let newborn = self.newborn();
            let fill = |word| (word == NOBODY).then_some(newborn);
            let made = self.slot(domid).ok_or(SimError::NoId(domid)).and_then(|slot| {
                let filled = slot.fetch_update(Relaxed, Relaxed, fill);
                filled.map_err(|_| SimError::Exists(domid))
            });
            if let Err(error) = made {
                self.empty(domids.get(..done).unwrap_or_default());
                return Err(error);
            }
        }
        Ok(())
    }

    fn empty(&self, domids: &[DomId]) {
        for slot in domids.iter().filter_map(|made| self.slot(*made)) {
            slot.store(NOBODY, Relaxed);
        }
    }

    /// Shuts a domain down, crashes it, or lets it run again; doing so again changes nothing.
    ///
    /// # Errors
    /// [`SimError::Unknown`], [`SimError::Control`], [`SimError::Table`].
    pub fn stop(&self, domid: DomId, control: DomId, as_: Condition) -> Result<(), SimError> {
        self.change(domid, control, |word| word & !CONDITION | pack(as_)).map(drop)
    }

    /// Destroys a domain: from now on there is none, but its id is taken until [`Host::buried`].
    ///
    /// # Errors
    /// [`SimError::Unknown`], [`SimError::Control`], [`SimError::Table`].
    pub fn destroy(&self, domid: DomId, control: DomId) -> Result<(), SimError> {
        self.change(domid, control, |word| word & !CONDITION).map(drop)
    }

    /// Nothing is left of a domain that was destroyed: its id is free again. So whoever gets it
    /// is not taken for the one before.
    pub fn buried(&self, domid: DomId) {
        if let Some(slot) = self.slot(domid) {
            let bury = |word| unpack(word).is_none().then_some(NOBODY);
            // One that lives is not buried.
            let _ = slot.fetch_update(Relaxed, Relaxed, bury);
            // Where this fails, the next daemon finds that there is none, which is the same.
            let _ = self.save_all(&[domid]);
        }
    }

    /// All domains, by id.
    #[must_use]
    pub fn list(&self) -> Vec<(DomId, DomainState)> {
        let all = (0..).map(DomId).zip(&self.slots);
        all.filter_map(|(domid, slot)| Some((domid, unpack(slot.load(Relaxed))?))).collect()
    }

    fn slot(&self, domid: DomId) -> Option<&AtomicU64> {
        self.slots.get(usize::from(domid.0))
    }

    /// The word of a domain that begins to run.
    fn newborn(&self) -> u64 {
        self.next_unique_id.fetch_add(1, Relaxed) << UNIQUE_ID | pack(Condition::Running)
    }

    /// Changes a guest that exists.
    fn change(
        &self,
        domid: DomId,
        control: DomId,
        f: impl Fn(u64) -> u64,
    ) -> Result<u64, SimError> {
        if domid == control {
            return Err(SimError::Control(domid));
        }
        let slot = self.slot(domid).ok_or(SimError::Unknown(domid))?;
        let change = |word| unpack(word).map(|_| f(word));
        let before = slot.fetch_update(Relaxed, Relaxed, change);
        let before = before.map_err(|_| SimError::Unknown(domid))?;
        self.save_all(&[domid])?;
        Ok(before)
    }

    fn save_all(&self, domids: &[DomId]) -> Result<(), SimError> {
        let Some(table) = &self.table else { return Ok(()) };
        for &domid in domids {
            let Some(slot) = self.slot(domid) else { continue };
            save(slot, |word| table.save(domid, word))?;
        }
        Ok(())
    }

    fn save_next(&self) -> Result<(), SimError> {
        let Some(table) = &self.table else { return Ok(()) };
        save(&self.next_unique_id, |unique_id| table.save_next(unique_id))
    }
}

/// Writes a word until it is what was written.
fn save(word: &AtomicU64, write: impl Fn(u64) -> io::Result<()>) -> Result<(), SimError> {
    let mut now = word.load(Relaxed);
    loop {
        write(now).map_err(unsaved)?;
        let then = std::mem::replace(&mut now, word.load(Relaxed));
        if then == now {
            return Ok(());
        }
    }
}

fn unsaved(error: io::Error) -> SimError {
    SimError::Table(Errno::from_io_error(&error).unwrap_or(Errno::IO))
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("domains", &self.list().len()).finish_non_exhaustive()
    }
}

// A word: unique id and condition (0: no such domain). The unique id outlives the domain, until it
// is buried.
const CONDITION: u64 = 3;
const UNIQUE_ID: u32 = 2;
const NOBODY: u64 = 0;

fn pack(condition: Condition) -> u64 {
    match condition {
        Condition::Running => 1,
        Condition::Shutdown => 2,
        Condition::Crashed => 3,
    }
}

fn unpack(word: u64) -> Option<DomainState> {
    let condition = match word & CONDITION {
        1 => Condition::Running,
        2 => Condition::Shutdown,
        3 => Condition::Crashed,
        _ => return None,
    };
    Some(DomainState { unique_id: word >> UNIQUE_ID, condition })
}

impl Hypervisor for Host {
    fn domain(&self, domid: DomId) -> Option<DomainState> {
        self.slot(domid).and_then(|slot| unpack(slot.load(Relaxed)))
    }
}

#[cfg(test)]
mod tests;
