//! Doorbells on their way: they come late, and not in the order in which they were rung.

use myriad_core::DomId;

use super::limits::BELL_LATE;
use crate::oracle::rng::Rng;

/// Doorbells that have not arrived.
#[derive(Debug, Default)]
pub(super) struct Bells {
    under_way: Vec<(u64, Bell)>,
    sent: usize,
    /// One of so many is lost.
    pub(super) loses: Option<usize>,
}

/// A doorbell of a domain in a process full of guests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bell {
    pub(super) to: To,
    pub(super) number: usize,
    pub(super) domid: DomId,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum To {
    Daemon,
    Guest,
}

impl Bells {
    /// A doorbell is rung.
    pub(super) fn send(&mut self, bell: Bell, step: u64, rng: &mut Rng) {
        self.sent += 1;
        if self.loses.is_some_and(|of| self.sent.is_multiple_of(of)) {
            return;
        }
        // As a pending event channel, it is rung once.
        if self.under_way.iter().any(|(_, pending)| *pending == bell) {
            return;
        }
        let late = if rng.below(4) == 0 { rng.below(BELL_LATE) } else { 0 };
        self.under_way.push((step + late as u64, bell));
    }

    /// One that arrives now, if any does.
    pub(super) fn arrive(&mut self, step: u64, rng: &mut Rng) -> Option<Bell> {
        let ripe: Vec<usize> = (0..self.under_way.len())
            .filter(|at| self.under_way.get(*at).is_some_and(|(when, _)| *when <= step))
            .collect();
        let at = *ripe.get(rng.below(ripe.len()))?;
        Some(self.under_way.swap_remove(at).1)
    }

    /// How many are under way.
    pub(super) fn len(&self) -> usize {
        self.under_way.len()
    }
}
