//! What a guest's connection uses, against its quotas.
//!
//! The store counts nodes and watches, and their bytes; a connection its transactions, its
//! outstanding requests and the bytes that wait to be sent. The quota `memory` is for both kinds
//! of bytes together (C's `domain_memory_add`; XSA-326): the store refuses nodes and watches that
//! would reach it on their own, and the connection long replies, events, watches and further
//! reading where all would. Privileged callers have no account here, only the bounds
//! of [`crate::v1::limits`].

use std::time::Duration;

use myriad_core::{DomId, DomainInfo, Quota, Quotas, Refusal};

use crate::v1::{connection::host::Report, limits::MEMORY_REPORT_EVERY};

#[derive(Debug)]
pub(crate) struct Account {
    domain: DomId,
    quotas: Quotas,
    /// Bytes of its nodes and watches.
    memory: u64,
    /// One bit per quota: a refusal was reported.
    refused: u16,
    /// Reports that no host has been told yet.
    untold: Vec<Report>,
    hard: bool,
    soft: bool,
    told_at: Option<Duration>,
}

impl Account {
    pub(crate) fn new(domain: DomId) -> Account {
        Account {
            domain,
            quotas: Quotas::default(),
            memory: 0,
            refused: 0,
            untold: Vec::new(),
            hard: false,
            soft: false,
            told_at: None,
        }
    }

    /// Takes over what the store says of the domain.
    pub(crate) fn update(&mut self, info: &DomainInfo) {
        self.quotas = info.quotas;
        self.memory = info.memory;
    }

    pub(crate) fn limit(&self, quota: Quota) -> u32 {
        self.quotas.get(quota)
    }

    /// Bytes that count for the quota `memory`, with so many in the connection.
    fn used(&self, waiting: usize) -> u32 {
        let waiting = u64::try_from(waiting).unwrap_or(u64::MAX);
        u32::try_from(self.memory.saturating_add(waiting)).unwrap_or(u32::MAX)
    }

    /// Bytes that the quota `memory` leaves, with so many in the connection.
    pub(crate) fn memory_left(&self, waiting: usize) -> usize {
        let limit = self.limit(Quota::Memory);
        let left = limit.saturating_sub(self.used(waiting));
        if limit == 0 { usize::MAX } else { usize::try_from(left).unwrap_or(usize::MAX) }
    }

    /// The quota that keeps the domain's requests from being read.
    pub(crate) fn stalls(&self, outstanding: u32, waiting: usize) -> Option<Quota> {
        if self.quotas.reached(Quota::Outstanding, outstanding) {
            Some(Quota::Outstanding)
        } else {
            self.quotas.reached(Quota::Memory, self.used(waiting)).then_some(Quota::Memory)
        }
    }

    /// Whether `used` is at the quota; notes the refusal.
    pub(crate) fn refuses(&mut self, quota: Quota, used: usize) -> bool {
        let used = u32::try_from(used).unwrap_or(u32::MAX);
        let refused = self.quotas.reached(quota, used);
        if refused {
            self.note(self.refusal(quota));
        }
        refused
    }

    /// Notes a refusal, once per quota of the connection's own domain.
    pub(crate) fn note(&mut self, refusal: Refusal) {
        let bit = 1u16.checked_shl(refusal.quota as u32).unwrap_or(0);
        if refusal.domain == self.domain {
            let told = self.hard && refusal.quota == Quota::Memory;
            if told || self.refused & bit != 0 {
                return;
            }
            self.refused |= bit;
        }
        self.untold.push(Report::Refused(refusal));
    }

    /// Whether the memory quota refuses `more` bytes while `waiting` wait to be sent; notes the
    /// crossing of both memory quotas (C's `domain_chk_quota`).
    pub(crate) fn memory_refuses(&mut self, waiting: usize, more: usize, now: Duration) -> bool {
        let used = self.used(waiting.saturating_add(more));
        if self.quotas.reached(Quota::Memory, used) {
            if !self.hard {
                self.hard = true;
                self.tell(Report::Refused(self.refusal(Quota::Memory)), now);
            }
            return true;
        }
        if self.told_at.is_some_and(|at| now.saturating_sub(at) < MEMORY_REPORT_EVERY) {
            return false;
        }
        if self.hard {
            self.hard = false;
            self.tell(Report::BelowAgain(self.domain, Quota::Memory), now);
        }
        let above = self.quotas.reached(Quota::SoftMemory, used);
        if above != self.soft {
            self.soft = above;
            let below = Report::BelowAgain(self.domain, Quota::SoftMemory);
            let above = above.then(|| Report::AboveSoft(self.refusal(Quota::SoftMemory)));
            self.tell(above.unwrap_or(below), now);
        }
        false
    }

    /// What no host has been told yet.
    pub(crate) fn untold(&mut self) -> Vec<Report> {
        std::mem::take(&mut self.untold)
    }

    fn tell(&mut self, report: Report, now: Duration) {
        self.told_at = Some(now);
        self.untold.push(report);
    }

    /// A refusal by this quota.
    pub(crate) fn refusal(&self, quota: Quota) -> Refusal {
        Refusal { domain: self.domain, quota, limit: self.quotas.get(quota) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn account() -> Account {
        let mut account = Account::new(DomId(5));
        account.quotas.set(Quota::Memory, 1000);
        account.quotas.set(Quota::SoftMemory, 500);
        account.quotas.set(Quota::Transactions, 2);
        account
    }

    #[test]
    fn a_refusal_is_reported_once_per_quota() {
        let mut account = account();
        let refusal = Refusal { domain: DomId(5), quota: Quota::Transactions, limit: 2 };
        assert!(!account.refuses(Quota::Transactions, 1));
        for _ in 0..3 {
            assert!(account.refuses(Quota::Transactions, 2));
        }
        assert_eq!(account.untold(), [Report::Refused(refusal)]);
        let other = Refusal { domain: DomId(6), ..refusal };
        account.note(other);
        account.note(refusal);
        assert_eq!(account.untold(), [Report::Refused(other)]);
        account.quotas.set(Quota::Transactions, 0);
        assert!(!account.refuses(Quota::Transactions, usize::MAX));
    }

    #[test]
    fn memory_quotas_are_reported_as_they_are_crossed() {
        let mut account = account();
        let refusal = |quota, limit| Refusal { domain: DomId(5), quota, limit };
        let below = |quota| Report::BelowAgain(DomId(5), quota);
        assert!(!account.memory_refuses(400, 99, at(0)));
        assert_eq!(account.untold(), []);
        assert!(!account.memory_refuses(400, 100, at(1)));
        assert_eq!(account.untold(), [Report::AboveSoft(refusal(Quota::SoftMemory, 500))]);
        assert!(account.memory_refuses(900, 100, at(2)));
        assert!(account.memory_refuses(900, 100, at(3)));
        assert_eq!(account.untold(), [Report::Refused(refusal(Quota::Memory, 1000))]);
        // No more often than every 10 s.
        assert!(!account.memory_refuses(0, 0, at(11)));
        assert_eq!(account.untold(), []);
        assert!(!account.memory_refuses(0, 0, at(12)));
        assert_eq!(account.untold(), [below(Quota::Memory), below(Quota::SoftMemory)]);
    }

    #[test]
    fn what_the_store_keeps_and_what_waits_count_together() {
        let mut account = account();
        account.memory = 700;
        assert_eq!(account.stalls(0, 299), None);
        assert_eq!(account.stalls(0, 300), Some(Quota::Memory));
        assert!(!account.memory_refuses(200, 99, at(0)));
        let soft = Refusal { domain: DomId(5), quota: Quota::SoftMemory, limit: 500 };
        assert_eq!(account.untold(), [Report::AboveSoft(soft)]);
        assert!(account.memory_refuses(200, 100, at(1)));
        account.memory = u64::MAX;
        assert!(account.memory_refuses(0, 0, at(2)));
        assert_eq!(account.stalls(0, usize::MAX), Some(Quota::Memory));
    }
}
