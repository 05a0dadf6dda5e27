//! What the daemon's workers share beside the store, under every interleaving: the bell that wakes
//! a sleeping worker, the table of lives, and that of guests that are held back:
//! `daemon/src/worker/{bell,lives,pauses}.rs` as they are.
//!
//! An eventfd is loom's `Notify`: a wake-up that is lost is a deadlock, which loom finds. A model
//! that is not explored to its end fails.
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
extern crate self as myriad_core;
extern crate self as rustix;

#[path = "../../daemon/src/worker/bell.rs"]
mod bell;
#[path = "../../daemon/src/worker/lives.rs"]
mod lives;
mod loom_support;
#[path = "../../daemon/src/worker/pauses.rs"]
mod pauses;
#[path = "loom_worker/system.rs"]
mod system;

use system::sync;
pub use system::{ArcSwap, DomId, event, fd, io};

/// As the daemon has, for what is used here.
mod limits {
    use std::time::Duration;

    pub(crate) const PAUSE: Duration = Duration::from_millis(1);
    pub(crate) const PAUSE_MAX: Duration = Duration::from_millis(4);
    pub(crate) const PAUSE_REMEMBERED: Duration = Duration::from_millis(8);
}

use std::sync::Arc;
use std::time::Duration;

use bell::Bell;
use lives::Lives;
use loom::sync::atomic::{AtomicU64, Ordering::Relaxed};
use loom::thread;
use loom_support::{begin, explore, saw, seen};
use pauses::Pauses;

/// Two that publish and ring, each once, and a worker that sleeps where it finds nothing new.
///
/// What they publish is as weak as can be: the bell's fences alone have to do.
#[test]
fn no_news_is_slept_through() {
    explore("a worker, two that ring", Some(3), || {
        begin(None);
        let (bell, published) = (Bell::new().unwrap(), Arc::new(AtomicU64::new(0)));
        let ringers = [(); 2].map(|()| {
            let (bell, published) = (bell.clone(), published.clone());
            thread::spawn(move || {
                published.fetch_add(1, Relaxed);
                bell.ring();
            })
        });
        let mut known = 0;
        while known < 2 {
            // As `Worker::sleep`: from here on whoever publishes rings, and it looks once more.
            bell.sleep();
            let now = published.load(Relaxed);
            if now == known {
                saw(SLEPT);
                bell.fd().wait();
            }
            bell.awake();
            known = now;
        }
        ringers.into_iter().for_each(|ringer| ringer.join().unwrap());
    });
    assert!(seen(SLEPT));
}

/// A life is known before anyone can meet it in the store.
#[test]
fn who_finds_a_life_knows_it() {
    explore("an introduction, two that hear of it", Some(3), || {
        begin(None);
        let (lives, store) = (Arc::new(Lives::new()), Arc::new(sync::AtomicU64::new(0)));
        let hearers = [(); 2].map(|()| {
            let (lives, store) = (lives.clone(), store.clone());
            thread::spawn(move || {
                let introduced = store.load(sync::Ordering::Acquire);
                let is_first = lives.is(DomId(1), FIRST_LIFE);
                match introduced {
                    0 => saw(BEFORE),
                    1 => assert!(is_first || lives.is(DomId(1), NEXT_LIFE), "an unknown life"),
                    _ => assert!(!is_first, "what is heard of the dead meets the next"),
                }
            })
        });
        for (number, life) in [(1, FIRST_LIFE), (2, NEXT_LIFE)] {
            lives.begin(DomId(1), life);
            store.store(number, sync::Ordering::Release);
        }
        hearers.into_iter().for_each(|hearer| hearer.join().unwrap());
        assert!(lives.is(DomId(1), NEXT_LIFE) && lives.is_none(DomId(2)));
    });
    assert!(seen(BEFORE));
}

/// Two hold guests back at once: both are, each until its end, as whoever did so sees at once.
#[test]
fn pauses_are_not_lost() {
    explore("two pauses", None, || {
        begin(None);
        let pauses = Arc::new(Pauses::default());
        let end = |guest: u16| Some(Duration::from_millis(u64::from(guest)));
        let other = pauses.clone();
        let thread = thread::spawn(move || {
            assert_eq!(pause(&other, 1), [DomId(1)]);
            assert_eq!(other.end(DomId(1), Duration::ZERO), end(1));
        });
        assert_eq!(pause(&pauses, 2), [DomId(2)]);
        assert_eq!(pauses.end(DomId(2), Duration::ZERO), end(2));
        thread.join().unwrap();
        let held = [1, 2].map(|guest| pauses.end(DomId(guest), Duration::ZERO));
        assert_eq!(held, [1, 2].map(end), "a pause was lost");
        assert_eq!(pauses.end(DomId(2), Duration::from_millis(2)), None);
    });
}

/// Holds a guest back for as many milliseconds as its number.
fn pause(pauses: &Pauses, guest: u16) -> Vec<DomId> {
    let length = Duration::from_millis(u64::from(guest));
    pauses.pause(&[DomId(guest)], &Arc::from("/a"), Duration::ZERO, length)
}

const FIRST_LIFE: u64 = 70;
const NEXT_LIFE: u64 = 71;

// What has happened in a test.
const SLEPT: u32 = 0;
const BEFORE: u32 = 1;
