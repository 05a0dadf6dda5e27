//! Turns under every interleaving, as `loom_publish.rs` has publication. What `store.rs` adds to
//! them is repeated here with small bounds: an edit asks for a turn, and who meets one waits.
//!
//! A wait ends when the turn does, or after its bound. Both are modelled: with a bound of
//! [`TURN_YIELDS`], and without any, where a turn that isn't ended, or somebody who is not let in
//! after it, is an execution that doesn't end (loom panics then).
#![cfg(loom)]
#![allow(
    missing_docs,
    dead_code,
    unreachable_pub,
    unused_unsafe,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

extern crate self as arc_swap;
extern crate self as crossbeam_epoch;

#[path = "../../core/src/cell/mod.rs"]
mod cell;
mod loom_support;
#[path = "../../core/src/publish.rs"]
mod publish;
#[path = "../../core/src/sync.rs"]
mod sync;
#[path = "loom_support/versions.rs"]
mod versions;

pub use loom_support::{ArcSwap, Atomic, Guard, Owned, Shared, pin};

use std::collections::HashMap;
use std::sync::Arc;

use cell::SwapCell as Cell;
use loom::thread;
use loom_support::{Did, Log, explore, saw, seen};
use publish::{Attempt, Built, Slot};
use versions::{Big, Commit, RootOf, SLOT, Told, VERSION, Version, race};

/// When an edit asks for a turn.
#[derive(Clone, Copy)]
enum Asks {
    Never,
    /// Before its first try, as soon as an edit may.
    AtOnce,
    /// After its first loss.
    Lost,
}

/// How long one waits for another's turn.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Waits {
    ToTheEnd,
    Bounded,
}

/// As in `core/src/limits.rs`, smaller.
const TURN_YIELDS: u32 = 1;
const TURN_DOUBLINGS: u32 = 1;

/// As `store::Turn`.
struct Turn<'r> {
    root: &'r RootOf,
    id: u64,
    slot: Arc<Slot<Big>>,
    lost: u32,
}

impl<'r> Turn<'r> {
    fn take(root: &'r RootOf) -> Option<Turn<'r>> {
        let Some((id, slot)) = root.take_turn() else {
            saw(REFUSED);
            return None;
        };
        Some(Turn { root, id, slot, lost: 0 })
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        assert_eq!(self.root.turn(self.id), Some(self.lost), "a turn stands until it is ended");
        self.root.end_turn(&self.slot);
        assert_eq!(self.root.turn(self.id), None, "a turn that was ended is over");
    }
}

/// As `Store::edit`; says where in the chain it stands.
fn edit(root: &RootOf, author: usize, asks: Asks, waits: Waits) -> usize {
    let (mut lost, mut past, mut turn) = (0, None, None::<Turn<'_>>);
    loop {
        let asked = match asks {
            Asks::Never => false,
            Asks::AtOnce => true,
            Asks::Lost => lost > 0,
        };
        if turn.is_none() && asked {
            turn = Turn::take(root);
            past = turn.as_ref().map_or(past, |t| Some(t.id));
        }
        let attempt = root.attempt::<Version, Big, usize>(
            past,
            |base| Built::Version(base.then(Commit::Plain { author }), base.chain.len()),
            &Told,
        );
        match attempt {
            Attempt::Done(position) => return position,
            Attempt::Turn(id) => past = hold_back(root, id, waits),
            Attempt::Helped => saw(HELPED),
            Attempt::Lost => {
                lost += 1;
                if let Some(turn) = &mut turn {
                    saw(LOST_IN_TURN);
                    turn.lost += 1;
                    RootOf::lost_turn(&turn.slot);
                }
            }
        }
    }
}

/// As `Inner::hold_back`.
fn hold_back(root: &RootOf, id: u64, waits: Waits) -> Option<u64> {
    let (mut yields, mut before) = (0, 0);
    while let Some(lost) = root.turn(id) {
        assert!(lost >= before, "lost tries come back");
        before = lost;
        if waits == Waits::Bounded && yields >= TURN_YIELDS << lost.min(TURN_DOUBLINGS) {
            saw(GAVE_UP);
            break;
        }
        yields += 1;
        thread::yield_now();
    }
    Log::current().waited(SLOT);
    Some(id)
}

/// As `transaction::publish` once it announces.
fn announce(root: &RootOf, owner: usize, waits: Waits) -> usize {
    let mut past = None;
    loop {
        if let Some(at) = versions::announce(root, owner) {
            saw(ANNOUNCED);
            return at;
        }
        saw(REFUSED);
        let attempt = root.attempt::<Version, Big, usize>(
            past,
            |base| Built::Version(base.then(Commit::Plain { author: owner }), base.chain.len()),
            &Told,
        );
        match attempt {
            Attempt::Done(position) => return position,
            Attempt::Turn(id) => past = hold_back(root, id, waits),
            Attempt::Helped | Attempt::Lost => {}
        }
    }
}

/// P3 for turns: while a turn stands, nobody else gets in but with a try that had looked at the
/// slot before, or once for each wait of its own.
fn check_overtaking((log, chain): (Log, Vec<Commit>)) {
    let mut commits = chain.iter();
    // Who has put what into the slot, while others heed it; what each thread saw there last, and
    // what it waited for.
    let mut holds = None;
    let (mut seen, mut waited) = (HashMap::new(), HashMap::new());
    for (thread, cell, did, value) in log.entries() {
        match (cell, did) {
            (SLOT, Did::Load) => drop(seen.insert(thread, value)),
            (SLOT, Did::Wait) => drop(waited.insert(thread, value)),
            (SLOT, Did::Swap) => {
                holds = match holds {
                    None => Some((thread, Some(value))),
                    Some((owner, _)) if owner == thread => None,
                    Some(_) => panic!("another has emptied the slot: {chain:?}"),
                };
            }
            (VERSION, Did::Swap) => {
                if let Commit::Announced { .. } = commits.next().unwrap() {
                    // What stands in the slot is applied, and nobody heeds it any more.
                    holds = holds.map(|(owner, _)| (owner, None));
                    continue;
                }
                let Some((_, Some(turn))) = holds.filter(|(owner, _)| *owner != thread) else {
                    continue;
                };
                let has_waited = waited.remove(&thread) == Some(turn);
                let had_begun = seen.get(&thread) != Some(&turn);
                assert!(has_waited || had_begun, "{thread:?} has seen a turn and went on");
                saw(OVERTOOK);
            }
            _ => {}
        }
    }
}

fn patient(root: &RootOf, author: usize) -> Vec<usize> {
    vec![edit(root, author, Asks::Never, Waits::ToTheEnd)]
}

fn patient_twice(root: &RootOf, author: usize) -> Vec<usize> {
    (0..2).map(|_| edit(root, author, Asks::Never, Waits::ToTheEnd)).collect()
}

fn bounded(root: &RootOf, author: usize) -> Vec<usize> {
    vec![edit(root, author, Asks::Never, Waits::Bounded)]
}

fn bounded_twice(root: &RootOf, author: usize) -> Vec<usize> {
    (0..2).map(|_| edit(root, author, Asks::Never, Waits::Bounded)).collect()
}

fn in_turn(root: &RootOf, author: usize) -> Vec<usize> {
    vec![edit(root, author, Asks::AtOnce, Waits::ToTheEnd)]
}

fn in_turn_if_lost(root: &RootOf, author: usize) -> Vec<usize> {
    vec![edit(root, author, Asks::Lost, Waits::Bounded)]
}

fn in_turn_twice(root: &RootOf, author: usize) -> Vec<usize> {
    (0..2).map(|_| edit(root, author, Asks::AtOnce, Waits::ToTheEnd)).collect()
}

fn announced(root: &RootOf, owner: usize) -> Vec<usize> {
    vec![announce(root, owner, Waits::ToTheEnd)]
}

#[test]
fn who_waits_for_a_turn_gets_in_after_it() {
    explore("a turn, a patient editor of two", None, || {
        check_overtaking(race(true, 1, |root| in_turn(root, 0), patient_twice));
    });
    assert!(seen(LOST_IN_TURN) && seen(OVERTOOK) && !seen(GAVE_UP));
}

#[test]
fn two_overtake_a_turn_once_each() {
    explore("a turn, two editors that wait a while", PREEMPTIONS, || {
        check_overtaking(race(true, 2, |root| in_turn(root, 0), bounded));
    });
    assert!(seen(LOST_IN_TURN) && seen(OVERTOOK) && seen(GAVE_UP));
}

#[test]
fn a_turn_is_overtaken_once_for_each_wait() {
    explore("a turn, an editor of two that waits a while", None, || {
        check_overtaking(race(true, 1, |root| in_turn(root, 0), bounded_twice));
    });
    assert!(seen(LOST_IN_TURN) && seen(OVERTOOK) && seen(GAVE_UP));
}

#[test]
fn a_turn_after_another_is_waited_for() {
    explore("two turns of one thread, a patient editor", PREEMPTIONS, || {
        check_overtaking(race(true, 1, |root| in_turn_twice(root, 0), patient));
    });
    assert!(!seen(REFUSED), "its own first turn was in the way of its second");
}

#[test]
fn two_editors_want_a_turn() {
    explore("two editors that ask for a turn", None, || {
        check_overtaking(race(true, 1, |root| in_turn(root, 0), in_turn));
    });
    assert!(seen(REFUSED));
}

#[test]
fn editors_that_lost_want_a_turn() {
    explore("three editors that ask once they have lost", PREEMPTIONS, || {
        check_overtaking(race(true, 2, |root| in_turn_if_lost(root, 0), in_turn_if_lost));
    });
    assert!(seen(REFUSED) && seen(LOST_IN_TURN) && seen(OVERTOOK));
}

#[test]
fn a_turn_and_an_announcement_want_the_slot() {
    explore("a turn, an announcement", None, || {
        check_overtaking(race(true, 1, |root| in_turn(root, 0), announced));
    });
    assert!(seen(REFUSED) && seen(ANNOUNCED) && seen(HELPED));
}

const HELPED: u32 = 0;
const REFUSED: u32 = 1;
const LOST_IN_TURN: u32 = 2;
const OVERTOOK: u32 = 3;
const GAVE_UP: u32 = 4;
const ANNOUNCED: u32 = 5;

/// Enough for each of two others to be stopped and resumed twice.
const PREEMPTIONS: Option<usize> = Some(4);
