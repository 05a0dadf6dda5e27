//! The simulated host: domains that exist because someone said so, on a machine without Xen.
//!
//! A first-class backend, not a test double: INTRODUCE, permissions by domain, quotas, death and
//! the reuse of domain ids are the real thing, only the domains are not. Domains are created and
//! destroyed by `CONTROL sim …` ([`Command`]), and a guest talks through a Unix socket in
//! `RUNDIR/sim` where a real one has a ring.
//!
//! # Synchronization
//! The table is immutable and replaced whole (arc-swap): asking it takes no lock, so a guest's
//! SET_PERMS can't wait for another's.

mod command;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use arc_swap::ArcSwap;
use myriad_core::DomId;

pub use command::{Command, CommandError};

use crate::hypervisor::{Condition, DomainState, Hypervisor};

/// The domains of the simulated host.
#[derive(Debug)]
pub struct Host {
    table: ArcSwap<Table>,
}

#[derive(Clone, Debug)]
struct Table {
    domains: BTreeMap<DomId, DomainState>,
    next_unique_id: u64,
    /// Those that can be reached.
    attached: BTreeSet<DomId>,
}

/// Why a simulated domain could not be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SimError {
    /// the domain exists
    #[error("domain {0} exists already: destroy it first, or take another id")]
    Exists(DomId),
    /// there is no such domain
    #[error("there is no domain {0}: create it first")]
    Unknown(DomId),
    /// the control domain is not simulated
    #[error("domain {0} is the control domain, which can't be changed")]
    Control(DomId),
}

impl Host {
    /// A host where only the control domain runs.
    #[must_use]
    pub fn new(control: DomId) -> Host {
        let state = DomainState { unique_id: 1, condition: Condition::Running };
        let domains = BTreeMap::from([(control, state)]);
        Host {
            table: ArcSwap::from_pointee(Table {
                domains,
                next_unique_id: 2,
                attached: BTreeSet::new(),
            }),
        }
    }

    /// Creates domains: all or none.
    ///
    /// # Errors
    /// [`SimError::Exists`].
    pub fn create(&self, domids: &[DomId]) -> Result<(), SimError> {
        self.change(|table| {
            for &domid in domids {
                let state =
                    DomainState { unique_id: table.next_unique_id, condition: Condition::Running };
                if table.domains.insert(domid, state).is_some() {
                    return Err(SimError::Exists(domid));
                }
                table.next_unique_id += 1;
            }
            Ok(())
        })
    }

    /// Shuts a domain down, or crashes it; doing so again changes nothing.
    ///
    /// # Errors
    /// [`SimError::Unknown`], [`SimError::Control`].
    pub fn stop(&self, domid: DomId, control: DomId, as_: Condition) -> Result<(), SimError> {
        self.change(|table| {
            let state = guest(table, domid, control)?;
            state.condition = as_;
            Ok(())
        })
    }

    /// Destroys a domain: its id is free again.
    ///
    /// # Errors
    /// [`SimError::Unknown`], [`SimError::Control`].
    pub fn destroy(&self, domid: DomId, control: DomId) -> Result<(), SimError> {
        self.change(|table| {
            guest(table, domid, control)?;
            table.domains.remove(&domid);
            Ok(())
        })
    }

    /// Notes that a domain can be reached; false where it could already.
    pub fn attach(&self, domid: DomId) -> bool {
        let before = self.table.rcu(|table| {
            let mut table = Table::clone(table);
            table.attached.insert(domid);
            table
        });
        !before.attached.contains(&domid)
    }

    /// Notes that a domain can't be reached any more; whether it could.
    pub fn detach(&self, domid: DomId) -> bool {
        let before = self.table.rcu(|table| {
            let mut table = Table::clone(table);
            table.attached.remove(&domid);
            table
        });
        before.attached.contains(&domid)
    }

    /// All domains, by id.
    #[must_use]
    pub fn list(&self) -> Vec<(DomId, DomainState)> {
        self.table.load().domains.iter().map(|(domid, state)| (*domid, *state)).collect()
    }

    fn change(
        &self,
        mut f: impl FnMut(&mut Table) -> Result<(), SimError>,
    ) -> Result<(), SimError> {
        let mut result = Ok(());
        // Runs again where another thread changed the table meanwhile: each turn of the loop
        // means that someone else's change succeeded.
        self.table.rcu(|old| {
            let mut new = Table::clone(old);
            result = f(&mut new);
            if result.is_ok() { Arc::new(new) } else { Arc::clone(old) }
        });
        result
    }
}

fn guest(table: &mut Table, domid: DomId, control: DomId) -> Result<&mut DomainState, SimError> {
    if domid == control {
        return Err(SimError::Control(domid));
    }
    table.domains.get_mut(&domid).ok_or(SimError::Unknown(domid))
}

impl Hypervisor for Host {
    fn domain(&self, domid: DomId) -> Option<DomainState> {
        self.table.load().domains.get(&domid).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTROL: DomId = DomId(0);

    #[test]
    fn an_id_can_be_used_again_by_another_domain() {
        let host = Host::new(CONTROL);
        host.create(&[DomId(5)]).unwrap();
        let first = host.domain(DomId(5)).unwrap();
        assert_eq!(host.create(&[DomId(5)]), Err(SimError::Exists(DomId(5))));
        host.destroy(DomId(5), CONTROL).unwrap();
        assert_eq!(host.domain(DomId(5)), None);
        assert_eq!(host.destroy(DomId(5), CONTROL), Err(SimError::Unknown(DomId(5))));
        host.create(&[DomId(5)]).unwrap();
        assert_ne!(host.domain(DomId(5)).unwrap().unique_id, first.unique_id);
    }

    #[test]
    fn a_range_is_created_whole_or_not_at_all() {
        let host = Host::new(CONTROL);
        host.create(&[DomId(3)]).unwrap();
        assert_eq!(host.create(&[DomId(2), DomId(3)]), Err(SimError::Exists(DomId(3))));
        assert_eq!(host.domain(DomId(2)), None);
    }

    #[test]
    fn the_control_domain_neither_stops_nor_dies() {
        let host = Host::new(CONTROL);
        assert_eq!(host.destroy(CONTROL, CONTROL), Err(SimError::Control(CONTROL)));
        let stopped = host.stop(CONTROL, CONTROL, Condition::Shutdown);
        assert_eq!(stopped, Err(SimError::Control(CONTROL)));
        assert_eq!(host.list().len(), 1);
    }

    #[test]
    fn a_domain_is_attached_once() {
        let host = Host::new(CONTROL);
        assert!(host.attach(DomId(3)) && !host.attach(DomId(3)));
        assert!(host.detach(DomId(3)) && !host.detach(DomId(3)));
        assert!(host.attach(DomId(3)));
    }

    #[test]
    fn a_domain_that_stopped_still_exists() {
        let host = Host::new(CONTROL);
        host.create(&[DomId(9)]).unwrap();
        host.stop(DomId(9), CONTROL, Condition::Crashed).unwrap();
        assert_eq!(host.domain(DomId(9)).unwrap().condition, Condition::Crashed);
    }
}
