//! Commits in a store of 410,000 nodes beside dashmap inserts of the same keys and values.

mod common;

use criterion::{Criterion, criterion_group, criterion_main};
use myriad_benches::{
    fixture::{Keys, VMS},
    subjects::{
        commits::{DashWrites, StoreNodes, StoreWrites},
        deaths::Deaths,
        feeds::{Fires, Records},
        vms::{DashCreates, MANY, StoreCreates, StoreRemoves},
        watches::{WatchedWrites, watch_vms},
    },
    vm::Layout,
};

fn writes(criterion: &mut Criterion) {
    let (store, dash) = (common::store(), common::dash());
    let paths = common::keys(Keys::SixLevelValues, usize::MAX);
    for per in [1, 16] {
        let mut group = common::group(criterion, &format!("writes/{per} per publication"));
        for count in [1, 2] {
            let start = |thread| thread * paths.len() / count;
            let ours = (0..count).map(|t| StoreWrites::new(&store, &paths, per, start(t)));
            common::threads(&mut group, &format!("myriad/{count} threads"), ours.collect());
            let theirs = (0..count).map(|t| DashWrites::new(&dash, &paths, per, start(t)));
            common::threads(&mut group, &format!("dashmap/{count} threads"), theirs.collect());
        }
        group.finish();
    }
}

fn vms(criterion: &mut Criterion) {
    let (store, dash) = (common::store(), common::dash());
    let (layout, first) = (Layout::Compact, VMS + 1);
    let mut group = common::group(criterion, "a VM of 41 nodes");
    common::side(&mut group, "create/myriad", &mut StoreCreates::new(&store, layout, first, MANY));
    let mut theirs = DashCreates::new(&dash, layout, (first, MANY), false);
    common::side(&mut group, "create/dashmap", &mut theirs);
    common::side(&mut group, "remove/myriad", &mut StoreRemoves::new(&store, layout, first, MANY));
    let mut theirs = DashCreates::new(&dash, layout, (first, MANY), true);
    common::side(&mut group, "remove/dashmap", &mut theirs);
    group.finish();
    let mut group = common::group(criterion, "10,000 nodes of one owner");
    common::side(&mut group, "death", &mut Deaths::new(&store, true));
    common::side(&mut group, "removal of the subtree", &mut Deaths::new(&store, false));
    group.finish();
}

fn nodes(criterion: &mut Criterion) {
    let store = common::store();
    let mut group = common::group(criterion, "one node");
    common::side(&mut group, "create", &mut StoreNodes::new(&store, false));
    common::side(&mut group, "remove", &mut StoreNodes::new(&store, true));
    group.finish();
}

fn events(criterion: &mut Criterion) {
    let store = common::store();
    let paths = common::keys(Keys::SixLevelValues, 1 << 14);
    let mut group = common::group(criterion, "events");
    common::side(&mut group, "a record of the feed", &mut Records::new(&store, &paths));
    watch_vms(&store, 1000, 1);
    common::side(&mut group, "a write that a watch hears of", &mut Fires::new(&store, 1000));
    group.finish();
}

fn watches(criterion: &mut Criterion) {
    let store = common::store();
    let paths = common::keys(Keys::SixLevelValues, usize::MAX);
    let mut group = common::group(criterion, "a write beside unrelated watches");
    for watches in [0, 100, 10_000] {
        let mut writes = WatchedWrites::new(&store, &paths, watches);
        common::side(&mut group, &format!("{watches}"), &mut writes);
    }
    group.finish();
}

criterion_group!(benches, writes, vms, nodes, events, watches);
criterion_main!(benches);
