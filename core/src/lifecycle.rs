//! Domains coming and going, and their quotas: the operations beside the tree.

use std::sync::Arc;

use crate::acl::AclBuf;
use crate::caller::Caller;
use crate::delta::DomainChange;
use crate::domain::{DomId, Instance};
use crate::domains::{Domain, Seat};
use crate::error::Error;
use crate::path::Path;
use crate::perms::Perm;
use crate::quota::Quota;
use crate::state::{Env, Special, Want};
use crate::work::Work;

impl Work {
    /// Sets the permissions of a special node.
    pub(crate) fn set_special_perms(
        &mut self,
        env: &Env,
        caller: &Caller,
        node: Special,
        perms: &[Perm],
    ) -> Result<(), Error> {
        self.state.within(env, caller, Quota::NodePermissions, |_| perms.len())?;
        let list = self.state.bind(env, perms)?;
        let rights = self.state.special(node).as_acl().rights(self.state.who(env, caller));
        if !rights.owner || !rights.access.includes(Want::OWN.access) {
            return Err(Error::AccessDenied);
        }
        let owner = self.state.special(node).as_acl().owner().domid;
        if caller.guest().is_some() && list.as_acl().owner().domid != owner {
            return Err(Error::OwnerChange);
        }
        self.delta.special(node, list.as_acl());
        self.state.put_special(node, list);
        self.dirty = true;
        Ok(())
    }

    /// The current life of a domain, which begins here where it wasn't known.
    pub(crate) fn know_domain(&mut self, env: &Env, domid: DomId) -> Instance {
        if let Some(domain) = self.state.domains.get(&env.keys, domid) {
            return domain.instance;
        }
        let instance = match self.state.instance(env, domid) {
            Some(control) => control,
            None => {
                self.state.next_instance += 1;
                Instance(self.state.next_instance - 1)
            }
        };
        self.state.domains.add(&env.keys, domid, instance);
        self.delta.domain(domid, DomainChange::Known(instance));
        self.dirty = true;
        instance
    }

    /// Keeps what the host tells of a domain.
    pub(crate) fn seat(&mut self, env: &Env, domid: DomId, seat: Seat) {
        if let Some(domain) = self.state.domains.get_mut(&env.keys, domid)
            && domain.seat != seat
        {
            domain.seat = seat;
            self.delta.domain(domid, DomainChange::Seat(seat));
            self.dirty = true;
        }
    }

    /// A domain is introduced; true where it wasn't yet.
    pub(crate) fn introduce(&mut self, env: &Env, domid: DomId) -> bool {
        let instance = self.know_domain(env, domid);
        let Some(domain) = self.state.domains.get_mut(&env.keys, domid) else { return false };
        if std::mem::replace(&mut domain.introduced, true) {
            return false;
        }
        domain.shutdown = false;
        self.delta.domain(domid, DomainChange::Introduced);
        self.dirty = true;
        if instance != Instance::CONTROL {
            self.state.special_fires(
                env,
                Special::IntroduceDomain,
                &[domid],
                true,
                &mut self.fires,
            );
        }
        true
    }

    /// Which life of a domain this is, where it is known.
    pub(crate) fn life(&self, env: &Env, domid: DomId) -> Option<Instance> {
        self.state.domains.get(&env.keys, domid).map(|domain| domain.instance)
    }

    /// A domain is gone: its nodes go with all below them (XSA-322) or, with `keep_orphans`, to
    /// the control domain; its entries count for
    /// nobody from now on, and those who watch for it are told.
    pub(crate) fn release(&mut self, env: &Env, domid: DomId) -> Result<(), Error> {
        let unknown = Error::UnknownDomain(domid);
        let domain = self.state.domains.get(&env.keys, domid).ok_or(unknown)?.clone();
        // Ends: each round removes what is owned, or makes the root the control domain's.
        loop {
            // What a round has changed may be open (O2).
            self.state.tree.close();
            let owned = self.owned_in_order(env, domid);
            if owned.is_empty() {
                break;
            }
            for path in owned {
                self.bury(env, Path::trusted(&path), domain.instance)?;
            }
        }
        self.state.domains.remove(&env.keys, domid);
        self.delta.domain(domid, DomainChange::Gone);
        self.dirty = true;
        if domain.introduced {
            self.state.special_fires(env, Special::ReleaseDomain, &[domid], true, &mut self.fires);
        }
        Ok(())
    }

    /// The topmost nodes that a domain owns, as a walk in order of creation meets them.
    fn owned_in_order(&self, env: &Env, domid: DomId) -> Vec<String> {
        let owned = self.state.domains.get(&env.keys, domid).into_iter();
        let mut ranked: Vec<(Vec<u64>, String)> = owned
            .flat_map(|d| d.owned.iter())
            .map(|p| (self.state.tree.rank(&env.keys, Path::trusted(p.as_str())), p))
            .map(|(rank, p)| (rank, p.as_str().to_owned()))
            .collect();
        ranked.sort_unstable();
        ranked.into_iter().map(|(_, path)| path).collect()
    }

    /// Removes what a dying domain owns. The root stays, and goes to the control domain; with
    /// `keep_orphans` all else does so too, without an event (C's `domain_tree_remove_sub`): what
    /// it owns below is topmost then.
    fn bury(&mut self, env: &Env, path: Path<'_>, life: Instance) -> Result<(), Error> {
        let Some(node) = self.state.tree.get(&env.keys, path) else { return Ok(()) };
        let before = node.acl().to_buf();
        if before.as_acl().owner().instance != life {
            return Ok(());
        }
        if !path.is_root() && !env.keep_orphans {
            return self.remove(env, path);
        }
        let control = Some((env.control, Instance::CONTROL));
        let list = AclBuf::inherited(before.as_acl(), control);
        self.state.set_acl(env, path, &before, &list);
        self.delta.perms(path.as_str(), list.as_acl());
        Ok(())
    }

    /// Domains have shut down; true where that is news of any that is introduced. One event for
    /// all of them (a plain `@releaseDomain` watch gets one per scan, as in C).
    pub(crate) fn shutdown(&mut self, env: &Env, domids: &[DomId]) -> bool {
        let mut news = Vec::new();
        for domid in domids {
            let known = self.state.domains.get(&env.keys, *domid);
            if !known.is_some_and(|d| d.introduced && !d.shutdown) {
                continue;
            }
            if let Some(domain) = self.state.domains.get_mut(&env.keys, *domid) {
                domain.shutdown = true;
                self.delta.domain(*domid, DomainChange::Shutdown);
                news.push(*domid);
            }
        }
        if news.is_empty() {
            return false;
        }
        self.dirty = true;
        self.state.special_fires(env, Special::ReleaseDomain, &news, false, &mut self.fires);
        true
    }

    /// A domain's shutdown is no longer seen.
    pub(crate) fn resume(&mut self, env: &Env, domid: DomId) -> Result<(), Error> {
        self.introduced(env, domid)?.shutdown = false;
        self.delta.domain(domid, DomainChange::Resumed);
        Ok(())
    }

    /// A stub domain gets its target's access.
    pub(crate) fn set_target(
        &mut self,
        env: &Env,
        domid: DomId,
        target: DomId,
    ) -> Result<(), Error> {
        self.introduced(env, domid)?;
        let instance = self.introduced(env, target)?.instance;
        self.introduced(env, domid)?.target = Some((target, instance));
        self.delta.domain(domid, DomainChange::Target(target, instance));
        Ok(())
    }

    /// Sets the features of a domain.
    pub(crate) fn set_features(
        &mut self,
        env: &Env,
        domid: DomId,
        features: u32,
    ) -> Result<(), Error> {
        self.known(env, domid)?.features = Some(features);
        self.delta.domain(domid, DomainChange::Features(features));
        Ok(())
    }

    /// Sets a quota: of a domain, or the global one.
    pub(crate) fn set_quota(
        &mut self,
        env: &Env,
        domid: Option<DomId>,
        quota: Quota,
        value: u32,
    ) -> Result<(), Error> {
        if let Some(domid) = domid {
            self.known(env, domid)?;
        }
        self.dirty = true;
        self.delta.quota(domid, quota, value);
        let Some(domid) = domid else {
            Arc::make_mut(&mut self.state.quotas).set(quota, value);
            return Ok(());
        };
        self.known(env, domid)?.set_quota(quota, value);
        Ok(())
    }

    fn known(&mut self, env: &Env, domid: DomId) -> Result<&mut Domain, Error> {
        let unknown = Error::UnknownDomain(domid);
        self.state.domains.get(&env.keys, domid).ok_or(unknown.clone())?;
        self.dirty = true;
        self.state.domains.get_mut(&env.keys, domid).ok_or(unknown)
    }

    fn introduced(&mut self, env: &Env, domid: DomId) -> Result<&mut Domain, Error> {
        let domain = self.known(env, domid)?;
        if domain.introduced { Ok(domain) } else { Err(Error::UnknownDomain(domid)) }
    }
}
