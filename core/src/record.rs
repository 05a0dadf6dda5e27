//! Commit records: what one publication changed, and whom it concerns.

use std::sync::Arc;

use crate::caller::Caller;
use crate::delta::{Change, Item, Items};
use crate::origin::Origin;
use crate::shelves::Held;
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
    /// Which request that was, or the first of several.
    pub origin: Origin,
    /// The watches that fired, in the order in which each connection is to see them.
    pub fires: Box<[Fire]>,
    /// The bytes of a delta (`core/src/delta/mod.rs`).
    pub(crate) delta: Box<[u8]>,
}

impl Record {
    /// The nodes that changed, in order.
    pub fn changes(&self) -> impl Iterator<Item = Change<'_>> {
        self.items().filter_map(|item| match item {
            Item::Node(change) => Some(change),
            _ => None,
        })
    }

    /// All that changed, in order.
    #[must_use]
    pub fn items(&self) -> Items<'_> {
        Items::new(&self.delta)
    }

    /// Bytes that it keeps, about.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        (size_of::<Record>() + self.delta.len() + size_of_val(&*self.fires)) as u64
    }
}

/// One watch event to be queued.
#[derive(Clone, Debug)]
pub struct Fire {
    watch: Held,
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
    pub(crate) fn changed(watch: Watch<'_>, path: &Arc<str>) -> Fire {
        Fire { watch: watch.hold(), path: FirePath::Changed(path.clone()) }
    }

    /// A watch fires for its own path.
    pub(crate) fn watched(watch: Watch<'_>) -> Fire {
        Fire { watch: watch.hold(), path: FirePath::Watched }
    }

    fn watch(&self) -> Watch<'_> {
        Watch::held(&self.watch)
    }

    /// The connection that registered the watch.
    #[must_use]
    pub fn conn(&self) -> ConnId {
        self.watch().conn()
    }

    /// The path as the event shows it: relative where the watch was.
    #[must_use]
    pub fn path(&self) -> &str {
        let watch = self.watch();
        match &self.path {
            FirePath::Watched => watch.shown(watch.path()),
            FirePath::Changed(path) => watch.shown(path),
        }
    }

    /// What has changed: absolute.
    #[must_use]
    pub fn changed_path(&self) -> &str {
        match &self.path {
            FirePath::Watched => self.watch().path(),
            FirePath::Changed(path) => path,
        }
    }

    /// The path that is watched: absolute.
    #[must_use]
    pub fn watched_path(&self) -> &str {
        self.watch().path()
    }

    /// The watch's token.
    #[must_use]
    pub fn token(&self) -> &[u8] {
        self.watch().token()
    }

    /// Whether the watch is on a special path: such events are never merged.
    #[must_use]
    pub fn is_special(&self) -> bool {
        self.watch().path().starts_with('@')
    }
}
