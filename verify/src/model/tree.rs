//! The operations on nodes.

use myriad_core::limits::{ACL_ENTRIES, VALUE_BYTES};
use myriad_core::{Caller, DomId, Error, Instance, Perm, Quota, Special};

use super::node::{Rights, Who, leaf, owner, rights, within};
use super::quota::{bytes, new_bytes, size};
use super::{Entry, Model, Node, parent};

/// The children of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// The generation in which they last changed.
    pub stamp: u64,
    /// Their names, in order of creation.
    pub names: Vec<String>,
}

/// What an operation needs: some of these at the node, any of them at the nearest ancestor of one
/// that doesn't exist.
#[derive(Clone, Copy)]
enum Need {
    Read,
    Write,
    Own,
}

impl Model {
    /// READ.
    ///
    /// # Errors
    /// As [`myriad_core::Reads`] says, here and below.
    pub fn read(&self, caller: &Caller, path: &str) -> Result<Vec<u8>, Error> {
        Ok(self.look(caller, path)?.value.clone())
    }

    /// DIRECTORY.
    ///
    /// # Errors
    /// As for [`Model::read`].
    pub fn list(&self, caller: &Caller, path: &str) -> Result<Names, Error> {
        let stamp = self.look(caller, path)?.children_stamp;
        let names = self.children(path).into_iter().map(|p| leaf(p).to_owned()).collect();
        Ok(Names { stamp, names })
    }

    /// GET_PERMS.
    ///
    /// # Errors
    /// As for [`Model::read`].
    pub fn get_perms(&self, caller: &Caller, path: &str) -> Result<Vec<Perm>, Error> {
        Ok(self.shown(&self.look(caller, path)?.list))
    }

    /// GET_PERMS of a special node.
    ///
    /// # Errors
    /// As for [`Model::read`].
    pub fn get_special_perms(&self, caller: &Caller, node: Special) -> Result<Vec<Perm>, Error> {
        let list = self.special_list(node);
        if !rights(list, self.who(caller)).read {
            return Err(Error::AccessDenied);
        }
        Ok(self.shown(list))
    }

    /// WRITE.
    ///
    /// # Errors
    /// As [`myriad_core::Writes`] says, here and below.
    pub fn write(&mut self, caller: &Caller, path: &str, value: &[u8]) -> Result<(), Error> {
        if value.len() > VALUE_BYTES {
            return Err(Error::InvalidValue("a value has at most 4094 bytes"));
        }
        if !self.place(self.changer(caller)?, path, Need::Write)? {
            return self.create(caller, path, value);
        }
        let Some(node) = self.nodes.get(path) else { return Err(Error::NotFound) };
        self.bounded(caller, Quota::NodeSize, size(node.list.len(), value))?;
        self.afford(caller, node.owner(), bytes(value.len()) - bytes(node.value.len()))?;
        let stamp = self.stamp();
        if let Some(node) = self.nodes.get_mut(path) {
            node.value = value.to_vec();
            node.value_stamp = stamp;
        }
        self.changed();
        Ok(())
    }

    /// MKDIR.
    ///
    /// # Errors
    /// As for [`Model::write`].
    pub fn mkdir(&mut self, caller: &Caller, path: &str) -> Result<(), Error> {
        if self.place(self.changer(caller)?, path, Need::Write)? {
            return Ok(());
        }
        self.create(caller, path, b"")
    }

    /// RM.
    ///
    /// # Errors
    /// As for [`Model::write`].
    pub fn rm(&mut self, caller: &Caller, path: &str) -> Result<(), Error> {
        let exists = self.place(self.changer(caller)?, path, Need::Write)?;
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
        let who = self.changer(caller)?;
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
        self.put_list(path, list);
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

    /// The paths of a node's children, in order of creation.
    pub(super) fn children(&self, path: &str) -> Vec<&str> {
        let mut found: Vec<(u64, &str)> = self
            .nodes
            .iter()
            .filter(|(p, _)| parent(p) == Some(path))
            .map(|(p, node)| (node.order, p.as_str()))
            .collect();
        found.sort_unstable();
        found.into_iter().map(|(_, path)| path).collect()
    }

    /// Removes a node and all below it.
    pub(super) fn remove(&mut self, path: &str) {
        let stamp = self.stamp();
        self.nodes.retain(|p, _| !within(p, path));
        if let Some(above) = parent(path).and_then(|above| self.nodes.get_mut(above)) {
            above.children_stamp = stamp;
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

    fn special_list(&self, node: Special) -> &[Entry] {
        let [introductions, releases] = &self.specials;
        match node {
            Special::IntroduceDomain => introductions,
            Special::ReleaseDomain => releases,
        }
    }

    /// Binds permissions to the present lives of whom they name. There must be an owner, and it
    /// must live.
    fn bind(&self, perms: &[Perm]) -> Result<Vec<Entry>, Error> {
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

    /// Who asks for a change. What the dead made would belong to nobody.
    fn changer(&self, caller: &Caller) -> Result<Who, Error> {
        match self.who(caller) {
            Who::Guest(None, _) => Err(Error::AccessDenied),
            who => Ok(who),
        }
    }

    fn look(&self, caller: &Caller, path: &str) -> Result<&Node, Error> {
        self.place(self.who(caller), path, Need::Read)?;
        self.nodes.get(path).ok_or(Error::NotFound)
    }

    /// Whether a node exists, for those who may know: others can't tell what is absent from what
    /// is forbidden.
    fn place(&self, who: Who, path: &str, need: Need) -> Result<bool, Error> {
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
        }
        self.changed();
        Ok(())
    }
}
