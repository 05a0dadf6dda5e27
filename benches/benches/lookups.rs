//! From a name to a domain id, by index and by scan, and a listing of 10,000 children.

mod common;

use criterion::{Criterion, criterion_group, criterion_main};
use myriad_benches::{
    fail::or_die,
    fixture::{self, VMS},
    subjects::lookups::{IndexLookups, Listings, PapayaLookups, ScanLookups, names},
    vm::Layout,
};
use myriad_core::{Config, Path};

fn lookups(criterion: &mut Criterion) {
    let mut group = common::group(criterion, "lookup of a name");
    for vms in [100, 1_000, 10_000] {
        let store = fixture::store(&Config::default(), Layout::Compact, vms);
        let names = names(vms, common::SEED);
        common::side(&mut group, &format!("index/{vms}"), &mut IndexLookups::new(&store, &names));
        common::side(&mut group, &format!("scan/{vms}"), &mut ScanLookups::new(&store, &names));
        common::side(&mut group, &format!("papaya/{vms}"), &mut PapayaLookups::new(&names));
    }
    group.finish();
}

fn listings(criterion: &mut Criterion) {
    let store = common::store();
    let domains = or_die("path", Path::new("/local/domain"));
    let mut group = common::group(criterion, "listing");
    let mut all = Listings::new(&store, domains, usize::from(VMS));
    common::side(&mut group, "10,000 children", &mut all);
    let home = or_die("path", Path::new("/local/domain/1"));
    let few = myriad_benches::vm::children_of_home(Layout::Compact);
    common::side(&mut group, "a VM's", &mut Listings::new(&store, home, few));
    group.finish();
}

criterion_group!(benches, lookups, listings);
criterion_main!(benches);
