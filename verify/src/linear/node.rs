//! A node of the specification's tree: its parts, and what paths and permissions mean.

use std::rc::Rc;

use myriad_core::{Access, DomId, Perm};

/// An error of the protocol.
pub type Errno = &'static str;

/// Permissions, shared by whoever has the same.
pub type Perms = Rc<[Perm]>;

/// A node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Node {
    /// Its value.
    pub value: Rc<str>,
    /// Its permissions, the owner first.
    pub perms: Perms,
    /// The names of its children, in order of creation.
    pub children: Vec<Rc<str>>,
}

/// A change that events are told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Raised {
    /// A node came, went, or is another.
    Node {
        /// Its path.
        path: Rc<str>,
        /// Only for watches of just this path.
        exact: bool,
        /// Whoever can read by one of these may know (XSA-115).
        readers: Vec<Perms>,
    },
    /// The matches of an index key are others.
    Key(Rc<str>),
}

/// What `domid` may do by a list, and whether it owns.
#[must_use]
pub fn rights(perms: &[Perm], domid: u16) -> (Access, bool) {
    let Some((first, others)) = perms.split_first() else { return (Access::None, false) };
    if domid == 0 || first.domid.0 == domid {
        return (Access::Both, true);
    }
    let entry = others.iter().find(|perm| perm.domid.0 == domid).unwrap_or(first);
    (entry.access, false)
}

/// Whether a path is another, or below it.
#[must_use]
pub fn is_within(path: &str, of: &str) -> bool {
    let rest = path.strip_prefix(of);
    of == "/" || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

pub(super) fn owner(perms: &[Perm]) -> Option<DomId> {
    perms.first().map(|perm| perm.domid)
}

pub(super) fn parent(path: &str) -> Option<&str> {
    match path.rsplit_once('/')? {
        _ if path == "/" => None,
        ("", _) => Some("/"),
        (above, _) => Some(above),
    }
}

pub(super) fn leaf(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, leaf)| leaf)
}
