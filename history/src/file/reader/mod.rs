//! Reading a history file: no daemon is needed, and one that writes is no hindrance.

mod commits;
mod diff;
mod keys;
mod lookup;
mod missing;
pub(crate) mod position;
pub(crate) mod scan;
mod stats;
mod tree;
mod unbroken;
mod viewer;

use std::ops::{Bound, RangeBounds, RangeInclusive};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use commits::{Walk, floor};
use missing::{gaps, left_out};
use position::{Position, Reader};
use scan::{Index, RefreshError};
pub use stats::{Stats, TierStats};
pub use tree::Tree;
pub use unbroken::Unbroken;

use super::errors::{OpenError, ReadError};
use super::map::Map;
use super::model::{Difference, Gap, Head, Kept, LeftOut, OwnedChange, OwnedCommit, Viewer};
use super::storage::{Disk, Source};

/// A history file, as it was when it was opened or last refreshed.
#[derive(Debug)]
pub struct History {
    source: Box<dyn Source>,
    path: PathBuf,
    index: Index,
    viewer: Viewer,
    kept: OnceLock<Vec<Kept>>,
    gaps: Vec<Gap>,
    left_out: Vec<LeftOut>,
}

impl History {
    /// Opens a history file, with the control domain's eyes.
    ///
    /// # Errors
    /// What the file is instead of a history that this program can read.
    pub fn open(path: &Path) -> Result<History, OpenError> {
        History::over(Box::new(map(path)?), path)
    }

    /// Opens the file to look what is in it later, as often as wanted: by what this gives
    /// [`History::on`] needs no path any more.
    ///
    /// # Errors
    /// As [`open`](History::open), but for what is in the file.
    pub fn prepare(path: &Path) -> Result<impl Source + Clone + use<>, OpenError> {
        Ok(Arc::new(map(path)?))
    }

    /// The same over any storage.
    ///
    /// # Errors
    /// As [`open`](History::open).
    pub fn on(source: Box<dyn Source>) -> Result<History, OpenError> {
        History::over(source, Path::new("history"))
    }

    fn over(source: Box<dyn Source>, path: &Path) -> Result<History, OpenError> {
        let index = scan::open(&*source, path)?;
        let (gaps, left_out) = (gaps(&index), left_out(&index));
        let (path, viewer, kept) = (path.into(), Viewer::Control, OnceLock::new());
        Ok(History { source, path, index, viewer, kept, gaps, left_out })
    }

    /// Sees it with another's eyes from now on.
    pub fn view_as(&mut self, viewer: Viewer) {
        self.viewer = viewer;
        self.kept = OnceLock::new();
    }

    /// Looks whether there is anything newer; tells if so.
    ///
    /// # Errors
    /// The system's, or a file whose superblocks have been damaged since.
    pub fn refresh(&mut self) -> Result<bool, ReadError> {
        let ends = |index: &Index| -> Vec<(u64, u64)> {
            index.tiers.iter().flatten().map(|s| (s.entry.number, s.end)).collect()
        };
        let before = (self.index.block.number, ends(&self.index));
        let new = self.index.clone().refreshed(&*self.source, &self.path);
        self.index = new.map_err(|error| match error {
            RefreshError::Io(error) => ReadError::Io(error),
            RefreshError::Open(error) => ReadError::Io(std::io::Error::other(error)),
        })?;
        let newer = before != (self.index.block.number, ends(&self.index));
        if newer {
            self.kept = OnceLock::new();
            (self.gaps, self.left_out) = (gaps(&self.index), left_out(&self.index));
        }
        Ok(newer)
    }

    /// Every version that a tree can be given for, oldest first. Generations ascend. Reads the
    /// whole file when it is first called.
    #[must_use]
    pub fn versions(&self) -> &[Kept] {
        self.kept.get_or_init(|| self.read_versions())
    }

    /// The newest kept version up to a generation.
    ///
    /// # Errors
    /// [`ReadError::TooOld`], [`ReadError::Empty`], or what is the matter with the file.
    pub fn tree(&self, generation: u64) -> Result<Tree, ReadError> {
        let reader = self.reader();
        let position = self.position(&reader, generation)?;
        let tree = reader.tree(&position, "/")?;
        self.seen(&reader, tree)
    }

    /// The same of a node and of what is below it alone, which is read sooner.
    ///
    /// # Errors
    /// As [`tree`](History::tree).
    pub fn tree_below(&self, generation: u64, below: &str) -> Result<Tree, ReadError> {
        let reader = self.reader();
        let position = self.position(&reader, generation)?;
        let tree = reader.tree(&position, below)?;
        self.seen(&reader, tree)
    }

    /// Commits of a range of generations, oldest first. Of each stretch of time the finest tier
    /// that has it tells.
    pub fn commits(
        &self,
        range: impl RangeBounds<u64>,
    ) -> impl Iterator<Item = Result<OwnedCommit, ReadError>> {
        self.walk(range, ("/", true), false)
    }

    /// The same, newest first.
    pub fn commits_back(
        &self,
        range: impl RangeBounds<u64>,
    ) -> impl Iterator<Item = Result<OwnedCommit, ReadError>> {
        self.walk(range, ("/", true), true)
    }

    /// What differs between the newest kept versions up to two generations, in a node and below it,
    /// in path order. `/` is everything. What isn't known of either is left out.
    ///
    /// # Errors
    /// As [`tree`](History::tree).
    pub fn diff(&self, a: u64, b: u64, below: &str) -> Result<Vec<Difference>, ReadError> {
        let reader = self.reader();
        let (from, to) = (self.position(&reader, a)?, self.position(&reader, b)?);
        let near = Reader::share_base(&from, &to) && self.viewer == Viewer::Control;
        if near && from.kept.generation <= to.kept.generation {
            return reader.diff_near(&from, &to, below);
        }
        if near {
            let mut differences = reader.diff_near(&to, &from, below)?;
            differences.iter_mut().for_each(|d| std::mem::swap(&mut d.before, &mut d.after));
            return Ok(differences);
        }
        let (before, after) = (reader.tree(&from, below)?, reader.tree(&to, below)?);
        let (before, after) = (self.seen(&reader, before)?, self.seen(&reader, after)?);
        Ok(diff::diff_trees(&before, &after))
    }

    /// Changes of a node, newest first, removals of what it lay below among them; `recursive`: also
    /// of what is below it.
    pub fn changes_of(
        &self,
        path: &str,
        recursive: bool,
    ) -> impl Iterator<Item = Result<(Head, OwnedChange), ReadError>> {
        let walk = self.walk(.., (path, recursive), true);
        walk.flat_map(|commit| match commit {
            Err(error) => vec![Err(error)],
            Ok(OwnedCommit { head, changes }) => {
                changes.into_iter().rev().map(|change| Ok((head, change))).collect()
            }
        })
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
        Stats::of(&self.index)
    }

    fn reader(&self) -> Reader<'_> {
        Reader::new(&*self.source, &self.index)
    }

    fn position(&self, reader: &Reader<'_>, generation: u64) -> Result<Position, ReadError> {
        let found =
            reader.position(generation)?.filter(|p| viewer::lived(self.viewer, p.kept.generation));
        let Some(found) = found else {
            let oldest = self.versions().first().ok_or(ReadError::Empty)?.generation;
            return Err(ReadError::TooOld { asked: generation, oldest });
        };
        Ok(found)
    }

    fn seen(&self, reader: &Reader<'_>, tree: Tree) -> Result<Tree, ReadError> {
        if self.viewer == Viewer::Control {
            return Ok(tree);
        }
        let newest = reader.position(u64::MAX)?.ok_or(ReadError::Empty)?;
        Ok(tree.seen_by(self.viewer, &reader.tree(&newest, "/")?))
    }

    fn walk(
        &self,
        range: impl RangeBounds<u64>,
        of: (&str, bool),
        back: bool,
    ) -> impl Iterator<Item = Result<OwnedCommit, ReadError>> {
        let walk = Walk::new(self.reader(), inclusive(&range), of, back);
        let mut sight = viewer::Sight::new(self.reader(), self.viewer);
        walk.filter_map(move |commit| match commit {
            Ok(commit) => sight.commit(commit).transpose(),
            Err(error) => Some(Err(error)),
        })
    }

    /// What can't be read isn't a version.
    fn read_versions(&self) -> Vec<Kept> {
        let reader = self.reader();
        let mut kept: Vec<Kept> = Vec::new();
        for (tier, segments) in self.index.tiers.iter().enumerate() {
            let floor = floor(&self.index, tier);
            for (at, segment) in segments.iter().enumerate() {
                if position::root(segments, at).is_none() {
                    continue;
                }
                let base = segment.base.as_ref();
                kept.extend(base.map(|base| position::kept(segment, base.moment, 0)));
                for block in segment.blocks.iter().filter(|block| block.known) {
                    if block.span.first.generation > floor {
                        continue;
                    }
                    _ = reader.heads_of(segment, block, |head| {
                        kept.push(position::kept(segment, head.moment, head.changes));
                    });
                }
            }
        }
        kept.retain(|kept| viewer::lived(self.viewer, kept.generation));
        kept.sort_by_key(|kept| (kept.generation, kept.tier, std::cmp::Reverse(kept.changes)));
        kept.dedup_by_key(|kept| kept.generation);
        kept
    }
}

fn map(path: &Path) -> Result<Map, OpenError> {
    let file = Disk::open_to_read(path)?;
    let io = |error| OpenError::Io { path: path.into(), error };
    let size = file.metadata().map_err(io)?.len();
    Map::new(&file, size).map_err(io)
}

fn inclusive(range: &impl RangeBounds<u64>) -> RangeInclusive<u64> {
    let start = match range.start_bound() {
        Bound::Included(start) => *start,
        Bound::Excluded(start) => start.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let (start, end) = match range.end_bound() {
        Bound::Included(end) => (start, *end),
        Bound::Excluded(0) => (1, 0),
        Bound::Excluded(end) => (start, end - 1),
        Bound::Unbounded => (start, u64::MAX),
    };
    start..=end
}
