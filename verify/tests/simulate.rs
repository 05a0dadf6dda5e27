//! The daemon's workers under a scheduler that a seed repeats exactly (`verify/src/simulate`).
#![allow(clippy::unwrap_used, missing_docs)]

use myriad_verify::simulate::{Plan, run};

#[test]
fn whatever_the_order_everyone_is_answered_rightly() {
    for seed in 1..=12 {
        let outcome = run(&Plan { steps: 4_500, ..Plan::of(seed) });
        let outcome = outcome.unwrap_or_else(|failure| panic!("{failure}"));
        assert!(outcome.requests > 100, "{outcome:?}");
    }
}

#[test]
fn a_seed_repeats_everything() {
    for seed in 101..=104 {
        let plan = Plan { steps: 3_000, ..Plan::of(seed) };
        let first = run(&plan).unwrap();
        assert_eq!(run(&plan).unwrap(), first);
        let other = run(&Plan { seed: seed + 1000, ..plan }).unwrap();
        assert_ne!(other.hash, first.hash);
    }
}

/// An event that waits for room in the ring of an older MiniOS, which doesn't ring when it has made
/// some: the daemon looks again in time, and nobody is asked before that.
#[test]
fn what_only_time_brings_is_waited_for() {
    let outcome = run(&Plan { steps: 13_500, ..Plan::of(592) });
    assert!(outcome.unwrap_or_else(|failure| panic!("{failure}")).kills > 0);
}

/// Who is not told that there is something to do sleeps for ever; that is noticed, and repeated.
#[test]
fn a_doorbell_that_is_lost_is_found_out() {
    let mut found = 0;
    for seed in 1..=8 {
        let plan = Plan { steps: 3_000, round: 500, loses: Some(10), ..Plan::of(seed) };
        if let Err(failure) = run(&plan) {
            assert!(failure.what.contains("everyone sleeps"), "{failure}");
            assert_eq!(run(&plan), Err(failure));
            found += 1;
        }
    }
    // Sometimes another doorbell makes up for it.
    assert!(found >= 6, "{found}");
}
