//! All that must be consistent or survive, as one cheap-to-clone value.

use std::sync::Arc;

use crate::acl::{Acl, AclBuf, Who};
use crate::caller::Caller;
use crate::domain::{DomId, Instance};
use crate::domains::Domains;
use crate::error::{Error, Refusal};
use crate::hash::Keys;
use crate::index::{Definitions, Indices};
use crate::path::Path;
use crate::perms::{Access, Perm};
use crate::quota::{Quota, Quotas};
use crate::record::Fire;
use crate::tree::{Found, Node, Spot, Tree};
use crate::watch::{Watch, Watches};

/// What is fixed for the life of a store.
#[derive(Debug)]
pub(crate) struct Env {
    pub(crate) keys: Keys,
    pub(crate) definitions: Definitions,
    /// The control domain beside dom0 (`--priv-domid`); dom0 where there is none.
    pub(crate) control: DomId,
    /// Features of a domain for which SET_FEATURE set none.
    pub(crate) features: u32,
    /// Whether the nodes of a domain that dies stay, as the control domain's (`-K`).
    pub(crate) keep_orphans: bool,
}

/// The special nodes that have permissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Special {
    /// `@introduceDomain`.
    IntroduceDomain,
    /// `@releaseDomain`.
    ReleaseDomain,
}

impl Special {
    /// Its name, with the `@`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Special::IntroduceDomain => "@introduceDomain",
            Special::ReleaseDomain => "@releaseDomain",
        }
    }

    /// The special node of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Special> {
        [Special::IntroduceDomain, Special::ReleaseDomain].into_iter().find(|s| s.name() == name)
    }
}

/// The contents of a version.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) tree: Tree,
    pub(crate) domains: Domains,
    pub(crate) watches: Watches,
    pub(crate) indices: Indices,
    pub(crate) quotas: Arc<Quotas>,
    pub(crate) specials: Arc<[AclBuf; 2]>,
    /// The last request that changed anything.
    pub(crate) generation: u64,
    /// The order that the next new node gets among its siblings.
    pub(crate) next_order: u64,
    pub(crate) next_instance: u64,
    /// Bytes that commits have replaced since the store was made.
    pub(crate) retired: u64,
}

/// What a caller must be allowed to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Want {
    pub(crate) access: Access,
    pub(crate) owner: bool,
}

impl Want {
    pub(crate) const READ: Want = Want { access: Access::Read, owner: false };
    pub(crate) const WRITE: Want = Want { access: Access::Write, owner: false };
    pub(crate) const OWN: Want = Want { access: Access::Write, owner: true };
}

/// Where an operation lands, its permission checked.
pub(crate) enum Place<'s> {
    Node(Node<'s>),
    Missing { nearest: Node<'s>, bytes: usize, spot: Option<Spot> },
}

impl State {
    pub(crate) fn new(quotas: Quotas) -> State {
        let root = AclBuf::owned_by_control(Access::None);
        let control = root.as_acl().owner();
        let everyone =
            crate::acl::Entry { access: Access::Read, domid: DomId::ANY, instance: Instance::ANY };
        let specials = Arc::new([root.clone(), AclBuf::new([control, everyone])]);
        State {
            tree: Tree::new(root.as_acl(), 0),
            // The root and the two special nodes, as C counts them.
            domains: Domains::with_control_nodes(3),
            watches: Watches::default(),
            indices: Indices::default(),
            quotas: Arc::new(quotas),
            specials,
            generation: 0,
            next_order: 1,
            next_instance: Instance::FIRST_FREE,
            retired: 0,
        }
    }

    /// A caller as permissions see it. A guest of an earlier life is nobody.
    pub(crate) fn who(&self, env: &Env, caller: &Caller) -> Who {
        let Caller::Guest { domid, instance } = *caller else { return Who::Control };
        let nobody = Who::Guest { instance: Instance::NONE, target: Instance::NONE };
        let Some(domain) = self.domains.living(&env.keys, domid, instance) else { return nobody };
        let living = |(domid, life): &(DomId, Instance)| self.instance(env, *domid) == Some(*life);
        let target = domain.target.filter(living).map_or(Instance::NONE, |t| t.1);
        // A target's access is shared, its privilege is not.
        let target = if target == Instance::CONTROL { Instance::NONE } else { target };
        Who::Guest { instance, target }
    }

    /// The life of a domain that is known.
    pub(crate) fn instance(&self, env: &Env, domid: DomId) -> Option<Instance> {
        if domid == DomId::ZERO || domid == env.control {
            return Some(Instance::CONTROL);
        }
        self.domains.get(&env.keys, domid).map(|d| d.instance)
    }

    /// Finds where an operation lands. A missing node is reported as such only to those who have
    /// some of the wanted access at its nearest ancestor; everyone else gets
    /// [`Error::AccessDenied`] (C's `errno_from_parents`).
    pub(crate) fn place(
        &self,
        env: &Env,
        who: Who,
        path: Path<'_>,
        want: Want,
    ) -> Result<Place<'_>, Error> {
        match self.tree.find(&env.keys, path) {
            Found::Node(node) => {
                if who == Who::Control {
                    return Ok(Place::Node(node));
                }
                let rights = node.acl().rights(who);
                let allowed = rights.access.includes(want.access) && (rights.owner || !want.owner);
                if allowed { Ok(Place::Node(node)) } else { Err(Error::AccessDenied) }
            }
            Found::Missing { nearest, bytes, spot } => {
                let rights = nearest.acl().rights(who);
                let some = (rights.access as u8) & (want.access as u8) != 0 || rights.owner;
                if !some {
                    return Err(Error::AccessDenied);
                }
                Ok(Place::Missing { nearest, bytes, spot })
            }
        }
    }

    /// As [`State::place`], where only an existing node will do.
    pub(crate) fn existing(
        &self,
        env: &Env,
        who: Who,
        path: Path<'_>,
        want: Want,
    ) -> Result<Node<'_>, Error> {
        match self.place(env, who, path, want)? {
            Place::Node(node) => Ok(node),
            Place::Missing { .. } => Err(Error::NotFound),
        }
    }

    /// Binds permissions to the lives of the domains that they name.
    pub(crate) fn bind(&self, env: &Env, perms: &[Perm]) -> Result<AclBuf, Error> {
        let bind = |perm: &Perm| {
            let instance = match perm.domid {
                DomId::ANY => Some(Instance::ANY),
                domid => self.instance(env, domid),
            };
            let instance = instance.unwrap_or(Instance::NONE);
            crate::acl::Entry { access: perm.access, domid: perm.domid, instance }
        };
        let owner = perms.first().ok_or(Error::InvalidValue("a permission list has an owner"))?;
        if matches!(bind(owner).instance, Instance::NONE | Instance::ANY) {
            return Err(Error::UnknownDomain(owner.domid));
        }
        Ok(AclBuf::new(perms.iter().map(bind)))
    }

    /// Refuses what would bring a guest to its quota. `used`: what it would have then.
    pub(crate) fn within(
        &self,
        env: &Env,
        caller: &Caller,
        quota: Quota,
        used: impl FnOnce(Option<&crate::domains::Domain>) -> usize,
    ) -> Result<(), Error> {
        let Some((domid, life)) = caller.guest() else { return Ok(()) };
        let domain = self.domains.living(&env.keys, domid, life);
        let limit = domain.map_or(self.quotas.get(quota), |d| d.quota(&self.quotas, quota));
        if limit != 0 && used(domain) >= limit as usize {
            return Err(Error::Quota(Refusal { domain: domid, quota, limit }));
        }
        Ok(())
    }

    /// The events of a change at `path`, for those who may know of it: who can read the node or
    /// its parent, or could before (XSA-115). `before`: the permissions that it had.
    pub(crate) fn fires(
        &self,
        env: &Env,
        path: Path<'_>,
        exact: bool,
        before: Option<&AclBuf>,
        fires: &mut Vec<Fire>,
    ) {
        if self.watches.is_empty() {
            return;
        }
        let found = self.watches.matching(&env.keys, path, exact);
        if found.is_empty() {
            return;
        }
        let node = self.tree.get(&env.keys, path);
        if node.is_none() && before.is_none() {
            return;
        }
        let parent = path.parent().and_then(|p| self.tree.get(&env.keys, p));
        let reads = |watch: Watch<'_>| {
            let who = self.who(env, &watch.caller());
            let lists = [before.map(AclBuf::as_acl), node.map(Node::acl)];
            let parents = node.and(parent).map(Node::acl);
            let mut lists = lists.into_iter().chain([parents]).flatten();
            who == Who::Control || lists.any(|l| l.rights(who).access.includes(Access::Read))
        };
        let text: Arc<str> = path.as_str().into();
        let fire = |w| if exact { Fire::watched(w) } else { Fire::changed(w, &text) };
        fires.extend(found.into_iter().filter(|w| reads(*w)).map(fire));
    }

    /// The events of a special node, for those who may read it (C's `fire_special_watches`). A
    /// watch without a depth hears of the node; one with a depth of 1 or more, or on the node of
    /// a domain, hears of that domain. `plain_first`: in which order the two kinds come.
    pub(crate) fn special_fires(
        &self,
        env: &Env,
        special: Special,
        domids: &[DomId],
        plain_first: bool,
        fires: &mut Vec<Fire>,
    ) {
        let reads = |watch: Watch<'_>| {
            let acl = self.special(special).as_acl();
            acl.rights(self.who(env, &watch.caller())).access.includes(Access::Read)
        };
        let on_node = self.watches.special(&env.keys, special.name());
        let on_node = || on_node.iter().copied();
        let plain = on_node().filter(|w| w.depth() == u32::MAX && reads(*w));
        let mut named = Vec::new();
        for domid in domids {
            let path: Arc<str> = format!("{}/{domid}", special.name()).into();
            let own = self.watches.special(&env.keys, &path);
            let deep = on_node().filter(|w| (1..u32::MAX).contains(&w.depth()));
            let both = own.iter().copied().chain(deep);
            let mut both: Vec<Watch<'_>> = both.filter(|w| reads(*w)).collect();
            both.sort_unstable_by_key(|w| w.order());
            named.extend(both.into_iter().map(|w| Fire::changed(w, &path)));
        }
        let plain = plain.map(Fire::watched);
        if plain_first {
            fires.extend(plain);
            fires.append(&mut named);
        } else {
            fires.append(&mut named);
            fires.extend(plain);
        }
    }

    /// A list as GET_PERMS shows it: without the entries of those who have died since it was set
    /// (today's C takes them out at the death). Entries for domains that were unknown even then
    /// stay, and count for nobody.
    pub(crate) fn shown(&self, env: &Env, acl: Acl<'_>) -> Vec<Perm> {
        let dead = |e: &crate::acl::Entry| {
            e.instance.0 >= Instance::FIRST_FREE
                && self.domains.living(&env.keys, e.domid, e.instance).is_none()
        };
        let owner = acl.owner();
        let control = crate::acl::Entry { domid: DomId::ZERO, ..owner };
        let first = if dead(&owner) { control } else { owner };
        let others = acl.entries().skip(1).filter(|e| !dead(e));
        let perm = |e: crate::acl::Entry| Perm { access: e.access, domid: e.domid };
        std::iter::once(first).chain(others).map(perm).collect()
    }

    /// The events of index keys whose matches have changed: for the control domain's eyes.
    pub(crate) fn index_fires(&mut self, env: &Env, fires: &mut Vec<Fire>) {
        for (index, key) in self.indices.take_changed() {
            let Some(name) = env.definitions.names().nth(usize::from(index)) else { continue };
            let path: Arc<str> = format!("{}/{name}/{key}", crate::virt::ROOT).into();
            let found = self.watches.matching(&env.keys, Path::trusted(&path), false);
            // The reserved root is no part of what a watch of `/` sees.
            let below = |w: &Watch<'_>| w.path().starts_with(crate::virt::ROOT);
            let found = found.into_iter().filter(|w| w.caller() == Caller::Control).filter(below);
            fires.extend(found.map(|w| Fire::changed(w, &path)));
        }
    }

    pub(crate) fn put_special(&mut self, special: Special, list: AclBuf) {
        let [introduce, release] = Arc::make_mut(&mut self.specials);
        match special {
            Special::IntroduceDomain => *introduce = list,
            Special::ReleaseDomain => *release = list,
        }
    }

    pub(crate) fn special(&self, special: Special) -> &AclBuf {
        let [introduce, release] = &*self.specials;
        match special {
            Special::IntroduceDomain => introduce,
            Special::ReleaseDomain => release,
        }
    }
}
