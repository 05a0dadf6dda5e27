//! The commit feed under every interleaving: `core/src/{cell,publish,feed,sync}.rs` as they are,
//! with loom's atomics behind the interfaces of arc-swap and crossbeam-epoch. What `Store` and
//! `Feed` add to them, links at each commit and the consumer's step, is repeated here.
//!
//! A model that is not explored to its end fails, as in `loom_publish.rs`. A record that is looked
//! at after it was freed, or retired twice, fails too (see `loom_support`).
#![cfg(loom)]
#![allow(
    missing_docs,
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

extern crate self as arc_swap;
extern crate self as crossbeam_epoch;

#[path = "../../core/src/cell.rs"]
mod cell;
#[path = "../../core/src/feed.rs"]
mod feed;
mod loom_support;
#[path = "../../core/src/publish.rs"]
mod publish;
mod record {
    /// What the ring must know of a record, and who made it.
    #[derive(Debug)]
    pub(crate) struct Record {
        pub(crate) seq: u64,
        pub(crate) author: u64,
    }
}
#[path = "../../core/src/sync.rs"]
mod sync;

pub use loom_support::{ArcSwap, Atomic, Guard, Owned, Shared, pin};

use std::cell::Cell;
use std::sync::Arc;

use cell::{RootCell, SwapCell};
use feed::{Ring, Slot};
use loom::thread;
use loom_support::{begin, explore};
use publish::{Attempt, Built, Hooks, Proposal, Root, Versioned};
use record::Record;

/// A version carries its record, as in production.
#[derive(Debug)]
struct Version {
    seq: u64,
    record: Arc<Record>,
}

impl Versioned for Version {
    fn applied(&self) -> u64 {
        0
    }
}

/// Nothing is announced here.
#[derive(Clone, Debug)]
struct Never;

impl Proposal<Version> for Never {
    fn apply(&self, _: &Version, _: u64) -> Version {
        unreachable!("nothing is announced")
    }
}

fn record(seq: u64, author: u64) -> Arc<Record> {
    Arc::new(Record { seq, author })
}

/// What `store::Inner` is made of.
struct Inner {
    root: Root<SwapCell<Version>, SwapCell<publish::Slot<Never>>>,
    ring: Ring,
}

/// As `store::Inner` does.
impl Hooks<Version> for Inner {
    fn building_on(&self, base: &Arc<Version>) {
        self.ring.link(&base.record);
    }

    fn replaced(&self, _: Arc<Version>, new: &Arc<Version>) {
        self.ring.link(&new.record);
    }
}

impl Inner {
    fn new() -> Arc<Inner> {
        let first = record(1, 0);
        let ring = Ring::new(SLOTS);
        ring.link(&first);
        let first = Version { seq: 1, record: first };
        Arc::new(Inner { root: Root::new(SwapCell::new(first), SwapCell::new(None)), ring })
    }

    /// As `Store::edit`.
    fn commit(&self, author: u64) {
        loop {
            let build = |base: &Arc<Version>| {
                let seq = base.seq + 1;
                Built::Version(Version { seq, record: record(seq, author) }, ())
            };
            if let Attempt::Done(()) = self.root.attempt::<_, Never, _>(build, self) {
                return;
            }
        }
    }
}

thread_local! {
    /// How often a consumer was overrun, over all executions.
    static OVERRUNS: Cell<u64> = const { Cell::new(0) };
}

/// What a consumer was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Given {
    Record {
        seq: u64,
        author: u64,
    },
    /// It goes on after this one.
    Overrun(u64),
    Empty,
}

/// As `view::Feed`.
struct Feed {
    inner: Arc<Inner>,
    seq: u64,
}

impl Feed {
    /// As `Feed::next`.
    fn next(&mut self) -> Given {
        let inner = &*self.inner;
        {
            let newest = inner.root.cell().load();
            if newest.seq == self.seq {
                return Given::Empty;
            }
            inner.ring.link(&newest.record);
        }
        match inner.ring.get(self.seq + 1) {
            Slot::Record(record) => {
                self.seq += 1;
                Given::Record { seq: record.seq, author: record.author }
            }
            Slot::Newer => {
                self.seq = inner.root.cell().load().seq;
                Given::Overrun(self.seq)
            }
            Slot::Older => panic!("record {} is not linked", self.seq + 1),
        }
    }
}

/// Each record once and in order, but for those that it was told it had missed: and a record can
/// only be missed where a whole ring has gone past it.
fn check(all: &[Given], commits: &[(u64, u64)]) {
    let mut seq = 1;
    for given in all {
        match *given {
            Given::Record { seq: got, .. } => {
                assert_eq!(got, seq + 1, "in order: {all:?}");
                seq = got;
            }
            Given::Overrun(to) => {
                assert!(to > seq + SLOTS as u64, "not overrun: {all:?}");
                OVERRUNS.with(|n| n.set(n.get() + 1));
                seq = to;
            }
            Given::Empty => {}
        }
    }
    let total = commits.iter().map(|(_, n)| n).sum::<u64>();
    assert_eq!(seq, 1 + total, "it has come to the end: {all:?}");
    if all.iter().any(|g| matches!(g, Given::Overrun(_))) {
        return;
    }
    for (author, n) in commits {
        let of = |g: &&Given| matches!(g, Given::Record { author: a, .. } if a == author);
        assert_eq!(all.iter().filter(of).count() as u64, *n, "author {author}: {all:?}");
    }
}

/// Committers of so many commits each, beside a consumer that looks so many times, and then to
/// the end.
fn race(commits: &'static [(u64, u64)], looks: usize) {
    begin(Some(SLOT));
    let inner = Inner::new();
    let mut feed = Feed { inner: inner.clone(), seq: 1 };
    let spawned: Vec<_> = commits
        .iter()
        .map(|(author, n)| {
            let inner = inner.clone();
            thread::spawn(move || (0..*n).for_each(|_| inner.commit(*author)))
        })
        .collect();
    let mut all: Vec<Given> = (0..looks).map(|_| feed.next()).collect();
    spawned.into_iter().for_each(|thread| thread.join().unwrap());
    loop {
        let given = feed.next();
        all.push(given);
        if given == Given::Empty {
            break;
        }
    }
    check(&all, commits);
}

#[test]
fn a_consumer_sees_each_record() {
    explore("a committer of two, a consumer", None, || race(&[(1, 2)], 2));
}

#[test]
fn a_consumer_sees_each_record_of_two_committers() {
    explore("two committers of one, a consumer", PREEMPTIONS, || race(&[(1, 1), (2, 1)], 2));
}

#[test]
fn a_slow_consumer_is_told_that_it_was_overrun() {
    explore("a committer of three, a consumer", None, || race(&[(1, 3)], 2));
    assert!(OVERRUNS.with(Cell::get) > 0);
}

#[test]
fn a_slow_consumer_is_overrun_by_two_committers() {
    explore("committers of two and one, a consumer", PREEMPTIONS, || race(&[(1, 2), (2, 1)], 2));
    assert!(OVERRUNS.with(Cell::get) > 0);
}

/// Two threads link the same record while a third links the one that follows in the same slot,
/// and one of them looks for both.
#[test]
fn linking_can_be_helped() {
    explore("two linkers of a record, one of its successor", None, || {
        begin(None);
        let ring = Arc::new(Ring::new(SLOTS));
        let (old, new) = (record(2, 7), record(2 + SLOTS as u64, 8));
        let link = |record: &Arc<Record>| {
            let (ring, record) = (ring.clone(), record.clone());
            thread::spawn(move || ring.link(&record))
        };
        let threads = [link(&old), link(&new)];
        ring.link(&old);
        match ring.get(old.seq) {
            Slot::Record(found) => assert_eq!((found.seq, found.author), (old.seq, 7)),
            Slot::Newer => {}
            Slot::Older => panic!("it has just been linked"),
        }
        match ring.get(new.seq) {
            Slot::Record(found) => assert_eq!((found.seq, found.author), (new.seq, 8)),
            Slot::Older => {}
            Slot::Newer => panic!("nothing newer was linked"),
        }
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(matches!(ring.get(new.seq), Slot::Record(found) if found.author == 8));
        assert!(matches!(ring.get(2), Slot::Newer));
    });
}

/// The number of the cell for announcements: the second that a model makes.
const SLOT: usize = 1;
/// The least that a ring has: it is overrun soon.
const SLOTS: usize = 2;
/// Enough for each of three threads to be stopped and resumed at least once.
const PREEMPTIONS: Option<usize> = Some(5);
