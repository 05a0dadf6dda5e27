//! A version in the making: the operations on the tree, each applied whole or not at all.

use crate::acl::{AclBuf, Who};
use crate::caller::Caller;
use crate::delta::Delta;
use crate::domain::{DomId, Instance};
use crate::error::{Error, Refusal};
use crate::footprint::Footprint;
use crate::limits::{ACL_ENTRIES, NODE_HEAD_BYTES, PERM_BYTES, TRANSACTION_ENTRIES, VALUE_BYTES};
use crate::origin::Origin;
use crate::path::{Path, split_first};
use crate::perms::Perm;
use crate::quota::Quota;
use crate::record::Fire;
use crate::state::{Env, Place, State, Want};
use crate::tree::{Found, Node, Part, Spot, Walk};
use crate::virt;

/// A state being changed, and what has happened to it.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) state: State,
    pub(crate) delta: Delta,
    /// The request, or the first of several.
    pub(crate) origin: Origin,
    pub(crate) fires: Vec<Fire>,
    pub(crate) author: Caller,
    /// Whether anything changed since the base.
    pub(crate) dirty: bool,
    /// In a transaction.
    pub(crate) tx: Option<Box<Tx>>,
}

/// What nodes that are made have in common.
#[derive(Debug)]
pub(crate) struct Birth {
    /// How much of their paths is the nearest ancestor's, and who owns that.
    bytes: usize,
    above: Instance,
    pub(crate) owner: (DomId, Instance),
    /// Permissions of each; not counted for the control domain.
    pub(crate) entries: usize,
    /// Their permissions; those of the node at whose spot they are made need no copy.
    pub(crate) list: Result<Spot, AclBuf>,
}

impl Birth {
    fn new(
        caller: &Caller,
        nearest: Node<'_>,
        bytes: usize,
        spot: Option<Spot>,
        delta: &mut Delta,
    ) -> Birth {
        let acl = nearest.acl();
        let above = (acl.owner().domid, acl.owner().instance);
        let guest = caller.guest();
        let owner = guest.unwrap_or(above);
        let counted = owner.1 != Instance::CONTROL;
        let entries = if counted { acl.entries().count() } else { 0 };
        let spot = spot.filter(|_| owner == above);
        let list = spot.ok_or_else(|| AclBuf::inherited(acl, guest));
        delta.list(list.as_ref().map_or_else(AclBuf::as_acl, |_| acl));
        Birth { bytes, above: above.1, owner, entries, list }
    }
}

impl Birth {
    /// For one node with just these permissions.
    pub(crate) fn again(list: crate::acl::Acl<'_>) -> Birth {
        let owner = (list.owner().domid, list.owner().instance);
        let entries = list.entries().count();
        Birth { bytes: 0, above: Instance::NONE, owner, entries, list: Err(list.to_buf()) }
    }
}

/// What a transaction keeps beside its state.
#[derive(Debug)]
pub(crate) struct Tx {
    pub(crate) base: State,
    pub(crate) footprint: Footprint,
    /// The quota `transaction-nodes`; 0: none.
    pub(crate) max_nodes: u32,
    pub(crate) poisoned: bool,
    /// Its effects are run again: all that they touch is known, and their facts hold.
    pub(crate) again: bool,
}

impl Work {
    /// Work on top of a state; what it changes gets the next generation.
    pub(crate) fn new(base: &State) -> Work {
        let mut state = base.clone();
        state.generation += 1;
        Work {
            state,
            delta: Delta::default(),
            origin: Origin::default(),
            fires: Vec::new(),
            author: Caller::Control,
            dirty: false,
            tx: None,
        }
    }

    /// The next request of the same publication: its changes are newer than all before.
    pub(crate) fn next_request(&mut self, origin: &Origin) {
        self.state.generation += 1;
        self.delta.next(origin);
    }

    /// Finds a node that the caller may read and notes which parts of it answer.
    pub(crate) fn look(
        &mut self,
        env: &Env,
        caller: &Caller,
        path: Path<'_>,
        parts: &[Part],
    ) -> Result<Node<'_>, Error> {
        let who = self.check_in(env, caller)?;
        let found = self.state.place(env, who, path, Want::READ);
        if let Some(tx) = &mut self.tx {
            tx.note(env, &self.state, caller, path, &found, (parts, false))?;
        }
        match found? {
            Place::Node(node) => Ok(node),
            Place::Missing { .. } => Err(Error::NotFound),
        }
    }

    /// Sets a value, creating the node and its parents where they are missing.
    pub(crate) fn write(
        &mut self,
        env: &Env,
        caller: &Caller,
        path: Path<'_>,
        value: &[u8],
    ) -> Result<(), Error> {
        if value.len() > VALUE_BYTES {
            return Err(Error::InvalidValue("a value has at most 4094 bytes"));
        }
        let who = self.change_in(env, caller, path)?;
        let place = self.state.place(env, who, path, Want::WRITE);
        if let Some(tx) = &mut self.tx {
            tx.note(env, &self.state, caller, path, &place, (&[], true))?;
        }
        match place? {
            Place::Node(node) => {
                let entries = || node.acl().entries().count();
                self.state.within(env, caller, Quota::NodeSize, |_| size(value, entries()))?;
                let grown = self.state.afford_value(env, caller, node, value)?;
                self.state.set_value(env, path, value, grown);
                self.delta.written(path.as_str(), value);
            }
            Place::Missing { nearest, bytes, spot } => {
                let birth = Birth::new(caller, nearest, bytes, spot, &mut self.delta);
                self.create(env, caller, path, &birth, value)?;
            }
        }
        self.raise(env, path, false, None);
        Ok(())
    }

    /// Creates a node without a value; an existing one stays as it is.
    pub(crate) fn mkdir(
        &mut self,
        env: &Env,
        caller: &Caller,
        path: Path<'_>,
    ) -> Result<(), Error> {
        let who = self.change_in(env, caller, path)?;
        let place = self.state.place(env, who, path, Want::WRITE);
        if let Some(tx) = &mut self.tx {
            tx.note(env, &self.state, caller, path, &place, (&[], true))?;
        }
        if let Place::Missing { nearest, bytes, spot } = place? {
            let birth = Birth::new(caller, nearest, bytes, spot, &mut self.delta);
            self.create(env, caller, path, &birth, b"")?;
            self.raise(env, path, false, None);
        }
        Ok(())
    }

    /// Removes a node and all below it. Absent: fine if its parent exists.
    pub(crate) fn rm(&mut self, env: &Env, caller: &Caller, path: Path<'_>) -> Result<(), Error> {
        let who = self.change_in(env, caller, path)?;
        let place = self.state.place(env, who, path, Want::WRITE);
        if let Some(tx) = &mut self.tx {
            tx.note(env, &self.state, caller, path, &place, (&[], false))?;
        }
        let missing = matches!(place?, Place::Missing { .. });
        let Some(parent) = path.parent() else { return Err(Error::RemoveRoot) };
        if !missing && self.tx.is_none() {
            return self.remove(env, path);
        }
        let above = self.state.tree.get(&env.keys, parent);
        if let Some(tx) = &mut self.tx {
            match above {
                Some(above) => tx.footprint.saw(env, &tx.base, parent, above, &[]),
                None => tx.footprint.missed(env, &tx.base, parent, false, None),
            }
        }
        above.ok_or(Error::NotFound)?;
        if missing { Ok(()) } else { self.remove(env, path) }
    }

    /// Sets a node's permissions.
    pub(crate) fn set_perms(
        &mut self,
        env: &Env,
        caller: &Caller,
        path: Path<'_>,
        perms: &[Perm],
    ) -> Result<(), Error> {
        self.state.within(env, caller, Quota::NodePermissions, |_| perms.len())?;
        if perms.len() > ACL_ENTRIES {
            return Err(Error::InvalidValue("a permission list has at most 1400 entries"));
        }
        if let Some(tx) = &mut self.tx {
            tx.footprint.named(&self.state, env, perms);
            tx.within(*caller)?;
        }
        let list = self.state.bind(env, perms)?;
        let who = self.change_in(env, caller, path)?;
        let place = self.state.place(env, who, path, Want::OWN);
        if let Some(tx) = &mut self.tx {
            tx.note(env, &self.state, caller, path, &place, (&[], false))?;
        }
        let Place::Node(node) = place? else { return Err(Error::NotFound) };
        let owner = node.acl().owner();
        if who != Who::Control && list.as_acl().owner().domid != owner.domid {
            return Err(Error::OwnerChange);
        }
        let bytes = size(node.value(), perms.len());
        self.state.within(env, caller, Quota::NodeSize, |_| bytes)?;
        self.state.afford_list(env, caller, node, perms.len())?;
        let before = node.acl().to_buf();
        self.state.set_acl(env, path, &before, &list);
        self.delta.perms(path.as_str(), list.as_acl());
        self.raise(env, path, false, Some(&before));
        Ok(())
    }

    /// Creates `path` and the parents that are missing.
    fn create(
        &mut self,
        env: &Env,
        caller: &Caller,
        path: Path<'_>,
        birth: &Birth,
        value: &[u8],
    ) -> Result<(), Error> {
        let text = path.as_str();
        let below = text.get(birth.bytes..).unwrap_or_default().trim_start_matches('/');
        let new = || 1 + below.bytes().filter(|b| *b == b'/').count();
        let (owner, mut above) = (birth.owner, birth.above);
        self.state.within(env, caller, Quota::NodeSize, |_| size(value, birth.entries))?;
        self.state
            .within(env, caller, Quota::Nodes, |d| d.map_or(0, |d| d.nodes as usize) + new())?;
        let mut end = text.len() - below.len();
        self.state.afford_nodes(env, caller, (text, end), birth, value)?;
        let mut rest = below;
        while !rest.is_empty() {
            let (name, more) = split_first(rest);
            end += name.len();
            let here = Path::trusted(text.get(..end).unwrap_or_default());
            let value = if more.is_empty() { value } else { b"" };
            self.state.add_node(env, (here, name), birth, value);
            if owner.1 != above {
                self.state.domains.note_owned(&env.keys, owner, here, true);
                above = owner.1;
            }
            self.delta.created(here.as_str(), value);
            end += 1;
            rest = more;
        }
        Ok(())
    }

    /// Removes an existing subtree, with its events.
    pub(crate) fn remove(&mut self, env: &Env, path: Path<'_>) -> Result<(), Error> {
        self.state.tree.close();
        let watched = !self.state.watches.is_empty();
        if watched || self.tx.is_some() {
            self.raise_removed(env, path)?;
        }
        self.state.remove_node(env, path);
        if self.tx.is_none() {
            self.state.index_fires(env, &mut self.fires);
        }
        self.delta.removed(path.as_str());
        self.dirty = true;
        Ok(())
    }

    /// Events of a removal: exact ones bottom up, then those of the top's subtree. In a
    /// transaction the nodes are noted in the order in which a walk from the top meets them.
    fn raise_removed(&mut self, env: &Env, path: Path<'_>) -> Result<(), Error> {
        let Some(node) = self.state.tree.get(&env.keys, path) else { return Ok(()) };
        let mut walk = Walk::new(path, node);
        if let Some(tx) = &mut self.tx {
            while let Some((text, _)) = walk.next() {
                let here = Path::trusted(text);
                let touch = tx.footprint.touch(&env.keys, here);
                let exact = here != path;
                touch.fire = Some(touch.fire.is_none_or(|was| was && exact) && exact);
            }
            return tx.within(self.author);
        }
        let mut open: Vec<String> = Vec::new();
        let mut fires = std::mem::take(&mut self.fires);
        let mut close = |top: &str| {
            if top != path.as_str() {
                self.state.fires(env, Path::trusted(top), true, None, &mut fires);
            }
        };
        while let Some((text, _)) = walk.next() {
            while let Some(top) =
                open.pop_if(|top| !Path::trusted(text).is_within(Path::trusted(top)))
            {
                close(&top);
            }
            open.push(text.to_owned());
        }
        while let Some(top) = open.pop() {
            close(&top);
        }
        self.state.fires(env, path, false, None, &mut fires);
        self.fires = fires;
        Ok(())
    }

    /// An event: now, or at the transaction's commit.
    pub(crate) fn raise(
        &mut self,
        env: &Env,
        path: Path<'_>,
        exact: bool,
        before: Option<&AclBuf>,
    ) {
        self.dirty = true;
        match &mut self.tx {
            None => {
                self.state.fires(env, path, exact, before, &mut self.fires);
                self.state.index_fires(env, &mut self.fires);
            }
            Some(tx) => {
                let touch = tx.footprint.touch(&env.keys, path);
                touch.fire = Some(touch.fire.is_none_or(|was| was && exact) && exact);
            }
        }
    }

    /// The caller as permissions see it.
    fn check_in(&mut self, env: &Env, caller: &Caller) -> Result<Who, Error> {
        if let Some(tx) = &mut self.tx {
            tx.footprint.checked(&tx.base, env, caller);
            if tx.poisoned {
                return Err(Error::Poisoned);
            }
        }
        Ok(self.state.who(env, caller))
    }

    /// The same for a change, which the reserved root refuses.
    fn change_in(&mut self, env: &Env, caller: &Caller, path: Path<'_>) -> Result<Who, Error> {
        if virt::is_reserved(path) {
            let guest = caller.guest().is_some();
            return Err(if guest { Error::AccessDenied } else { Error::ReadOnly });
        }
        self.author = *caller;
        self.delta.by(*caller);
        let who = self.check_in(env, caller)?;
        let nobody = Who::Guest { instance: Instance::NONE, target: Instance::NONE };
        // What the dead made would be owned and accounted by nobody.
        if who == nobody { Err(Error::AccessDenied) } else { Ok(who) }
    }
}

impl Tx {
    /// Notes what a permission check and a look-up were answered by: which parts of a node
    /// decided, and whether the operation creates the node where it is missing.
    fn note(
        &mut self,
        env: &Env,
        state: &State,
        caller: &Caller,
        path: Path<'_>,
        found: &Result<Place<'_>, Error>,
        (parts, creates): (&[Part], bool),
    ) -> Result<(), Error> {
        if self.again {
            return self.within(*caller);
        }
        let guest = caller.guest().is_some();
        let mut all: smallvec::SmallVec<[Part; 3]> = parts.into();
        if guest {
            all.push(Part::Perms);
        }
        let refused = found.is_err();
        let found = match *found {
            Ok(Place::Node(node)) => Found::Node(node),
            Ok(Place::Missing { nearest, bytes, spot }) => Found::Missing { nearest, bytes, spot },
            Err(_) => state.tree.find(&env.keys, path),
        };
        match found {
            // A refusal was decided by the permissions of the node or of its nearest ancestor.
            Found::Node(node) => {
                let parts = if refused { &[Part::Perms] } else { &*all };
                self.footprint.saw(env, &self.base, path, node, parts);
            }
            Found::Missing { nearest, bytes, .. } => {
                let creates = creates && !refused;
                let list = creates.then(|| AclBuf::inherited(nearest.acl(), caller.guest()));
                self.footprint.missed(env, &self.base, path, guest || creates, list);
                self.note_ancestors(env, path, nearest, bytes, guest || creates);
            }
        }
        self.within(*caller)
    }

    /// The ancestors of a missing node, up to the nearest one that exists, are touched in turn.
    fn note_ancestors(
        &mut self,
        env: &Env,
        path: Path<'_>,
        nearest: Node<'_>,
        bytes: usize,
        perms: bool,
    ) {
        let mut at = path.parent();
        while let Some(here) = at.filter(|p| p.as_str().len() > bytes) {
            self.footprint.touch(&env.keys, here);
            at = here.parent();
        }
        let Some(here) = at else { return };
        if perms {
            self.footprint.saw(env, &self.base, here, nearest, &[Part::Perms]);
        } else {
            self.footprint.touch(&env.keys, here);
        }
    }

    /// Refuses to grow past the quota `transaction-nodes`; from then on END fails (XSA-326).
    pub(crate) fn within(&mut self, caller: Caller) -> Result<(), Error> {
        let limit = match caller {
            Caller::Control => TRANSACTION_ENTRIES,
            Caller::Guest { .. } if self.max_nodes == 0 => TRANSACTION_ENTRIES,
            Caller::Guest { .. } => self.max_nodes as usize,
        };
        // C refuses at the value of a quota.
        if self.footprint.len() < limit && !self.poisoned {
            return Ok(());
        }
        self.poisoned = true;
        let domain = caller.guest().map_or(DomId::ZERO, |g| g.0);
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        Err(Error::Quota(Refusal { domain, quota: Quota::TransactionNodes, limit }))
    }
}

/// Bytes of a node as its quota counts them: C's record header, permissions, and the value.
fn size(value: &[u8], entries: usize) -> usize {
    NODE_HEAD_BYTES + PERM_BYTES * entries + value.len()
}
