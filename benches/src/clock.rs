//! Three clocks at once: the wall's, the thread's and the process's.
//!
//! On a shared machine the processor's time of the thread is the least noisy; the process's
//! includes what others (a reclaimer) do for it.

use std::ops::{Add, AddAssign, Sub};

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds by each clock: a point in time, or the span between two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// `CLOCK_MONOTONIC`.
    pub wall: u64,
    /// `CLOCK_THREAD_CPUTIME_ID` of the calling thread.
    pub thread: u64,
    /// `CLOCK_PROCESS_CPUTIME_ID`: all threads.
    pub process: u64,
}

/// Which of the clocks a figure is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Clock {
    /// What has passed.
    Wall,
    /// Processor time of the thread that works.
    Thread,
    /// Processor time of all threads.
    Process,
}

impl Times {
    /// Now.
    #[must_use]
    pub fn now() -> Times {
        Times {
            wall: nanoseconds(ClockId::Monotonic),
            thread: nanoseconds(ClockId::ThreadCPUTime),
            process: nanoseconds(ClockId::ProcessCPUTime),
        }
    }

    /// By one clock.
    #[must_use]
    pub fn by(self, clock: Clock) -> u64 {
        match clock {
            Clock::Wall => self.wall,
            Clock::Thread => self.thread,
            Clock::Process => self.process,
        }
    }

    /// Runs something, and says how long it took.
    pub fn of(run: impl FnOnce()) -> Times {
        let start = Times::now();
        run();
        Times::now() - start
    }
}

impl Sub for Times {
    type Output = Times;

    fn sub(self, earlier: Times) -> Times {
        Times {
            wall: self.wall.saturating_sub(earlier.wall),
            thread: self.thread.saturating_sub(earlier.thread),
            process: self.process.saturating_sub(earlier.process),
        }
    }
}

impl Add for Times {
    type Output = Times;

    fn add(self, more: Times) -> Times {
        Times {
            wall: self.wall + more.wall,
            thread: self.thread + more.thread,
            process: self.process + more.process,
        }
    }
}

impl AddAssign for Times {
    fn add_assign(&mut self, more: Times) {
        *self = *self + more;
    }
}

fn nanoseconds(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}
