//! What the models of the feed have in common: a store whose versions carry records and nothing
//! else. What `Store` and `Feed` add to publication and the ring, links at each commit and the
//! consumer's step, is repeated here.

use std::sync::Arc;

use crate::Cell;
use crate::cell::RootCell;
use crate::feed::{Ring, Slot};
use crate::loom_support::{begin, saw};
use crate::publish::{self, Attempt, Built, Hooks, Proposal, Root, Versioned};
use crate::record::Record;
use loom::thread;

/// A version carries its record, as in production.
#[derive(Debug)]
pub struct Version {
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
pub struct Never;

impl Proposal<Version> for Never {
    fn apply(&self, _: &Version, _: u64) -> Version {
        unreachable!("nothing is announced")
    }
}

/// How large a ring is.
#[derive(Clone, Copy)]
pub struct Size {
    pub slots: u64,
    /// Bytes; each record of a commit has one.
    pub most: u64,
}

/// What `store::Inner` is made of.
pub struct Inner {
    root: Root<Cell<Version>, Cell<publish::Slot<Never>>>,
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
    fn new(size: Size) -> Arc<Inner> {
        let first = record(1, 0);
        let ring = Ring::new(usize::try_from(size.slots).unwrap(), size.most, 0);
        ring.link(&first);
        let first = Version { seq: 1, record: first };
        Arc::new(Inner { root: Root::new(Cell::new(first), Cell::new(None)), ring })
    }

    /// As `Store::edit`.
    fn commit(&self, author: u64) {
        loop {
            let build = |base: &Arc<Version>| {
                let seq = base.seq + 1;
                Built::Version(Version { seq, record: record(seq, author) }, ())
            };
            if let Attempt::Done(()) = self.root.attempt::<_, Never, _>(None, build, self) {
                return;
            }
        }
    }
}

/// A record of one byte.
pub fn record(seq: u64, author: u64) -> Arc<Record> {
    Arc::new(Record { seq, author, bytes: 1 })
}

/// What a consumer was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    Record {
        seq: u64,
        author: u64,
    },
    /// It goes on after this one: what it wanted was replaced (a lap), or is gone.
    Overrun {
        to: u64,
        lap: bool,
    },
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
            found => {
                self.seq = inner.root.cell().load().seq;
                let lap = matches!(found, Slot::Newer);
                saw(if lap { LAPPED } else { TRIMMED });
                Given::Overrun { to: self.seq, lap }
            }
        }
    }
}

/// What consumers were told.
pub const LAPPED: u32 = 0;
pub const TRIMMED: u32 = 1;

/// Committers of so many commits each, beside a consumer that looks so many times, and then to
/// the end; then one commit more.
pub fn race(size: Size, commits: &'static [(u64, u64)], looks: usize) {
    begin(Some(1));
    let inner = Inner::new(size);
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
        all.push(feed.next());
        if all.last() == Some(&Given::Empty) {
            break;
        }
    }
    check(size, &all, commits);
    inner.commit(LAST);
    let seq = feed.seq + 1;
    assert_eq!(feed.next(), Given::Record { seq, author: LAST }, "the newest is there");
    check_bytes(size, &inner.ring, seq, commits.len() as u64);
}

/// F2: each record once and in order, but for those that it was told it had missed: and a record
/// can only be missed where a whole ring has gone past it, or as many bytes.
fn check(size: Size, all: &[Given], commits: &[(u64, u64)]) {
    let mut seq = 1;
    for given in all {
        match *given {
            Given::Record { seq: got, .. } => {
                assert_eq!(got, seq + 1, "in order: {all:?}");
                seq = got;
            }
            Given::Overrun { to, lap } => {
                // The wanted record and all later ones. A committer that has let go of a record
                // and not yet counted it off makes others let go of one more.
                let (kept, late) = (to - seq, if lap { 0 } else { commits.len() as u64 });
                let most = if lap { size.slots } else { size.most };
                assert!(kept + late > most, "not overrun: {all:?}");
                seq = to;
            }
            Given::Empty => {}
        }
    }
    let total = commits.iter().map(|(_, n)| n).sum::<u64>();
    assert_eq!(seq, 1 + total, "it has come to the end: {all:?}");
    if all.iter().any(|g| matches!(g, Given::Overrun { .. })) {
        return;
    }
    for (author, n) in commits {
        let of = |g: &&Given| matches!(g, Given::Record { author: a, .. } if a == author);
        assert_eq!(all.iter().filter(of).count() as u64, *n, "author {author}: {all:?}");
    }
}

/// After a commit that nobody disturbed the bytes are within their bound; the newest record
/// doesn't count, and neither do those that others put back while they were let go of.
fn check_bytes(size: Size, ring: &Ring, newest: u64, others: u64) {
    let is_there = |seq: &u64| matches!(ring.get(*seq), Slot::Record(_));
    let there: Vec<u64> = (1..=newest).filter(is_there).collect();
    assert!(there.contains(&newest), "{there:?}");
    let first_kept = (newest + 1).saturating_sub(size.most.max(1));
    let back = there.iter().filter(|seq| **seq < first_kept).count() as u64;
    assert!(back <= others, "too much is kept: {there:?}");
}

/// The author of the last commit.
const LAST: u64 = 9;
