//! The whole store under every interleaving of its accesses to the current version: `myriad-core`
//! as it is, built for loom, with a root cell and counts that loom sees.
//!
//! So transactions with their footprints, watches, the feed and the journal's hooks are those of
//! production, and nothing of them is repeated here. What lies below has models of its own: the
//! cells (`loom_publish.rs`, `loom_cell.rs`) and the feed's slots (`loom_feed.rs`). A load sees the
//! newest value: the cells are taken to be SeqCst.
//!
//! A model that is not explored to its end fails. The bounds after which a commit is announced or
//! takes a turn are small here (`core/src/limits.rs`).
#![cfg(loom)]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_types
)]

#[path = "loom_store/journal.rs"]
mod journal;
#[path = "loom_store/small.rs"]
mod small;

use loom::thread;
use myriad_core::{Caller::Control, Error, Reads, Store, Writes, limits::ANNOUNCE_AFTER};
use small::{A, B, C, Small, explore, fires, path, read, saw, seen, watch, write};

/// Of two transactions that each read what the other writes, the second starts again: never both.
fn skew() {
    let store = Small::new().store;
    let other = store.clone();
    let thread = thread::spawn(move || on_call(&other, A, B));
    on_call(&store, B, A);
    thread.join().unwrap();
    assert_eq!(read(&store, A) + read(&store, B), 1, "both saw that the other was off");
}

/// Goes on call, unless the other has.
fn on_call(store: &Store, other: &str, own: &str) {
    loop {
        let mut tx = store.begin(0);
        if tx.read(&Control, path(other)).unwrap() == b"0" {
            tx.write(&Control, path(own), b"1").unwrap();
        }
        match tx.commit().result {
            Ok(()) => return,
            Err(Error::Conflict) => saw(CONFLICT),
            Err(error) => panic!("{error}"),
        }
    }
}

/// Two that count one up, in a transaction and in another, lose none.
fn counters() {
    let store = Small::new().store;
    let other = store.clone();
    let thread = thread::spawn(move || count_up(&other));
    count_up(&store);
    thread.join().unwrap();
    assert_eq!(read(&store, A), 2, "an update was lost");
}

fn count_up(store: &Store) {
    loop {
        let mut tx = store.begin(0);
        let now = tx.read(&Control, path(A)).unwrap()[0];
        tx.write(&Control, path(A), &[now + 1]).unwrap();
        match tx.commit().result {
            Ok(()) => return,
            Err(Error::Conflict) => saw(CONFLICT),
            Err(error) => panic!("{error}"),
        }
    }
}

/// Transactions that create siblings don't conflict, and neither does a write beside them.
fn siblings() {
    let store = Small::new().store;
    let create = |name: &'static str| {
        let store = store.clone();
        move || {
            let mut tx = store.begin(0);
            tx.write(&Control, path(name), b"new").unwrap();
            tx.commit().result
        }
    };
    let threads = [thread::spawn(create("/d/x")), thread::spawn(create("/d/y"))];
    write(&store, A, b"1");
    for thread in threads {
        assert_eq!(thread.join().unwrap(), Ok(()), "siblings both land");
    }
    let listing = store.pin().list(&Control, path("/d")).unwrap();
    let names: Vec<&[u8]> = listing.names.split(|byte| *byte == 0).collect();
    assert!(names.contains(&&b"x"[..]) && names.contains(&&b"y"[..]), "{names:?}");
    assert_eq!(read(&store, A), 1);
    store.pin().check().unwrap();
}

/// A transaction of several nodes among small edits: it loses [`ANNOUNCE_AFTER`] tries, and then
/// one to each editor, for what that had begun before; at the next it is in.
fn big_among_small() {
    let Small { store, journal } = Small::new();
    let other = store.clone();
    let editor = thread::spawn(move || {
        for _ in 0..EDITS {
            write(&other, A, b"1");
            // So that the transaction's next try comes between two edits without a preemption.
            thread::yield_now();
        }
    });
    let mut tx = store.begin(0);
    for name in [B, C, "/d/x"] {
        tx.read(&Control, path("/d")).unwrap();
        tx.write(&Control, path(name), b"1").unwrap();
    }
    let before = journal.tries();
    assert_eq!(tx.commit().result, Ok(()));
    let lost = journal.lost_since(before);
    assert!(lost <= ANNOUNCE_AFTER as usize + 1, "it has lost {lost} tries");
    if lost > ANNOUNCE_AFTER as usize {
        saw(HELPED);
    }
    editor.join().unwrap();
    journal.check_all(store.pin().seq());
}

/// A watch that is registered while its node is written sees the write in the feed, or whoever
/// registered it does when it looks at the node after that: the watch's first event.
fn watched(writer: fn(Store) -> u64) {
    let store = Small::new().store;
    let mut feed = store.feed();
    let other = store.clone();
    let thread = thread::spawn(move || writer(other));
    let registered = watch(&store, A);
    let looked = read(&store, A);
    let written = thread.join().unwrap();
    let fired = fires(&mut feed);
    if written > registered {
        saw(AFTER);
        assert_eq!(fired, [written], "the write after it fires it, once");
    } else {
        saw(BEFORE);
        assert_eq!((looked, fired), (1, vec![]), "its first event finds what was written before");
    }
}

fn by_edit(store: Store) -> u64 {
    write(&store, A, b"1")
}

/// What a transaction began to write before the watch was there fires it at its commit.
fn by_transaction(store: Store) -> u64 {
    let mut tx = store.begin(0);
    tx.write(&Control, path(A), b"1").unwrap();
    let outcome = tx.commit();
    assert_eq!(outcome.result, Ok(()));
    outcome.seq
}

/// Whoever reads sees all of a transaction or nothing; a snapshot stays as it was.
fn whole() {
    let store = Small::new().store;
    let other = store.clone();
    let thread = thread::spawn(move || {
        let mut tx = other.begin(0);
        for name in [A, B] {
            tx.write(&Control, path(name), b"1").unwrap();
        }
        assert_eq!(tx.commit().result, Ok(()));
    });
    let mut snapshot = store.snapshot();
    let first = snapshot.read(&Control, path(A)).unwrap().to_vec();
    let later = read(&store, A);
    assert_eq!(snapshot.read(&Control, path(B)).unwrap(), first, "half of a transaction");
    assert!(u8::from(first == b"1") <= later, "back to what was before");
    thread.join().unwrap();
}

/// K3: what anyone is answered by is marked in the journal, and all before it.
fn journalled() {
    let Small { store, journal } = Small::new();
    let committer = {
        let (store, journal) = (store.clone(), journal.clone());
        thread::spawn(move || journal.check(write(&store, A, b"1")))
    };
    let transaction = {
        let (store, journal) = (store.clone(), journal.clone());
        thread::spawn(move || {
            let mut tx = store.begin(0);
            tx.write(&Control, path(B), b"1").unwrap();
            journal.check(tx.commit().seq);
        })
    };
    journal.check(store.pin().seq());
    let mut feed = store.feed();
    journal.check(feed.seq());
    while let myriad_core::FeedItem::Record(record) = feed.next() {
        journal.check(record.seq);
    }
    committer.join().unwrap();
    transaction.join().unwrap();
    journal.check_all(store.pin().seq());
}

#[test]
fn no_write_skew() {
    explore("store: two on call", PREEMPTIONS, skew);
    assert!(seen(CONFLICT));
}

#[test]
fn no_update_is_lost() {
    explore("store: two that count", PREEMPTIONS, counters);
    assert!(seen(CONFLICT));
}

#[test]
fn siblings_both_land() {
    explore("store: two siblings and a write", Some(2), siblings);
}

#[test]
fn a_big_commit_among_small_ones_lands_within_its_bound() {
    explore("store: a transaction, an editor", PREEMPTIONS, big_among_small);
    assert!(seen(HELPED), "the bound is reached");
}

#[test]
fn a_watch_sees_a_write_or_its_first_event_does() {
    explore("store: a watch, a write", PREEMPTIONS, || watched(by_edit));
    assert!(seen(BEFORE) && seen(AFTER));
}

#[test]
fn a_watch_sees_a_commit_or_its_first_event_does() {
    explore("store: a watch, a transaction", PREEMPTIONS, || watched(by_transaction));
    assert!(seen(BEFORE) && seen(AFTER));
}

#[test]
fn readers_see_all_of_a_transaction_or_nothing() {
    explore("store: a snapshot, a transaction", PREEMPTIONS, whole);
}

#[test]
fn what_is_seen_is_marked() {
    explore("store: journalled commits, a reader", Some(2), journalled);
}

/// Enough for each of two to be stopped and resumed, and for one to be once more.
const PREEMPTIONS: Option<usize> = Some(3);
/// More than the bound allows to overtake.
const EDITS: usize = 4;

// What has happened in a test.
const CONFLICT: u32 = 0;
const HELPED: u32 = 1;
const BEFORE: u32 = 2;
const AFTER: u32 = 3;
