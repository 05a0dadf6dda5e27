//! For how long a worker looks out for the next request of a socket before it sleeps.
//!
//! A core that idles can take longer to wake than a request takes. So a worker that has served a
//! socket looks at its descriptors again and again for a while: half as long after each time in
//! vain, twice as long after each that was not. Where it is in vain for good, since clients think
//! for longer or have the same core, it is tried after some sweeps only, once.

use std::time::Duration;

use crate::limits;

/// What is known of how soon requests follow each other.
#[derive(Debug)]
pub(super) struct Lookout {
    /// A socket was served since the last look-out …
    served: bool,
    /// … or lately, so that descriptors must not wait for long where rings are hot.
    warm_until: Duration,
    /// Zero: it is in vain.
    patience: Duration,
    /// Sweeps since it was tried.
    rested: u32,
}

impl Lookout {
    pub(super) fn new() -> Lookout {
        let (served, warm_until, rested) = (false, Duration::ZERO, 0);
        Lookout { served, warm_until, patience: limits::HOT, rested }
    }

    /// A socket had something to read.
    pub(super) fn note(&mut self, now: Duration) {
        self.served = true;
        self.warm_until = now.saturating_add(limits::POLL_WHILE_HOT);
    }

    /// How often descriptors are looked at while the worker doesn't sleep for rings' sake.
    pub(super) fn poll_every(&self, now: Duration) -> Duration {
        if now < self.warm_until { limits::POLL_WHILE_WARM } else { limits::POLL_WHILE_HOT }
    }

    /// How long to look out now, if at all.
    pub(super) fn begin(&mut self) -> Option<Duration> {
        if !std::mem::take(&mut self.served) {
            return None;
        }
        if !self.patience.is_zero() {
            return Some(self.patience);
        }
        self.rested = self.rested.saturating_add(1);
        if self.rested < limits::SWEEPS_PER_LOOKOUT {
            return None;
        }
        self.rested = 0;
        Some(limits::HOT)
    }

    /// What became of it.
    pub(super) fn end(&mut self, found: bool) {
        self.patience = match (self.patience, found) {
            (Duration::ZERO, true) => limits::HOT,
            (patience, true) => patience.saturating_mul(2).min(limits::HOT),
            (patience, false) if patience < 2 * limits::HOT_LEAST => Duration::ZERO,
            (patience, false) => patience / 2,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(lookout: &mut Lookout, found: bool) -> Option<Duration> {
        lookout.note(Duration::ZERO);
        let patience = lookout.begin();
        if patience.is_some() {
            lookout.end(found);
        }
        patience
    }

    #[test]
    fn who_looks_in_vain_does_so_for_shorter_and_then_hardly_ever() {
        let mut lookout = Lookout::new();
        assert_eq!(lookout.begin(), None, "nothing was served");
        assert_eq!(look(&mut lookout, true), Some(limits::HOT));
        let (mut spent, mut looks) = (Duration::ZERO, 0);
        while let Some(patience) = look(&mut lookout, false) {
            spent += patience;
            looks += 1;
        }
        assert!(looks > 1 && spent < 2 * limits::HOT);
        let tried = (0..10 * limits::SWEEPS_PER_LOOKOUT).filter_map(|_| look(&mut lookout, false));
        assert_eq!(tried.count(), 10);
        let mut rests = 0;
        while look(&mut lookout, true).is_none() {
            rests += 1;
        }
        assert_eq!(rests, limits::SWEEPS_PER_LOOKOUT - 2);
        assert_eq!(look(&mut lookout, false), Some(limits::HOT), "once found, it looks again");
        assert_eq!(look(&mut lookout, true), Some(limits::HOT / 2));
        assert_eq!(look(&mut lookout, true), Some(limits::HOT));
    }

    #[test]
    fn descriptors_are_looked_at_often_while_sockets_are_warm() {
        let mut lookout = Lookout::new();
        assert_eq!(lookout.poll_every(Duration::ZERO), limits::POLL_WHILE_HOT);
        lookout.note(Duration::from_secs(1));
        assert_eq!(lookout.poll_every(Duration::from_secs(1)), limits::POLL_WHILE_WARM);
        let later = Duration::from_secs(1) + limits::POLL_WHILE_HOT;
        assert_eq!(lookout.poll_every(later), limits::POLL_WHILE_HOT);
    }
}
