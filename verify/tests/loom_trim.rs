//! The commit feed that lets go of records by their bytes, under every interleaving: as
//! `loom_feed.rs`, with loads of the model's kind for the counts too.
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
#[path = "loom_support/sync.rs"]
mod sync;

pub use loom_support::{ArcSwap, Atomic, Guard, Owned, Shared, pin};

use std::sync::Arc;

use cell::SwapCell as Cell;
use feed::{Ring, Slot};
use loom::thread;
use loom_support::{Loads, begin, explore, loads, seen};
use record::Record;
use records::{LAPPED, Size, TRIMMED, race, record};

/// Room for all, and few bytes.
const BYTES: Size = Size { slots: 8, most: 2 };
/// Both at once.
const LAPS_AND_BYTES: Size = Size { slots: 2, most: 1 };

#[test]
fn a_slow_consumer_is_overrun_by_bytes() {
    explore("bytes: a committer of three, a consumer", PREEMPTIONS, || race(BYTES, &[(1, 3)], 2));
    assert!(!seen(LAPPED) && seen(TRIMMED));
}

#[test]
fn a_slow_consumer_is_overrun_by_bytes_of_two_committers() {
    explore("bytes: committers of two and one, a consumer", PREEMPTIONS, || {
        race(BYTES, &[(1, 2), (2, 1)], 1);
    });
    assert!(!seen(LAPPED) && seen(TRIMMED));
}

#[test]
fn laps_and_bytes_meet() {
    explore("laps and bytes: committers of two and one, a consumer", PREEMPTIONS, || {
        race(LAPS_AND_BYTES, &[(1, 2), (2, 1)], 1);
    });
    assert!(seen(LAPPED) && seen(TRIMMED));
}

/// Who linked a large record is slow, and others let go of it meanwhile: it has been counted
/// before, so the sum doesn't fall below zero.
#[test]
fn what_is_let_go_of_was_counted() {
    explore("bytes: a large record linked by one, small ones by another", PREEMPTIONS, || {
        begin(None);
        let ring = Arc::new(Ring::new(8, 2, 0));
        let other = {
            let ring = ring.clone();
            let large = Arc::new(Record { seq: 1, author: 0, bytes: 4 });
            thread::spawn(move || ring.link(&large))
        };
        (2..=4).for_each(|seq| ring.link(&record(seq, 0)));
        assert!(matches!(ring.get(4), Slot::Record(_)), "the newest is there");
        other.join().unwrap();
        check_settled(&ring);
    });
}

/// Two link a record, and one of them goes on until it is let go of: the other doesn't bring it
/// back for good.
#[test]
fn a_record_that_comes_back_goes_again() {
    explore("bytes: a record linked by two, later ones by one of them", PREEMPTIONS, || {
        begin(None);
        let ring = Arc::new(Ring::new(8, 2, 0));
        let first = record(1, 0);
        let other = {
            let (ring, first) = (ring.clone(), first.clone());
            thread::spawn(move || ring.link(&first))
        };
        ring.link(&first);
        (2..=4).for_each(|seq| ring.link(&record(seq, 0)));
        assert!(matches!(ring.get(4), Slot::Record(_)), "the newest is there");
        other.join().unwrap();
        check_settled(&ring);
    });
}

/// In a ring of two bytes, after records 1 to 4: the first is gone, and of what follows as much is
/// kept as fits. The check that takes the first out again is relaxed: it finds what is newest, but
/// for old values it may stay for a lap, and its bytes count as long.
fn check_settled(ring: &Ring) {
    let is_gone = matches!(ring.get(1), Slot::Older);
    assert!(is_gone || loads() == Loads::Older, "it has come back");
    ring.link(&record(5, 0));
    assert!(matches!(ring.get(5), Slot::Record(_)), "the newest is there");
    assert!(!is_gone || matches!(ring.get(4), Slot::Record(_)), "let go of without need");
}

/// What its consumer has read goes while another record is linked, and nothing else.
#[test]
fn what_was_read_goes_beside_a_linker() {
    explore("read: two that let go, a linker", PREEMPTIONS, || {
        begin(None);
        let ring = Arc::new(Ring::new(8, u64::MAX, 1));
        let reader = ring.join(1);
        (2..=4).for_each(|seq| ring.link(&record(seq, 0)));
        ring.has_read(&reader, 2);
        let others = [
            thread::spawn({
                let ring = ring.clone();
                move || ring.link(&record(5, 0))
            }),
            thread::spawn({
                let ring = ring.clone();
                move || ring.let_read_go(4, 0)
            }),
        ];
        ring.let_read_go(4, 0);
        others.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(matches!(ring.get(2), Slot::Older));
        assert!((3..=5).all(|seq| matches!(ring.get(seq), Slot::Record(_))));
        ring.leave(&reader);
    });
}

/// A slow linker that lets go of what lay in a slot doesn't take what has come there since.
#[test]
fn the_newest_stays() {
    explore("laps and bytes: a linker of a record, one of the next", PREEMPTIONS, || {
        begin(None);
        let ring = Arc::new(Ring::new(2, 1, 0));
        (1..=2).for_each(|seq| ring.link(&record(seq, 0)));
        let other = {
            let ring = ring.clone();
            thread::spawn(move || ring.link(&record(3, 0)))
        };
        ring.link(&record(4, 0));
        other.join().unwrap();
        assert!(matches!(ring.get(4), Slot::Record(_)));
    });
}

/// Letting go starts where the ring does, however many records have passed before.
#[test]
fn what_laps_took_is_not_gone_through() {
    explore("a record a million later, a consumer", None, || {
        begin(None);
        let ring = Arc::new(Ring::new(2, 1, 0));
        ring.link(&record(1, 0));
        ring.link(&record(1_000_000, 0));
        let other = {
            let ring = ring.clone();
            thread::spawn(move || ring.link(&record(1_000_001, 0)))
        };
        assert!(!matches!(ring.get(1_000_001), Slot::Newer));
        other.join().unwrap();
        assert!(matches!(ring.get(1_000_001), Slot::Record(_)));
    });
}

/// Enough for each of three threads to be stopped once; more take minutes.
const PREEMPTIONS: Option<usize> = Some(3);
