//! The operations on nodes.

use myriad_core::limits::{ACL_ENTRIES, VALUE_BYTES};
use myriad_core::{Caller, DomId, Error, Instance, Perm, Quota, Special};

use super::index::is_reserved;
use super::node::{Rights, Who, owner, rights};
use super::quota::{bytes, new_bytes, size};
use super::{Entry, Model, Node, parent};

/// What an operation needs: some of these at the node, any of them at the nearest ancestor of one
/// that doesn't exist.
#[derive(Clone, Copy)]
pub(super) enum Need {
    Read,
    Write,
    Own,
}

impl Model {
    /// WRITE.
    ///
    /// # Errors
    /// As [`myriad_core::Writes`] says, here and below.
    pub fn write(&mut self, caller: &Caller, path: &str, value: &[u8]) -> Result<(), Error> {
        if value.len() > VALUE_BYTES {
            return Err(Error::InvalidValue("a value has at most 4094 bytes"));
        }
        if !self.place(self.changer(caller, path)?, path, Need::Write)? {
            return self.create(caller, path, value);
        }
        let Some(node) = self.nodes.get(path) else { return Err(Error::NotFound) };
        self.bounded(caller, Quota::NodeSize, size(node.list.len(), value))?;
        self.afford(caller, node.owner(), bytes(value.len()) - bytes(node.value.len()))?;
        let old = node.value.clone();
        self.index_change(path, Some(&old), Some(value));
        let stamp = self.stamp();
        if let Some(node) = self.nodes.get_mut(path) {
            node.value = value.to_vec();
            node.value_stamp = stamp;
        }
        self.raise(path, None);
        self.changed();
        Ok(())
    }

    /// MKDIR.
    ///
    /// # Errors
    /// As for [`Model::write`].
    pub fn mkdir(&mut self, caller: &Caller, path: &str) -> Result<(), Error> {
        if self.place(self.changer(caller, path)?, path, Need::Write)? {
            return Ok(());
        }
        self.create(caller, path, b"")
    }

    /// RM.
    ///
    /// # Errors
    /// As for [`Model::write`].
    pub fn rm(&mut self, caller: &Caller, path: &str) -> Result<(), Error> {
        let exists = self.place(self.changer(caller, path)?, path, Need::Write)?;
        let above = parent(path).ok_or(Error::RemoveRoot)?;
        if !self.nodes.contains_key(above) {
            return Err(Error::NotFound);
        }
        if exists {
            self.remove(path);
            self.changed();
        }
        Ok(())
    }

    /// SET_PERMS.
    ///
    /// # Errors
    /// As for [`Model::write`].
    pub fn set_perms(&mut self, caller: &Caller, path: &str, perms: &[Perm]) -> Result<(), Error> {
        self.bounded(caller, Quota::NodePermissions, perms.len())?;
        if perms.len() > ACL_ENTRIES {
            return Err(Error::InvalidValue("a permission list has at most 1400 entries"));
        }
        let list = self.bind(perms)?;
        let who = self.changer(caller, path)?;
        if !self.place(who, path, Need::Own)? {
            return Err(Error::NotFound);
        }
        let Some(node) = self.nodes.get(path) else { return Err(Error::NotFound) };
        if who != Who::Control && owner(&list).domid != node.owner().domid {
            return Err(Error::OwnerChange);
        }
        self.bounded(caller, Quota::NodeSize, size(list.len(), &node.value))?;
        let new = new_bytes(path, list.len(), b"") - new_bytes(path, node.list.len(), b"");
        self.afford(caller, node.owner(), new)?;
        let before = node.list.clone();
        self.put_list(path, list);
        self.raise(path, Some(&before));
        self.changed();
        Ok(())
    }

    /// SET_PERMS of a special node.
    ///
    /// # Errors
    /// As for [`Model::write`].
    pub fn set_special_perms(
        &mut self,
        caller: &Caller,
        node: Special,
        perms: &[Perm],
    ) -> Result<(), Error> {
        self.bounded(caller, Quota::NodePermissions, perms.len())?;
        let list = self.bind(perms)?;
        let old = self.special_list(node);
        if !rights(old, self.who(caller)).own {
            return Err(Error::AccessDenied);
        }
        if caller.guest().is_some() && owner(&list).domid != owner(old).domid {
            return Err(Error::OwnerChange);
        }
        *self.special(node) = list;
        self.changed();
        Ok(())
    }

    /// Removes a node and all below it.
    pub(super) fn remove(&mut self, path: &str) {
        if !self.one_request {
            self.fire_removal(path);
        }
        let stamp = self.stamp();
        for gone in self.walk(path) {
            let old = self.nodes.remove(&gone).map(|node| node.value);
            self.index_change(&gone, old.as_deref(), None);
        }
        if let Some(above) = parent(path).and_then(|above| self.nodes.get_mut(above)) {
            above.children_stamp = stamp;
        }
        if !self.one_request {
            self.fire_indices();
        }
    }

    /// The events of a change that is made; those of a transaction are raised at its commit.
    fn raise(&mut self, path: &str, before: Option<&[Entry]>) {
        if !self.one_request {
            self.fire(path, false, before);
            self.fire_indices();
        }
    }

    pub(super) fn put_list(&mut self, path: &str, list: Vec<Entry>) {
        let stamp = self.stamp();
        if let Some(node) = self.nodes.get_mut(path) {
            node.list = list;
            node.list_stamp = stamp;
        }
    }

    /// A caller as permissions see it: one of an earlier life is nobody.
    pub(super) fn who(&self, caller: &Caller) -> Who {
        let Some((domid, life)) = caller.guest() else { return Who::Control };
        let Some(domain) = self.living(domid, life) else { return Who::Guest(None, None) };
        // The control domain can be served, and gives no privilege.
        let serves = |(target, life): &(DomId, Instance)| {
            self.life(*target) == Some(*life) && *life != Instance::CONTROL
        };
        Who::Guest(Some(life), domain.target.filter(serves).map(|target| target.1))
    }

    pub(super) fn special_list(&self, node: Special) -> &[Entry] {
        let [introductions, releases] = &self.specials;
        match node {
            Special::IntroduceDomain => introductions,
            Special::ReleaseDomain => releases,
        }
    }

    /// Binds permissions to the present lives of whom they name. There must be an owner, and it
    /// must live.
    pub(super) fn bind(&self, perms: &[Perm]) -> Result<Vec<Entry>, Error> {
        let bind = |perm: &Perm| {
            let everyone = perm.domid == DomId::ANY;
            let life = if everyone { Some(Instance::ANY) } else { self.life(perm.domid) };
            Entry::new(perm.access, perm.domid, life.unwrap_or(Instance::NONE))
        };
        let first = perms.first().ok_or(Error::InvalidValue("a permission list has an owner"))?;
        if matches!(bind(first).life, Instance::NONE | Instance::ANY) {
            return Err(Error::UnknownDomain(first.domid));
        }
        Ok(perms.iter().map(bind).collect())
    }

    /// Who asks for a change. What the dead made would belong to nobody, and what shows indices
    /// can't be changed.
    pub(super) fn changer(&self, caller: &Caller, path: &str) -> Result<Who, Error> {
        match self.who(caller) {
            Who::Control if is_reserved(path) => Err(Error::ReadOnly),
            _ if is_reserved(path) => Err(Error::AccessDenied),
            Who::Guest(None, _) => Err(Error::AccessDenied),
            who => Ok(who),
        }
    }

    /// Whether a node exists, for those who may know: others can't tell what is absent from what
    /// is forbidden.
    pub(super) fn place(&self, who: Who, path: &str, need: Need) -> Result<bool, Error> {
        let nearest = self.nearest(path);
        let list = self.nodes.get(nearest).map(|node| &*node.list).unwrap_or_default();
        let Rights { read, write, own } = rights(list, who);
        let allowed = match (nearest == path, need) {
            (true, Need::Read) => read,
            (true, Need::Write) => write,
            (true, Need::Own) => write && own,
            (false, Need::Read) => read || own,
            (false, Need::Write | Need::Own) => write || own,
        };
        if allowed { Ok(nearest == path) } else { Err(Error::AccessDenied) }
    }

    /// The node itself where it exists, or its nearest ancestor that does.
    fn nearest<'p>(&self, path: &'p str) -> &'p str {
        let mut at = path;
        while !self.nodes.contains_key(at) {
            at = parent(at).unwrap_or("/");
        }
        at
    }

    /// Creates a node and the parents that are missing: with the permissions of the nearest
    /// ancestor, and as the caller's where that is a guest.
    fn create(&mut self, caller: &Caller, path: &str, value: &[u8]) -> Result<(), Error> {
        let nearest = self.nearest(path).to_owned();
        let mut list = self.nodes.get(&nearest).map(|node| node.list.clone()).unwrap_or_default();
        if let (Some((domid, life)), Some(first)) = (caller.guest(), list.first_mut()) {
            *first = Entry::new(first.access, domid, life);
        }
        let mut missing = vec![path];
        while let Some(up) = missing.last().and_then(|p| parent(p)).filter(|p| *p != nearest) {
            missing.push(up);
        }
        let value_at = |at: &str| if at == path { value } else { b"" };
        self.bounded(caller, Quota::NodeSize, size(list.len(), value))?;
        if let Some((domid, _)) = caller.guest() {
            self.bounded(caller, Quota::Nodes, self.usage(domid).nodes + missing.len())?;
        }
        let new = missing.iter().map(|at| new_bytes(at, list.len(), value_at(at))).sum();
        self.afford(caller, owner(&list), new)?;
        let stamp = self.stamp();
        if let Some(above) = self.nodes.get_mut(&nearest) {
            above.children_stamp = stamp;
        }
        for at in missing.into_iter().rev() {
            self.made += 1;
            let node = Node::new(value_at(at).to_vec(), list.clone(), self.made, stamp);
            self.nodes.insert(at.to_owned(), node);
            self.index_change(at, None, Some(value_at(at)));
        }
        self.raise(path, None);
        self.changed();
        Ok(())
    }
}
