//! Commit records: what one publication changed, and whom it concerns.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::caller::Caller;
use crate::watch::{ConnId, Watch};

/// What one publication changed.
#[derive(Debug)]
pub struct Record {
    /// The publication, counted from 1.
    pub seq: u64,
    /// The generation of the last request in it.
    pub generation: u64,
    /// Who asked for it.
    pub author: Caller,
    /// The watches that fired, in the order in which each connection is to see them.
    pub fires: Box<[Fire]>,
    pub(crate) changes: Changes,
}

impl Record {
    /// The nodes that changed, in order.
    pub fn changes(&self) -> impl Iterator<Item = Change<'_>> {
        let starts = std::iter::once(0).chain(self.changes.items.iter().map(|i| i.end));
        starts.zip(&self.changes.items).map(|(start, item)| Change {
            kind: item.kind,
            author: self.changes.author(item),
            path: self.changes.text.get(start as usize..item.end as usize).unwrap_or_default(),
        })
    }

    /// Bytes that it keeps, about.
    pub(crate) fn bytes(&self) -> u64 {
        let changes = self.changes.text.capacity() + size_of_val(&*self.changes.items);
        (size_of::<Record>() + changes + size_of_val(&*self.fires)) as u64
    }
}

/// One node that changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change<'r> {
    /// How.
    pub kind: ChangeKind,
    /// Who asked for it: the requests of one publication can be several callers'.
    pub author: Caller,
    /// Where.
    pub path: &'r str,
}

/// How a node changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// It has a new value.
    Written,
    /// It is new.
    Created,
    /// It is gone, with all below it.
    Removed,
    /// It has other permissions.
    Perms,
}

/// Changes, their paths in one text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changes {
    text: String,
    items: Vec<Item>,
    /// The callers, and how many of the changes come before each.
    authors: SmallVec<[(u32, Caller); 1]>,
}

#[derive(Clone, Copy, Debug)]
struct Item {
    kind: ChangeKind,
    /// Where its path ends in the text.
    end: u32,
    /// Its place among the changes.
    at: u32,
}

impl Changes {
    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    /// What follows is this caller's.
    pub(crate) fn by(&mut self, caller: Caller) {
        if self.authors.last().is_none_or(|(_, last)| *last != caller) {
            self.authors.push((small(self.items.len()), caller));
        }
    }

    fn author(&self, item: &Item) -> Caller {
        let before = self.authors.partition_point(|(first, _)| *first <= item.at);
        let found = before.checked_sub(1).and_then(|at| self.authors.get(at));
        found.map_or(Caller::Control, |(_, caller)| *caller)
    }

    /// Adds a change. One like the last adds nothing, so that a node which is written again and
    /// again is one change.
    pub(crate) fn push(&mut self, kind: ChangeKind, path: &str) {
        if matches!(kind, ChangeKind::Written | ChangeKind::Perms)
            && self.items.last().is_some_and(|last| last.kind == kind)
            && self.last_path() == path
        {
            return;
        }
        if self.items.len() == 1 {
            // More will come: room for those of a VM.
            self.items.reserve(CHANGES);
            self.text.reserve(CHANGES * path.len());
        }
        self.text.push_str(path);
        let (end, at) = (small(self.text.len()), small(self.items.len()));
        self.items.push(Item { kind, end, at });
    }

    fn last_path(&self) -> &str {
        let start = self.items.iter().rev().nth(1).map_or(0, |i| i.end);
        self.text.get(start as usize..).unwrap_or_default()
    }

    /// Gives back what was kept for more.
    pub(crate) fn fit(mut self) -> Changes {
        self.text.shrink_to_fit();
        self.items.shrink_to_fit();
        self
    }
}

fn small(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// One watch event to be queued.
#[derive(Clone, Debug)]
pub struct Fire {
    watch: Watch,
    path: FirePath,
}

#[derive(Clone, Debug)]
enum FirePath {
    /// The watched path itself.
    Watched,
    /// What changed.
    Changed(Arc<str>),
}

impl Fire {
    pub(crate) fn changed(watch: &Watch, path: &Arc<str>) -> Fire {
        Fire { watch: watch.clone(), path: FirePath::Changed(path.clone()) }
    }

    /// A watch fires for its own path.
    pub(crate) fn watched(watch: &Watch) -> Fire {
        Fire { watch: watch.clone(), path: FirePath::Watched }
    }

    /// The connection that registered the watch.
    #[must_use]
    pub fn conn(&self) -> ConnId {
        self.watch.conn()
    }

    /// The path as the event shows it: relative where the watch was.
    #[must_use]
    pub fn path(&self) -> &str {
        match &self.path {
            FirePath::Watched => self.watch.shown(self.watch.path()),
            FirePath::Changed(path) => self.watch.shown(path),
        }
    }

    /// The watch's token.
    #[must_use]
    pub fn token(&self) -> &[u8] {
        self.watch.token()
    }

    /// Whether the watch is on a special path: such events are never merged.
    #[must_use]
    pub fn is_special(&self) -> bool {
        self.watch.path().starts_with('@')
    }
}

/// Changes for which there is room from the second on.
const CHANGES: usize = 48;
