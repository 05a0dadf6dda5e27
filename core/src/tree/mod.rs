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
mod open;
mod walk;

pub(crate) use block::{Block, Part, Parts, Record, Spot, Stamps};
pub(crate) use dir::{Child, Dir};
pub(crate) use walk::{At, Visit, Walk, unordered};

use std::sync::Arc;

use open::Open;

use crate::acl::Acl;
use crate::hash::{Hash, Keys};
use crate::limits::BLOCK_BYTES;
use crate::path::{Path, parent_of, split_first};

/// All nodes of a version.
#[derive(Clone)]
pub(crate) struct Tree {
    root: Child,
    /// The block that the edit at hand keeps coming back to; none in a version.
    open: Option<Box<Open>>,
    /// The block below a directory that was changed last, by its hash: another change there
    /// opens it.
    last: Option<Hash>,
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
    Missing { nearest: Node<'t>, bytes: usize, spot: Option<Spot> },
}

impl std::fmt::Debug for Tree {
    /// Only that it is one: a tree can be 2,000 levels deep, and a stack can't (XSA-418).
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tree").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Dir {
    /// The node itself, without what is below.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dir").field("own", &self.own).finish_non_exhaustive()
    }
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
        let stamps = Stamps::all(generation);
        let parts = Parts { value: b"", acl, stamps };
        let root = Child::Block(Block::single(Keys::ROOT, 0, b"", &parts));
        Tree { root, open: None, last: None }
    }

    pub(crate) fn root(&self) -> Node<'_> {
        self.root.node()
    }

    /// Finds a node, or its nearest ancestor.
    #[inline]
    pub(crate) fn find(&self, keys: &Keys, path: Path<'_>) -> Found<'_> {
        if let Some(open) = &self.open
            && let Some(descent) = open.descent(path)
        {
            return descent.find_in(keys, &open.block);
        }
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
                            return Found::Missing { nearest: dir.node(), bytes, spot: None };
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
        debug_assert!(!self.is_open());
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
        next_order: impl FnMut() -> u64,
        change: impl FnOnce(&mut Block, u16),
    ) -> bool {
        if let Some(open) = self.open_at(path) {
            let (block, rest) = open;
            let at = if rest.is_empty() { Some(0) } else { block.find(keys, rest) };
            let Some(index) = at else { return false };
            change(block, index);
            self.keep_small(keys, path, next_order);
            return true;
        }
        self.close_elsewhere();
        let mut descent = Descent::new(path);
        let Some(place) = descend(&mut self.root, keys, &mut descent, |_| false) else {
            return false;
        };
        match place {
            Child::Dir(dir) => change(&mut Arc::make_mut(dir).own, 0),
            Child::Block(block) => {
                let at =
                    if descent.rest.is_empty() { Some(0) } else { block.find(keys, descent.rest) };
                let Some(index) = at else { return false };
                change(block, index);
                let hash = block.hash();
                let split = split_if_large(place, keys, next_order);
                self.changed(keys, path, &descent, (!split).then_some(hash));
            }
        }
        true
    }

    /// Adds a node whose parent exists: its path, and how long the last component of it is.
    /// `spot`: where a look-up has missed it, if nothing has changed since; it gets its parent's
    /// permissions then. `next_order` gives ever larger numbers.
    pub(crate) fn create(
        &mut self,
        keys: &Keys,
        (path, name): (Path<'_>, usize),
        parts: &Parts<'_>,
        spot: Option<Spot>,
        mut next_order: impl FnMut() -> u64,
    ) -> bool {
        let stamp = parts.stamps.children;
        if let Some((block, below)) = self.open_at(path)
            && !below.is_empty()
        {
            block.make_room();
            let added = block.add(keys, (below, name), parts, spot);
            self.keep_small(keys, path, next_order);
            return added;
        }
        self.close_elsewhere();
        let mut descent = Descent::new(path);
        let Some(place) = descend(&mut self.root, keys, &mut descent, is_last) else {
            return false;
        };
        match place {
            Child::Dir(dir) => {
                let Some(step) = descent.step(keys) else { return false };
                let dir = Arc::make_mut(dir);
                let block = Block::single(step.hash, next_order(), step.name.as_bytes(), parts);
                dir.own.set_stamp(0, Part::Children, stamp);
                dir.children.insert(Child::Block(block));
                self.last = Some(step.hash);
            }
            Child::Block(block) => {
                if !block.add(keys, (descent.rest, name), parts, spot) {
                    return false;
                }
                let hash = block.hash();
                let split = split_if_large(place, keys, next_order);
                self.changed(keys, path, &descent, (!split).then_some(hash));
            }
        }
        true
    }

    /// Removes a node and all below it; the root can't be removed.
    pub(crate) fn remove(&mut self, keys: &Keys, path: Path<'_>, stamp: u64) -> bool {
        self.close();
        let mut descent = Descent::new(path);
        let Some(place) = descend(&mut self.root, keys, &mut descent, is_last) else {
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

    /// The open block, and what is left there of a path.
    #[inline]
    fn open_at<'p>(&mut self, path: Path<'p>) -> Option<(&mut Block, &'p str)> {
        let open = self.open.as_mut()?;
        let rest = open.descent(path)?.rest;
        Some((&mut open.block, rest))
    }

    /// Something is about to change that doesn't lie in the open block.
    fn close_elsewhere(&mut self) {
        if self.is_open() {
            self.close();
        }
    }

    /// After a change in the open block: it goes back where it has outgrown [`BLOCK_BYTES`].
    fn keep_small(&mut self, keys: &Keys, path: Path<'_>, next_order: impl FnMut() -> u64) {
        if self.open.as_ref().is_none_or(|open| open.block.live_bytes() <= BLOCK_BYTES) {
            return;
        }
        self.close();
        if let Some(place) = descend(&mut self.root, keys, &mut Descent::new(path), |_| false) {
            split_if_large(place, keys, next_order);
        }
    }

    /// After a change in a block below a directory (none: it has become a directory itself):
    /// the second one in a row opens it.
    fn changed(&mut self, keys: &Keys, path: Path<'_>, end: &Descent<'_>, block: Option<Hash>) {
        let bytes = if end.rest.is_empty() { end.text.len() } else { end.before() };
        let again = self.last == block;
        self.last = block;
        if block.is_some() && again && bytes > 1 {
            self.open(keys, path, bytes);
        }
    }
}

/// Goes down to the block that holds the path, or to the directory that is it, or to the
/// directory below which `stop` holds for what is left of the path. All on the way becomes
/// our own.
fn descend<'t>(
    root: &'t mut Child,
    keys: &Keys,
    descent: &mut Descent<'_>,
    stop: impl Fn(&str) -> bool,
) -> Option<&'t mut Child> {
    let mut child = root;
    loop {
        let at_end = descent.rest.is_empty() || stop(descent.rest);
        if at_end || matches!(child, Child::Block(_)) {
            return Some(child);
        }
        let step = descent.step(keys)?;
        child = child_mut(child, step.hash, step.name.as_bytes())?;
    }
}

/// The child of a directory, to be changed.
#[inline]
fn child_mut<'t>(parent: &'t mut Child, hash: Hash, name: &[u8]) -> Option<&'t mut Child> {
    let Child::Dir(dir) = parent else { return None };
    Arc::make_mut(dir).children.get_mut(hash, |child| child.name() == name)
}

/// A block that has outgrown [`BLOCK_BYTES`] becomes a directory: true. One change adds a name, a
/// value and a permission list at most, so no offset in a block comes near 64 KiB.
fn split_if_large(place: &mut Child, keys: &Keys, mut next_order: impl FnMut() -> u64) -> bool {
    if let Child::Block(block) = place
        && block.live_bytes() > BLOCK_BYTES
        && block.len() > 1
    {
        *place = dir::split(block, keys, &mut next_order);
        return true;
    }
    false
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
        let tag = match block.search(keys, self.rest) {
            Ok(index) => return Found::Node(node(index)),
            Err(tag) => tag,
        };
        let start = self.text.len() - self.rest.len();
        let mut rest = parent_of(self.rest);
        // Known where the parent is there.
        let mut spot = Some(tag);
        while let Some(above) = rest {
            if let Some(index) = block.find_parent(keys, above) {
                let spot = spot.map(|tag| Spot { parent: index, tag });
                return Found::Missing { nearest: node(index), bytes: start + above.len(), spot };
            }
            spot = None;
            rest = parent_of(above);
        }
        let spot = spot.map(|tag| Spot { parent: 0, tag });
        Found::Missing { nearest: node(0), bytes: self.before(), spot }
    }
}
