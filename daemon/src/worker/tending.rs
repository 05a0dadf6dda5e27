//! Clients that time matters to: open transactions, which must not pin too much, events that
//! expire, limits that others lift.
//!
//! They are looked at in rounds. A round begins when its time has come, or when enough has been
//! committed, and goes on over as many sweeps as it needs: however many transactions must move on
//! to the current version at once, others are served in between.

use std::{collections::VecDeque, time::Duration};

use super::run::Worker;
use crate::limits;

/// Who is looked at, and how far the round has come.
#[derive(Debug, Default)]
pub(super) struct Tending {
    /// By number; those of the round at the front.
    clients: VecDeque<u64>,
    /// How many of them are still to be looked at in this round.
    left: usize,
    /// When the next round begins.
    next: Duration,
    /// What the commits weighed that were there when the last round began.
    weight: u64,
    /// What the round's transactions pinned before and after it.
    pinned: (u64, u64),
}

impl Tending {
    pub(super) fn add(&mut self, number: u64) {
        self.clients.push_back(number);
    }

    /// When there is something to do, if there will be: at once in the middle of a round.
    pub(super) fn deadline(&self) -> Option<Duration> {
        let next = if self.left > 0 { Duration::ZERO } else { self.next };
        (!self.clients.is_empty()).then_some(next)
    }

    /// Begins a round, where it is time for one.
    fn begin(&mut self, now: Duration, weight: u64) {
        let due = now >= self.next || weight.saturating_sub(self.weight) >= limits::FOLLOW_EVERY;
        if due && self.left == 0 && !self.clients.is_empty() {
            self.left = self.clients.len();
            self.next = now.saturating_add(limits::TEND_EVERY);
            self.weight = weight;
            self.pinned = (0, 0);
        }
    }

    /// The next of the round, which has to be added again if it still matters.
    fn take(&mut self) -> Option<u64> {
        self.left = self.left.checked_sub(1)?;
        self.clients.pop_front()
    }
}

impl Worker {
    /// Looks at some of the clients that time matters to.
    pub(super) fn tend(&mut self) {
        self.clients.tending.begin(self.now, self.events.weight());
        let mut any = false;
        for _ in 0..limits::TENDED_PER_SWEEP {
            let Some(number) = self.clients.tending.take() else { break };
            any = true;
            let Some(client) = self.clients.get(number) else { continue };
            client.tended = false;
            let before = client.conn.pinned_bytes();
            client.conn.tend(&self.shared.store, &mut self.around, self.now);
            let after = client.conn.pinned_bytes();
            if client.is_deaf() || client.waits_for_room() {
                self.clients.note_busy(number);
            }
            self.clients.note_time(number);
            let pinned = &mut self.clients.tending.pinned;
            *pinned = (pinned.0.max(before), pinned.1.max(after));
        }
        if any && self.clients.tending.left == 0 {
            let (before, after) = self.clients.tending.pinned;
            self.shared.pins.note(self.id, before, after);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = limits::TEND_EVERY;

    #[test]
    fn a_round_looks_at_each_once_and_the_next_comes_when_it_is_time() {
        let mut tending = Tending::default();
        assert_eq!((tending.deadline(), tending.take()), (None, None));
        (1..=3).for_each(|number| tending.add(number));
        tending.begin(EVERY, 0);
        assert_eq!((tending.take(), tending.deadline()), (Some(1), Some(Duration::ZERO)));
        // It still matters, and so does one that is new: both are for the next round.
        tending.add(1);
        tending.add(4);
        assert_eq!((tending.take(), tending.take(), tending.take()), (Some(2), Some(3), None));
        assert_eq!(tending.deadline(), Some(2 * EVERY));
        tending.begin(2 * EVERY - Duration::from_millis(1), limits::FOLLOW_EVERY - 1);
        assert_eq!(tending.take(), None);
        tending.begin(2 * EVERY, 0);
        assert_eq!((tending.take(), tending.take(), tending.take()), (Some(1), Some(4), None));
    }

    #[test]
    fn much_that_is_committed_begins_a_round_too() {
        let mut tending = Tending::default();
        tending.add(1);
        tending.begin(EVERY, 0);
        tending.take();
        tending.add(1);
        tending.begin(EVERY, limits::FOLLOW_EVERY);
        assert_eq!(tending.take(), Some(1));
    }
}
