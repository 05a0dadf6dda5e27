//! Writes while watches that have nothing to do with them are registered.

use std::sync::Arc;

use myriad_core::{Caller, ConnId, Path, Store, WatchPath};

use super::commits::StoreWrites;
use crate::{fail::or_die, subject::Subject, vm::WATCHES};

/// Watches that one connection registers.
const PER_CONNECTION: u64 = 100;

/// Single-write commits with a given number of unrelated watches.
pub struct WatchedWrites {
    store: Store,
    writes: StoreWrites,
    watches: u64,
}

impl WatchedWrites {
    /// Over six-level paths, none of which a watch of [`watch_vms`] matches.
    #[must_use]
    pub fn new(store: &Store, paths: &Arc<[Path<'static>]>, watches: u64) -> WatchedWrites {
        let writes = StoreWrites::new(store, paths, 1, 0);
        WatchedWrites { store: store.clone(), writes, watches }
    }
}

impl Subject for WatchedWrites {
    fn prepare(&mut self, _ops: u64) {
        // One each: on `control/shutdown` of as many VMs as it takes.
        watch_vms(&self.store, self.watches, 1);
    }

    fn run(&mut self, ops: u64) {
        self.writes.run(ops);
    }

    fn reset(&mut self, _ops: u64) {
        unwatch_all(&self.store, self.watches);
    }
}

/// Registers `each` of the [`WATCHES`] of VMs 1 to `vms`, a hundred to a connection.
pub fn watch_vms(store: &Store, vms: u64, each: usize) {
    for vm in 1..=vms {
        let conn = ConnId::new(0, 1 + vm / PER_CONNECTION);
        for (number, below) in WATCHES.iter().enumerate().take(each) {
            let path = format!("/local/domain/{vm}/{below}");
            let token = format!("{vm}-{number}");
            let registered = store.edit(|edit| {
                let path = WatchPath::Node(Path::new(&path)?);
                edit.watch(conn, &Caller::Control, path, token.as_bytes(), None, 0)
            });
            or_die("watch", registered.result);
        }
    }
}

/// Drops what [`watch_vms`] has registered.
pub fn unwatch_all(store: &Store, vms: u64) {
    for number in 0..=vms / PER_CONNECTION {
        let dropped = store.edit(|edit| {
            edit.drop_watches(ConnId::new(0, 1 + number));
            Ok(())
        });
        or_die("drop watches", dropped.result);
    }
}
