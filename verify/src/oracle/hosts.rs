//! A model of the domains: which exist, which were introduced, which is whose target.
//!
//! It tells the generator what would succeed, and the runner what must not be sent: where C 4.17
//! follows a dangling pointer there is no answer to compare with.

use std::collections::{BTreeMap, BTreeSet};

use myriad_ring::v1::Op;

use super::{
    limits::DOMAINS,
    text::{self, Life},
    tree::CONTROL_LIFE,
};
use crate::peer::DomainChange;

/// The domains of both hosts.
#[derive(Clone, Debug)]
pub struct Hosts {
    exists: BTreeSet<u32>,
    introduced: BTreeSet<u32>,
    shut_down: BTreeSet<u32>,
    target_of: BTreeMap<u32, u32>,
    /// How many lives have begun.
    begun: Life,
}

impl Default for Hosts {
    /// dom0 is introduced; the others only exist.
    fn default() -> Hosts {
        Hosts {
            exists: (0..=DOMAINS).collect(),
            introduced: [0].into(),
            shut_down: BTreeSet::new(),
            target_of: BTreeMap::new(),
            begun: CONTROL_LIFE,
        }
    }
}

impl Hosts {
    /// Whether a domain exists.
    #[must_use]
    pub fn exists(&self, domid: u32) -> bool {
        self.exists.contains(&domid)
    }

    /// Whether a domain was introduced.
    #[must_use]
    pub fn is_introduced(&self, domid: u32) -> bool {
        self.introduced.contains(&domid)
    }

    /// Whether a domain is some other's target.
    #[must_use]
    pub fn is_target(&self, domid: u32) -> bool {
        self.target_of.values().any(|target| *target == domid)
    }

    /// The target of a domain.
    #[must_use]
    pub fn target(&self, domid: u32) -> Option<u32> {
        self.target_of.get(&domid).copied()
    }

    /// The domains that were introduced, but for dom0.
    pub fn guests(&self) -> impl Iterator<Item = u32> {
        self.introduced.iter().copied().filter(|domid| *domid != 0)
    }

    /// A life that no domain has had.
    pub fn next_life(&mut self) -> Life {
        self.begun += 1;
        self.begun
    }

    /// Whether a domain has a target.
    #[must_use]
    pub fn has_target(&self, domid: u32) -> bool {
        self.target_of.contains_key(&domid)
    }

    /// Whether a change of the host is one, and one that C survives: see [`Hosts::survives`].
    #[must_use]
    pub fn can_change(&self, change: DomainChange) -> bool {
        let guest = |domid| (1..=DOMAINS).contains(&domid);
        match change {
            DomainChange::Create(domid) => guest(domid) && !self.exists(domid),
            DomainChange::ShutDown(domid) => guest(domid) && self.exists(domid),
            DomainChange::Destroy(domid) => {
                guest(domid) && self.exists(domid) && !self.is_target(domid)
            }
            DomainChange::Resume(domid) => guest(domid) && self.exists(domid),
            DomainChange::Scan => true,
        }
    }

    /// The domain that has to run again after a request that succeeded: it was told to resume, or
    /// begins anew, though it had shut down. A real one would have been woken before.
    pub fn take_woken(&mut self, op: Op, payload: &[u8]) -> Option<u32> {
        let first = text::split_first(payload).map_or(0, |(text, _)| text::atoi(text));
        let begins = matches!(op, Op::Resume | Op::Introduce | Op::Release);
        (begins && self.shut_down.remove(&first)).then_some(first)
    }

    /// Whether C 4.17 survives a request, and means by its numbers what every server means.
    ///
    /// A target's connection is held by its stub domain's: RELEASE or death of the target, a second
    /// target, or a domain that is its own, leave C with a pointer to what it has freed.
    #[must_use]
    pub fn survives(&self, op: Op, payload: &[u8]) -> bool {
        let texts = text::strings(payload);
        let number = |at: usize| texts.get(at).map_or(0, |text| text::atoi(text));
        match op {
            Op::Release => !self.is_target(number(0)),
            Op::SetTarget => {
                let (stub, target) = (number(0), number(1));
                let taken = !self.is_introduced(stub) || !self.is_introduced(target);
                taken || (stub != 0 && stub != target && !self.has_target(stub))
            }
            _ => true,
        }
    }

    /// Notes what a request did that succeeded. Returns the domain that it ended, if it did.
    pub fn note(&mut self, op: Op, payload: &[u8]) -> Option<u32> {
        let texts = text::strings(payload);
        let number = |at: usize| texts.get(at).map_or(0, |text| text::atoi(text));
        match op {
            Op::Introduce => {
                self.introduced.insert(number(0));
            }
            Op::SetTarget => {
                self.target_of.insert(number(0), number(1));
            }
            Op::Release => {
                self.forget(number(0));
                return Some(number(0));
            }
            _ => {}
        }
        None
    }

    /// Notes a change of the host. Returns the domain that it ended, if it did.
    pub fn note_change(&mut self, change: DomainChange) -> Option<u32> {
        match change {
            DomainChange::Create(domid) => {
                self.exists.insert(domid);
            }
            DomainChange::Destroy(domid) => {
                self.exists.remove(&domid);
                self.shut_down.remove(&domid);
                self.forget(domid);
                return Some(domid);
            }
            DomainChange::ShutDown(domid) => {
                self.shut_down.insert(domid);
            }
            DomainChange::Resume(domid) => {
                self.shut_down.remove(&domid);
            }
            DomainChange::Scan => {}
        }
        None
    }

    fn forget(&mut self, domid: u32) {
        self.introduced.remove(&domid);
        self.target_of.remove(&domid);
    }
}
