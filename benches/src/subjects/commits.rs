//! Writes over nodes that exist: each a publication, or 16 to one.

use std::{hash::BuildHasher, sync::Arc};

use myriad_core::{Caller, Edit, Path, Store, Writes};

use super::Rounds;
use crate::{fail::or_die, fixture::DashMap, subject::Subject};

/// Commits: one op is a publication with `per` writes.
#[derive(Clone)]
pub struct StoreWrites {
    store: Store,
    rounds: Rounds<Path<'static>>,
    value: u64,
}

impl StoreWrites {
    /// Goes round `paths` (a multiple of `per` of them) from `start` on.
    #[must_use]
    pub fn new(
        store: &Store,
        paths: &Arc<[Path<'static>]>,
        per: usize,
        start: usize,
    ) -> StoreWrites {
        let rounds = Rounds::new(paths.clone(), per, start);
        StoreWrites { store: store.clone(), rounds, value: 0 }
    }
}

impl Subject for StoreWrites {
    fn elements(&self) -> u64 {
        self.rounds.step as u64
    }

    fn run(&mut self, ops: u64) {
        for _ in 0..ops {
            self.value += 1;
            let value = self.value.to_le_bytes();
            let paths = self.rounds.next();
            let outcome = self.store.edit(|edit| {
                paths.iter().try_for_each(|&path| edit.write(&Caller::Control, path, &value))
            });
            or_die("write", outcome.result);
        }
    }
}

/// Nodes that are made before they are removed.
const NEW: u64 = 1024;

/// Commits that make or remove one node; one op is a commit.
pub struct StoreNodes {
    store: Store,
    paths: Arc<[Path<'static>]>,
    removes: bool,
}

impl StoreNodes {
    /// A new child of each of the homes of the first VMs; with `removes` their removal is the op,
    /// and making them is not timed.
    #[must_use]
    pub fn new(store: &Store, removes: bool) -> StoreNodes {
        let path = |vm| {
            let text = Box::leak(format!("/local/domain/{vm}/extra").into_boxed_str());
            or_die("path", Path::new(text))
        };
        StoreNodes { store: store.clone(), paths: (1..=NEW).map(path).collect(), removes }
    }

    fn each(
        &self,
        ops: u64,
        one: impl Fn(&mut Edit<'_>, Path<'_>) -> Result<(), myriad_core::Error>,
    ) {
        for &path in self.paths.iter().take(usize::try_from(ops).unwrap_or(usize::MAX)) {
            or_die("a node", self.store.edit(|edit| one(edit, path)).result);
        }
    }

    fn create(&self, ops: u64) {
        self.each(ops, |edit, path| edit.write(&Caller::Control, path, b"1"));
    }

    fn remove(&self, ops: u64) {
        self.each(ops, |edit, path| edit.rm(&Caller::Control, path));
    }
}

impl Subject for StoreNodes {
    fn batch(&self) -> u64 {
        NEW
    }

    fn prepare(&mut self, ops: u64) {
        if self.removes {
            self.create(ops);
        }
    }

    fn run(&mut self, ops: u64) {
        if self.removes { self.remove(ops) } else { self.create(ops) }
    }

    fn reset(&mut self, ops: u64) {
        if !self.removes {
            self.remove(ops);
        }
    }
}

/// Inserts of the same keys and values into a dashmap.
pub struct DashWrites<S> {
    map: Arc<DashMap<S>>,
    rounds: Rounds<Path<'static>>,
    value: u64,
}

impl<S> DashWrites<S> {
    /// Goes round `paths` (a multiple of `per` of them) from `start` on.
    #[must_use]
    pub fn new(
        map: &Arc<DashMap<S>>,
        paths: &Arc<[Path<'static>]>,
        per: usize,
        start: usize,
    ) -> DashWrites<S> {
        DashWrites { map: map.clone(), rounds: Rounds::new(paths.clone(), per, start), value: 0 }
    }
}

impl<S: BuildHasher + Clone + Send + Sync> Subject for DashWrites<S> {
    fn elements(&self) -> u64 {
        self.rounds.step as u64
    }

    fn run(&mut self, ops: u64) {
        for _ in 0..ops {
            self.value += 1;
            let value = self.value.to_le_bytes();
            for path in self.rounds.next() {
                self.map.insert(Box::from(path.as_str()), Box::from(value));
            }
        }
    }
}
