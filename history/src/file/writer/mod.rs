//! Writing a history file: one thread, by `pwrite`, never more than the file's size.
//!
//! A commit goes into the open block of tier 0 and into the level of tier 1; a block that is full,
//! or old enough at a [`tick`](Writer::tick), becomes a record. A level whose period is over
//! becomes a version of its tier and goes into the level above.
//!
//! **W1** Bytes are written only where the superblock on the disk says that a segment is being
//! written, behind its last record.
//! **W2** After an error nothing of it is counted as written: what is written next takes its place,
//! and the gap is recorded before it.

mod level;
mod open;
mod promote;
mod ring;
mod segment;
mod share;
mod snapshot;

pub(crate) use segment::reason;
pub use snapshot::Snapshot;

use std::path::Path;

use level::Level;
use ring::Open;
use share::Shares;

use super::delta::{Delta, Verdict};
use super::errors::{OpenError, WriteError};
use super::model::{Change, Commit, GapReason};
use super::options::Options;
use super::record::{Moment, Zip};
use super::storage::{Disk, Storage};
use super::superblock::Superblock;
use crate::limits::BLOCK_BYTES;

/// Writes a history.
///
/// ```
/// use myriad_history::file::{Author, Change, Commit, History, Options, What, Writer};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("history");
/// let mut writer = Writer::open(&path, &Options::sized(1 << 20))?;
/// // A store that is empty when its history begins.
/// writer.snapshot(0, 0, 0, [])?;
/// let what = What::Created { value: b"1", perms: &[] };
/// let change = Change { author: Author::default(), generation: 1, path: "/a", what };
/// writer.append(&Commit { seq: 1, generation: 1, at: 1, changes: &[change] })?;
/// writer.close()?;
/// let history = History::open(&path)?;
/// assert_eq!(*history.tree(1)?.get("/a").unwrap().value, *b"1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Writer<S: Storage = Disk> {
    disk: S,
    /// As it is on the disk.
    block: Superblock,
    tiers: Vec<TierWriter>,
    /// That of tier 1 first.
    levels: Vec<Level>,
    /// The last version told of, in this run or before.
    last: Option<Moment>,
    /// Whether this run has told of one.
    running: bool,
    /// An error of the disk: no snapshot is wanted before the next tick.
    pause: bool,
    zip: Zip,
    options: Options,
}

/// What one tier is at.
#[derive(Debug, Default)]
struct TierWriter {
    delta: Delta,
    /// The time of the first commit in it.
    since: u64,
    open: Option<Open>,
    shares: Shares,
    /// A gap that isn't recorded yet.
    gap: Option<Missing>,
    /// Whether the tree at the end of what is written is known from the file.
    known: bool,
    /// The last version in the file.
    written: Moment,
    /// Bytes that the last snapshot took, or would have.
    hint: u64,
    /// The snapshot was cut, and need not have been.
    again: bool,
}

/// Commits that are missing.
#[derive(Clone, Copy, Debug)]
struct Missing {
    reason: GapReason,
    from_seq: u64,
    generation: u64,
    at: u64,
    /// What comes next holds all that has changed.
    bridged: bool,
    /// The tree before it is known.
    known: bool,
}

impl Writer<Disk> {
    /// Opens a history file, or creates it with its whole size.
    ///
    /// # Errors
    /// What the file is instead, or what is the matter with the options; see [`OpenError`].
    pub fn open(path: &Path, options: &Options) -> Result<Writer<Disk>, OpenError> {
        options.check()?;
        let (disk, new) = Disk::open(path, options.size)?;
        open::on(disk, path, options, new)
    }
}

impl<S: Storage> Writer<S> {
    /// The same on any storage of the size that the options say.
    ///
    /// # Errors
    /// As [`open`](Writer::open).
    pub fn on(disk: S, options: &Options, new: bool) -> Result<Writer<S>, OpenError> {
        options.check()?;
        open::on(disk, Path::new("history"), options, new)
    }

    /// What it writes to.
    #[must_use]
    pub fn storage(&self) -> &S {
        &self.disk
    }

    /// Which file it is: random, made with it.
    #[must_use]
    pub fn id(&self) -> [u8; 16] {
        self.block.file
    }

    /// The last version that the file tells of: its publication, generation and time. A store goes
    /// on after that generation.
    #[must_use]
    pub fn last(&self) -> Option<(u64, u64, u64)> {
        self.last.map(|last| (last.seq, last.generation, last.at))
    }

    /// Adds a commit. One whose publication isn't the next is a gap of its own making.
    ///
    /// # Errors
    /// [`WriteError::Order`]; or the disk's: then commits are lost, which a gap will tell of.
    pub fn append(&mut self, commit: &Commit<'_>) -> Result<(), WriteError> {
        self.check_order(commit.seq, commit.generation)?;
        let last = self.last.unwrap_or_default();
        if self.running && commit.seq > last.seq + 1 {
            self.gap(GapReason::Overrun, last.seq + 1, commit.at)?;
        }
        self.add(commit)
    }

    /// Adds one commit that holds all that changed since the last: after a gap, the tree is known
    /// again by it, without a snapshot.
    ///
    /// # Errors
    /// As [`append`](Writer::append).
    pub fn bridge(&mut self, commit: &Commit<'_>) -> Result<(), WriteError> {
        self.check_order(commit.seq, commit.generation)?;
        for tier in &mut self.tiers {
            let overrun = |gap: &&mut Missing| gap.known && gap.reason == GapReason::Overrun;
            if let Some(gap) = tier.gap.as_mut().filter(overrun) {
                gap.bridged = true;
                tier.known = true;
            }
        }
        self.add(commit)
    }

    /// Commits are missing from a publication on, up to the next that comes. After this
    /// [`bridge`](Writer::bridge) or [`snapshot`](Writer::snapshot) is called.
    ///
    /// # Errors
    /// The disk's.
    pub fn gap(&mut self, reason: GapReason, from_seq: u64, at: u64) -> Result<(), WriteError> {
        let done = self.flush_levels(self.tiers.len());
        let written = (0..self.tiers.len()).map(|tier| self.write_delta(tier)).collect::<Vec<_>>();
        let generation = self.last.unwrap_or_default().generation;
        let missing = Missing { reason, from_seq, generation, at, bridged: false, known: true };
        self.tiers.iter_mut().for_each(|tier| tier.miss(missing));
        done.and(written.into_iter().collect())
    }

    /// Whether the writer needs a snapshot, to begin a segment with.
    #[must_use]
    pub fn wants_snapshot(&self) -> bool {
        !self.pause && self.tiers.iter().any(TierWriter::wants_snapshot)
    }

    /// Something is due: writes what has waited long enough and what a period's end completes, and
    /// tries again what failed.
    ///
    /// # Errors
    /// The disk's.
    pub fn tick(&mut self, now: u64) -> Result<(), WriteError> {
        self.pause = false;
        let mut done = Ok(());
        let waits = |tier: &&mut TierWriter| !tier.delta.is_empty();
        let old = self.tiers.first_mut().filter(waits).map(|tier| now.abs_diff(tier.since));
        if old.is_some_and(|age| age >= self.options.flush_after) {
            done = self.write_delta(0);
        }
        for tier in 1..self.tiers.len() {
            if self.level(tier).is_some_and(|level| level.is_due(now)) {
                done = done.and(self.promote(tier));
            }
        }
        done
    }

    /// Writes all that waits in memory for tier 0.
    ///
    /// # Errors
    /// The disk's.
    pub fn flush(&mut self) -> Result<(), WriteError> {
        self.write_delta(0)
    }

    /// Writes everything and marks the file as left in order: what comes next is no gap.
    ///
    /// # Errors
    /// The disk's.
    pub fn close(mut self) -> Result<S, WriteError> {
        self.flush_levels(self.tiers.len())?;
        self.write_delta(0)?;
        let mut next = self.block.clone();
        next.pid = 0;
        self.write_block(next)?;
        Ok(self.disk)
    }

    fn check_order(&self, seq: u64, generation: u64) -> Result<(), WriteError> {
        let last = self.last.unwrap_or_default();
        if generation < last.generation || (self.running && seq <= last.seq) {
            return Err(WriteError::Order { given: generation, seq, last: last.generation });
        }
        Ok(())
    }

    fn add(&mut self, commit: &Commit<'_>) -> Result<(), WriteError> {
        let moment = Moment { seq: commit.seq, generation: commit.generation, at: commit.at };
        self.last = Some(moment);
        self.running = true;
        let due = self.level(1).is_some_and(|level| level.is_due(commit.at));
        let done = if due { self.promote(1) } else { Ok(()) };
        if let Some(level) = self.levels.first_mut() {
            commit.changes.iter().for_each(|change| level.add(moment, change));
        }
        self.push(0, commit, false);
        let full = self.tiers.first().is_some_and(|tier| tier.delta.len() >= BLOCK_BYTES);
        let done = done.and(if full { self.write_delta(0) } else { Ok(()) });
        done.and(if self.is_full(1) { self.promote(1) } else { Ok(()) })
    }

    /// Adds a commit to the open block of a tier, but for what is beyond a guest's share.
    fn push(&mut self, tier: usize, commit: &Commit<'_>, merged: bool) {
        let Some(tier) = self.tiers.get_mut(tier) else { return };
        if tier.delta.is_empty() {
            tier.since = commit.at;
        }
        let (shares, known) = (&mut tier.shares, tier.known);
        // Without a base to come back to there is no share either: all is kept for the log.
        let judge = |change: &Change<'_>, bytes| {
            if known { shares.judge(change, bytes) } else { Verdict::Keep }
        };
        tier.delta.push(commit, merged, judge);
    }
}

impl TierWriter {
    fn wants_snapshot(&self) -> bool {
        let full = |open: &Open| {
            open.continues || open.used() - open.snapshot > (open.target - open.snapshot) / 4 * 3
        };
        !self.known || self.again || self.open.as_ref().is_none_or(full)
    }

    /// Commits are missing; of two gaps without anything between the first tells from where.
    fn miss(&mut self, missing: Missing) {
        let known = self.known && self.gap.is_none();
        let gap = self.gap.get_or_insert(missing);
        (gap.known, gap.bridged) = (known, false);
        self.known = false;
    }
}
