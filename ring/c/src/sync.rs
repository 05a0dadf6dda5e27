//! Locks. C programs share a handle of `libxenstore` among threads, and none of them is a guest: a
//! thread that waits here waits for its own program. Models have others of the same interface.
#![allow(clippy::disallowed_types)]

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// What is behind a lock. A holder that has panicked leaves it as it is: what is guarded here is
/// changed in single steps.
#[derive(Debug, Default)]
pub(crate) struct Locked<T>(Mutex<T>);

/// The right to what is behind a lock.
pub(crate) type Guard<'a, T> = MutexGuard<'a, T>;

impl<T> Locked<T> {
    pub(crate) fn new(value: T) -> Locked<T> {
        Locked(Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> Guard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where threads wait for a change of what is behind a lock.
#[derive(Debug, Default)]
pub(crate) struct Change(Condvar);

impl Change {
    /// Lets go of the lock until there was a change; it may be woken without one.
    pub(crate) fn wait<'a, T>(&self, guard: Guard<'a, T>) -> Guard<'a, T> {
        self.0.wait(guard).unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes all who wait.
    pub(crate) fn tell(&self) {
        self.0.notify_all();
    }
}
