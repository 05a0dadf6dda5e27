//! Watches that match, and the feed that tells of commits.

use std::sync::Arc;

use myriad_core::{Caller, Feed, FeedItem, Path, Record, Store, Writes};

use super::Rounds;
use crate::{fail::or_die, subject::Subject};

/// Writes that one watch each hears of; one op is a commit, whose record is read from the feed.
pub struct Fires {
    store: Store,
    feed: Feed,
    paths: Rounds<Path<'static>>,
    value: u64,
}

impl Fires {
    /// To `control/shutdown` of the VMs 1 to `vms`, each of which is watched: see
    /// [`watch_vms`](super::watches::watch_vms).
    #[must_use]
    pub fn new(store: &Store, vms: u16) -> Fires {
        let path = |vm| {
            let text = Box::leak(format!("/local/domain/{vm}/control/shutdown").into_boxed_str());
            or_die("path", Path::new(text))
        };
        let paths: Arc<[_]> = (1..=vms).map(path).collect();
        let feed = store.feed();
        Fires { store: store.clone(), feed, paths: Rounds::new(paths, 1, 0), value: 0 }
    }
}

impl Subject for Fires {
    fn run(&mut self, ops: u64) {
        for _ in 0..ops {
            self.value += 1;
            let value = self.value.to_le_bytes();
            let paths = self.paths.next();
            let written = self.store.edit(|edit| {
                paths.iter().try_for_each(|&path| edit.write(&Caller::Control, path, &value))
            });
            or_die("write", written.result);
            let fired = match self.feed.next() {
                FeedItem::Record(record) => record.fires.len(),
                _ => 0,
            };
            if fired != 1 {
                or_die("watch", Err(format!("{fired} events of a write, not 1")))
            }
        }
    }
}

/// Commits of one write that wait in the feed before they are read.
const WAITING: u64 = 1024;

/// Reading records from the feed; one op is a record.
pub struct Records {
    feed: Feed,
    commits: super::commits::StoreWrites,
}

impl Records {
    /// Of commits that write one of `paths` each.
    #[must_use]
    pub fn new(store: &Store, paths: &Arc<[Path<'static>]>) -> Records {
        let commits = super::commits::StoreWrites::new(store, paths, 1, 0);
        Records { feed: store.feed(), commits }
    }

    /// The next record; there is one.
    pub fn next_record(&mut self) -> Arc<Record> {
        match self.feed.next() {
            FeedItem::Record(record) => record,
            other => or_die("feed", Err(format!("{other:?}, not a record"))),
        }
    }
}

impl Subject for Records {
    fn batch(&self) -> u64 {
        WAITING
    }

    fn prepare(&mut self, ops: u64) {
        self.commits.run(ops);
    }

    fn run(&mut self, ops: u64) {
        for _ in 0..ops {
            std::hint::black_box(self.next_record());
        }
    }
}
