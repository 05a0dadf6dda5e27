//! Publication under every interleaving: `core/src/{cell,publish,sync}.rs` as they are, with
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

#[path = "../../core/src/cell.rs"]
mod cell;
mod loom_support;
#[path = "../../core/src/publish.rs"]
mod publish;
#[path = "../../core/src/sync.rs"]
mod sync;
#[path = "loom_support/versions.rs"]
mod versions;

pub use loom_support::{ArcSwap, Guard};

use loom_support::{Did, Log, explore, saw, seen};
use publish::{Attempt, Built};
use versions::{Big, Commit, RootOf, SLOT, Told, Version, race};

const HELPED: u32 = 0;
const TAKEN: u32 = 1;

/// One try, which helps, loses or gets in.
fn attempt(root: &RootOf, author: usize) -> Attempt<usize> {
    let attempt = root.attempt::<Version, Big, usize>(
        None,
        |base| Built::Version(base.then(Commit::Plain { author }), base.chain.len()),
        &Told,
    );
    match attempt {
        Attempt::Helped => saw(HELPED),
        Attempt::Turn(_) => panic!("nobody takes a turn here"),
        Attempt::Done(_) | Attempt::Lost => {}
    }
    attempt
}

fn one_try(root: &RootOf, author: usize) -> Vec<usize> {
    if let Attempt::Done(position) = attempt(root, author) { vec![position] } else { Vec::new() }
}

/// Commits until it is in, as `Store::edit` does; says where in the chain it stands.
fn commit(root: &RootOf, author: usize) -> usize {
    loop {
        if let Attempt::Done(position) = attempt(root, author) {
            return position;
        }
    }
}

/// Announces; goes on by itself where the slot is taken, as `transaction::publish` does.
fn announce(root: &RootOf, owner: usize) -> usize {
    loop {
        if let Some(at) = versions::announce(root, owner) {
            return at;
        }
        saw(TAKEN);
        if let Attempt::Done(position) = attempt(root, owner) {
            return position;
        }
    }
}

fn once(root: &RootOf, author: usize) -> Vec<usize> {
    vec![commit(root, author)]
}

fn twice(root: &RootOf, author: usize) -> Vec<usize> {
    vec![commit(root, author), commit(root, author)]
}

fn thrice(root: &RootOf, author: usize) -> Vec<usize> {
    vec![commit(root, author), commit(root, author), commit(root, author)]
}

fn announced(root: &RootOf, owner: usize) -> Vec<usize> {
    vec![announce(root, owner)]
}

fn announced_twice(root: &RootOf, owner: usize) -> Vec<usize> {
    vec![announce(root, owner), announce(root, owner)]
}

/// P3: from the announcement until it is applied, each other thread gets in at most one commit:
/// one that it had begun before.
fn check_overtaking((log, chain): (Log, Vec<Commit>)) {
    let mut commits = chain.iter();
    let (mut full, mut waits, mut before) = (false, false, Vec::new());
    for (_, cell, did, _) in log.entries() {
        if did != Did::Swap {
            continue;
        }
        if cell == SLOT {
            assert!(!waits, "an announcement was taken away before it was applied: {chain:?}");
            (full, waits) = (!full, !full);
            before.clear();
            continue;
        }
        match commits.next().unwrap() {
            Commit::Announced { .. } => waits = false,
            Commit::Plain { author } if waits => {
                assert!(!before.contains(author), "{author} overtook twice: {chain:?}");
                before.push(*author);
            }
            Commit::Plain { .. } => {}
        }
    }
}

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
