//! What a guest may use: each refusal as C words it, *at* the value of a quota.

use myriad_core::limits::{NODE_HEAD_BYTES, PERM_BYTES, WATCH_HEAD_BYTES};
use myriad_core::{Caller, DomId, Error, Instance, Quota, Refusal};

use super::node::leaf;
use super::{Entry, Model, Node};

impl Model {
    /// The value of a quota for a domain: its own where one was set, else the global one.
    #[must_use]
    pub fn quota(&self, domid: DomId, quota: Quota) -> u32 {
        let own = self.domains.get(&domid).and_then(|d| d.quotas.get(&quota).copied());
        own.unwrap_or_else(|| self.quotas.get(quota))
    }

    /// Refuses a guest that would have `used` of something then. The control domain is bounded by
    /// nothing, and a dead guest by what holds for all.
    pub(super) fn bounded(&self, caller: &Caller, quota: Quota, used: usize) -> Result<(), Error> {
        let Some((domain, life)) = caller.guest() else { return Ok(()) };
        let limit = match self.living(domain, life) {
            Some(_) => self.quota(domain, quota),
            None => self.quotas.get(quota),
        };
        let refused = limit != 0 && bytes(used) >= i64::from(limit);
        if refused { Err(Error::Quota(Refusal { domain, quota, limit })) } else { Ok(()) }
    }

    /// Refuses a guest's request that would bring `payer` to its quota `memory` by taking `more`.
    pub(super) fn afford(&self, caller: &Caller, payer: Entry, more: i64) -> Result<(), Error> {
        let Some(domain) = self.living(payer.domid, payer.life) else { return Ok(()) };
        if caller.guest().is_none() || payer.life == Instance::CONTROL || more <= 0 {
            return Ok(());
        }
        let (domid, quota) = (payer.domid, Quota::Memory);
        let limit = self.quota(domid, quota);
        let used = self.usage(domain.domid).memory + more;
        if limit == 0 || used < i64::from(limit) {
            return Ok(());
        }
        Err(Error::OutOfMemory(Refusal { domain: domid, quota, limit }))
    }
}

/// Bytes of a node as the quota `node-size` counts them.
pub(super) fn size(entries: usize, value: &[u8]) -> usize {
    NODE_HEAD_BYTES + PERM_BYTES * entries + value.len()
}

/// Bytes of a node as the quota `memory` counts them: a head, the path, its name with a NUL in the
/// list of its parent, the permissions and the value.
pub(super) fn node_bytes(path: &str, node: &Node) -> i64 {
    new_bytes(path, node.list.len(), &node.value)
}

/// The same of a node that has so many permissions and this value.
pub(super) fn new_bytes(path: &str, entries: usize, value: &[u8]) -> i64 {
    bytes(NODE_HEAD_BYTES + path.len() + leaf(path).len() + 1 + PERM_BYTES * entries + value.len())
}

/// Bytes of a watch as the quota `memory` counts them.
pub(super) fn watch_bytes(path: &str, token: &[u8]) -> i64 {
    bytes(WATCH_HEAD_BYTES + path.len() + token.len())
}

pub(super) fn bytes(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
