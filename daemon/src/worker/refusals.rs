//! Which quota refusals the log has already.
//!
//! # Synchronization
//! The set is immutable and replaced whole (arc-swap): a guest that runs into its quota again and
//! again only reads it.

use std::collections::BTreeSet;

use arc_swap::ArcSwap;
use myriad_core::{DomId, Quota, Refusal};

/// Quotas that have refused something, by domain.
#[derive(Debug, Default)]
pub(super) struct Refusals(ArcSwap<BTreeSet<(DomId, Quota)>>);

impl Refusals {
    /// Whether this is the first refusal of its kind: then it is to be logged.
    pub(super) fn is_first(&self, refusal: &Refusal) -> bool {
        let key = (refusal.domain, refusal.quota);
        if self.0.load().contains(&key) {
            return false;
        }
        let before = self.0.rcu(|set| {
            let mut set = BTreeSet::clone(set);
            set.insert(key);
            set
        });
        !before.contains(&key)
    }

    /// The domain is gone: the next of its id starts anew.
    pub(super) fn forget(&self, domid: DomId) {
        if self.0.load().iter().any(|(d, _)| *d == domid) {
            self.0.rcu(|set| {
                let mut set = BTreeSet::clone(set);
                set.retain(|(d, _)| *d != domid);
                set
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_domain_and_quota_is_first_once_per_life() {
        let refusals = Refusals::default();
        let refusal = |domain, quota| Refusal { domain: DomId(domain), quota, limit: 1 };
        assert!(refusals.is_first(&refusal(1, Quota::Nodes)));
        assert!(!refusals.is_first(&refusal(1, Quota::Nodes)));
        assert!(refusals.is_first(&refusal(1, Quota::Watches)));
        assert!(refusals.is_first(&refusal(2, Quota::Nodes)));
        refusals.forget(DomId(1));
        assert!(refusals.is_first(&refusal(1, Quota::Nodes)));
        assert!(!refusals.is_first(&refusal(2, Quota::Nodes)));
    }
}
