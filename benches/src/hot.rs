//! The hot paths whose instructions are counted: see `.ci/instructions.sh`.
//!
//! Everything is the same in each run: seeds, hashes, the VMs. What is counted is all that runs
//! within [`measured`], and nothing else.

use std::sync::Arc;

use myriad_core::{Config, Path, Store};
use myriad_ring::v1::Op;

use crate::{
    fail::or_die,
    fixture::{self, Keys},
    subject::Subject,
    subjects::{
        commits::StoreWrites,
        feeds::Fires,
        guests::Guests,
        lookups::{IndexLookups, Listings, names},
        reads::StoreReads,
        requests::{Codec, Requests},
        rings::Transfers,
        transactions::Siblings,
        vms::{StoreCreates, StoreRemoves},
        watches::watch_vms,
    },
    vm::Layout,
};

/// VMs in the store.
const VMS: u16 = 300;
/// VMs that are made or removed.
const NEW: u16 = 64;
/// The seed of every order and hash.
const SEED: u64 = 2;

/// A path of the store that matters.
pub struct Hot {
    /// Its name in `benches/instructions.toml`.
    pub name: &'static str,
    /// How often it is run under the count.
    pub ops: u64,
    make: fn() -> Box<dyn Subject>,
}

/// All of them.
pub const ALL: [Hot; 13] = [
    Hot { name: "read", ops: 500, make: || Box::new(StoreReads::new(&store(), &keys(), 0)) },
    Hot { name: "write", ops: 2000, make: || Box::new(StoreWrites::new(&store(), &keys(), 1, 0)) },
    Hot { name: "vm-create", ops: 64, make: || Box::new(creates(&store())) },
    Hot { name: "vm-remove", ops: 64, make: || Box::new(removes(&store())) },
    Hot { name: "vm-transaction", ops: 64, make: || Box::new(siblings(&store())) },
    Hot { name: "watch-match", ops: 600, make: || Box::new(fires(&store())) },
    Hot { name: "listing", ops: 20, make: || Box::new(listing(&store())) },
    Hot { name: "index-lookup", ops: 600, make: || Box::new(lookups(&store())) },
    Hot { name: "codec", ops: 2000, make: || Box::new(Codec::new(&keys())) },
    Hot { name: "ring", ops: 2000, make: || Box::new(Transfers::new()) },
    Hot { name: "request", ops: 2000, make: || Box::new(Requests::new(&store(), &keys())) },
    Hot { name: "ring-read", ops: 125, make: || Box::new(Guests::new(Op::Read, SEED)) },
    Hot { name: "ring-write", ops: 125, make: || Box::new(Guests::new(Op::Write, SEED)) },
];

impl Hot {
    /// Runs it: once for what happens only the first time, then under the count.
    pub fn run(&self) {
        let mut subject = (self.make)();
        for count in [false, true] {
            subject.prepare(self.ops);
            if count {
                measured(&mut *subject, self.ops)
            } else {
                subject.run(self.ops)
            }
            subject.reset(self.ops);
        }
    }
}

/// What is counted: callgrind is told this function's name.
#[inline(never)]
pub fn measured(subject: &mut dyn Subject, ops: u64) {
    subject.run(ops);
}

fn store() -> Store {
    let config = Config { hash_seed: Some(SEED), ..Config::default() };
    fixture::store(&config, Layout::Compact, VMS)
}

fn keys() -> Arc<[Path<'static>]> {
    fixture::keys(Keys::SixLevelValues, Layout::Compact, VMS, SEED, usize::MAX, 16).into()
}

fn creates(store: &Store) -> StoreCreates {
    StoreCreates::new(store, Layout::Compact, VMS + 1, NEW)
}

fn removes(store: &Store) -> StoreRemoves {
    StoreRemoves::new(store, Layout::Compact, VMS + 1, NEW)
}

fn siblings(store: &Store) -> Siblings {
    Siblings::new(store, Layout::Compact, VMS + 1, 1)
}

fn fires(store: &Store) -> Fires {
    watch_vms(store, VMS.into(), 1);
    Fires::new(store, VMS)
}

fn listing(store: &Store) -> Listings {
    let domains = or_die("path", Path::new("/local/domain"));
    Listings::new(store, domains, VMS.into())
}

fn lookups(store: &Store) -> IndexLookups {
    IndexLookups::new(store, &names(VMS, SEED))
}

#[cfg(test)]
mod tests {
    use super::ALL;

    #[test]
    fn each_runs_and_has_a_name_of_its_own() {
        for (at, hot) in ALL.iter().enumerate() {
            hot.run();
            assert!(ALL.iter().skip(at + 1).all(|other| other.name != hot.name), "{}", hot.name);
        }
    }
}
