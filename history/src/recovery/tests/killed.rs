//! Commits in all their orders by one thread, killed at every store.

use proptest::prelude::*;

use super::commits::{Small, Version};
use crate::recovery::{Full, Place, RecordHead, RecordId};

/// What one of several committers does next.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Loads the version, reserves, swaps, marks, ends: the next of these.
    Next {
        committer: usize,
        len: usize,
    },
    /// Answers from the newest version.
    Answer,
    /// A checkpoint begins, or the one that was begun is complete.
    Checkpoint,
    Suspend,
    /// Marks something that was published long ago.
    LateMark {
        back: usize,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        20 => (0..3_usize, 0..150_usize).prop_map(|(committer, len)| Step::Next { committer, len }),
        2 => Just(Step::Answer),
        4 => Just(Step::Checkpoint),
        1 => Just(Step::Suspend),
        2 => (0..40_usize).prop_map(|back| Step::LateMark { back }),
    ];
    prop::collection::vec(step, 1..160)
}

/// How far a committer is.
#[derive(Debug, Default)]
enum At {
    #[default]
    Idle,
    Reserved(Version, Place),
    Published(Place),
    Marked(Place),
}

/// Runs steps.
fn run(small: &Small, steps: &[Step], suspends: bool) {
    let mut committers = [At::Idle, At::Idle, At::Idle];
    let mut begun = None;
    let mut past: Vec<RecordId> = Vec::new();
    for step in steps {
        match *step {
            Step::Next { committer, len } => {
                let at = std::mem::take(&mut committers[committer]);
                committers[committer] = match at {
                    At::Idle => {
                        let base = small.base();
                        match small.reserve(base, len) {
                            Ok(place) => At::Reserved(base, place),
                            Err(Full::Segments) => At::Idle,
                            Err(Full::TooLarge { bytes }) => panic!("{bytes} are too many"),
                        }
                    }
                    At::Reserved(base, place) => match small.publish(base, place.record()) {
                        true => At::Published(place),
                        false => {
                            small.recorder.end(place);
                            At::Idle
                        }
                    },
                    At::Published(place) => {
                        small.recorder.mark(place.record());
                        past.push(place.record());
                        At::Marked(place)
                    }
                    At::Marked(place) => {
                        small.recorder.end(place);
                        At::Idle
                    }
                };
            }
            Step::Answer => small.answer(),
            Step::Checkpoint => match begun.take() {
                None => begun = Some(small.begin()),
                Some(begun) => _ = small.finish(begun),
            },
            Step::Suspend => _ = suspends && small.recorder.suspend(1),
            Step::LateMark { back } => {
                let at = past.len().checked_sub(back + 1);
                at.into_iter().for_each(|at| small.recorder.mark(past[at]));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// J1 to J11: whatever three committers have come to, nothing that was seen is lost.
    #[test]
    fn whoever_is_killed_between_any_two_stores_loses_nothing(
        steps in steps(),
        suspends in any::<bool>(),
    ) {
        let small = Small::new(3, 8);
        run(&small, &steps, suspends);
        let suspended = small.kill_everywhere();
        prop_assert!(suspends || suspended == 0);
    }
}

#[test]
fn one_committer_through_many_laps_killed_everywhere() {
    let small = Small::new(2, 6);
    for len in 0..100 {
        if let Err(error) = small.commit(len) {
            assert_eq!(error, Full::Segments);
            small.checkpoint();
            assert_eq!(small.commit(len), Ok(true));
        }
    }
    assert_eq!(small.kill_everywhere(), 0);
    assert!(small.tape.stores() > 1000);
}

/// Between any two stores of one commit another does all of its own, in segments full of what
/// earlier laps have left; killed everywhere.
#[test]
fn one_commits_between_any_two_stores_of_another() {
    for (before, len) in (0..16).flat_map(|before| [(before, 0), (before, 60)]) {
        for after in 1.. {
            let small = Small::new(2, 8);
            for n in 0..10 + before {
                if small.commit(100 - n % 3 * 50).is_err() {
                    small.checkpoint();
                }
            }
            small.checkpoint(); // There is space for both.
            let other = small.clone();
            small.tape.interrupt(after, move || _ = other.commit(20));
            assert!(small.commit(len).is_ok());
            if small.tape.interrupt(usize::MAX / 2, || ()) {
                small.kill_everywhere();
            } else {
                assert!(after > 6, "a commit has six stores at least");
                break;
            }
        }
    }
}

/// A record that was marked late hits nothing that has come in its place, though it is of the same
/// size and lies at the same line.
#[test]
fn a_late_mark_hits_nothing_else() {
    let small = Small::new(2, 4);
    assert_eq!(small.commit(10), Ok(true));
    let old = small.base().record;
    for _ in 0..30 {
        if small.commit(10).is_err() {
            small.checkpoint();
        }
    }
    let base = small.base();
    let shape = small.header.shape();
    // One that lies where the old one did, and is not marked.
    let mut place = small.reserve(base, 10);
    let mut tries = 0..100;
    while !place.as_ref().is_ok_and(|place| shape.word(place.id.0) == shape.word(old.0)) {
        tries.next().expect("every line comes again");
        match place {
            Ok(place) => small.recorder.end(place),
            Err(_) => drop(small.checkpoint()),
        }
        place = small.reserve(base, 10);
    }
    let before = small.tape.words();
    small.recorder.mark(old);
    assert_eq!(small.tape.words(), before);
    small.recorder.mark(place.unwrap().id);
    assert_ne!(small.tape.words(), before);
}

/// J5: as long as one writes in a segment it isn't used again, and the others go on around it.
#[test]
fn a_writer_that_stands_still_keeps_its_segment_and_no_other() {
    let small = Small::new(4, 4);
    let base = small.base();
    let still = small.reserve(base, 10).unwrap();
    let head = RecordHead { seq: 99, parent: RecordId::NONE, at: 0 };
    let mut taken = Vec::new();
    for _ in 0..100 {
        match small.recorder.reserve(&head, &[]) {
            Ok(place) => {
                taken.push(place.id.0 / 4);
                small.recorder.end(place);
            }
            Err(_) => drop(small.recorder.end_checkpoint(
                small.recorder.begin_checkpoint(|| false),
                2,
                u64::MAX,
            )),
        }
    }
    let segment = still.id.0 / 4;
    assert!(taken.iter().all(|number| *number == segment || number % 4 != segment % 4));
    assert!(taken.len() > 80);
    small.recorder.end(still);
    let begun = small.recorder.begin_checkpoint(|| false);
    assert!(small.recorder.end_checkpoint(begun, 3, u64::MAX).released > 0);
}

/// What a guest writes is never taken for a record, wherever it lies.
#[test]
fn a_value_that_looks_like_a_record_is_none() {
    use crate::recovery::{chain::scan, record, words::Words};
    let small = Small::new(2, 64);
    assert_eq!(small.commit(200), Ok(true));
    let shape = small.header.shape();
    let first = shape.word(small.base().record.0);
    let line: Vec<u8> = (0..8).flat_map(|at| small.tape.get(first + at).to_ne_bytes()).collect();
    // A guest that had read a line of the file would put it where it lies at a line's beginning.
    let head = RecordHead { seq: 2, parent: RecordId::NONE, at: 0 };
    let place = small.recorder.reserve(&head, &[&[0; 16], &line, &line]).unwrap();
    // As if its own stamp had not been written when it was killed.
    record::clear(&small.tape, shape, place.id.0);
    assert_eq!(scan(&small.tape, shape, small.header.key).len(), 1);
}
