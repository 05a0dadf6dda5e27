//! The store of 410,000 nodes as a migration stream, and back: what a live update takes at least.

mod common;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use myriad::migrate::{Reader, arrive, leave};
use myriad_benches::fail::or_die;
use myriad_core::{Config, ConnId};
use myriad_history::migration::Version;

fn migration(criterion: &mut Criterion) {
    let store = common::store();
    let reader = Reader { version: Version::V2, quotas: true };
    let written = || or_die("stream", leave(&store, None, &[], reader, Vec::new())).0;
    let stream = written();
    let mut group = common::group(criterion, "migration stream");
    group.sample_size(10);
    group.throughput(Throughput::Bytes(stream.len() as u64));
    group.bench_function("written", |bencher| bencher.iter(|| black_box(written()).len()));
    group.bench_function("read", |bencher| {
        bencher.iter(|| {
            let conn = |_: &_| ConnId::new(0, 0);
            let arrived = arrive(&stream, &Config::default(), conn, |_| Some(1));
            black_box(or_die("store", arrived)).clients.len()
        });
    });
    group.finish();
}

criterion_group!(benches, migration);
criterion_main!(benches);
