//! What is measured, and how long it takes.

use std::sync::Barrier;

use crate::{alloc::Counts, clock::Times};

/// One side of a comparison. An *op* is the unit of `run`; it handles `elements` things.
pub trait Subject: Send {
    /// Things that one op handles, such as the reads under one guard.
    fn elements(&self) -> u64 {
        1
    }

    /// The most ops between one `prepare` and its `reset`.
    fn batch(&self) -> u64 {
        u64::MAX
    }

    /// Makes `ops` ops possible; not timed.
    fn prepare(&mut self, ops: u64) {
        let _ = ops;
    }

    /// The ops.
    fn run(&mut self, ops: u64);

    /// Puts back what `run` changed; not timed.
    fn reset(&mut self, ops: u64) {
        let _ = ops;
    }

    /// Commits that another one made fail, so far.
    fn conflicts(&self) -> u64 {
        0
    }
}

impl<S: Subject + ?Sized> Subject for Box<S> {
    fn elements(&self) -> u64 {
        (**self).elements()
    }
    fn batch(&self) -> u64 {
        (**self).batch()
    }
    fn prepare(&mut self, ops: u64) {
        (**self).prepare(ops);
    }
    fn run(&mut self, ops: u64) {
        (**self).run(ops);
    }
    fn reset(&mut self, ops: u64) {
        (**self).reset(ops);
    }
    fn conflicts(&self) -> u64 {
        (**self).conflicts()
    }
}

/// What a number of ops took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// How many things were handled.
    pub elements: u64,
    /// How long it took.
    pub times: Times,
    /// What the thread allocated.
    pub counts: Counts,
}

impl Cost {
    fn add(&mut self, other: Cost) {
        self.elements += other.elements;
        self.times += other.times;
        self.counts.allocations += other.counts.allocations;
        self.counts.bytes += other.counts.bytes;
    }
}

/// Runs so many ops, leaving out what `prepare` and `reset` take.
pub fn measure<S: Subject + ?Sized>(subject: &mut S, ops: u64) -> Cost {
    let mut total = Cost::default();
    let mut left = ops;
    while left > 0 {
        let chunk = left.min(subject.batch());
        subject.prepare(chunk);
        let before = Counts::of_this_thread();
        let times = Times::of(|| subject.run(chunk));
        let counts = Counts::of_this_thread().since(before);
        subject.reset(chunk);
        total.add(Cost { elements: chunk * subject.elements(), times, counts });
        left -= chunk;
    }
    total
}

/// How many ops fill so many nanoseconds, found by running more and more of them.
pub fn calibrate<S: Subject + ?Sized>(subject: &mut S, nanoseconds: u64) -> u64 {
    let mut ops = 1;
    loop {
        let took = measure(subject, ops).times.wall.max(1);
        if took >= nanoseconds / 4 || ops >= MAX_OPS {
            let wanted = u128::from(ops) * u128::from(nanoseconds) / u128::from(took);
            return u64::try_from(wanted).unwrap_or(MAX_OPS).clamp(1, MAX_OPS);
        }
        // Ends: ops grows at least twofold until the time or the maximum is reached.
        ops *= 2;
    }
}

/// No run is longer than this many ops.
const MAX_OPS: u64 = 1 << 32;

/// Several threads that do the same at once. One op is one op of each.
pub struct Threads<S>(pub Vec<S>);

impl<S: Subject> Threads<S> {
    /// Runs `ops` on every thread. Wall time is that of the slowest; thread time the mean.
    pub fn measure(&mut self, ops: u64) -> Cost {
        let barrier = Barrier::new(self.0.len());
        let costs: Vec<Cost> = std::thread::scope(|scope| {
            let spawn = |subject| {
                let barrier = &barrier;
                scope.spawn(move || {
                    barrier.wait();
                    measure(subject, ops)
                })
            };
            let handles: Vec<_> = self.0.iter_mut().map(spawn).collect();
            handles.into_iter().filter_map(|h| h.join().ok()).collect()
        });
        let mut total = Cost::default();
        let count = u64::try_from(costs.len()).unwrap_or(1).max(1);
        for cost in costs {
            total.elements += cost.elements;
            total.times.wall = total.times.wall.max(cost.times.wall);
            total.times.thread += cost.times.thread / count;
            total.times.process = total.times.process.max(cost.times.process);
            total.counts.allocations += cost.counts.allocations;
            total.counts.bytes += cost.counts.bytes;
        }
        total
    }
}

#[cfg(test)]
mod tests {
    use super::{Subject, Threads, measure};

    #[derive(Default)]
    struct Log {
        prepared: u64,
        ran: u64,
        reset: u64,
    }

    impl Subject for Log {
        fn elements(&self) -> u64 {
            16
        }
        fn batch(&self) -> u64 {
            4
        }
        fn prepare(&mut self, ops: u64) {
            self.prepared += ops;
        }
        fn run(&mut self, ops: u64) {
            assert!(ops <= 4);
            self.ran += ops;
        }
        fn reset(&mut self, ops: u64) {
            self.reset += ops;
        }
    }

    #[test]
    fn batches_add_up() {
        let mut log = Log::default();
        assert_eq!(measure(&mut log, 10).elements, 160);
        assert_eq!((log.prepared, log.ran, log.reset), (10, 10, 10));
        let mut two = Threads(vec![Log::default(), Log::default()]);
        assert_eq!(two.measure(5).elements, 160);
    }
}
