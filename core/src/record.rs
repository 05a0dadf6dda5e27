//! Commit records: what one publication changed, and whom it concerns.

use std::sync::Arc;

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
        let starts = std::iter::once(0).chain(self.changes.items.iter().map(|(_, end)| *end));
        starts.zip(&self.changes.items).map(|(start, (kind, end))| Change {
            kind: *kind,
            path: self.changes.text.get(start as usize..*end as usize).unwrap_or_default(),
        })
    }
}

/// One node that changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change<'r> {
    /// How.
    pub kind: ChangeKind,
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
    items: Vec<(ChangeKind, u32)>,
}

impl Changes {
    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    pub(crate) fn push(&mut self, kind: ChangeKind, path: &str) {
        self.text.push_str(path);
        self.items.push((kind, u32::try_from(self.text.len()).unwrap_or(u32::MAX)));
    }
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
