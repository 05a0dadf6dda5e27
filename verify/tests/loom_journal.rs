//! The journal under every interleaving: `log`, `record`, `recorder`, `state` and `chain` of
//! `history/src/recovery` as they are, over a few lines of memory with loom's atomics.
//!
//! What is data has one of loom's `UnsafeCell`s: nobody reads or writes a record that another is
//! writing, and where an ordering is missing somebody would. At the end each model is killed, and
//! what was answered for must be found. A model that is not explored to its end fails.
//!
//! The mutants stand beside the models: memory that weakens an ordering or marks blindly makes them
//! fail. Those of the protocol are in `verify/loom-mutants.sh`.
#![cfg(loom)]
#![allow(
    missing_docs,
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::disallowed_types
)]

extern crate self as crc32c;

#[path = "../../history/src/recovery/chain.rs"]
mod chain;
#[path = "../../history/src/limits.rs"]
mod limits;
#[path = "../../history/src/recovery/log.rs"]
mod log;
#[path = "loom_journal/memory.rs"]
mod memory;
#[path = "../../history/src/recovery/record.rs"]
mod record;
#[path = "../../history/src/recovery/recorder.rs"]
mod recorder;
#[path = "../../history/src/recovery/state.rs"]
mod state;
#[path = "loom_journal/store.rs"]
mod store;
#[path = "loom_journal/sync.rs"]
mod sync;
#[path = "../../history/src/recovery/words.rs"]
mod words;

/// Where the words lie that are no records.
mod header {
    pub(crate) const STATE: usize = 0;
    pub(crate) const NEEDED: usize = 2;
}

/// Nobody is killed here.
mod failpoint {
    pub(crate) enum Point {
        Reserve,
        Copy,
        Mark,
        SegmentReuse,
    }

    pub(crate) fn hit(_: Point) {}
}

/// As the crate of this name gives, for what is short.
pub fn crc32c(bytes: &[u8]) -> u32 {
    crc32c_append(0, bytes)
}

/// As [`crc32c`].
pub fn crc32c_append(crc: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(crc, |crc, byte| crc.rotate_left(5).wrapping_mul(31) ^ u32::from(*byte))
}

use loom::thread;
use memory::{Mutant, explore};
use record::RecordId;
use store::Small;

/// Two commit in a segment that both fill, so that one opens the next.
fn two_committers(mutant: Mutant) {
    explore("two committers", mutant, Some(3), || {
        let small = Small::new(3, 3);
        let other = small.clone();
        let thread = thread::spawn(move || other.commit(0).is_ok() && other.commit(30).is_ok());
        let here = small.commit(0);
        assert!(thread.join().unwrap() && here.is_ok(), "there is space for all");
        small.recover();
    });
}

/// A segment is closed, and released, while one still commits in it or loses its commit.
fn closed(mutant: Mutant) {
    explore("a segment is closed and released", mutant, Some(3), || {
        let small = Small::new(2, 3);
        assert_eq!(small.commit(0), Ok(true));
        let (other, checkpoints) = (small.clone(), small.clone());
        let committer = thread::spawn(move || other.commit(0));
        let thread = thread::spawn(move || checkpoints.checkpoint());
        assert!(small.commit(0).is_ok());
        thread.join().unwrap();
        assert!(committer.join().unwrap().is_ok());
        small.saw_full([small.commit(0), small.commit(0)].iter().any(Result::is_err));
        small.recover();
    });
}

/// A segment is released, and two want to go on there.
fn reopened(mutant: Mutant) {
    explore("a segment is used again", mutant, Some(3), || {
        let small = Small::new(2, 3);
        for _ in 0..3 {
            assert_eq!(small.commit(0), Ok(true));
        }
        let (other, checkpoints) = (small.clone(), small.clone());
        let committer = thread::spawn(move || [other.commit(0), other.commit(0)]);
        let thread = thread::spawn(move || checkpoints.checkpoint());
        let here = small.commit(0);
        thread.join().unwrap();
        let there = committer.join().unwrap();
        small.saw_full(there.iter().chain(&[here]).any(Result::is_err));
        small.recover();
    });
}

/// A mark comes late: its segment is being cleaned, or has another record in the same line.
fn late_mark(mutant: Mutant) {
    explore("a late mark", mutant, Some(3), || {
        let small = Small::new(2, 3);
        for _ in 0..4 {
            assert_eq!(small.commit(0), Ok(true));
        }
        let marker = small.clone();
        // Of the first segment: someone has seen that version, and comes to it only now.
        let old = RecordId::from_raw(3);
        let thread = thread::spawn(move || marker.recorder.mark(old));
        small.checkpoint();
        // It lies where the old one did, and its commit is lost.
        let place = small.reserve(small.root(), 0).unwrap();
        assert_eq!(place.record().to_raw() % 6, old.to_raw() % 6);
        let id = place.record();
        small.recorder.end(place);
        thread.join().unwrap();
        assert!(small.is_unmarked(id), "a foreign record was hit");
        small.recover();
    });
}

/// One commits without a record, one afterwards, and a checkpoint ends the suspension.
fn suspension(mutant: Mutant) {
    explore("a suspension ends", mutant, Some(3), || {
        let small = Small::new(3, 3);
        assert!(small.recorder.suspend(0));
        let other = small.clone();
        let committer = thread::spawn(move || other.commit(0));
        let third = small.clone();
        let again = thread::spawn(move || third.commit(0));
        let resumed = small.checkpoint();
        assert!(committer.join().unwrap().is_ok() && again.join().unwrap().is_ok());
        small.saw_resumed(resumed);
        assert_eq!(small.recover(), resumed);
    });
}

/// It is suspended anew while a checkpoint would end it.
fn suspended_again(mutant: Mutant) {
    explore("a suspension begins anew", mutant, Some(3), || {
        let small = Small::new(3, 3);
        assert!(small.recorder.suspend(0));
        let other = small.clone();
        let committer = thread::spawn(move || {
            other.recorder.suspend(0);
            other.commit(0)
        });
        let resumed = small.checkpoint();
        assert!(committer.join().unwrap().is_ok());
        small.saw_resumed(resumed);
        small.recover();
    });
}

#[test]
fn two_committers_share_segments() {
    two_committers(Mutant::Nothing);
}

#[test]
fn a_segment_is_released_when_nobody_writes_in_it() {
    closed(Mutant::Nothing);
    assert!(store::FULL.get() && store::ROOM.get(), "both must have happened");
}

#[test]
fn a_segment_is_used_again() {
    reopened(Mutant::Nothing);
    assert!(store::FULL.get() && store::ROOM.get(), "both must have happened");
}

#[test]
fn a_late_mark_finds_its_own_record_or_none() {
    late_mark(Mutant::Nothing);
}

#[test]
fn a_checkpoint_ends_a_suspension_when_it_holds_all() {
    suspension(Mutant::Nothing);
    assert!(store::RESUMED.get() && store::STAYED.get(), "both must have happened");
}

#[test]
fn a_suspension_that_begins_anew_stays() {
    suspended_again(Mutant::Nothing);
    assert!(store::RESUMED.get() && store::STAYED.get(), "both must have happened");
}

#[test]
#[should_panic = "a record of another lap"]
fn who_is_done_must_release() {
    closed(Mutant::Sub);
}

#[test]
#[should_panic = "Causality violation"]
fn a_free_segment_must_be_released() {
    reopened(Mutant::Store);
}

#[test]
#[should_panic = "Causality violation"]
fn a_segment_must_be_acquired() {
    reopened(Mutant::Exchange);
}

#[test]
#[should_panic = "Causality violation"]
fn the_tail_must_be_acquired() {
    reopened(Mutant::Load);
}

#[test]
#[should_panic = "a foreign record was hit"]
fn a_mark_must_look() {
    late_mark(Mutant::Blind);
}
