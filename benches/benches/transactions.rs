//! Transactions that create a VM's 41 nodes: alone, and rebased over siblings.

mod common;

use criterion::{Criterion, criterion_group, criterion_main};
use myriad_benches::{
    fixture::VMS, subject::Subject, subjects::transactions::Siblings, vm::Layout,
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

criterion_group!(benches, siblings);
criterion_main!(benches);
