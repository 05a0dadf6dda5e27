//! The tree: directories as tries, small subtrees as packed blocks.
//!
//! A clone is one counter. Edits go through `&mut` and copy what others see too, so what only the
//! edit at hand owns is changed in place. All descents are loops: a path can be 2,000 components
//! deep (XSA-418), and dropping such a tree is a loop too ([`Dir`]'s `Drop`).
//!
//! A subtree starts as a block. A block that outgrows [`BLOCK_BYTES`] becomes a directory, whose
//! children are blocks; a directory that loses its last child becomes a block again.

mod block;
mod bytes;
mod dir;
mod walk;

pub(crate) use block::{Block, Part, Parts, Record, Stamps};
pub(crate) use dir::{Child, Dir};
pub(crate) use walk::{Walk, unordered};

use std::sync::Arc;

use crate::acl::Acl;
use crate::hash::Keys;
use crate::limits::BLOCK_BYTES;
use crate::path::{Path, parent_of, split_first};

/// All nodes of a version.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    root: Child,
}

/// A node, borrowed from its tree.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node<'t> {
    block: &'t Block,
    index: u16,
    dir: Option<&'t Dir>,
}

/// What a look-up finds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Found<'t> {
    /// The node.
    Node(Node<'t>),
    /// No such node: its nearest ancestor, and how many bytes of the path are that ancestor's.
    Missing { nearest: Node<'t>, bytes: usize },
}

impl<'t> Node<'t> {
    pub(crate) fn record(self) -> Record<'t> {
        self.block.record(self.index)
    }

    pub(crate) fn value(self) -> &'t [u8] {
        self.record().value()
    }

    pub(crate) fn acl(self) -> Acl<'t> {
        self.record().acl()
    }

    pub(crate) fn stamp(self, part: Part) -> u64 {
        self.record().stamp(part)
    }

    /// The names of its children in order of creation, each passed to `f`.
    pub(crate) fn each_child(self, mut f: impl FnMut(&'t [u8])) {
        match self.dir {
            Some(dir) => dir.ordered().iter().for_each(|child| f(child.name())),
            None => self.block.children(self.index).for_each(|(_, name)| f(name)),
        }
    }
}

impl Tree {
    /// A tree of the root alone.
    pub(crate) fn new(acl: Acl<'_>, generation: u64) -> Tree {
        let stamps = Stamps { value: generation, perms: generation, children: generation };
        let parts = Parts { value: b"", acl, stamps };
        Tree { root: Child::Block(Block::single(Keys::ROOT, 0, b"", &parts)) }
    }

    pub(crate) fn root(&self) -> Node<'_> {
        self.root.node()
    }

    /// Finds a node, or its nearest ancestor.
    #[inline]
    pub(crate) fn find(&self, keys: &Keys, path: Path<'_>) -> Found<'_> {
        let mut descent = Descent::new(path);
        let mut child = &self.root;
        loop {
            match child {
                Child::Block(block) => return descent.find_in(keys, block),
                Child::Dir(dir) => {
                    let Some(step) = descent.step(keys) else { return Found::Node(dir.node()) };
                    match dir.child(step.hash, step.name) {
                        Some(next) => child = next,
                        None => {
                            let bytes = step.before;
                            return Found::Missing { nearest: dir.node(), bytes };
                        }
                    }
                }
            }
        }
    }

    pub(crate) fn get(&self, keys: &Keys, path: Path<'_>) -> Option<Node<'_>> {
        match self.find(keys, path) {
            Found::Node(node) => Some(node),
            Found::Missing { .. } => None,
        }
    }

    /// Where a path stands in a walk in order of creation: ranks compare as the walk meets them.
    pub(crate) fn rank(&self, keys: &Keys, path: Path<'_>) -> Vec<u64> {
        let mut descent = Descent::new(path);
        let mut child = &self.root;
        let mut rank = Vec::new();
        loop {
            match child {
                Child::Block(block) => {
                    let mut at = block.find(keys, descent.rest).unwrap_or(0);
                    let from = rank.len();
                    while at != 0 {
                        rank.push(u64::from(at));
                        at = block.record(at).parent();
                    }
                    if let Some(own) = rank.get_mut(from..) {
                        own.reverse();
                    }
                    return rank;
                }
                Child::Dir(dir) => {
                    let Some(step) = descent.step(keys) else { return rank };
                    let Some(next) = dir.child(step.hash, step.name) else { return rank };
                    rank.push(next.block().order());
                    child = next;
                }
            }
        }
    }

    /// Changes an existing node in its block; false where there is none. `next_order` gives ever
    /// larger numbers.
    pub(crate) fn change(
        &mut self,
        keys: &Keys,
        path: Path<'_>,
        mut next_order: impl FnMut() -> u64,
        change: impl FnOnce(&mut Block, u16),
    ) -> bool {
        let mut descent = Descent::new(path);
        let Some(place) = self.descend(keys, &mut descent, |_| false) else { return false };
        match place {
            Child::Dir(dir) => change(&mut Arc::make_mut(dir).own, 0),
            Child::Block(block) => {
                let at =
                    if descent.rest.is_empty() { Some(0) } else { block.find(keys, descent.rest) };
                let Some(index) = at else { return false };
                change(block, index);
                split_if_large(place, keys, &mut next_order);
            }
        }
        true
    }

    /// Adds a node whose parent exists. `next_order` gives ever larger numbers.
    pub(crate) fn create(
        &mut self,
        keys: &Keys,
        path: Path<'_>,
        parts: &Parts<'_>,
        mut next_order: impl FnMut() -> u64,
    ) -> bool {
        let mut descent = Descent::new(path);
        let stamp = parts.stamps.children;
        let Some(place) = self.descend(keys, &mut descent, is_last) else {
            return false;
        };
        match place {
            Child::Dir(dir) => {
                let Some(step) = descent.step(keys) else { return false };
                let dir = Arc::make_mut(dir);
                let block = Block::single(step.hash, next_order(), step.name.as_bytes(), parts);
                dir.own.set_stamp(0, Part::Children, stamp);
                dir.children.insert(Child::Block(block));
            }
            Child::Block(block) => {
                let below = descent.rest;
                let parent = match parent_of(below) {
                    None => Some(0),
                    Some(above) => block.find(keys, above),
                };
                let Some(parent) = parent else { return false };
                block.push(keys, parent, below, parts);
                block.set_stamp(parent, Part::Children, stamp);
                split_if_large(place, keys, &mut next_order);
            }
        }
        true
    }

    /// Removes a node and all below it; the root can't be removed.
    pub(crate) fn remove(&mut self, keys: &Keys, path: Path<'_>, stamp: u64) -> bool {
        let mut descent = Descent::new(path);
        let Some(place) = self.descend(keys, &mut descent, is_last) else {
            return false;
        };
        match place {
            Child::Dir(shared) => {
                let Some(step) = descent.step(keys) else { return false };
                let dir = Arc::make_mut(shared);
                let is = |c: &Child| c.name() == step.name.as_bytes();
                if dir.children.remove(step.hash, is).is_none() {
                    return false;
                }
                dir.own.set_stamp(0, Part::Children, stamp);
                if dir.children.is_empty() {
                    *place = Child::Block(dir.own.clone());
                }
            }
            Child::Block(block) => {
                let Some(index) = block.find(keys, descent.rest) else { return false };
                let parent = block.record(index).parent();
                block.set_stamp(parent, Part::Children, stamp);
                let gone = block.subtree(index);
                block.remove(&gone);
            }
        }
        true
    }

    /// Goes down to the block that holds the path, or to the directory that is it, or to the
    /// directory below which `stop` holds for what is left of the path. All on the way becomes
    /// our own.
    fn descend(
        &mut self,
        keys: &Keys,
        descent: &mut Descent<'_>,
        stop: impl Fn(&str) -> bool,
    ) -> Option<&mut Child> {
        let mut child = &mut self.root;
        loop {
            let at_end = descent.rest.is_empty() || stop(descent.rest);
            if at_end || matches!(child, Child::Block(_)) {
                return Some(child);
            }
            let Child::Dir(dir) = child else { return None };
            let step = descent.step(keys)?;
            let is = |c: &Child| c.name() == step.name.as_bytes();
            child = Arc::make_mut(dir).children.get_mut(step.hash, is)?;
        }
    }
}

/// A block that has outgrown [`BLOCK_BYTES`] becomes a directory. One change adds a name, a value
/// and a permission list at most, so no offset in a block comes near 64 KiB.
fn split_if_large(place: &mut Child, keys: &Keys, next_order: &mut dyn FnMut() -> u64) {
    if let Child::Block(block) = place
        && block.live_bytes() > BLOCK_BYTES
        && block.len() > 1
    {
        *place = dir::split(block, keys, next_order);
    }
}

/// Whether one component is left.
fn is_last(rest: &str) -> bool {
    parent_of(rest).is_none()
}

/// A path on the way down.
struct Descent<'p> {
    text: &'p str,
    /// What is left, without a leading `/`.
    rest: &'p str,
    hash: u64,
}

struct Step<'p> {
    name: &'p str,
    hash: u64,
    /// Bytes of the path before this step: those of the parent.
    before: usize,
}

impl<'p> Descent<'p> {
    fn new(path: Path<'p>) -> Descent<'p> {
        let text = path.as_str();
        Descent { text, rest: text.get(1..).unwrap_or_default(), hash: Keys::ROOT }
    }

    /// The next component.
    #[inline]
    fn step(&mut self, keys: &Keys) -> Option<Step<'p>> {
        if self.rest.is_empty() {
            return None;
        }
        let before = self.before();
        let (name, rest) = split_first(self.rest);
        self.rest = rest;
        self.hash = keys.child(self.hash, name.as_bytes());
        Some(Step { name, hash: self.hash, before })
    }

    /// Bytes of the path above what is left.
    fn before(&self) -> usize {
        let above = self.text.len() - self.rest.len();
        if self.rest.is_empty() { above } else { above.saturating_sub(1).max(1) }
    }

    /// Ends the descent in a block.
    #[inline]
    fn find_in<'t>(&self, keys: &Keys, block: &'t Block) -> Found<'t> {
        let node = |index| Node { block, index, dir: None };
        if self.rest.is_empty() {
            return Found::Node(node(0));
        }
        if let Some(index) = block.find(keys, self.rest) {
            return Found::Node(node(index));
        }
        let start = self.text.len() - self.rest.len();
        let mut rest = self.rest;
        while let Some(above) = parent_of(rest) {
            rest = above;
            if let Some(index) = block.find(keys, rest) {
                return Found::Missing { nearest: node(index), bytes: start + rest.len() };
            }
        }
        Found::Missing { nearest: node(0), bytes: self.before() }
    }
}
