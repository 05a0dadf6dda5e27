//! Domains coming and going, and what each has.

use std::collections::BTreeMap;

use myriad_core::{Caller, DomId, Error, Instance, Quota, Seat, Special};

use super::quota::{node_bytes, watch_bytes};
use super::{Entry, Model, Watch, parent};

/// A domain in one of its lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain {
    /// Its id.
    pub domid: DomId,
    /// Its life.
    pub life: Instance,
    /// Whether INTRODUCE named it, and RELEASE has not since.
    pub introduced: bool,
    /// Whether it has been seen to have shut down.
    pub shutdown: bool,
    /// The domain that it serves, in which of its lives.
    pub target: Option<(DomId, Instance)>,
    /// Feature bits that were set for it.
    pub features: Option<u32>,
    /// What its host has told of it.
    pub seat: Seat,
    /// Quotas of its own.
    pub quotas: BTreeMap<Quota, u32>,
}

/// What a domain has, counted afresh.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Nodes that it owns.
    pub nodes: usize,
    /// Watches that it has registered.
    pub watches: usize,
    /// Bytes of both, as the quota `memory` counts them.
    pub memory: i64,
}

impl Model {
    /// The domains that are known, by id.
    pub fn domains(&self) -> impl Iterator<Item = &Domain> {
        self.domains.values()
    }

    /// What a domain has. Of the control domain's only nodes are counted, with the two special
    /// ones.
    #[must_use]
    pub fn usage(&self, domid: DomId) -> Usage {
        let Some(life) = self.life(domid) else { return Usage::default() };
        let own = || self.nodes.iter().filter(|(_, node)| node.owner().life == life);
        if life == Instance::CONTROL {
            return Usage { nodes: own().count() + self.specials.len(), ..Usage::default() };
        }
        let is = |w: &&Watch| w.caller == Caller::Guest { domid, instance: life };
        let watches = || self.watches.iter().filter(is);
        let of_nodes: i64 = own().map(|(path, node)| node_bytes(path, node)).sum();
        let of_watches: i64 = watches().map(|w| watch_bytes(&w.path, &w.token)).sum();
        let (nodes, watches) = (own().count(), watches().count());
        Usage { nodes, watches, memory: of_nodes + of_watches }
    }

    /// A domain that the host has: the life that it is in, which begins here where it isn't known.
    pub fn know_domain(&mut self, domid: DomId) -> Instance {
        if !self.domains.contains_key(&domid) {
            self.changed();
        }
        self.know(domid)
    }

    /// Keeps what the host tells of a domain that is known.
    pub fn seat(&mut self, domid: DomId, seat: Seat) {
        if let Some(domain) = self.domains.get_mut(&domid).filter(|domain| domain.seat != seat) {
            domain.seat = seat;
            self.changed();
        }
    }

    /// INTRODUCE; true where that is news. The control domain is announced to nobody.
    pub fn introduce(&mut self, domid: DomId) -> bool {
        let life = self.know(domid);
        let Some(domain) = self.domains.get_mut(&domid).filter(|domain| !domain.introduced) else {
            return false;
        };
        (domain.introduced, domain.shutdown) = (true, false);
        if life != Instance::CONTROL {
            self.fire_special(Special::IntroduceDomain, &[domid], true);
        }
        self.changed();
        true
    }

    /// RELEASE, or the death of a domain: what it owns goes with all below it, or to the control
    /// domain where orphans are kept. The root can't go.
    ///
    /// # Errors
    /// [`Error::UnknownDomain`].
    pub fn release(&mut self, domid: DomId) -> Result<(), Error> {
        let life = self.domains.get(&domid).ok_or(Error::UnknownDomain(domid))?.life;
        loop {
            let owned = self.topmost(life);
            if owned.is_empty() {
                break;
            }
            for path in owned {
                self.bury(&path, life);
            }
        }
        let gone = self.domains.remove(&domid);
        if gone.is_some_and(|domain| domain.introduced) {
            self.fire_special(Special::ReleaseDomain, &[domid], true);
        }
        self.changed();
        Ok(())
    }

    /// Domains have shut down; true where that is news of one that is introduced.
    pub fn shutdown(&mut self, domids: &[DomId]) -> bool {
        let mut news = Vec::new();
        for domid in domids {
            let is = |domain: &&mut Domain| domain.introduced && !domain.shutdown;
            if let Some(domain) = self.domains.get_mut(domid).filter(is) {
                domain.shutdown = true;
                news.push(*domid);
            }
        }
        if !news.is_empty() {
            self.fire_special(Special::ReleaseDomain, &news, false);
            self.changed();
        }
        !news.is_empty()
    }

    /// RESUME.
    ///
    /// # Errors
    /// [`Error::UnknownDomain`] for one that is not introduced.
    pub fn resume(&mut self, domid: DomId) -> Result<(), Error> {
        self.introduced(domid)?.shutdown = false;
        self.changed();
        Ok(())
    }

    /// SET_TARGET.
    ///
    /// # Errors
    /// As for [`Model::resume`].
    pub fn set_target(&mut self, domid: DomId, target: DomId) -> Result<(), Error> {
        self.introduced(domid)?;
        let life = self.introduced(target)?.life;
        self.introduced(domid)?.target = Some((target, life));
        self.changed();
        Ok(())
    }

    /// SET_FEATURE.
    ///
    /// # Errors
    /// [`Error::UnknownDomain`].
    pub fn set_features(&mut self, domid: DomId, features: u32) -> Result<(), Error> {
        let unknown = Error::UnknownDomain(domid);
        self.domains.get_mut(&domid).ok_or(unknown)?.features = Some(features);
        self.changed();
        Ok(())
    }

    /// SET_QUOTA: a domain's, or for all that have none of their own.
    ///
    /// # Errors
    /// [`Error::UnknownDomain`].
    pub fn set_quota(
        &mut self,
        domid: Option<DomId>,
        quota: Quota,
        value: u32,
    ) -> Result<(), Error> {
        match domid {
            None => self.quotas.set(quota, value),
            Some(domid) => {
                let domain = self.domains.get_mut(&domid).ok_or(Error::UnknownDomain(domid))?;
                domain.quotas.insert(quota, value);
            }
        }
        self.changed();
        Ok(())
    }

    /// The domain in this life is known from now on.
    pub(super) fn add_domain(&mut self, domid: DomId, life: Instance) {
        let (introduced, shutdown, target, features) = (false, false, None, None);
        let (seat, quotas) = (Seat::default(), BTreeMap::new());
        let domain = Domain { domid, life, introduced, shutdown, target, features, seat, quotas };
        self.domains.insert(domid, domain);
    }

    fn know(&mut self, domid: DomId) -> Instance {
        if let Some(domain) = self.domains.get(&domid) {
            return domain.life;
        }
        let life = self.life(domid).unwrap_or_else(|| {
            self.next_life += 1;
            Instance::from_number(self.next_life - 1)
        });
        self.add_domain(domid, life);
        life
    }

    fn introduced(&mut self, domid: DomId) -> Result<&mut Domain, Error> {
        let domain = self.domains.get_mut(&domid).filter(|domain| domain.introduced);
        domain.ok_or(Error::UnknownDomain(domid))
    }

    /// The nodes of a guest whose parent has another owner, as a walk in order of creation meets
    /// them.
    fn topmost(&self, life: Instance) -> Vec<String> {
        let owner = |path: &str| self.nodes.get(path).map(|node| node.owner().life);
        let is =
            |path: &&str| owner(path) == Some(life) && parent(path).and_then(owner) != Some(life);
        if life == Instance::CONTROL {
            return Vec::new();
        }
        self.walk("/").into_iter().filter(|path| is(&path.as_str())).collect()
    }

    fn bury(&mut self, path: &str, life: Instance) {
        let Some(node) = self.nodes.get(path).filter(|node| node.owner().life == life) else {
            return;
        };
        if path != "/" && !self.keep_orphans {
            return self.remove(path);
        }
        let mut list = node.list.clone();
        if let Some(first) = list.first_mut() {
            *first = Entry::new(first.access, self.control, Instance::CONTROL);
        }
        self.put_list(path, list);
    }

    /// A node and all below it: parents before children, siblings in order of creation.
    pub(super) fn walk(&self, top: &str) -> Vec<String> {
        let (mut stack, mut met) = (vec![top], Vec::new());
        while let Some(at) = stack.pop() {
            stack.extend(self.children(at).into_iter().rev());
            met.push(at.to_owned());
        }
        met
    }
}
