//! Whole VMs: 41 nodes written in one commit, or removed in one.

use std::{hash::BuildHasher, sync::Arc};

use myriad_core::{Caller, Edit, Error, Path, Store, Writes};

use crate::{
    fail::or_die,
    fixture::{DashMap, OwnedNode, new_vm_roots, new_vms},
    subject::Subject,
    vm::Layout,
};

/// VMs made before they are removed again: so many that neither side finds the places of a new VM
/// in its caches, as is so on a host with 10,000.
pub const MANY: u16 = 1024;
/// So few that all that both sides touch stays in the caches.
pub const FEW: u16 = 64;

/// Writes the nodes of a VM.
///
/// # Errors
/// The first one of the store.
pub fn write_vm(edit: &mut impl Writes, nodes: &[OwnedNode]) -> Result<(), Error> {
    nodes.iter().try_for_each(|&(path, value)| match value {
        Some(value) => edit.write(&Caller::Control, path, value),
        None => edit.mkdir(&Caller::Control, path),
    })
}

/// The VMs that come and go.
#[derive(Clone)]
struct Extra {
    store: Store,
    vms: Arc<[Vec<OwnedNode>]>,
    roots: Arc<[Vec<Path<'static>>]>,
}

impl Extra {
    fn new(store: &Store, layout: Layout, first: u16, count: u16) -> Extra {
        Extra {
            store: store.clone(),
            vms: new_vms(layout, first, count).into(),
            roots: new_vm_roots(layout, first, count).into(),
        }
    }

    fn create(&self, count: u64) {
        for nodes in self.vms.iter().take(usize::try_from(count).unwrap_or(usize::MAX)) {
            or_die("create a VM", self.store.edit(|edit| write_vm(edit, nodes)).result);
        }
    }

    fn remove(&self, count: u64) {
        for roots in self.roots.iter().take(usize::try_from(count).unwrap_or(usize::MAX)) {
            let rm = |edit: &mut Edit<'_>| {
                roots.iter().try_for_each(|&path| edit.rm(&Caller::Control, path))
            };
            or_die("remove a VM", self.store.edit(rm).result);
        }
    }
}

/// The 41 nodes of a new VM in one commit; one op is a VM.
#[derive(Clone)]
pub struct StoreCreates(Extra);

impl StoreCreates {
    /// So many VMs with domain ids from `first` on, which the store does not hold.
    #[must_use]
    pub fn new(store: &Store, layout: Layout, first: u16, count: u16) -> StoreCreates {
        StoreCreates(Extra::new(store, layout, first, count))
    }
}

impl Subject for StoreCreates {
    fn batch(&self) -> u64 {
        self.0.vms.len() as u64
    }

    fn run(&mut self, ops: u64) {
        self.0.create(ops);
    }

    fn reset(&mut self, ops: u64) {
        self.0.remove(ops);
    }
}

/// Removing a VM's subtree in one commit; one op is a VM.
#[derive(Clone)]
pub struct StoreRemoves(Extra);

impl StoreRemoves {
    /// So many VMs with domain ids from `first` on, which the store does not hold.
    #[must_use]
    pub fn new(store: &Store, layout: Layout, first: u16, count: u16) -> StoreRemoves {
        StoreRemoves(Extra::new(store, layout, first, count))
    }
}

impl Subject for StoreRemoves {
    fn batch(&self) -> u64 {
        self.0.vms.len() as u64
    }

    fn prepare(&mut self, ops: u64) {
        self.0.create(ops);
    }

    fn run(&mut self, ops: u64) {
        self.0.remove(ops);
    }
}

/// The 41 inserts of a VM into a dashmap; one op is a VM.
pub struct DashCreates<S> {
    map: Arc<DashMap<S>>,
    vms: Arc<[Vec<OwnedNode>]>,
    removes: bool,
}

impl<S: BuildHasher + Clone> DashCreates<S> {
    /// `count` VMs with domain ids from `first` on, which the map does not hold. With `removes`,
    /// their 41 removals are the op, and the inserts are not timed.
    #[must_use]
    pub fn new(
        map: &Arc<DashMap<S>>,
        layout: Layout,
        (first, count): (u16, u16),
        removes: bool,
    ) -> Self {
        DashCreates { map: map.clone(), vms: new_vms(layout, first, count).into(), removes }
    }

    fn some(&self, count: u64) -> impl Iterator<Item = &OwnedNode> {
        self.vms.iter().take(usize::try_from(count).unwrap_or(usize::MAX)).flatten()
    }

    fn create(&self, count: u64) {
        for (path, value) in self.some(count) {
            self.map.insert(Box::from(path.as_str()), Box::from(value.unwrap_or_default()));
        }
    }

    fn remove(&self, count: u64) {
        for (path, _) in self.some(count) {
            self.map.remove(path.as_str());
        }
    }
}

impl<S: BuildHasher + Clone + Send + Sync> Subject for DashCreates<S> {
    fn batch(&self) -> u64 {
        self.vms.len() as u64
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
