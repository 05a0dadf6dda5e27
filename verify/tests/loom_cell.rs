//! Publication on the alternative cell under every interleaving: `core/src/cell/epoch.rs` and
//! `core/src/publish.rs` as they are, with loom's atomics behind crossbeam-epoch's interface.
//!
//! A model that is not explored to its end fails, as in `loom_publish.rs`. A box that is looked at
//! after it was freed, or retired twice, fails too (see `loom_support`).
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
#[path = "loom_support/commits.rs"]
mod commits;
mod loom_support;
#[path = "../../core/src/publish.rs"]
mod publish;
#[path = "../../core/src/sync.rs"]
mod sync;
#[path = "loom_support/versions.rs"]
mod versions;

pub use loom_support::{ArcSwap, Atomic, Guard, Owned, Shared, pin};

use std::sync::Arc;

use cell::{EpochCell as Cell, RootCell};
use commits::{HELPED, announced, check_overtaking, once, twice};
use loom::thread;
use loom_support::{begin, explore, seen};
use versions::race;

#[test]
fn two_committers_lose_no_update() {
    explore("epochs: two committers of two", PREEMPTIONS, || {
        race(false, 1, |root| twice(root, 0), twice);
    });
}

#[test]
fn three_committers_lose_no_update() {
    explore("epochs: three committers of one", PREEMPTIONS, || {
        race(false, 2, |root| once(root, 0), once);
    });
}

#[test]
fn an_announced_commit_is_applied_once_beside_a_committer() {
    explore("epochs: an announcement, a committer of one", PREEMPTIONS, || {
        check_overtaking(race(true, 1, |root| announced(root, 0), once));
    });
    assert!(seen(HELPED));
}

/// A reader keeps what it has loaded, while two replace it; one of them is told no.
#[test]
fn what_is_loaded_is_whole_and_stays() {
    explore("epochs: a reader, two that replace", PREEMPTIONS, || {
        begin(None);
        let cell = Arc::new(Cell::new(0));
        let replace = |new: u32| {
            let cell = cell.clone();
            thread::spawn(move || {
                let old = Arc::clone(&cell.load());
                (*old, cell.replace(&old, &Arc::new(new)))
            })
        };
        let threads = [replace(1), replace(2)];
        let (first, second) = (cell.load(), cell.load());
        assert!(**first == 0 || **second != 0, "back to what was before");
        let told = threads.map(|thread| thread.join().unwrap());
        let last = **cell.load();
        match told {
            [(0, true), (0, false)] => assert_eq!(last, 1),
            [(0, false), (0, true)] => assert_eq!(last, 2),
            [(0, true), (1, true)] => assert_eq!(last, 2),
            [(2, true), (0, true)] => assert_eq!(last, 1),
            _ => panic!("{told:?}"),
        }
    });
}

/// Enough for each of two others to be stopped and resumed twice.
const PREEMPTIONS: Option<usize> = Some(4);
