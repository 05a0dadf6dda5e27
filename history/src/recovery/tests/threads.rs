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
    thread::scope(|scope| {
        let committers: Vec<_> = (1..=3_usize)
            .map(|me| {
                let small = &small;
                scope.spawn(move || {
                    let mut won = 0;
                    while won < COMMITS {
                        match small.commit((won * 37 + me * 11) % 150) {
                            Ok(true) => won += 1,
                            Ok(false) => {}
                            Err(_) if suspends => drop(small.recorder.suspend(won as u64)),
                            Err(_) => thread::yield_now(),
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
        committers.into_iter().for_each(|thread| thread.join().unwrap());
        over.store(true, Relaxed);
    });
    let suspended = small.kill_everywhere();
    assert_eq!(small.base().seq as usize, COMMITS * 3);
    // At rest everything is found, once it has been resumed.
    while small.recorder.is_suspended() {
        small.checkpoint();
    }
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
