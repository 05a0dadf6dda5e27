//! Publication under every interleaving: `core/src/{cell/swap,publish,sync}.rs` as they are, with
//! loom's atomics behind arc-swap's interface. Turns have their own models in `loom_turns.rs`.
//!
//! A model that is not explored to its end fails: nothing bounds its executions or its time, and
//! one that has more branches than loom allows panics. Where a number of preemptions is given, all
//! schedules with at most so many are explored.
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

use cell::SwapCell as Cell;
use commits::{
    HELPED, TAKEN, announced, announced_twice, check_overtaking, once, one_try, thrice, twice,
};
use loom_support::{explore, seen};
use versions::race;

#[test]
fn two_committers_lose_no_update() {
    explore("two committers of three", None, || {
        race(false, 1, |root| thrice(root, 0), thrice);
    });
}

#[test]
fn three_committers_lose_no_update() {
    explore("three committers of one", None, || {
        race(false, 2, |root| once(root, 0), once);
    });
}

#[test]
fn an_announced_commit_is_applied_once_beside_a_committer() {
    explore("an announcement, one committer of two", None, || {
        check_overtaking(race(true, 1, |root| announced(root, 0), twice));
    });
    assert!(seen(HELPED));
}

#[test]
fn an_announced_commit_is_applied_once_beside_two_helpers() {
    explore("an announcement, two others that try once", PREEMPTIONS, || {
        check_overtaking(race(true, 2, |root| announced(root, 0), one_try));
    });
}

#[test]
fn two_others_overtake_once_each() {
    explore("an announcement, two committers of one", PREEMPTIONS, || {
        check_overtaking(race(true, 2, |root| announced(root, 0), once));
    });
    assert!(seen(HELPED));
}

#[test]
fn two_announcements_are_applied_once_each() {
    explore("two announcers", None, || {
        check_overtaking(race(true, 1, |root| announced(root, 0), announced));
    });
    assert!(seen(TAKEN));
}

#[test]
fn a_place_for_announcements_is_used_again() {
    explore("an announcement after another, a committer of one", None, || {
        check_overtaking(race(true, 1, |root| announced_twice(root, 0), once));
    });
    assert!(seen(HELPED));
    assert!(!seen(TAKEN), "its own first announcement was in the way of its second");
}

/// Enough for each of two others to be stopped and resumed twice.
const PREEMPTIONS: Option<usize> = Some(4);
