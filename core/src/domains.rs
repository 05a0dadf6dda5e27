//! The domains of a version: who lives, what each has, and what each may use.

use std::sync::Arc;

use triomphe::{Arc as Thin, HeaderSlice};

use crate::domain::{DomId, Instance};
use crate::hash::{Hash, Keys};
use crate::path::Path;
use crate::quota::{Quota, Quotas};
use crate::trie::{Entry, Trie};

/// A domain in one of its lives.
#[derive(Clone, Debug)]
pub(crate) struct Domain {
    hash: Hash,
    pub(crate) domid: DomId,
    pub(crate) instance: Instance,
    pub(crate) introduced: bool,
    pub(crate) shutdown: bool,
    pub(crate) target: Option<(DomId, Instance)>,
    pub(crate) features: Option<u32>,
    pub(crate) seat: Seat,
    /// Nodes that it owns.
    pub(crate) nodes: u32,
    pub(crate) watches: u32,
    /// Bytes of those nodes and watches.
    pub(crate) memory: u64,
    /// Its own quotas, where SET_QUOTA gave it any.
    quotas: Option<Arc<OwnQuotas>>,
    /// The topmost nodes that it owns: those whose parent has another owner.
    pub(crate) owned: Trie<OwnedPath>,
}

impl Entry for Arc<Domain> {
    fn hash(&self) -> Hash {
        self.hash
    }
}

/// A path in an ownership index.
#[derive(Clone, Debug)]
pub(crate) struct OwnedPath(Thin<HeaderSlice<Hash, [u8]>>);

impl Entry for OwnedPath {
    fn hash(&self) -> Hash {
        self.0.header
    }
}

impl OwnedPath {
    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0.slice).unwrap_or_default()
    }
}

/// All domains that are known: introduced, or named in a permission while the hypervisor has them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Domains {
    table: Trie<Arc<Domain>>,
    /// Nodes that the control domain owns.
    pub(crate) control_nodes: u64,
}

impl Domains {
    /// No domains; the control domain owns so many nodes.
    pub(crate) fn with_control_nodes(control_nodes: u64) -> Domains {
        Domains { table: Trie::default(), control_nodes }
    }

    pub(crate) fn get(&self, keys: &Keys, domid: DomId) -> Option<&Arc<Domain>> {
        self.table.get(keys.number(domid.0.into()), |d| d.domid == domid)
    }

    pub(crate) fn get_mut(&mut self, keys: &Keys, domid: DomId) -> Option<&mut Domain> {
        let found = self.table.get_mut(keys.number(domid.0.into()), |d| d.domid == domid)?;
        Some(Arc::make_mut(found))
    }

    /// The domain, if it is still in this life.
    pub(crate) fn living(&self, keys: &Keys, domid: DomId, life: Instance) -> Option<&Domain> {
        self.get(keys, domid).map(Arc::as_ref).filter(|d| d.instance == life)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Domain> {
        self.table.iter().map(Arc::as_ref)
    }

    /// Adds a domain that isn't known yet.
    pub(crate) fn add(&mut self, keys: &Keys, domid: DomId, instance: Instance) {
        self.table.insert(Arc::new(Domain {
            hash: keys.number(domid.0.into()),
            domid,
            instance,
            introduced: false,
            shutdown: false,
            target: None,
            features: None,
            seat: Seat::default(),
            nodes: 0,
            watches: 0,
            memory: 0,
            quotas: None,
            owned: Trie::default(),
        }));
    }

    pub(crate) fn remove(&mut self, keys: &Keys, domid: DomId) -> Option<Arc<Domain>> {
        self.table.remove(keys.number(domid.0.into()), |d| d.domid == domid)
    }

    /// Counts nodes that their owner got or lost, and their bytes, which for the control domain
    /// need not be known. Nodes of the dead belong to nobody's account.
    pub(crate) fn count_nodes(
        &mut self,
        keys: &Keys,
        owner: (DomId, Instance),
        (change, bytes): (i64, i64),
    ) {
        if owner.1 == Instance::CONTROL {
            self.control_nodes = self.control_nodes.saturating_add_signed(change);
            return;
        }
        if self.living(keys, owner.0, owner.1).is_none() {
            return;
        }
        if let Some(domain) = self.get_mut(keys, owner.0) {
            let count = i64::from(domain.nodes).saturating_add(change);
            domain.nodes = u32::try_from(count).unwrap_or(0);
            domain.memory = domain.memory.saturating_add_signed(bytes);
        }
    }

    /// Notes or forgets a node whose owner differs from its parent's.
    pub(crate) fn note_owned(
        &mut self,
        keys: &Keys,
        owner: (DomId, Instance),
        path: Path<'_>,
        there: bool,
    ) {
        if owner.1 == Instance::CONTROL || self.living(keys, owner.0, owner.1).is_none() {
            return;
        }
        let hash = keys.path(path);
        let is = |p: &OwnedPath| p.as_str() == path.as_str();
        let Some(domain) = self.get_mut(keys, owner.0) else { return };
        if !there {
            domain.owned.remove(hash, is);
        } else if domain.owned.get(hash, is).is_none() {
            let bytes = path.as_str().as_bytes();
            domain.owned.insert(OwnedPath(Thin::from_header_and_slice(hash, bytes)));
        }
    }
}

/// The quotas that were set for one domain.
type OwnQuotas = [Option<u32>; Quota::ALL.len()];

impl Domain {
    /// The domain's value of a quota, or the global one.
    pub(crate) fn quota(&self, global: &Quotas, quota: Quota) -> u32 {
        self.own_quota(quota).unwrap_or_else(|| global.get(quota))
    }

    /// The domain's own value of a quota, where it has one.
    pub(crate) fn own_quota(&self, quota: Quota) -> Option<u32> {
        self.quotas.as_ref().and_then(|q| q.get(quota as usize).copied().flatten())
    }

    pub(crate) fn set_quota(&mut self, quota: Quota, value: u32) {
        let own = self.quotas.get_or_insert_with(Default::default);
        if let Some(slot) = Arc::make_mut(own).get_mut(quota as usize) {
            *slot = Some(value);
        }
    }

    /// How the outside sees it.
    pub(crate) fn info(&self, global: &Quotas, default_features: u32) -> DomainInfo {
        let mut quotas = *global;
        Quota::ALL.into_iter().for_each(|q| quotas.set(q, self.quota(global, q)));
        DomainInfo {
            domid: self.domid,
            instance: self.instance,
            introduced: self.introduced,
            shutdown_seen: self.shutdown,
            target: self.target.map(|t| t.0),
            features: self.features.unwrap_or(default_features),
            seat: self.seat,
            nodes: self.nodes,
            watches: self.watches,
            memory: self.memory,
            quotas,
        }
    }
}

/// What a host tells of a domain, for itself to find it again after a crash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seat {
    /// Which of those that had its id it is; 0: not known.
    pub unique_id: u64,
    /// Its event channel port, as INTRODUCE named it.
    pub port: u32,
}

/// What a version knows of a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainInfo {
    /// Its id.
    pub domid: DomId,
    /// Its life.
    pub instance: Instance,
    /// Whether INTRODUCE named it (and RELEASE has not, since).
    pub introduced: bool,
    /// Whether its shutdown has been announced by `@releaseDomain`.
    pub shutdown_seen: bool,
    /// The domain that it serves (SET_TARGET).
    pub target: Option<DomId>,
    /// Feature bits of its ring page.
    pub features: u32,
    /// What its host has told of it.
    pub seat: Seat,
    /// Nodes that it owns.
    pub nodes: u32,
    /// Watches that it has registered.
    pub watches: u32,
    /// Bytes of its nodes and watches, as the quota `memory` counts them (C's
    /// `domain_memory_add`; XSA-326): of a node its path, its entry among its siblings, its
    /// permissions, its value and [`crate::limits::NODE_HEAD_BYTES`], nearly as C counts them; of
    /// a watch its path, its token and [`crate::limits::WATCH_HEAD_BYTES`]. 0 for the control
    /// domain, whose bytes nothing limits. What waits to be sent to it is its connection's to
    /// count.
    pub memory: u64,
    /// Its own quotas where set, else the global ones.
    pub quotas: Quotas,
}
