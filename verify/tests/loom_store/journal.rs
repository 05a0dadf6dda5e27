//! A journal that holds the store to what it owes one (K3): a record before its version can be
//! seen, its mark before anything of it is, a word when its keeper is done, and each of these once
//! or at least once, as `core/src/journal.rs` says.

use std::sync::Mutex;

use loom::sync::atomic::{AtomicUsize, Ordering::AcqRel};
use loom::thread::{self, ThreadId};
use myriad_core::journal::{Entry, Journal, Place};

#[derive(Debug)]
struct Record {
    seq: u64,
    parent: Option<Place>,
    keeper: ThreadId,
    marked: bool,
    done: usize,
}

/// All that was ever kept.
#[derive(Debug, Default)]
pub struct Keeping {
    // loom doesn't see it; it is never held across an access that loom does.
    records: Mutex<Vec<Record>>,
    steps: Steps,
}

/// Where loom may let another thread go first.
#[derive(Debug)]
struct Steps(AtomicUsize);

impl Default for Steps {
    fn default() -> Steps {
        Steps(AtomicUsize::new(0))
    }
}

impl Journal for Keeping {
    fn keep(&self, entry: &Entry<'_>) -> Option<Place> {
        self.step();
        let mut records = self.records.lock().unwrap();
        if let Some(parent) = entry.parent {
            let parent = &records[at(parent)];
            assert!(parent.marked, "built upon what isn't marked");
            assert_eq!(parent.seq + 1, entry.seq);
        }
        records.push(Record {
            seq: entry.seq,
            parent: entry.parent,
            keeper: thread::current().id(),
            marked: false,
            done: 0,
        });
        Some(Place { at: records.len() as u64 - 1, stamp: 0 })
    }

    fn mark(&self, place: Place) {
        self.step();
        let mut records = self.records.lock().unwrap();
        let seq = records[at(place)].seq;
        let is_other =
            |(n, record): (usize, &Record)| record.seq == seq && record.marked && n != at(place);
        assert!(!records.iter().enumerate().any(is_other), "two records of {seq} are marked");
        records[at(place)].marked = true;
    }

    fn unkept(&self, seq: u64) {
        panic!("all are kept, and {seq} is too");
    }

    fn done(&self, place: Place) {
        self.step();
        self.records.lock().unwrap()[at(place)].done += 1;
    }
}

impl Keeping {
    /// Publication `seq` was seen: its record is marked, and those of all before it.
    pub fn check(&self, seq: u64) {
        let records = self.records.lock().unwrap();
        let marked = |seq: u64| records.iter().position(|r| r.seq == seq && r.marked);
        for seq in FIRST_KEPT..=seq {
            let at = marked(seq).unwrap_or_else(|| panic!("{seq} was seen and isn't marked"));
            let parent = records[at].parent.map(self::at);
            assert_eq!(parent, marked(seq - 1), "the chain has a gap before {seq}");
        }
    }

    /// The same at the end, when whoever kept a record has said once that it is done.
    pub fn check_all(&self, seq: u64) {
        self.check(seq);
        for record in &*self.records.lock().unwrap() {
            assert_eq!(record.done, 1, "done with {record:?}");
            assert!(!record.marked || record.seq <= seq, "marked and never published");
        }
    }

    /// Records so far.
    pub fn tries(&self) -> usize {
        self.records.lock().unwrap().len()
    }

    /// Of this thread's tries since then, those that have lost: never marked.
    pub fn lost_since(&self, before: usize) -> usize {
        let (records, me) = (self.records.lock().unwrap(), thread::current().id());
        let lost = |record: &&Record| record.keeper == me && !record.marked;
        records.iter().skip(before).filter(lost).count()
    }

    fn step(&self) {
        self.steps.0.fetch_add(1, AcqRel);
    }
}

/// The first publication is the store's beginning, and in no record.
const FIRST_KEPT: u64 = 2;

fn at(place: Place) -> usize {
    usize::try_from(place.at).unwrap()
}
