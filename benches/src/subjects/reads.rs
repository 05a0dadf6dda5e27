//! Reads of one path after another, a guard per 16.

use std::{hash::BuildHasher, hint::black_box, sync::Arc};

use myriad_core::{Caller, Path, Reads, Store};

use super::{BATCH, Rounds};
use crate::{fail::or_die, fixture::PapayaMap, subject::Subject};

/// Reads of the store: one op is a guard with 16 reads below it.
#[derive(Clone)]
pub struct StoreReads {
    store: Store,
    rounds: Rounds<Path<'static>>,
}

impl StoreReads {
    /// Goes round `paths` (a multiple of 16 of them) from `start` on.
    #[must_use]
    pub fn new(store: &Store, paths: &Arc<[Path<'static>]>, start: usize) -> StoreReads {
        StoreReads { store: store.clone(), rounds: Rounds::new(paths.clone(), BATCH, start) }
    }
}

impl Subject for StoreReads {
    fn elements(&self) -> u64 {
        BATCH as u64
    }

    fn run(&mut self, ops: u64) {
        let mut touched = 0_u64;
        for _ in 0..ops {
            let mut view = self.store.pin();
            for &path in self.rounds.next() {
                let value = or_die("read", view.read(&Caller::Control, path));
                touched += u64::from(value.first().copied().unwrap_or(0));
            }
        }
        black_box(touched);
    }
}

/// The same of a papaya map.
pub struct PapayaReads<S> {
    map: Arc<PapayaMap<S>>,
    rounds: Rounds<Path<'static>>,
}

impl<S> PapayaReads<S> {
    /// Goes round `paths` (a multiple of 16 of them) from `start` on.
    #[must_use]
    pub fn new(map: &Arc<PapayaMap<S>>, paths: &Arc<[Path<'static>]>, start: usize) -> Self {
        PapayaReads { map: map.clone(), rounds: Rounds::new(paths.clone(), BATCH, start) }
    }
}

impl<S: BuildHasher + Send + Sync> Subject for PapayaReads<S> {
    fn elements(&self) -> u64 {
        BATCH as u64
    }

    fn run(&mut self, ops: u64) {
        let mut touched = 0_u64;
        for _ in 0..ops {
            let map = self.map.pin();
            for path in self.rounds.next() {
                let value = or_die("papaya", map.get(path.as_str()).ok_or("no such key"));
                touched += u64::from(value.first().copied().unwrap_or(0));
            }
        }
        black_box(touched);
    }
}
