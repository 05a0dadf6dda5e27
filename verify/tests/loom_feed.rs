//! The commit feed under every interleaving: `core/src/{cell,publish,feed,sync}` as they are,
//! with loom's atomics behind the interfaces of arc-swap and crossbeam-epoch.
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

#[allow(unused_unsafe)]
#[path = "../../core/src/cell/mod.rs"]
mod cell;
#[allow(unused_unsafe)]
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
        pub(crate) bytes: u64,
    }

    impl Record {
        pub(crate) fn bytes(&self) -> u64 {
            self.bytes
        }
    }
}
#[path = "loom_support/records.rs"]
mod records;
#[path = "../../core/src/sync.rs"]
mod sync;

pub use loom_support::{ArcSwap, Atomic, Guard, Owned, Shared, pin};

use std::sync::Arc;

use cell::SwapCell as Cell;
use feed::{Ring, Slot};
use loom::thread;
use loom_support::{begin, explore, seen};
use record::Record;
use records::{LAPPED, Size, TRIMMED, race, record};

/// The least that a ring has, and no bound of bytes: it is overrun soon by laps.
const LAPS: Size = Size { slots: 2, most: u64::MAX };
#[test]
fn a_consumer_sees_each_record() {
    explore("a committer of two, a consumer", PREEMPTIONS, || race(LAPS, &[(1, 2)], 2));
}

#[test]
fn a_consumer_sees_each_record_of_two_committers() {
    explore("two committers of one, a consumer", PREEMPTIONS, || race(LAPS, &[(1, 1), (2, 1)], 2));
}

#[test]
fn a_slow_consumer_is_told_that_it_was_overrun() {
    explore("a committer of three, a consumer", PREEMPTIONS, || race(LAPS, &[(1, 3)], 2));
    assert!(seen(LAPPED) && !seen(TRIMMED));
}

#[test]
fn a_slow_consumer_is_overrun_by_two_committers() {
    explore("committers of two and one, a consumer", PREEMPTIONS, || {
        race(LAPS, &[(1, 2), (2, 1)], 2);
    });
    assert!(seen(LAPPED) && !seen(TRIMMED));
}

/// Two threads link the same record while a third links the one that follows in the same slot,
/// and one of them looks for both.
#[test]
fn linking_can_be_helped() {
    explore("two linkers of a record, one of its successor", PREEMPTIONS, || {
        begin(None);
        let ring = Arc::new(Ring::new(2, u64::MAX, 0));
        let (old, new) = (record(2, 7), record(4, 8));
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

/// Enough for each of three threads to be stopped once, and one of them twice.
const PREEMPTIONS: Option<usize> = Some(4);
