//! A model of the tree, and of the lives of the domains that it names.
//!
//! The two servers are compared with each other; the model is the third voice where they may
//! differ, inside transactions. There Myriad answers from the tree as it was at the start, and C
//! from the tree as it was when the transaction first touched a node, so that only a model can say
//! what Myriad's answer must be. Everywhere else the model is held to C, request by request.
//!
//! Invariants: a node's parent exists; a node is in its parent's list exactly once, in order of
//! creation; cloning is cheap, and a clone never changes. What requests do is in `operate.rs`.

use std::{collections::BTreeMap, ops::Bound, rc::Rc};

use myriad_core::Errno;

use super::{
    limits::{NODE_HEAD, NODE_PERM},
    text::{self, Entry, Life, NEVER},
};

/// The tree at one moment.
#[derive(Clone, Debug)]
pub struct Tree {
    pub(super) nodes: Rc<BTreeMap<Rc<str>, Node>>,
    /// The domains that exist, each in its present life.
    lives: Rc<BTreeMap<u32, Life>>,
}

#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) value: Rc<[u8]>,
    pub(super) perms: Rc<[Entry]>,
    pub(super) children: Vec<Rc<str>>,
}

/// Who asks, as permissions see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asker {
    /// The domain; 0, the control domain, may do everything.
    pub domid: u32,
    /// The domain whose access it has too.
    pub target: Option<u32>,
}

/// What a request wants of a node, and what it may have: bits.
pub(super) type Rights = u8;
pub(super) const READ: Rights = 1;
pub(super) const WRITE: Rights = 2;
pub(super) const OWN: Rights = 4;

/// What a request on the tree answers.
pub type Answer = Result<Vec<u8>, Errno>;

impl Asker {
    /// A client of the socket.
    pub const CONTROL: Asker = Asker { domid: 0, target: None };

    /// Whether quotas and permissions bind it.
    #[must_use]
    pub fn is_guest(self) -> bool {
        self.domid != 0
    }

    /// Whether it has the access of the owner of something.
    #[must_use]
    pub fn owns(self, domid: u32) -> bool {
        self.domid == domid || self.target == Some(domid)
    }
}

impl Default for Tree {
    /// The tree of a server that has just started, on a host where only dom0 is.
    fn default() -> Tree {
        let perms: Rc<[Entry]> = [Entry { letter: b'n', domid: 0, life: CONTROL_LIFE }].into();
        let node = |child: &str| Node {
            value: [].into(),
            perms: perms.clone(),
            children: if child.is_empty() { Vec::new() } else { vec![child.into()] },
        };
        let nodes = [("/", "tool"), ("/tool", "xenstored"), ("/tool/xenstored", "")]
            .map(|(p, c)| (p.into(), node(c)));
        Tree { nodes: Rc::new(nodes.into()), lives: Rc::new([(0, CONTROL_LIFE)].into()) }
    }
}

impl Tree {
    /// The present life of a domain, as this tree knows it; [`NEVER`] if there is no such domain.
    #[must_use]
    pub fn life(&self, domid: u32) -> Life {
        self.lives.get(&domid).copied().unwrap_or(NEVER)
    }

    /// A domain has begun this life.
    pub fn begin(&mut self, domid: u32, life: Life) {
        Rc::make_mut(&mut self.lives).insert(domid, life);
    }

    /// Removes what a domain owned when it dies, with all below. Its entries elsewhere are of a
    /// life that is over from here on.
    pub fn bury(&mut self, domid: u32) {
        let owned = |node: &Node| node.perms.first().is_some_and(|owner| owner.domid == domid);
        while let Some(path) = self.nodes.iter().find(|(_, n)| owned(n)).map(|(p, _)| p.clone()) {
            self.remove(&path);
        }
        Rc::make_mut(&mut self.lives).remove(&domid);
    }

    /// Whether an entry counts for a domain that lives.
    pub(super) fn lives(&self, entry: &Entry) -> bool {
        entry.life != NEVER && self.life(entry.domid) == entry.life
    }

    /// What an asker may do with a node (`perm_for_conn`).
    pub(super) fn rights(&self, asker: Asker, node: &Node) -> Rights {
        let Some((owner, rest)) = node.perms.split_first() else { return 0 };
        if !asker.is_guest() || asker.owns(owner.domid) {
            return READ | WRITE | OWN;
        }
        let own = rest.iter().find(|e| asker.owns(e.domid) && self.lives(e));
        match own.unwrap_or(owner).letter {
            b'r' => READ,
            b'w' => WRITE,
            b'b' => READ | WRITE,
            _ => 0,
        }
    }

    /// A node, or what its absence or the asker's lack of rights answers (`get_node`).
    pub(super) fn get(&self, asker: Asker, path: &str, want: Rights) -> Result<&Node, Errno> {
        if let Some(node) = self.nodes.get(path) {
            let granted = self.rights(asker, node) & want == want;
            return if granted { Ok(node) } else { Err(Errno::EACCES) };
        }
        let (_, nearest) = self.nearest(path);
        let told = nearest.is_some_and(|node| self.rights(asker, node) & want != 0);
        Err(if told { Errno::ENOENT } else { Errno::EACCES })
    }

    /// The nearest ancestor that exists.
    pub(super) fn nearest<'p>(&self, path: &'p str) -> (&'p str, Option<&Node>) {
        let mut at = text::parent(path);
        while at != "/" && !self.contains(at) {
            at = text::parent(at);
        }
        (at, self.nodes.get(at))
    }

    /// Whether a node exists.
    #[must_use]
    pub fn contains(&self, path: &str) -> bool {
        self.nodes.contains_key(path)
    }

    /// Whether an asker may do with a node what clients do that come from nowhere: write it.
    #[must_use]
    pub fn may_write(&self, asker: Asker, path: &str) -> bool {
        self.get(asker, path, WRITE).is_ok()
    }

    /// Whether an asker owns a node.
    #[must_use]
    pub fn owns(&self, asker: Asker, path: &str) -> bool {
        self.get(asker, path, OWN).is_ok()
    }

    /// How many nodes a domain owns.
    #[must_use]
    pub fn owned(&self, domid: u32) -> usize {
        let owned = |n: &&Node| n.perms.first().is_some_and(|owner| owner.domid == domid);
        self.nodes.values().filter(owned).count()
    }

    /// The `at`-th node of all, in order of their paths, counted around.
    #[must_use]
    pub fn nth(&self, at: usize) -> &str {
        self.nodes.keys().nth(at % self.len().max(1)).map_or("/", |path| path)
    }

    /// All paths, in order.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.nodes.keys().map(|path| &**path)
    }

    /// The entries of a node's permissions, the owner's first.
    #[must_use]
    pub fn entries(&self, path: &str) -> &[Entry] {
        self.nodes.get(path).map_or(&[], |node| &node.perms)
    }

    /// How many nodes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is no node, which never is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Bytes of a node's listing: its children's names, each with a NUL.
    #[must_use]
    pub fn listing_len(&self, path: &str) -> usize {
        self.nodes.get(path).map_or(0, Node::listing_len)
    }

    pub(super) fn remove(&mut self, path: &str) {
        let nodes = Rc::make_mut(&mut self.nodes);
        let below = format!("{path}/");
        let from = (Bound::Included(below.as_str()), Bound::Unbounded);
        let inside = nodes.range::<str, _>(from).map(|(p, _)| p.clone());
        let inside: Vec<_> = inside.take_while(|p| p.starts_with(&below)).collect();
        for gone in inside {
            nodes.remove(&gone);
        }
        nodes.remove(path);
        if let Some(parent) = nodes.get_mut(text::parent(path)) {
            parent.children.retain(|child| **child != *text::leaf(path));
        }
    }
}

impl Node {
    pub(super) fn listing_len(&self) -> usize {
        self.children.iter().map(|c| c.len() + 1).sum()
    }
}

/// Bytes of a node as its quota counts them.
pub(super) fn size(value: usize, perms: usize) -> usize {
    NODE_HEAD + NODE_PERM * perms + value
}

/// The life of dom0, which has one.
pub const CONTROL_LIFE: Life = 1;
