//! Domains as the hypervisor tells of them, and what has changed since it was last asked.
//!
//! Pure: what is asked of the hypervisor is in [`super::hypercall`].

use std::collections::HashMap;

use myriad_core::DomId;

use crate::hypervisor::{Condition, DomainState};

/// A domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Domain {
    /// Its id, which another can have after it.
    pub domid: DomId,
    /// No other's. Before Xen 4.21 it is made of the VM's UUID, and then the same again if this
    /// VM's next incarnation gets the same domain id.
    pub unique_id: u64,
    /// Whether it has shut down, and why.
    pub shutdown: Option<Reason>,
    /// It is dead: what is left of it waits for others to give its pages back.
    pub dead: bool,
}

/// Why a domain has shut down (`SHUTDOWN_*`, `sched.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It is to be removed.
    PowerOff,
    /// It is to be started again.
    Reboot,
    /// It can be saved, or resumed.
    Suspend,
    /// It failed.
    Crash,
    /// Its watchdog was not fed.
    Watchdog,
    /// It is to be started again in the same domain.
    SoftReset,
    /// A code that isn't Xen's.
    Other(u8),
    /// The interface doesn't say.
    Unsaid,
}

/// What happened to a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is new to us.
    Appeared(Domain),
    /// It has shut down: `@releaseDomain` fires, the domain stays.
    ShutDown(Domain),
    /// It is dead or gone, or its id is another's, which appears right after: it is to be torn
    /// down, and `@releaseDomain` fires.
    Gone {
        /// The id that it had.
        domid: DomId,
        /// Which of those that had it.
        unique_id: u64,
    },
}

/// The domains that were there when last looked.
#[derive(Debug, Default)]
pub struct Known {
    domains: HashMap<DomId, Seen>,
    /// Counts the full lists, to find those that are in the last but one alone.
    lists: u64,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    domain: Domain,
    list: u64,
}

impl Domain {
    /// What the store needs to know of it; nothing, of a dead one.
    #[must_use]
    pub fn state(&self) -> Option<DomainState> {
        let condition = match self.shutdown {
            None => Condition::Running,
            Some(Reason::Crash) => Condition::Crashed,
            Some(_) => Condition::Shutdown,
        };
        (!self.dead).then_some(DomainState { unique_id: self.unique_id, condition })
    }
}

impl Reason {
    pub(super) fn from_code(code: u8) -> Reason {
        match code {
            0 => Reason::PowerOff,
            1 => Reason::Reboot,
            2 => Reason::Suspend,
            3 => Reason::Crash,
            4 => Reason::Watchdog,
            5 => Reason::SoftReset,
            other => Reason::Other(other),
        }
    }
}

impl Known {
    /// Takes in what the hypervisor says of one domain; `None`: that it is gone.
    pub fn note(&mut self, domid: DomId, now: Option<Domain>, changes: &mut Vec<Change>) {
        let before = self.domains.get(&domid).map(|seen| seen.domain);
        match now {
            Some(domain) => {
                self.domains.insert(domid, Seen { domain, list: self.lists });
            }
            None => {
                self.domains.remove(&domid);
            }
        }
        compare(before, now, changes);
    }

    /// Takes in a list of all domains: those that are not in it are gone.
    pub fn note_all(&mut self, list: &[Domain], changes: &mut Vec<Change>) {
        self.lists += 1;
        for domain in list {
            self.note(domain.domid, Some(*domain), changes);
        }
        if self.domains.len() == list.len() {
            return; // Each of them is in the list, so nothing need be searched.
        }
        let current = self.lists;
        let missing = self.domains.extract_if(|_, seen| seen.list != current);
        let mut missing: Vec<Domain> = missing.map(|(_, seen)| seen.domain).collect();
        missing.sort_unstable_by_key(|domain| domain.domid);
        for domain in missing {
            compare(Some(domain), None, changes);
        }
    }

    /// A domain runs again after it had shut down (RESUME): its next shutdown is a change even if
    /// nobody looked in between.
    pub fn resumed(&mut self, domid: DomId) {
        if let Some(seen) = self.domains.get_mut(&domid) {
            seen.domain.shutdown = None;
        }
    }

    /// Whether it was there when last looked, and not dead.
    #[must_use]
    pub fn has(&self, domid: DomId) -> bool {
        self.domains.get(&domid).is_some_and(|seen| !seen.domain.dead)
    }

    /// The domains, dead ones too, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Domain> {
        self.domains.values().map(|seen| &seen.domain)
    }
}

/// What happened between two looks at one domain id. A dead domain is gone already.
fn compare(before: Option<Domain>, now: Option<Domain>, changes: &mut Vec<Change>) {
    let alive = |domain: Option<Domain>| domain.filter(|domain| !domain.dead);
    let (before, now) = (alive(before), alive(now));
    let same = match (before, now) {
        (Some(before), Some(now)) => before.unique_id == now.unique_id,
        _ => false,
    };
    if let Some(Domain { domid, unique_id, .. }) = before.filter(|_| !same) {
        changes.push(Change::Gone { domid, unique_id });
    }
    let Some(now) = now else { return };
    if !same {
        changes.push(Change::Appeared(now));
    }
    let was_shut_down = same && before.is_some_and(|before| before.shutdown.is_some());
    if now.shutdown.is_some() && !was_shut_down {
        changes.push(Change::ShutDown(now));
    }
}

#[cfg(test)]
mod tests;
