//! Threads that commit at once, killed at every store.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
};

use super::commits::Small;

/// Three committers, one that answers, one that makes checkpoints; then a kill at every store.
fn race(segments: u64, lines: u64, suspends: bool) -> usize {
    let small = Small::new(segments, lines);
    let over = AtomicBool::new(false);
    // A fault that makes a thread wait for ever is one, too: each gives up after so many turns.
    let goes_on = |turn: &mut u32| {
        *turn += 1;
        assert!(*turn < TURNS, "somebody waits for ever");
        thread::yield_now();
        !over.load(Relaxed)
    };
    thread::scope(|scope| {
        let committers: Vec<_> = (1..=3_usize)
            .map(|me| {
                let small = &small;
                let goes_on = &goes_on;
                scope.spawn(move || {
                    let (mut won, mut turn) = (0, 0);
                    while won < COMMITS && goes_on(&mut turn) {
                        match small.commit((won * 37 + me * 11) % 150) {
                            Ok(true) => won += 1,
                            Ok(false) => {}
                            Err(_) if suspends => drop(small.recorder.suspend(won as u64)),
                            Err(_) => {}
                        }
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            while !over.load(Relaxed) {
                small.answer();
                thread::yield_now();
            }
        });
        scope.spawn(|| {
            while !over.load(Relaxed) {
                if small.recorder.needs_checkpoint() {
                    small.checkpoint();
                }
                thread::yield_now();
            }
        });
        let ended: Vec<_> = committers.into_iter().map(|thread| thread.join()).collect();
        over.store(true, Relaxed);
        ended.into_iter().for_each(|ended| ended.unwrap());
    });
    let suspended = small.kill_everywhere();
    assert_eq!(small.base().seq as usize, COMMITS * 3);
    // At rest everything is found, once it has been resumed.
    (0..3).for_each(|_| {
        small.checkpoint();
    });
    assert!(!small.recorder.is_suspended());
    small.answer();
    small.kill_everywhere();
    suspended
}

#[test]
fn threads_lose_nothing() {
    for (segments, lines) in [(2, 8), (3, 8), (4, 16)] {
        assert_eq!(race(segments, lines, false), 0);
    }
}

#[test]
fn threads_that_go_on_without_records_say_so() {
    let suspended: usize = (0..4).map(|_| race(2, 6, true)).sum();
    assert!(suspended > 0, "the journal was never full");
}

const COMMITS: usize = 60;
/// Far more than it takes.
const TURNS: u32 = 1_000_000;
