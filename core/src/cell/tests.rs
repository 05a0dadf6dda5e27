//! What the cell of this build owes, whichever it is.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier};

use super::{Cell, RootCell};

/// Counts those that were dropped.
struct Counted(usize, Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.1.fetch_add(1, SeqCst);
    }
}

fn counted(number: usize, dropped: &Arc<AtomicUsize>) -> Counted {
    Counted(number, Arc::clone(dropped))
}

#[test]
fn only_what_is_there_is_replaced() {
    let cell = Cell::new(1);
    let first = Arc::clone(&cell.load());
    let (second, third) = (Arc::new(2), Arc::new(3));
    assert!(cell.replace(&first, &second));
    assert!(!cell.replace(&first, &third), "an equal value is not the same");
    assert!(!cell.replace(&Arc::new(2), &third));
    assert_eq!(**cell.load(), 2);
    assert!(cell.replace(&second, &third));
    assert!(Arc::ptr_eq(&cell.load(), &third));
}

#[test]
fn a_guard_holds_its_version_and_no_other() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let cell = Cell::new(counted(0, &dropped));
    let kept = cell.load();
    for number in 1..=REPLACED {
        let current = Arc::clone(&cell.load());
        assert!(cell.replace(&current, &Arc::new(counted(number, &dropped))));
    }
    assert_eq!(kept.0, 0, "what is held stays");
    // The others go, but for a few that linger: whoever loads sees to that, and ours isn't among
    // them.
    let gone = (0..PATIENCE).any(|_| {
        drop(cell.load());
        let now = dropped.load(SeqCst);
        assert!(now < REPLACED, "what is held, or current, was freed");
        std::thread::yield_now();
        now + LINGERING >= REPLACED
    });
    assert!(gone, "only {} were freed of {REPLACED}", dropped.load(SeqCst));
    drop(kept);
    drop(cell);
    let current_goes = (0..PATIENCE).any(|_| {
        // Others that load and replace let what was retired go.
        let other = Cell::new(0);
        let now = Arc::clone(&other.load());
        other.replace(&now, &Arc::new(1));
        std::thread::yield_now();
        dropped.load(SeqCst) == REPLACED + 1
    });
    assert!(current_goes, "something is never freed");
}

#[test]
fn each_replacement_of_many_threads_is_on_top_of_another() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let cell = Cell::new(counted(0, &dropped));
    let start = Barrier::new(THREADS);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                start.wait();
                let mut done = 0;
                while done < REPLACED {
                    let current = cell.load();
                    let next = counted(current.0 + 1, &dropped);
                    done += usize::from(cell.replace(&current, &Arc::new(next)));
                }
            });
        }
    });
    assert_eq!(cell.load().0, REPLACED * THREADS, "an update was lost");
}

const THREADS: usize = 3;
const REPLACED: usize = 500;
/// Old versions that may linger, of all tests in this process.
const LINGERING: usize = 64;
/// Looks before a test gives up.
const PATIENCE: usize = 1_000_000;
