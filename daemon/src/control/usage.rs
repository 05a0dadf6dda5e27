//! What a domain uses of its quotas, and the most that any was seen to use.
//!
//! # Synchronization
//! Relaxed throughout: figures for a report, on which nothing else hangs.

use std::fmt::Write;

use myriad_core::{DomId, Quota, Store};
use myriad_ring::v1::Connection;

use crate::sync::{AtomicU32, Ordering::Relaxed};

/// What a domain uses of the quotas that are counted: nodes, watches, transactions, outstanding
/// requests, and bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage([u32; COUNTED.len()]);

/// The quotas whose use is counted, in the order in which C 4.17 shows them
/// (`domain_get_quota`, `xenstored_domain.c`).
const COUNTED: [Quota; 5] =
    [Quota::Nodes, Quota::Watches, Quota::Transactions, Quota::Outstanding, Quota::Memory];

impl Usage {
    /// What a domain uses; none if the store doesn't know it. `conn`: its connection, if it has
    /// one.
    #[must_use]
    pub fn of(store: &Store, domid: DomId, conn: Option<&Connection>) -> Option<Usage> {
        conn.map(OfConnection::of).unwrap_or_default().with(store, domid)
    }

    /// As `quota <domid>` shows it.
    #[must_use]
    pub fn text(&self, domid: DomId) -> String {
        let mut text = format!("Domain {domid}:\n");
        for (quota, used) in COUNTED.iter().zip(&self.0) {
            // Writing into a String can't fail.
            let _ = writeln!(text, "{:<16}: {used:8}", quota.name());
        }
        text
    }
}

/// What a connection itself uses.
#[derive(Clone, Copy, Debug, Default)]
pub struct OfConnection {
    transactions: usize,
    outstanding: u32,
    waiting: usize,
}

impl OfConnection {
    /// What a connection uses now.
    #[must_use]
    pub fn of(conn: &Connection) -> OfConnection {
        OfConnection {
            transactions: conn.transactions(),
            outstanding: conn.outstanding(),
            waiting: conn.waiting(),
        }
    }

    /// With what the store says of its domain; none if it doesn't know it.
    #[must_use]
    pub fn with(self, store: &Store, domid: DomId) -> Option<Usage> {
        let domain = store.pin().domain(domid)?;
        let transactions = u32::try_from(self.transactions).unwrap_or(u32::MAX);
        let waiting = u64::try_from(self.waiting).unwrap_or(u64::MAX);
        let memory = u32::try_from(domain.memory.saturating_add(waiting)).unwrap_or(u32::MAX);
        Some(Usage([domain.nodes, domain.watches, transactions, self.outstanding, memory]))
    }
}

/// The greatest usage that any domain was seen with.
#[derive(Debug, Default)]
pub struct HighWater([AtomicU32; COUNTED.len()]);

impl HighWater {
    /// Takes a domain's usage into account.
    pub fn note(&self, usage: &Usage) {
        for (most, used) in self.0.iter().zip(&usage.0) {
            // Read first: it rises seldom, and a write would take the line from other workers.
            if most.load(Relaxed) < *used {
                most.fetch_max(*used, Relaxed);
            }
        }
    }

    /// Forgets what was seen.
    pub fn reset(&self) {
        self.0.iter().for_each(|most| most.store(0, Relaxed));
    }

    /// As `quota max` shows it: in the order of today's C (`domain_max_global_acc`, `domain.c`),
    /// whose maxima of single nodes, paths and transactions are not kept here.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::from("Max. seen accounting values:\n");
        for quota in Quota::ALL {
            let counted = COUNTED.iter().zip(&self.0).find(|(c, _)| **c == quota);
            if let Some((_, most)) = counted {
                let _ = writeln!(text, "{:<17}: {:8}", quota.name(), most.load(Relaxed));
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_of_each_is_kept_until_reset() {
        let seen = HighWater::default();
        seen.note(&Usage([5, 1, 0, 9, 300]));
        seen.note(&Usage([3, 2, 0, 1, 200]));
        let expected = "Max. seen accounting values:\n\
                        nodes            :        5\n\
                        watches          :        2\n\
                        outstanding      :        9\n\
                        memory           :      300\n\
                        transactions     :        0\n";
        assert_eq!(seen.text(), expected);
        seen.reset();
        assert!(!seen.text().contains('5'));
    }
}
