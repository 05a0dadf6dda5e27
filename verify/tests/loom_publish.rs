//! Publication under every interleaving: `core/src/{cell,publish,sync}.rs` as they are, with
//! loom's atomics behind arc-swap's interface.
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

pub use loom_support::{ArcSwap, Guard};

use std::cell::Cell;
use std::sync::Arc;

use cell::{RootCell, SwapCell};
use loom::thread;
use loom_support::{Log, begin, explore};
use publish::{Attempt, Built, Hooks, Proposal, Root, Slot, Versioned};

/// A version is the list of all commits that made it.
#[derive(Clone, Debug, Default)]
struct Version {
    applied: u64,
    chain: Vec<Commit>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Commit {
    /// A thread's own.
    Plain { author: usize },
    /// A thread's, announced; whoever applied it.
    Announced { owner: usize, id: u64, position: usize },
}

impl Commit {
    /// Where it was applied, as far as whoever applied it could tell.
    fn position(&self) -> Option<usize> {
        match self {
            Commit::Plain { .. } => None,
            Commit::Announced { position, .. } => Some(*position),
        }
    }
}

impl Versioned for Version {
    fn applied(&self) -> u64 {
        self.applied
    }
}

impl Version {
    fn then(&self, commit: Commit) -> Version {
        Version { applied: self.applied, chain: [&self.chain[..], &[commit]].concat() }
    }
}

/// The announced commit of a thread.
#[derive(Clone, Debug)]
struct Big(usize);

impl Proposal<Version> for Big {
    fn apply(&self, base: &Version, id: u64) -> Version {
        let position = base.chain.len();
        Version { applied: id, ..base.then(Commit::Announced { owner: self.0, id, position }) }
    }
}

/// Hears what `Inner` hears in production: whoever builds says on what, and replaces just that.
struct Told;

impl Hooks<Version> for Told {
    fn building_on(&self, _: &Arc<Version>) {}

    fn replaced(&self, old: Arc<Version>, new: &Arc<Version>) {
        assert_eq!(new.chain[..old.chain.len()], old.chain, "a version was lost");
        assert_eq!(new.chain.len(), old.chain.len() + 1);
    }
}

/// Enough for each of two others to be stopped and resumed twice.
const PREEMPTIONS: Option<usize> = Some(4);

/// The number of the cell for announcements: the second that a model makes.
const SLOT: usize = 1;

type RootOf = Root<SwapCell<Version>, SwapCell<Slot<Big>>>;

fn root() -> Arc<RootOf> {
    Arc::new(Root::new(SwapCell::new(Version::default()), SwapCell::new(None)))
}

thread_local! {
    /// What has happened in any execution: helped, and found the place for announcements taken.
    static SEEN: [Cell<u64>; 2] = const { [Cell::new(0), Cell::new(0)] };
}

fn saw(what: usize) {
    SEEN.with(|seen| seen[what].set(seen[what].get() + 1));
}

fn seen(what: usize) -> bool {
    SEEN.with(|seen| seen[what].get() > 0)
}

const HELPED: usize = 0;
const TAKEN: usize = 1;

/// Commits until it is in, as `Store::edit` does; says where in the chain it stands.
fn commit(root: &RootOf, author: usize) -> usize {
    loop {
        let attempt = root.attempt::<Version, Big, usize>(
            |base| Built::Version(base.then(Commit::Plain { author }), base.chain.len()),
            &Told,
        );
        match attempt {
            Attempt::Done(position) => return position,
            Attempt::Helped => saw(HELPED),
            Attempt::Lost => {}
        }
    }
}

/// Announces; goes on by itself where the slot is taken, as `transaction::publish` does. Says
/// where in the chain it stands.
fn announce(root: &RootOf, owner: usize) -> usize {
    // What the version says that the owner sees it in.
    let read = |version: &Version| {
        let at = version.chain.iter().rposition(|c| by(c) == owner).expect("it is in");
        assert_eq!(version.chain[at].position(), Some(at), "its owner sees its result");
        at
    };
    loop {
        if let Ok(at) = root.announce(Big(owner), read, &Told) {
            return at;
        }
        saw(TAKEN);
        let attempt = root.attempt::<Version, Big, usize>(
            |base| Built::Version(base.then(Commit::Plain { author: owner }), base.chain.len()),
            &Told,
        );
        if let Attempt::Done(position) = attempt {
            return position;
        }
    }
}

fn by(commit: &Commit) -> usize {
    match commit {
        Commit::Plain { author } => *author,
        Commit::Announced { owner, .. } => *owner,
    }
}

/// The chain holds so many commits of each thread, at the places that they were told.
fn check(root: &RootOf, expected: &[(usize, Vec<usize>)]) {
    let chain = root.cell().load().chain.clone();
    assert_eq!(chain.len(), expected.iter().map(|(_, at)| at.len()).sum::<usize>(), "{chain:?}");
    for (thread, told) in expected {
        let of = |(at, c): (usize, &Commit)| (by(c) == *thread).then_some(at);
        let at: Vec<usize> = chain.iter().enumerate().filter_map(of).collect();
        assert_eq!(at, *told, "commits of thread {thread} in {chain:?}");
    }
}

/// From the announcement until it is applied, each other thread gets in at most one commit: one
/// that it had begun before.
fn check_overtaking(root: &RootOf, log: &Log) {
    let chain = root.cell().load().chain.clone();
    let mut commits = chain.iter();
    let (mut full, mut waits, mut before) = (false, false, Vec::new());
    for cell in log.swaps() {
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

/// Threads 1… run `other` beside thread 0, which runs `first`. `announces`: whether any of them
/// does.
fn race(
    announces: bool,
    others: usize,
    first: impl FnOnce(&RootOf) -> Vec<usize>,
    other: fn(&RootOf, usize) -> Vec<usize>,
) {
    let log = begin((!announces).then_some(SLOT));
    let root = root();
    let spawned: Vec<_> = (1..=others)
        .map(|n| {
            let root = root.clone();
            (n, thread::spawn(move || other(&root, n)))
        })
        .collect();
    let mut told = vec![(0, first(&root))];
    told.extend(spawned.into_iter().map(|(n, thread)| (n, thread.join().unwrap())));
    check(&root, &told);
    check_overtaking(&root, &log);
}

/// One try, which helps, loses or gets in.
fn one_try(root: &RootOf, author: usize) -> Vec<usize> {
    let attempt = root.attempt::<Version, Big, usize>(
        |base| Built::Version(base.then(Commit::Plain { author }), base.chain.len()),
        &Told,
    );
    if let Attempt::Done(position) = attempt { vec![position] } else { Vec::new() }
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

#[test]
fn two_committers_lose_no_update() {
    explore("two committers of three", None, || race(false, 1, |root| thrice(root, 0), thrice));
}

#[test]
fn three_committers_lose_no_update() {
    explore("three committers of one", None, || race(false, 2, |root| once(root, 0), once));
}

#[test]
fn an_announced_commit_is_applied_once_beside_a_committer() {
    explore("an announcement, one committer of two", None, || {
        race(true, 1, |root| announced(root, 0), twice);
    });
    assert!(seen(HELPED));
}

#[test]
fn an_announced_commit_is_applied_once_beside_two_helpers() {
    explore("an announcement, two others that try once", None, || {
        race(true, 2, |root| announced(root, 0), one_try);
    });
}

#[test]
fn two_others_overtake_once_each() {
    explore("an announcement, two committers of one", PREEMPTIONS, || {
        race(true, 2, |root| announced(root, 0), once);
    });
    assert!(seen(HELPED));
}

#[test]
fn two_announcements_are_applied_once_each() {
    explore("two announcers", None, || race(true, 1, |root| announced(root, 0), announced));
    assert!(seen(TAKEN));
}

#[test]
fn a_place_for_announcements_is_used_again() {
    explore("an announcement after another, a committer of one", None, || {
        race(true, 1, |root| announced_twice(root, 0), once);
    });
    assert!(seen(HELPED));
    assert!(!seen(TAKEN), "its own first announcement was in the way of its second");
}
