//! A store with a few nodes, what threads do with it, and how a model is explored.

use std::cell::Cell;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use myriad_core::{
    Caller::Control, Config, ConnId, Feed, FeedItem, Path, Reads, Store, WatchPath, Writes,
};

use crate::journal::Keeping;

pub const A: &str = "/a";
pub const B: &str = "/b";
pub const C: &str = "/c";

/// A store and its journal.
pub struct Small {
    pub store: Store,
    pub journal: Arc<Keeping>,
}

impl Small {
    /// Each node is `0`; `/d` is an empty directory.
    pub fn new() -> Small {
        let journal = Arc::new(Keeping::default());
        let kept: Arc<dyn myriad_core::journal::Journal> = journal.clone();
        let config = Config { feed_slots: 32, journal: Some(kept), ..Config::default() };
        let store = Store::new(&config).unwrap();
        let made = store.edit(|edit| {
            for name in [A, B, C] {
                edit.write(&Control, path(name), b"0")?;
            }
            edit.mkdir(&Control, path("/d"))
        });
        made.result.unwrap();
        Small { store, journal }
    }
}

pub fn path(name: &str) -> Path<'_> {
    Path::new(name).unwrap()
}

/// A node that is a digit.
pub fn read(store: &Store, name: &str) -> u8 {
    store.pin().read(&Control, path(name)).unwrap()[0] - b'0'
}

/// Writes, and says in which publication.
pub fn write(store: &Store, name: &str, value: &[u8]) -> u64 {
    let outcome = store.edit(|edit| edit.write(&Control, path(name), value));
    outcome.result.unwrap();
    outcome.seq
}

/// Registers a watch, and says in which publication.
pub fn watch(store: &Store, name: &str) -> u64 {
    let (me, node) = (ConnId::new(0, 1), WatchPath::Node(path(name)));
    let outcome = store.edit(|edit| edit.watch(me, &Control, node, b"token", None, 0));
    outcome.result.unwrap();
    outcome.seq
}

/// The publications in which watches have fired, up to the newest.
pub fn fires(feed: &mut Feed) -> Vec<u64> {
    let mut fired = Vec::new();
    loop {
        match feed.next() {
            FeedItem::Record(record) => fired.extend(record.fires.iter().map(|_| record.seq)),
            FeedItem::Empty => return fired,
            FeedItem::Overrun => panic!("there is room for all"),
        }
    }
}

/// Explores a model to its end: all schedules with at most so many preemptions.
pub fn explore(name: &str, preemptions: Option<usize>, model: fn()) {
    let executions = Arc::new(AtomicU64::new(0));
    let count = executions.clone();
    let mut builder = loom::model::Builder::new();
    (builder.max_permutations, builder.max_duration) = (None, None);
    (builder.max_branches, builder.checkpoint_file) = (BRANCHES, None);
    builder.preemption_bound = preemptions;
    builder.check(move || {
        model();
        count.fetch_add(1, Relaxed);
    });
    let executions = executions.load(Relaxed);
    assert!(executions > 1, "{name}: nothing happens at once");
    println!("explored: {name}: {executions} executions, up to {preemptions:?} preemptions");
}

/// Steps of one execution; none comes near it unless a loop doesn't end.
const BRANCHES: usize = 10_000;

std::thread_local! {
    // loom runs all threads of a model on the one that called it.
    static SEEN: Cell<u32> = const { Cell::new(0) };
}

/// Notes that something has happened.
pub fn saw(what: u32) {
    SEEN.with(|seen| seen.set(seen.get() | 1 << what));
}

/// Whether it has happened in any execution of the test.
pub fn seen(what: u32) -> bool {
    SEEN.with(|seen| seen.get() & 1 << what != 0)
}
