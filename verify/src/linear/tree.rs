//! The tree of the sequential specification: one history's nodes, and the index of names.
//!
//! It is as naive as can be: whole paths in a sorted map, everything shared so that a state can be
//! copied at each step of a search. Two trees in which every request is answered alike are equal
//! and have the same hash: nothing is kept of how they came about. Quotas and the deaths of domains
//! are no part of it: no history meets them.

use std::{collections::BTreeMap, rc::Rc};

use myriad_core::{Access, DomId, Perm, escape_key};

use super::node::{Errno, Node, Perms, Raised, is_within, leaf, owner, parent, rights};

/// All nodes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tree {
    nodes: BTreeMap<Rc<str>, Rc<Node>>,
    /// By name, the domains that have it, in the order in which they got it.
    names: BTreeMap<Rc<str>, Vec<Rc<str>>>,
}

impl Default for Tree {
    /// The root alone.
    fn default() -> Tree {
        let perms = [Perm { access: Access::None, domid: DomId(0) }].into();
        let root = Node { value: "".into(), perms, children: Vec::new() };
        Tree { nodes: BTreeMap::from([("/".into(), Rc::new(root))]), names: BTreeMap::new() }
    }
}

impl Tree {
    /// The permissions of a node.
    #[must_use]
    pub fn perms(&self, path: &str) -> Option<Perms> {
        self.nodes.get(path).map(|node| Rc::clone(&node.perms))
    }

    /// A node that `domid` may read.
    ///
    /// # Errors
    /// `EACCES`, `ENOENT`.
    pub fn read(&self, domid: u16, path: &str) -> Result<&Node, Errno> {
        self.place(domid, path, Access::Read, false)?.ok_or("ENOENT")
    }

    /// WRITE.
    ///
    /// # Errors
    /// `EACCES`.
    pub fn write(
        &mut self,
        domid: u16,
        path: &str,
        value: &str,
        raised: &mut Vec<Raised>,
    ) -> Result<(), Errno> {
        let value: Rc<str> = value.into();
        let mut keys = Vec::new();
        if self.place(domid, path, Access::Write, false)?.is_some() {
            if let Some(node) = self.nodes.get_mut(path).map(Rc::make_mut) {
                let before = std::mem::replace(&mut node.value, Rc::clone(&value));
                self.index(path, Some(&before), Some(&value), &mut keys);
            }
        } else {
            self.create(domid, path, &value, &mut keys);
        }
        self.raise(path, false, None, raised);
        raised.append(&mut keys);
        Ok(())
    }

    /// MKDIR.
    ///
    /// # Errors
    /// `EACCES`.
    pub fn mkdir(&mut self, domid: u16, path: &str, raised: &mut Vec<Raised>) -> Result<(), Errno> {
        if self.place(domid, path, Access::Write, false)?.is_none() {
            let mut keys = Vec::new();
            self.create(domid, path, &"".into(), &mut keys);
            self.raise(path, false, None, raised);
            raised.append(&mut keys);
        }
        Ok(())
    }

    /// RM.
    ///
    /// # Errors
    /// `EACCES`, `ENOENT`, `EINVAL` for the root.
    pub fn rm(&mut self, domid: u16, path: &str, raised: &mut Vec<Raised>) -> Result<(), Errno> {
        let exists = self.place(domid, path, Access::Write, false)?.is_some();
        let parent = parent(path).ok_or("EINVAL")?;
        if !self.nodes.contains_key(parent) {
            return Err("ENOENT");
        }
        if !exists {
            return Ok(());
        }
        let gone: Vec<Rc<str>> =
            self.nodes.keys().filter(|at| is_within(at, path)).cloned().collect();
        // Of those below only the watches of just them hear, and before those of the top.
        for at in gone.iter().rev() {
            self.raise(at, **at != *path, None, raised);
        }
        for at in gone {
            if let Some(node) = self.nodes.remove(&at) {
                self.index(&at, Some(&node.value), None, raised);
            }
        }
        if let Some(above) = self.nodes.get_mut(parent).map(Rc::make_mut) {
            above.children.retain(|child| **child != *leaf(path));
        }
        Ok(())
    }

    /// SET_PERMS.
    ///
    /// # Errors
    /// `EACCES`, `ENOENT`, `EPERM`.
    pub fn set_perms(
        &mut self,
        domid: u16,
        path: &str,
        perms: &[Perm],
        raised: &mut Vec<Raised>,
    ) -> Result<(), Errno> {
        let node = self.place(domid, path, Access::Write, true)?.ok_or("ENOENT")?;
        let before = Rc::clone(&node.perms);
        if domid != 0 && owner(&before) != owner(perms) {
            return Err("EPERM");
        }
        if let Some(node) = self.nodes.get_mut(path).map(Rc::make_mut) {
            node.perms = perms.into();
        }
        self.raise(path, false, Some(before), raised);
        Ok(())
    }

    /// The names that are in use, each with those that have it.
    #[must_use]
    pub fn names(&self) -> &BTreeMap<Rc<str>, Vec<Rc<str>>> {
        &self.names
    }

    /// Who owns the node behind a match of the index.
    #[must_use]
    pub fn owner_of_name(&self, domain: &str) -> Option<u16> {
        let node = self.nodes.get(format!("{DOMAINS}{domain}{NAME}").as_str())?;
        owner(&node.perms).map(|domid| domid.0)
    }

    /// The lists by which one may know of a change at `path`, of which the node had `before`: its
    /// own, that from before, and, where there is a node, its parent's.
    #[must_use]
    pub fn readers(&self, path: &str, before: Option<Perms>) -> Vec<Perms> {
        let own = self.perms(path);
        let above = own.as_ref().and(parent(path)).and_then(|parent| self.perms(parent));
        [before, own, above].into_iter().flatten().collect()
    }

    fn raise(&self, path: &str, exact: bool, before: Option<Perms>, raised: &mut Vec<Raised>) {
        let readers = self.readers(path, before);
        raised.push(Raised::Node { path: path.into(), exact, readers });
    }

    /// Where an operation lands: its node, none where that is missing, or `EACCES`. Who may do
    /// nothing with the nearest ancestor isn't told that a node is missing.
    fn place(
        &self,
        domid: u16,
        path: &str,
        access: Access,
        own: bool,
    ) -> Result<Option<&Node>, Errno> {
        let (at, node) = self.nearest(path);
        let (may, owns) = rights(&node.perms, domid);
        let exists = at == path;
        let allowed = if exists {
            may.includes(access) && (owns || !own)
        } else {
            may.includes(access) || owns
        };
        if allowed { Ok(exists.then_some(node)) } else { Err("EACCES") }
    }

    fn nearest<'p>(&self, path: &'p str) -> (&'p str, &Node) {
        let mut at = path;
        loop {
            match (self.nodes.get(at), parent(at)) {
                (Some(node), _) => return (at, node),
                (None, Some(above)) => at = above,
                (None, None) => unreachable!("the root exists"),
            }
        }
    }

    fn create(&mut self, domid: u16, path: &str, value: &Rc<str>, keys: &mut Vec<Raised>) {
        let (from, node) = self.nearest(path);
        let mut perms = node.perms.to_vec();
        if let Some(first) = perms.first_mut().filter(|_| domid != 0) {
            first.domid = DomId(domid);
        }
        let perms: Perms = perms.into();
        let mut missing = vec![path];
        while let Some(above) = missing.last().and_then(|at| parent(at)).filter(|at| *at != from) {
            missing.push(above);
        }
        for at in missing.into_iter().rev() {
            let value = if at == path { Rc::clone(value) } else { "".into() };
            self.index(at, None, Some(&value), keys);
            let node = Node { value, perms: Rc::clone(&perms), children: Vec::new() };
            self.nodes.insert(at.into(), Rc::new(node));
            let above = parent(at).and_then(|above| self.nodes.get_mut(above));
            if let Some(above) = above.map(Rc::make_mut) {
                above.children.push(leaf(at).into());
            }
        }
    }

    /// A node came, went, or has another value; which keys have other matches by that.
    fn index(
        &mut self,
        path: &str,
        old: Option<&Rc<str>>,
        new: Option<&Rc<str>>,
        keys: &mut Vec<Raised>,
    ) {
        let domain = path.strip_prefix(DOMAINS).and_then(|rest| rest.strip_suffix(NAME));
        let Some(domain) = domain.filter(|domain| !domain.contains('/') && old != new) else {
            return;
        };
        let key = |value: &Rc<str>| -> Rc<str> { escape_key(value.as_bytes()).into() };
        if let Some(key) = old.map(key) {
            let left = self.names.get_mut(&key).map(|domains| {
                domains.retain(|one| **one != *domain);
                domains.len()
            });
            if left == Some(0) {
                self.names.remove(&key);
            }
            keys.push(Raised::Key(key));
        }
        if let Some(key) = new.map(key) {
            self.names.entry(Rc::clone(&key)).or_default().push(domain.into());
            keys.push(Raised::Key(key));
        }
    }
}

/// What the index of names covers: `/local/domain/*/name`.
const DOMAINS: &str = "/local/domain/";
/// See [`DOMAINS`].
const NAME: &str = "/name";
