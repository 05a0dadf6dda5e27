//! Who gets on although others never stop.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use myriad_core::limits::TURN_YIELDS;
use myriad_core::{Caller, Config, DomId, Error, Path, Store, Writes};

const CONTROL: Caller = Caller::Control;

fn path(text: &str) -> Path<'_> {
    Path::new(text).unwrap()
}

fn write(store: &Store) {
    store.edit(|e| e.write(&CONTROL, path("/small"), b"x")).result.unwrap();
}

/// Runs `slow` while two threads write, which end with it.
fn among_writers(store: &Store, slow: impl FnOnce()) {
    struct Ends<'a>(&'a AtomicBool);
    impl Drop for Ends<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Release);
        }
    }
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Acquire) {
                    write(store);
                }
            });
        }
        let _ends = Ends(&done);
        slow();
    });
}

/// An edit that takes long loses against a stream of short ones for ever: the death of a domain
/// that owns much, against two that write.
#[test]
fn a_death_lands_among_small_writes() {
    const MOST_RUNS: usize = 60;
    let mut config = Config::default();
    config.quotas.set(myriad_core::Quota::Nodes, 0);
    let store = Store::new(&config).unwrap();
    let instance = store.edit(|e| Ok(e.know_domain(DomId(5)))).result.unwrap();
    let owner = Caller::Guest { domid: DomId(5), instance };
    let perms = [myriad_core::Perm { access: myriad_core::Access::None, domid: DomId(5) }];
    let home = |e: &mut myriad_core::Edit<'_>| {
        e.mkdir(&CONTROL, path("/home/5"))?;
        e.set_perms(&CONTROL, path("/home/5"), &perms)
    };
    store.edit(home).result.unwrap();
    let fill = |e: &mut myriad_core::Edit<'_>| {
        (0..20_000).try_for_each(|n| e.write(&owner, path(&format!("/home/5/{n}")), b""))
    };
    store.edit(fill).result.unwrap();
    let runs = AtomicUsize::new(0);
    among_writers(&store, || {
        let death = store.edit(|e| {
            if runs.fetch_add(1, Ordering::Relaxed) == MOST_RUNS {
                return Err(Error::Busy);
            }
            e.release(DomId(5))
        });
        assert_eq!(death.result, Ok(()), "lost {MOST_RUNS} times");
    });
}

/// However long an edit takes, the others get in a few times each and no more: here it takes as
/// long as sixteen waits of theirs.
#[test]
fn an_edit_that_takes_longer_than_a_wait_is_overtaken_a_few_times() {
    const MOST_RUNS: usize = 40;
    let store = Store::new(&Config::default()).unwrap();
    let runs = AtomicUsize::new(0);
    among_writers(&store, || {
        let slow = store.edit(|e| {
            if runs.fetch_add(1, Ordering::Relaxed) == MOST_RUNS {
                return Err(Error::Busy);
            }
            (0..16 * TURN_YIELDS).for_each(|_| std::thread::yield_now());
            e.write(&CONTROL, path("/slow"), b"x")
        });
        assert_eq!(slow.result, Ok(()), "lost {MOST_RUNS} times");
    });
}
