//! Transactions of a VM's nodes: alone, and beside siblings that commit first.

use std::sync::Arc;

use myriad_core::{Caller, Error, Path, Reads, Store, Writes};

use super::{Rounds, vms::write_vm};
use crate::{
    fail::or_die,
    fixture::{OwnedNode, new_vm_roots, new_vms},
    subject::Subject,
    vm::Layout,
};

/// A transaction that reads a node and writes it; one op is a transaction.
pub struct Counters {
    store: Store,
    rounds: Rounds<Path<'static>>,
    disturbed: bool,
    conflicts: u64,
}

impl Counters {
    /// Goes round these paths. `disturbed`: another writes the node before the end, so that each
    /// transaction fails.
    #[must_use]
    pub fn new(store: &Store, paths: &Arc<[Path<'static>]>, disturbed: bool) -> Counters {
        let rounds = Rounds::new(paths.clone(), 1, 0);
        Counters { store: store.clone(), rounds, disturbed, conflicts: 0 }
    }
}

impl Subject for Counters {
    fn conflicts(&self) -> u64 {
        self.conflicts
    }

    fn run(&mut self, ops: u64) {
        let before = self.conflicts;
        for op in 0..ops {
            for &path in self.rounds.next() {
                let mut transaction = self.store.begin(0);
                or_die("read", transaction.read(&Caller::Control, path).map(<[u8]>::len));
                if self.disturbed {
                    let other = |edit: &mut myriad_core::Edit<'_>| {
                        edit.write(&Caller::Control, path, &op.to_le_bytes())
                    };
                    or_die("write", self.store.edit(other).result);
                }
                or_die("write", transaction.write(&Caller::Control, path, &op.to_be_bytes()));
                match transaction.commit().result {
                    Err(Error::Conflict) => self.conflicts += 1,
                    other => or_die("commit", other),
                }
            }
        }
        if self.conflicts - before != if self.disturbed { ops } else { 0 } {
            or_die("transaction", Err("conflicts where there should be none, or none"))
        }
    }
}

/// Transactions made before what they made is removed.
const MOST: u16 = 64;

/// Creates VMs in transactions; one op is a VM.
pub struct Siblings {
    store: Store,
    vms: Vec<Vec<OwnedNode>>,
    roots: Vec<Vec<Path<'static>>>,
    others: u64,
    marks: Vec<Path<'static>>,
    conflicts: u64,
}

impl Siblings {
    /// VMs with domain ids from `first` on. While a transaction is open, `others` commits of one
    /// sibling each come before its own, so that it must be rebased over them.
    #[must_use]
    pub fn new(store: &Store, layout: Layout, first: u16, others: u64) -> Siblings {
        let marks = new_vm_roots(Layout::Compact, first.saturating_add(MOST), MOST);
        Siblings {
            store: store.clone(),
            vms: new_vms(layout, first, MOST),
            roots: new_vm_roots(layout, first, MOST),
            others,
            marks: marks.into_iter().flatten().collect(),
            conflicts: 0,
        }
    }
}

impl Subject for Siblings {
    fn conflicts(&self) -> u64 {
        self.conflicts
    }

    fn batch(&self) -> u64 {
        u64::from(MOST)
    }

    fn run(&mut self, ops: u64) {
        let count = usize::try_from(ops).unwrap_or(usize::MAX);
        for (nodes, mark) in self.vms.iter().zip(&self.marks).take(count) {
            let mut transaction = self.store.begin(0);
            or_die("transaction", write_vm(&mut transaction, nodes));
            for _ in 0..self.others {
                let sibling = self.store.edit(|edit| edit.write(&Caller::Control, *mark, b"1"));
                or_die("sibling", sibling.result);
            }
            match transaction.commit().result {
                Err(Error::Conflict) => self.conflicts += 1,
                other => or_die("commit", other),
            }
        }
    }

    fn reset(&mut self, ops: u64) {
        let count = usize::try_from(ops).unwrap_or(usize::MAX);
        let marks = self.marks.iter().take(if self.others > 0 { count } else { 0 });
        for path in self.roots.iter().take(count).flatten().chain(marks) {
            or_die("rm", self.store.edit(|edit| edit.rm(&Caller::Control, *path)).result);
        }
    }
}
