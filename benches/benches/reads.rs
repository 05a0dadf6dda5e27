//! Reads in a store of 410,000 nodes beside a papaya map keyed by the full path: a guard per 16.

mod common;

use criterion::{Criterion, criterion_group, criterion_main};
use myriad_benches::{
    fixture::Keys,
    subjects::reads::{PapayaReads, StoreReads},
};

/// Paths of the hot subset.
const HOT: usize = 256;

fn reads(criterion: &mut Criterion) {
    let (store, papaya) = (common::store(), common::papaya());
    let sets = [
        ("reads/six levels, cold", common::keys(Keys::SixLevels, usize::MAX)),
        ("reads/six levels, hot", common::keys(Keys::SixLevels, HOT)),
        ("reads/all nodes", common::keys(Keys::All, usize::MAX)),
    ];
    for (name, paths) in sets {
        let mut group = common::group(criterion, name);
        for count in [1, 2] {
            let start = |thread| thread * paths.len() / count;
            let ours = (0..count).map(|t| StoreReads::new(&store, &paths, start(t))).collect();
            common::threads(&mut group, &format!("myriad/{count} threads"), ours);
            let theirs = (0..count).map(|t| PapayaReads::new(&papaya, &paths, start(t))).collect();
            common::threads(&mut group, &format!("papaya/{count} threads"), theirs);
        }
        group.finish();
    }
}

criterion_group!(benches, reads);
criterion_main!(benches);
