//! What the criterion benches share; each uses a part.
#![allow(dead_code)]

use std::{sync::Arc, time::Duration};

use criterion::{BenchmarkGroup, Criterion, Throughput, measurement::WallTime};
use myriad_benches::{
    alloc::{BACKING, Backing},
    fixture::{self, DashMap, Keys, PapayaMap, VMS},
    subject::{Subject, Threads, measure},
    vm::Layout,
};
use myriad_core::{Config, Path, Store};

#[global_allocator]
static ALLOCATOR: Backing = BACKING;

/// Hashes the yardsticks' keys as the store hashes names.
pub(crate) type Hasher = ahash::RandomState;

/// Measures one side of a comparison.
pub(crate) fn side(group: &mut BenchmarkGroup<'_, WallTime>, id: &str, subject: &mut dyn Subject) {
    group.throughput(Throughput::Elements(subject.elements()));
    group.bench_function(id, |bencher| {
        bencher.iter_custom(|ops| Duration::from_nanos(measure(subject, ops).times.wall));
    });
}

/// Measures several threads that do the same at once; an op is one op of each.
pub(crate) fn threads<S: Subject>(group: &mut BenchmarkGroup<'_, WallTime>, id: &str, all: Vec<S>) {
    let elements: u64 = all.iter().map(Subject::elements).sum();
    let mut all = Threads(all);
    group.throughput(Throughput::Elements(elements));
    group.bench_function(id, |bencher| {
        bencher.iter_custom(|ops| Duration::from_nanos(all.measure(ops).times.wall));
    });
}

/// A group with as few and as short samples as give a usable figure.
pub(crate) fn group<'c>(criterion: &'c mut Criterion, name: &str) -> BenchmarkGroup<'c, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.sample_size(20);
    group.warm_up_time(Duration::from_millis(500));
    group.measurement_time(Duration::from_secs(2));
    group
}

/// The store of 410,000 nodes.
pub(crate) fn store() -> Store {
    fixture::store(&Config::default(), Layout::Compact, VMS)
}

/// The same nodes by full path.
pub(crate) fn papaya() -> Arc<PapayaMap<Hasher>> {
    Arc::new(fixture::papaya(Layout::Compact, VMS))
}

/// The same nodes by full path.
pub(crate) fn dash() -> Arc<DashMap<Hasher>> {
    Arc::new(fixture::dash(Layout::Compact, VMS))
}

/// Paths in random order, a multiple of 16 of them.
pub(crate) fn keys(which: Keys, most: usize) -> Arc<[Path<'static>]> {
    fixture::keys(which, Layout::Compact, VMS, SEED, most, 16).into()
}

/// The seed of every order.
pub(crate) const SEED: u64 = 2;
