//! From a domain's name to its id, and listings.

use std::{hint::black_box, sync::Arc};

use myriad_core::{Caller, Path, Reads, Store};

use super::Rounds;
use crate::{fail::or_die, subject::Subject};

/// The index from a name to its domain.
const INDEX: &str = "domain-name";

/// One lookup through the index; one op is a guard and a lookup.
pub struct IndexLookups {
    store: Store,
    names: Rounds<Box<str>>,
}

impl IndexLookups {
    /// Looks for the names of the VMs 1 to `vms`, in any order.
    #[must_use]
    pub fn new(store: &Store, names: &Arc<[Box<str>]>) -> IndexLookups {
        IndexLookups { store: store.clone(), names: Rounds::new(names.clone(), 1, 0) }
    }
}

impl Subject for IndexLookups {
    fn run(&mut self, ops: u64) {
        for _ in 0..ops {
            let mut view = self.store.pin();
            for name in self.names.next() {
                let found = or_die("lookup", view.lookup(INDEX, name.as_bytes()));
                let one = found.first().ok_or("no domain of that name");
                black_box(or_die("lookup", one));
            }
        }
    }
}

/// As libxl does it: list the domains, read each one's name until it fits.
pub struct ScanLookups {
    store: Store,
    names: Rounds<Box<str>>,
}

impl ScanLookups {
    /// Looks for the names of the VMs 1 to `vms`, in any order.
    #[must_use]
    pub fn new(store: &Store, names: &Arc<[Box<str>]>) -> ScanLookups {
        ScanLookups { store: store.clone(), names: Rounds::new(names.clone(), 1, 0) }
    }
}

impl Subject for ScanLookups {
    fn run(&mut self, ops: u64) {
        let domains = or_die("path", Path::new("/local/domain"));
        for _ in 0..ops {
            let mut view = self.store.pin();
            let wanted = self.names.next().first().map(|n| n.as_bytes()).unwrap_or_default();
            let listing = or_die("list", view.list(&Caller::Control, domains));
            let found = listing.names.split(|&b| b == 0).find(|domid| {
                let path = format!("/local/domain/{}/name", String::from_utf8_lossy(domid));
                Path::new(&path).is_ok_and(|p| view.read(&Caller::Control, p) == Ok(wanted))
            });
            black_box(or_die("scan", found.ok_or("no domain of that name")));
        }
    }
}

/// A papaya map from name to id: what a lookup would cost that nothing keeps consistent.
pub struct PapayaLookups {
    map: papaya::HashMap<Box<str>, u16, ahash::RandomState>,
    names: Rounds<Box<str>>,
}

impl PapayaLookups {
    /// Of the same names.
    #[must_use]
    pub fn new(names: &Arc<[Box<str>]>) -> PapayaLookups {
        let map = papaya::HashMap::with_hasher(ahash::RandomState::new());
        for (name, domid) in names.iter().zip(1_u16..) {
            map.pin().insert(name.clone(), domid);
        }
        PapayaLookups { map, names: Rounds::new(names.clone(), 1, 0) }
    }
}

impl Subject for PapayaLookups {
    fn run(&mut self, ops: u64) {
        for _ in 0..ops {
            let map = self.map.pin();
            for name in self.names.next() {
                black_box(map.get(name));
            }
        }
    }
}

/// Listing all children of one node.
pub struct Listings {
    store: Store,
    path: Path<'static>,
    children: usize,
}

impl Listings {
    /// Of `path`, which has `children` of them.
    #[must_use]
    pub fn new(store: &Store, path: Path<'static>, children: usize) -> Listings {
        Listings { store: store.clone(), path, children }
    }
}

impl Subject for Listings {
    fn run(&mut self, ops: u64) {
        for _ in 0..ops {
            let listing = or_die("list", self.store.pin().list(&Caller::Control, self.path));
            let found = listing.names.iter().filter(|&&b| b == 0).count();
            if found != self.children {
                or_die("list", Err(format!("{found} children, not {}", self.children)))
            }
        }
    }
}

/// The names of the VMs 1 to `vms`, shuffled.
#[must_use]
pub fn names(vms: u16, seed: u64) -> Arc<[Box<str>]> {
    let mut names: Vec<Box<str>> = (1..=vms).map(|n| format!("vm-{n}").into()).collect();
    crate::rng::Rng::new(seed).shuffle(&mut names);
    names.into()
}
