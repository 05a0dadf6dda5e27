//! Coming back: what the daemon keeps so that, killed at any instant, it goes on where it was.
//!
//! In `RUNDIR/recovery`, which should lie on a tmpfs: a journal of publications, checkpoints of the
//! store, and a slot for each ring (`history/RECOVERY.md`). Order at the start: what is there is
//! read and becomes the store; a checkpoint of that store is written; only then a new journal takes
//! the place of the old one. So whoever is killed in between comes back all the same.

mod checkpointer;
mod former;

use std::{
    collections::HashMap,
    io,
    path::Path,
    sync::Arc,
    time::{Instant, SystemTime},
};

use myriad_core::{
    Caller, Config, ConnId, DomId, Restore, RestoreError, Store,
    journal::{Entry, Journal as StoreJournal},
};
use myriad_history::limits::SLOT_INLINE_BYTES;
use myriad_history::recovery::{
    BootId, Directory, Journal, JournalConfig, Keeper, Recovered, RecoveryError, Slots,
};
use myriad_ring::v1::connection::{Answered, Remains};
use rustix::{fd::OwnedFd, net::Shutdown};
use tracing::{info, warn};

pub use checkpointer::Checkpointer;
pub use former::{Former, SlotHead};

use crate::{
    limits::{self, JOURNAL_SEGMENT_BYTES, JOURNAL_SEGMENTS},
    stored,
};

/// Why the recovery state can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecoverError {
    /// its files
    #[error("{0}; --journal-size off starts without, and loses what domains rely on")]
    Files(#[from] RecoveryError),
    /// what they say
    #[error("{path}: {source}; remove the directory to start empty: domains must start anew then")]
    Content {
        /// The directory.
        path: String,
        /// What is wrong.
        source: RestoreError,
    },
    /// the boot id
    #[error("can't read the host's boot id: {0}; --journal-size off starts without")]
    Boot(io::Error),
}

/// The recovery state of a daemon that is about to serve.
#[derive(Debug)]
pub struct Recovery {
    directory: Directory,
    incarnation: u64,
    journal_bytes: u64,
    keeper: Arc<Keeper>,
    /// What the rings were about to do, by domain.
    pub formers: HashMap<DomId, Former>,
    /// What is known of programs whose sockets systemd may have kept, by their places.
    pub idle: HashMap<u32, Former>,
}

/// What workers need of it.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The journal.
    pub keeper: Arc<Keeper>,
    /// A slot for each ring, by domain id.
    pub slots: Arc<Slots>,
    /// Which daemon this is, of those that had this state.
    pub incarnation: u64,
}

impl Recovery {
    /// Takes the directory, for a journal of so many bytes.
    ///
    /// # Errors
    /// [`RecoverError`].
    pub fn open(run_dir: &Path, journal_bytes: u64) -> Result<Recovery, RecoverError> {
        let boot = BootId::of_host().map_err(RecoverError::Boot)?;
        let directory = Directory::open(&run_dir.join(FOLDER), boot)?;
        let keeper = Arc::new(Keeper::default());
        let (formers, idle) = (HashMap::new(), HashMap::new());
        Ok(Recovery { directory, incarnation: 1, journal_bytes, keeper, formers, idle })
    }

    /// Removes what an earlier daemon has left.
    ///
    /// # Errors
    /// [`RecoverError`].
    pub fn forget(run_dir: &Path) -> Result<(), RecoverError> {
        let path = run_dir.join(FOLDER);
        if path.exists() {
            let boot = BootId::of_host().map_err(RecoverError::Boot)?;
            Directory::open(&path, boot)?.clear()?;
        }
        Ok(())
    }

    /// Who is told of publications.
    #[must_use]
    pub fn journal(&self) -> Arc<dyn StoreJournal> {
        Arc::clone(&self.keeper) as Arc<dyn StoreJournal>
    }

    /// The store that a killed daemon has left; none where there was none in this life of the host.
    ///
    /// # Errors
    /// [`RecoverError`].
    pub fn restore(&mut self, config: &Config) -> Result<Option<Store>, RecoverError> {
        let began = Instant::now();
        let Some(found) = Recovered::read(&self.directory)? else { return Ok(None) };
        self.incarnation = found.incarnation() + 1;
        if let Some(seq) = found.suspended() {
            warn!(
                "the daemon before this one had no room to record its commits from {seq} on: the \
                 store starts empty, and domains must start anew; --journal-size gives it more"
            );
            return Ok(None);
        }
        let bad = |source| {
            let path = self.directory.path().display().to_string();
            RecoverError::Content { path, source }
        };
        let mut restore = Restore::new(config, found.checkpoint()).map_err(bad)?;
        let mut requests = HashMap::new();
        for record in found.records() {
            let seq = record.head.seq;
            let entry = record.entry().ok_or(RestoreError::Record(seq)).map_err(bad)?;
            restore.replay(&entry).map_err(bad)?;
            note(&mut requests, &entry);
        }
        for record in found.earlier() {
            if let Some(entry) = record.entry() {
                note(&mut requests, &entry);
            }
        }
        let incarnation = found.incarnation();
        self.read_slots((incarnation, &requests))?;
        let is_last = |former: &&Former| former.head.incarnation == incarnation;
        let conn = |former: &Former| former.head.conn;
        // A daemon that ended while it came back has left both: some slots that it has written,
        // and some watches that it hasn't given to anyone.
        let last = self.idle.iter().filter(|(_, former)| is_last(former));
        let sockets: HashMap<ConnId, u32> = last
            .map(|(number, former)| (conn(former), *number))
            .chain(self.idle.keys().map(|number| (interim_socket(*number), *number)))
            .collect();
        let own = self.formers.get(&DomId::ZERO).filter(is_last).map(conn);
        restore.connections(|old, caller| match caller {
            Caller::Guest { domid, .. } => Some(interim(*domid)),
            Caller::Control if Some(old) == own || old == interim(DomId::ZERO) => {
                Some(interim(DomId::ZERO))
            }
            // Those of other sockets are gone.
            Caller::Control => sockets.get(&old).map(|number| interim_socket(*number)),
        });
        let store = restore.finish(limits::GENERATION_GAP);
        info!(
            "came back with {} records after a checkpoint, {} rings and {} domains, in {} ms",
            found.records().len(),
            self.formers.len(),
            store.pin().domains().len(),
            began.elapsed().as_millis(),
        );
        Ok(Some(store))
    }

    /// Begins to keep what happens to the store. Nothing may have been published since it was made.
    ///
    /// # Errors
    /// [`RecoverError::Files`].
    pub fn begin(&self, store: &Store) -> Result<Kept, RecoverError> {
        let slots = Arc::new(match self.formers.is_empty() {
            true => Slots::create(&self.directory)?,
            false => Slots::open(&self.directory)?,
        });
        self.keep_answered(&slots);
        let base = self.keeper.write_checkpoint(&self.directory, store, self.incarnation)?;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let at = now.map_or(0, |now| u64::try_from(now.as_nanos()).unwrap_or(u64::MAX));
        let segment_bytes = (self.journal_bytes / JOURNAL_SEGMENTS).min(JOURNAL_SEGMENT_BYTES);
        let segments = self.journal_bytes.checked_div(segment_bytes).unwrap_or(0);
        let config = JournalConfig { segments, segment_bytes, at };
        self.keeper.begin(Journal::create(&self.directory, &config, &base)?);
        let (keeper, incarnation) = (Arc::clone(&self.keeper), self.incarnation);
        Ok(Kept { keeper, slots, incarnation })
    }

    /// The sockets that systemd has kept and whose programs had nothing under way; it lets go of
    /// the others, whose programs see the end of their connections.
    pub fn sockets(&mut self) -> Vec<(u32, OwnedFd, Remains)> {
        let returned = stored::returned().unwrap_or_else(|error| {
            warn!("what systemd has kept can't be understood: {error}");
            Vec::new()
        });
        let mut sockets = Vec::new();
        for (number, socket) in returned {
            match self.idle.remove(&number) {
                Some(former) => sockets.push((number, socket, former.remains)),
                None => {
                    // Its program sees the end now, whoever else has the socket.
                    let _ = rustix::net::shutdown(&socket, Shutdown::Both);
                    stored::forget(number);
                }
            }
        }
        sockets
    }

    /// Starts the thread that writes checkpoints.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub fn checkpointer(self, store: &Store) -> io::Result<Checkpointer> {
        Checkpointer::start(self.directory, self.keeper, store.clone())
    }

    /// What the journal has of executed requests goes into their slots, since the journal goes.
    fn keep_answered(&self, slots: &Arc<Slots>) {
        let owed = self.formers.iter().filter(|(_, former)| !former.remains.answered.is_empty());
        for (domid, former) in owed {
            let content = former.content();
            let inline = content.len().min(SLOT_INLINE_BYTES);
            let (inline, overflow) = content.split_at_checked(inline).unwrap_or_default();
            let kept =
                slots.writer(domid.0.into()).and_then(|mut slot| slot.write(inline, overflow));
            if let Err(error) = kept {
                warn!("the ring of domain {domid} would not survive another crash: {error}");
            }
        }
    }

    fn read_slots(
        &mut self,
        journal: (u64, &HashMap<ConnId, Vec<Answered>>),
    ) -> Result<(), RecoverError> {
        for used in Slots::open(&self.directory)?.used()? {
            if let Some(number) = stored::place(used.slot) {
                // One that says nothing was in the middle of something.
                let content =
                    used.content.map(|content| [content.inline, content.overflow].concat());
                let former = content.ok().and_then(|content| Former::read(&content, journal));
                self.idle.extend(former.map(|former| (number, former)));
                continue;
            }
            let domid = DomId(u16::try_from(used.slot).unwrap_or(u16::MAX));
            let content = match used.content {
                Ok(content) => [content.inline, content.overflow].concat(),
                Err(error) => {
                    warn!("the ring of domain {domid}: {error}");
                    continue;
                }
            };
            match Former::read(&content, journal) {
                Some(former) => drop(self.formers.insert(domid, former)),
                None => warn!("what was kept of the ring of domain {domid} can't be read"),
            }
        }
        Ok(())
    }
}

/// Under which id the watches of a ring are known until its connection is there again.
#[must_use]
pub fn interim(domid: DomId) -> ConnId {
    ConnId::new(u16::MAX, domid.0.into())
}

/// The same of a program's socket, by its place.
#[must_use]
pub fn interim_socket(number: u32) -> ConnId {
    ConnId::new(u16::MAX - 1, number.into())
}

/// Notes the requests that a record executed, where it is the newest of its connection.
fn note(requests: &mut HashMap<ConnId, Vec<Answered>>, entry: &Entry<'_>) {
    if entry.origin.upto == 0 {
        return;
    }
    let found: Vec<Answered> =
        entry.requests().map(|(origin, result)| Answered { upto: origin.upto, result }).collect();
    let newest = |all: &Vec<Answered>| all.last().map_or(0, |last| last.upto);
    let known = requests.entry(entry.origin.conn).or_default();
    if newest(known) < newest(&found) {
        *known = found;
    }
}

/// Where it lies in the run directory.
const FOLDER: &str = "recovery";
