//! The host below the store: which domains exist, and how they are reached.
//!
//! The store learns of domains from its clients; whether they exist, live or have shut down only
//! the hypervisor can say. This is the seam for it: [`crate::sim::Host`] is a host without Xen,
//! and [`crate::xen::XenHost`] the real one.

use myriad_core::DomId;

/// What a hypervisor says of a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DomainState {
    /// Never used again, while the domain id is (`XEN_DOMCTL_get_domain_state`).
    pub unique_id: u64,
    /// How it is.
    pub condition: Condition,
}

/// How a domain is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It runs.
    Running,
    /// It has shut down: `@releaseDomain` fires, its nodes stay.
    Shutdown,
    /// It has crashed: as a shutdown, with another reason.
    Crashed,
}

/// A host that runs domains.
pub trait Hypervisor: Send + Sync {
    /// The domain of an id, where one exists.
    ///
    /// Asked when a domain is introduced, and when a permission names one that the store doesn't
    /// know: toolstacks write a domain's nodes before they introduce it.
    fn domain(&self, domid: DomId) -> Option<DomainState>;
}
