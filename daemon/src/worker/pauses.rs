//! Guests that are held back for a while, since they make the control domain's transactions fail.
//!
//! A guest that rewrites what the toolstack reads could fail its transactions for ever (XSA-206).
//! While it is held back its requests are not executed; nothing else of it is touched, and it
//! waits at no cost. Invariant: nobody is held back for longer than
//! [`limits::PAUSE_MAX`] by one failure.
//!
//! # Synchronization
//! The table is immutable and replaced whole (arc-swap). Whoever has nothing to do with any of
//! this reads one counter per request: the end of the last pause of all.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use myriad_core::DomId;

use crate::{
    limits,
    sync::{
        AtomicU64,
        Ordering::{Acquire, Release},
    },
};

/// Who is held back, and until when: times since the start of the daemon.
#[derive(Debug, Default)]
pub(super) struct Pauses {
    /// The end of the last pause, in microseconds.
    last: AtomicU64,
    /// The last pause of each guest, for a while after its end.
    table: ArcSwap<BTreeMap<DomId, Pause>>,
}

#[derive(Clone, Debug)]
struct Pause {
    end: Duration,
    /// The node that the guest changed.
    path: Arc<str>,
}

impl Pauses {
    /// For how long guests are held back that have made so many transactions in a row fail.
    pub(super) fn length(failures: u32) -> Duration {
        let doubled = failures.saturating_sub(1).min(u32::BITS - 1);
        limits::PAUSE.saturating_mul(1u32.wrapping_shl(doubled)).min(limits::PAUSE_MAX)
    }

    /// Holds guests back that have changed a node. Gives those that have not been lately: they are
    /// to be logged.
    pub(super) fn pause(
        &self,
        guests: &[DomId],
        path: &Arc<str>,
        now: Duration,
        length: Duration,
    ) -> Vec<DomId> {
        let end = now.saturating_add(length);
        let mut news = Vec::new();
        self.table.rcu(|table| {
            let mut table = BTreeMap::clone(table);
            table.retain(|_, pause| pause.end.saturating_add(limits::PAUSE_REMEMBERED) > now);
            news.clear();
            for guest in guests {
                let known = table.entry(*guest).or_insert_with(|| {
                    news.push(*guest);
                    Pause { end, path: Arc::clone(path) }
                });
                known.end = end.max(known.end);
                known.path = Arc::clone(path);
            }
            table
        });
        // Release: pairs with the Acquire in `end`. Who sees this time sees the table.
        self.last.fetch_max(micros(end), Release);
        news
    }

    /// The end of a guest's pause, where it is held back.
    pub(super) fn end(&self, guest: DomId, now: Duration) -> Option<Duration> {
        // Acquire: pairs with the Release in `pause`.
        if self.last.load(Acquire) <= micros(now) {
            return None;
        }
        self.table.load().get(&guest).map(|pause| pause.end).filter(|end| *end > now)
    }

    /// Those that were held back for a node not long ago.
    pub(super) fn known(&self, path: &str, now: Duration) -> Vec<DomId> {
        let remembered = |pause: &Pause| pause.end.saturating_add(limits::PAUSE_REMEMBERED) > now;
        let table = self.table.load();
        let known = table.iter().filter(|(_, pause)| *pause.path == *path && remembered(pause));
        known.map(|(guest, _)| *guest).collect()
    }

    /// The domain is gone: the next of its id is another.
    pub(super) fn forget(&self, domid: DomId) {
        if self.table.load().contains_key(&domid) {
            self.table.rcu(|table| {
                let mut table = BTreeMap::clone(table);
                table.remove(&domid);
                table
            });
        }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn pauses_double_up_to_a_bound() {
        let lengths = [1, 2, 3, 4, 5, 33, u32::MAX].map(Pauses::length);
        assert_eq!(lengths, [40, 80, 160, 160, 160, 160, 160].map(ms));
    }

    #[test]
    fn a_pause_ends_and_is_never_shortened() {
        let (pauses, path) = (Pauses::default(), Arc::from("/a"));
        assert_eq!(pauses.end(DomId(5), ms(0)), None);
        pauses.pause(&[DomId(5)], &path, ms(10), ms(20));
        assert_eq!(pauses.end(DomId(5), ms(29)), Some(ms(30)));
        assert_eq!(pauses.end(DomId(5), ms(30)), None);
        assert_eq!(pauses.end(DomId(6), ms(10)), None);
        pauses.pause(&[DomId(5), DomId(6)], &path, ms(11), ms(10));
        assert_eq!(pauses.end(DomId(5), ms(29)), Some(ms(30)));
        assert_eq!(pauses.end(DomId(6), ms(20)), Some(ms(21)));
        pauses.forget(DomId(5));
        assert_eq!(pauses.end(DomId(5), ms(20)), None);
    }

    #[test]
    fn a_guest_is_news_once_per_burst_and_remembered_with_its_node() {
        let (pauses, path, other) = (Pauses::default(), Arc::from("/a"), Arc::from("/b"));
        assert_eq!(pauses.pause(&[DomId(5)], &path, ms(0), ms(20)), [DomId(5)]);
        assert_eq!(pauses.pause(&[DomId(5), DomId(6)], &path, ms(1000), ms(20)), [DomId(6)]);
        assert_eq!(pauses.pause(&[DomId(6), DomId(7)], &other, ms(1000), ms(20)), [DomId(7)]);
        let later = ms(1020) + limits::PAUSE_REMEMBERED;
        assert_eq!(pauses.known("/a", later - ms(1)), [DomId(5)]);
        assert_eq!(pauses.known("/b", later - ms(1)), [DomId(6), DomId(7)]);
        assert_eq!(pauses.known("/b", later), []);
        assert_eq!(pauses.pause(&[DomId(5)], &path, later - ms(1), ms(20)), []);
        assert_eq!(pauses.pause(&[DomId(6)], &path, later, ms(20)), [DomId(6)]);
    }
}
