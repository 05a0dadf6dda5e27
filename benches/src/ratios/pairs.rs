//! The pairs: every goal of the store, and a few figures beside them.

use std::sync::Arc;

use myriad_core::{Config, Path, Store};

use super::{Goal, Pair, Side};
use crate::{
    fail::or_die,
    fixture::{self, DashMap, Keys, PapayaMap},
    subject::{Subject, Threads},
    subjects::{
        commits::{DashWrites, StoreWrites},
        deaths::Deaths,
        lookups::{IndexLookups, Listings, PapayaLookups, ScanLookups, names},
        reads::{PapayaReads, StoreReads},
        transactions::Siblings,
        vms::{DashCreates, FEW, MANY, StoreCreates, StoreRemoves},
        watches::WatchedWrites,
    },
    vm::Layout,
};

/// What the pairs run on.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// Where a VM's nodes lie.
    pub layout: Layout,
    /// VMs in the store, 41 nodes each.
    pub vms: u16,
    /// The seed of every order.
    pub seed: u64,
}

/// Paths of the hot subset.
const HOT: usize = 256;
/// Watches that have nothing to do with the writes beside them.
const UNRELATED: u64 = 10_000;

/// Hashes the yardsticks' keys as the store hashes names.
type Fast = ahash::RandomState;
/// What the yardsticks hash with unless told otherwise.
type Std = std::hash::RandomState;

/// A name, and the pair made when its turn comes.
pub type Named = (&'static str, Box<dyn FnOnce() -> Pair>);

/// All of them. Each is built when it is called for; they share the big fixtures.
pub fn pairs(setup: Setup) -> Vec<Named> {
    let store = fixture::store(&Config::default(), setup.layout, setup.vms);
    let mut all: Vec<Named> = Vec::new();
    reads(setup, &store, &mut all);
    commits(setup, &store, &mut all);
    vms(setup, &store, &mut all);
    watches(setup, &store, &mut all);
    lookups(setup, &store, &mut all);
    transactions(setup, &store, &mut all);
    all
}

fn reads(setup: Setup, store: &Store, all: &mut Vec<Named>) {
    let fast: Arc<PapayaMap<Fast>> = Arc::new(fixture::papaya(setup.layout, setup.vms));
    let sets = [
        ("read, six levels, any of all", Keys::SixLevels, usize::MAX, Goal::Rate(0.4)),
        ("read, six levels, hot", Keys::SixLevels, HOT, Goal::Shown),
        ("read, any node of all", Keys::All, usize::MAX, Goal::Shown),
    ];
    for (name, which, most, goal) in sets {
        let (store, fast, keys) = (store.clone(), fast.clone(), setup.keys(which, most));
        add(all, name, "papaya, ahash", goal, move || {
            (one(StoreReads::new(&store, &keys, 0)), one(PapayaReads::new(&fast, &keys, 0)))
        });
    }
    let keys = setup.keys(Keys::SixLevels, usize::MAX);
    let (ours, paths) = (store.clone(), keys.clone());
    add(all, "read, papaya as it comes", "papaya, SipHash", Goal::Rate(0.4), move || {
        let std: Arc<PapayaMap<Std>> = Arc::new(fixture::papaya(setup.layout, setup.vms));
        (one(StoreReads::new(&ours, &paths, 0)), one(PapayaReads::new(&std, &paths, 0)))
    });
    let (ours, paths) = (store.clone(), keys.clone());
    add(all, "read, two threads", "one thread", Goal::Rate(1.8), move || {
        let make = |start| StoreReads::new(&ours, &paths, start);
        (two(make(0), make(paths.len() / 2)), alone(make(0)))
    });
    add(all, "papaya, two threads", "one thread", Goal::Shown, move || {
        let make = |start| PapayaReads::new(&fast, &keys, start);
        (two(make(0), make(keys.len() / 2)), alone(make(0)))
    });
}

fn commits(setup: Setup, store: &Store, all: &mut Vec<Named>) {
    let fast: Arc<DashMap<Fast>> = Arc::new(fixture::dash(setup.layout, setup.vms));
    let keys = setup.keys(Keys::SixLevelValues, usize::MAX);
    let sets = [("commit of one write", 1, 0.075), ("write, 16 to a commit", 16, 0.12)];
    for (name, per, goal) in sets {
        let (store, fast, keys) = (store.clone(), fast.clone(), keys.clone());
        add(all, name, "dashmap, ahash", Goal::Rate(goal), move || {
            let ours = StoreWrites::new(&store, &keys, per, 0);
            (one(ours), one(DashWrites::new(&fast, &keys, per, 0)))
        });
    }
    let (ours, paths) = (store.clone(), keys.clone());
    add(all, "commit, dashmap as it comes", "dashmap, SipHash", Goal::Rate(0.075), move || {
        let std: Arc<DashMap<Std>> = Arc::new(fixture::dash(setup.layout, setup.vms));
        (one(StoreWrites::new(&ours, &paths, 1, 0)), one(DashWrites::new(&std, &paths, 1, 0)))
    });
    let store = store.clone();
    add(all, "commit, two threads", "one thread", Goal::Rate(1.0), move || {
        let make = |start| StoreWrites::new(&store, &keys, 1, start);
        (two(make(0), make(keys.len() / 2)), alone(make(0)))
    });
}

fn vms(setup: Setup, store: &Store, all: &mut Vec<Named>) {
    let dash: Arc<DashMap<Fast>> = Arc::new(fixture::dash(setup.layout, setup.vms));
    let (layout, first) = (setup.layout, setup.vms.saturating_add(1));
    for (name, count, goal) in [
        ("a VM's 41 nodes in one commit", MANY, Goal::Time(1.0)),
        ("a VM's 41 nodes, from the caches", FEW, Goal::ShownTime),
    ] {
        let (ours, theirs) = (store.clone(), dash.clone());
        add(all, name, "dashmap, 41 inserts", goal, move || {
            let theirs = DashCreates::new(&theirs, layout, (first, count), false);
            (one(StoreCreates::new(&ours, layout, first, count)), one(theirs))
        });
    }
    for (name, count, goal) in [
        ("a VM's removal, drop included", MANY, Goal::Nanoseconds(3000.0)),
        ("a VM's removal, from the caches", FEW, Goal::ShownTime),
    ] {
        let (ours, dash) = (store.clone(), dash.clone());
        add(all, name, "dashmap, 41 removals", goal, move || {
            let theirs = DashCreates::new(&dash, layout, (first, count), true);
            (one(StoreRemoves::new(&ours, layout, first, count)), one(theirs))
        });
    }
    let (ours, goal) = (store.clone(), Goal::Nanoseconds(50e6));
    add(all, "death of an owner of 10,000 nodes", "removal of the subtree", goal, move || {
        (one(Deaths::new(&ours, true)), one(Deaths::new(&ours, false)))
    });
}

fn watches(setup: Setup, store: &Store, all: &mut Vec<Named>) {
    let keys = setup.keys(Keys::SixLevelValues, usize::MAX);
    let store = store.clone();
    add(all, "commit, 10,000 unrelated watches", "no watches", Goal::Time(1.1), move || {
        let watches = UNRELATED.min(u64::from(setup.vms));
        let ours = WatchedWrites::new(&store, &keys, watches);
        (one(ours), one(WatchedWrites::new(&store, &keys, 0)))
    });
}

fn lookups(setup: Setup, store: &Store, all: &mut Vec<Named>) {
    let sets = [
        (100, "name lookup, 100 domains", "name scan, 100 domains"),
        (1_000, "name lookup, 1,000 domains", "name scan, 1,000 domains"),
        (10_000, "name lookup, 10,000 domains", "name scan, 10,000 domains"),
    ];
    for (vms, by_index, by_scan) in sets {
        add(all, by_index, "papaya", Goal::ShownTime, move || {
            let store = fixture::store(&Config::default(), setup.layout, vms);
            let names = names(vms, setup.seed);
            (one(IndexLookups::new(&store, &names)), one(PapayaLookups::new(&names)))
        });
        add(all, by_scan, "index", Goal::ShownTime, move || {
            let store = fixture::store(&Config::default(), setup.layout, vms);
            let names = names(vms, setup.seed);
            (one(ScanLookups::new(&store, &names)), one(IndexLookups::new(&store, &names)))
        });
    }
    let (store, domains) = (store.clone(), or_die("path", Path::new("/local/domain")));
    add(all, "listing of all domains", "listing of one VM", Goal::ShownTime, move || {
        // The domains' directory of the spread layout also holds dom0.
        let children = usize::from(setup.vms) + usize::from(setup.layout == Layout::Spread);
        let home = or_die("path", Path::new("/local/domain/1"));
        let few = crate::vm::children_of_home(setup.layout);
        (one(Listings::new(&store, domains, children)), one(Listings::new(&store, home, few)))
    });
}

fn transactions(setup: Setup, store: &Store, all: &mut Vec<Named>) {
    let first = setup.vms.saturating_add(1);
    for (others, name) in [
        (0, "a VM in a transaction"),
        (1, "…, a sibling committed meanwhile"),
        (16, "…, 16 siblings committed meanwhile"),
    ] {
        let store = store.clone();
        add(all, name, "a VM in one commit", Goal::ShownTime, move || {
            let ours = Siblings::new(&store, setup.layout, first, others);
            (one(ours), one(StoreCreates::new(&store, setup.layout, first, FEW)))
        });
    }
}

impl Setup {
    fn keys(self, which: Keys, most: usize) -> Arc<[Path<'static>]> {
        fixture::keys(which, self.layout, self.vms, self.seed, most, 16).into()
    }
}

fn add(
    all: &mut Vec<Named>,
    name: &'static str,
    against: &'static str,
    goal: Goal,
    sides: impl FnOnce() -> (Side, Side) + 'static,
) {
    let make = move || {
        let (ours, yardstick) = sides();
        Pair { name: name.to_owned(), ours, yardstick, against, goal }
    };
    all.push((name, Box::new(make)));
}

fn one(subject: impl Subject + 'static) -> Side {
    Side::One(Box::new(subject))
}

fn two(first: impl Subject + 'static, second: impl Subject + 'static) -> Side {
    Side::Many(Threads(vec![Box::new(first), Box::new(second)]))
}

/// A single one, on a thread of its own as the two are.
fn alone(subject: impl Subject + 'static) -> Side {
    Side::Many(Threads(vec![Box::new(subject)]))
}
