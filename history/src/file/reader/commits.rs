//! Commits in order of generation, from all tiers.
//!
//! **L1** Each change is told once: by the finest tier that reaches back to it. A tier tells what
//! is older than the first segment of those finer than it.

use std::collections::VecDeque;
use std::ops::RangeInclusive;

use crate::file::delta::Item;
use crate::file::errors::ReadError;
use crate::file::model::{Head, OwnedCommit, Tier};
use crate::file::record::Moment;

use super::keys::{Keys, of_interest};
use super::position::Reader;
use super::scan::{Block, Index, SegmentIndex};

/// Blocks that are still to be told of, and the commits of the last one.
#[derive(Debug)]
pub(crate) struct Walk<'h> {
    reader: Reader<'h>,
    sources: VecDeque<Origin<'h>>,
    ready: VecDeque<OwnedCommit>,
    range: RangeInclusive<u64>,
    /// What is of interest: a path, and whether also what is below it.
    of: (String, bool),
    back: bool,
}

/// A block, and up to where it tells.
#[derive(Clone, Copy, Debug)]
struct Origin<'h> {
    segment: &'h SegmentIndex,
    block: &'h Block,
    floor: u64,
}

impl<'h> Walk<'h> {
    /// Of the commits that concern a path, or also what is below it; forth or back.
    pub(crate) fn new(
        reader: Reader<'h>,
        range: RangeInclusive<u64>,
        of: (&str, bool),
        back: bool,
    ) -> Walk<'h> {
        let keys = Keys::new(of.0, of.1);
        let index = reader.index;
        let mut sources = VecDeque::new();
        for (tier, segments) in index.tiers.iter().enumerate().rev() {
            let floor = floor(index, tier);
            for segment in segments {
                for block in &segment.blocks {
                    let (first, last) = (block.span.first.generation, block.span.last.generation);
                    // Changes of a merged commit are older than itself.
                    let reaches = tier > 0 || first <= *range.end();
                    let later = segment.entry.generation < floor || first <= floor;
                    if reaches && last >= *range.start() && later && keys.may_be_in(block) {
                        sources.push_back(Origin { segment, block, floor });
                    }
                }
            }
        }
        let of = (of.0.to_owned(), of.1);
        Walk { reader, sources, ready: VecDeque::new(), range, of, back }
    }

    fn read(&mut self, origin: &Origin<'_>) -> Result<(), ReadError> {
        let Origin { segment, block, floor } = *origin;
        let mut commits: Vec<OwnedCommit> = Vec::new();
        let (top, below) = &self.of;
        let all = *below && top == "/";
        let mut late: Option<u64> = None;
        let (tier, incarnation) = (Tier(segment.entry.tier), segment.entry.incarnation);
        self.reader.commits_of(segment, block, |head, item| match item {
            None => {
                let Moment { seq, generation, at } = head.moment;
                let merged = head.merged;
                let head = Head { seq, generation, at, tier, incarnation, merged };
                commits.push(OwnedCommit { head, changes: Vec::new() });
            }
            // What is later a finer tier tells.
            Some(Item::Change(change)) if change.generation <= floor => {
                let Some(commit) = commits.last_mut() else { return };
                if commit.head.generation > floor {
                    late = late.max(Some(change.generation));
                }
                if of_interest(&change, top, *below).is_some() {
                    commit.changes.push(change.to_owned());
                }
            }
            Some(_) => {}
        })?;
        // The one commit that reaches beyond the floor is named by what is told of it.
        for commit in commits.iter_mut().filter(|commit| commit.head.generation > floor) {
            commit.head.generation = late.take().unwrap_or(0);
        }
        commits.retain(|commit| {
            let empty = commit.head.merged || tier > Tier(0) || !all;
            let silent = commit.changes.is_empty() && empty;
            !silent && self.range.contains(&commit.head.generation)
        });
        if self.back {
            commits.reverse();
        }
        self.ready = commits.into();
        Ok(())
    }
}

impl Iterator for Walk<'_> {
    type Item = Result<OwnedCommit, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        // Ends: each turn takes one of the sources.
        loop {
            if let Some(commit) = self.ready.pop_front() {
                return Some(Ok(commit));
            }
            let next = if self.back { self.sources.pop_back() } else { self.sources.pop_front() };
            if let Err(error) = self.read(&next?) {
                return Some(Err(error));
            }
        }
    }
}

/// Up to which generation a tier tells: finer ones tell what is later.
pub(crate) fn floor(index: &Index, tier: usize) -> u64 {
    let finer = index.tiers.get(..tier).unwrap_or_default();
    let starts = finer.iter().filter_map(|tier| tier.first());
    starts.map(|segment| segment.entry.generation).min().unwrap_or(u64::MAX)
}
