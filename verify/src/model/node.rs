//! Nodes, their permission lists, and who may do what with them.

use myriad_core::{Access, DomId, Instance, Perm};

/// A node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Node {
    /// Its value.
    pub value: Vec<u8>,
    /// Its permissions, the owner first, bound to lives.
    pub list: Vec<Entry>,
    /// Its place among its siblings: they are listed by this, ascending.
    pub order: u64,
    /// The generation in which its value last changed.
    pub value_stamp: u64,
    /// The same of its permissions.
    pub list_stamp: u64,
    /// The same of the set of its children.
    pub children_stamp: u64,
}

impl Node {
    pub(super) fn new(value: Vec<u8>, list: Vec<Entry>, order: u64, stamp: u64) -> Node {
        let stamps = (stamp, stamp, stamp);
        let (value_stamp, list_stamp, children_stamp) = stamps;
        Node { value, list, order, value_stamp, list_stamp, children_stamp }
    }

    /// Its permissions as they are stored: each with the life that it was set for.
    #[must_use]
    pub fn entries(&self) -> Vec<(Perm, Instance)> {
        self.list.iter().map(|entry| (entry.perm(), entry.life)).collect()
    }

    /// Who owns it.
    #[must_use]
    pub fn owner(&self) -> Entry {
        owner(&self.list)
    }
}

/// An entry of a permission list, bound to the life that it named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// What it allows.
    pub access: Access,
    /// To whom.
    pub domid: DomId,
    /// In which life; [`Instance::NONE`] for a domain that wasn't known.
    pub life: Instance,
}

impl Entry {
    pub(super) fn new(access: Access, domid: DomId, life: Instance) -> Entry {
        Entry { access, domid, life }
    }

    /// As a client sees it.
    #[must_use]
    pub fn perm(&self) -> Perm {
        Perm { access: self.access, domid: self.domid }
    }
}

/// A caller as permissions see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    Control,
    /// The lives whose entries count for it: its own, and that of the domain that it serves. A
    /// dead caller has none.
    Guest(Option<Instance>, Option<Instance>),
}

/// What a caller may do with a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rights {
    pub(super) read: bool,
    pub(super) write: bool,
    pub(super) own: bool,
}

/// What a list allows: the owner everything; others what the first entry says that names them or
/// everyone, and what the owner's letter says where none does.
pub(super) fn rights(list: &[Entry], who: Who) -> Rights {
    let Who::Guest(own, target) = who else {
        return Rights { read: true, write: true, own: true };
    };
    let counts = |entry: &&Entry| {
        let life = Some(entry.life);
        entry.life == Instance::ANY
            || (entry.life != Instance::NONE && (life == own || life == target))
    };
    let first = owner(list);
    if counts(&&first) {
        return Rights { read: true, write: true, own: true };
    }
    let access = list.iter().skip(1).find(counts).map_or(first.access, |entry| entry.access);
    let (read, write) = (access.includes(Access::Read), access.includes(Access::Write));
    Rights { read, write, own: false }
}

pub(super) fn owner(list: &[Entry]) -> Entry {
    let nobody = Entry::new(Access::None, DomId::INVALID, Instance::NONE);
    list.first().copied().unwrap_or(nobody)
}

/// The path one component shorter; nothing for the root.
#[must_use]
pub fn parent(path: &str) -> Option<&str> {
    match path.rfind('/')? {
        _ if path == "/" => None,
        0 => Some("/"),
        at => path.get(..at),
    }
}

/// The last component; empty for the root.
pub(super) fn leaf(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

/// Whether `path` is `top` or lies below it.
pub(super) fn within(path: &str, top: &str) -> bool {
    let rest = path.strip_prefix(top);
    top == "/" || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
