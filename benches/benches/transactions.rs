//! Transactions: of a VM's 41 nodes, alone and rebased over siblings; of one node, and those that
//! fail.

mod common;

use criterion::{Criterion, criterion_group, criterion_main};
use myriad_benches::{
    fixture::{Keys, VMS},
    subject::Subject,
    subjects::transactions::{Counters, Siblings},
    vm::Layout,
};

fn siblings(criterion: &mut Criterion) {
    let store = common::store();
    let mut group = common::group(criterion, "a VM in a transaction");
    for others in [0, 1, 16] {
        let mut siblings = Siblings::new(&store, Layout::Compact, VMS + 1, others);
        common::side(&mut group, &format!("{others} siblings meanwhile"), &mut siblings);
        println!("conflicts: {}", siblings.conflicts());
    }
    group.finish();
}

fn counters(criterion: &mut Criterion) {
    let store = common::store();
    let paths = common::keys(Keys::SixLevelValues, 1 << 14);
    let mut group = common::group(criterion, "a transaction of one node");
    for (id, disturbed) in [("no conflict", false), ("another writes it", true)] {
        common::side(&mut group, id, &mut Counters::new(&store, &paths, disturbed));
    }
    group.finish();
}

criterion_group!(benches, siblings, counters);
criterion_main!(benches);
