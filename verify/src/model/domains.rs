//! Domains coming and going, and what each has.

use std::collections::BTreeMap;

use myriad_core::{DomId, Error, Instance, Quota};

use super::quota::node_bytes;
use super::{Entry, Model, parent};

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
        let memory = own().map(|(path, node)| node_bytes(path, node)).sum();
        Usage { nodes: own().count(), watches: 0, memory }
    }

    /// A domain that the host has: the life that it is in, which begins here where it isn't known.
    pub fn know_domain(&mut self, domid: DomId) -> Instance {
        if let Some(domain) = self.domains.get(&domid) {
            return domain.life;
        }
        let life = self.life(domid).unwrap_or_else(|| {
            self.next_life += 1;
            Instance::from_number(self.next_life - 1)
        });
        let (introduced, shutdown, target, features) = (false, false, None, None);
        let quotas = BTreeMap::new();
        let domain = Domain { domid, life, introduced, shutdown, target, features, quotas };
        self.domains.insert(domid, domain);
        self.changed();
        life
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
        self.domains.remove(&domid);
        self.changed();
        Ok(())
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
