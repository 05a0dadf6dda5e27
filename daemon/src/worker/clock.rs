//! What time it is for the workers: the system's time, or one that is set by hand.
//!
//! # Synchronization
//! The time that is set by hand is a count that nothing else depends on.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use crate::sync::{AtomicU64, Ordering::Relaxed};

/// Where workers get the time from.
#[derive(Clone, Debug)]
pub(super) enum Clock {
    /// The system's: the moment when all times begin.
    System(Instant, SystemTime),
    /// One that goes on when it is told to.
    Manual(Manual),
}

impl Clock {
    /// The system's, from now on.
    pub(super) fn system() -> Clock {
        Clock::System(Instant::now(), SystemTime::now())
    }

    /// The time since the beginning.
    pub(super) fn now(&self) -> Duration {
        match self {
            Clock::System(start, _) => start.elapsed(),
            Clock::Manual(manual) => manual.read(),
        }
    }

    /// Nanoseconds since 1970 at a time since the beginning.
    pub(super) fn wall(&self, now: Duration) -> u64 {
        let began = match self {
            Clock::System(_, began) => began.duration_since(SystemTime::UNIX_EPOCH),
            Clock::Manual(_) => Ok(Duration::ZERO),
        };
        let wall = began.unwrap_or_default().saturating_add(now);
        u64::try_from(wall.as_nanos()).unwrap_or(u64::MAX)
    }
}

/// A time that is set by hand, in microseconds. Looking at it takes one, so that who waits for a
/// time while it looks at the clock comes to an end.
#[derive(Clone, Debug, Default)]
pub(super) struct Manual(Arc<AtomicU64>);

impl Manual {
    fn read(&self) -> Duration {
        Duration::from_micros(self.0.fetch_add(1, Relaxed))
    }

    /// The time, without a look at it.
    pub(super) fn peek(&self) -> Duration {
        Duration::from_micros(self.0.load(Relaxed))
    }

    /// Lets time pass.
    pub(super) fn advance(&self, by: Duration) {
        self.0.fetch_add(u64::try_from(by.as_micros()).unwrap_or(u64::MAX), Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_is_set_by_hand_goes_on_when_it_is_looked_at() {
        let manual = Manual::default();
        let clock = Clock::Manual(manual.clone());
        assert_eq!([clock.now(), clock.now()].map(|time| time.as_micros()), [0, 1]);
        manual.advance(Duration::from_millis(1));
        assert_eq!(clock.now(), Duration::from_micros(1002));
        assert_eq!(clock.wall(Duration::from_micros(3)), 3000);
    }
}
