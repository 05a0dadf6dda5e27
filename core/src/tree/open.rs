//! The open block: the one that the edit at hand keeps coming back to.
//!
//! The nodes of a VM are written one after another, all into the same block. From the second
//! change in a row on, that block is taken out of the tree and kept beside it with its path: what
//! lies below that path goes straight to it, with neither a descent nor a copy. In the tree stands
//! a stub with the same hash, order and name, which is all that its directory looks at.
//!
//! Invariants: O1 what lies at or below the path is looked up in the open block, never in the
//! stub; O2 whoever walks, or changes the tree elsewhere, closes first; O3 no version is published
//! with an open block.

use smallvec::SmallVec;

use super::{Block, Child, Descent, Tree, child_mut};
use crate::hash::{Hash, Keys};
use crate::path::Path;

/// A block that has been taken out of its tree.
#[derive(Clone, Debug)]
pub(super) struct Open {
    /// The path of the block's root; never `/`.
    path: Box<str>,
    /// The hash of each step on the way there.
    hashes: SmallVec<[Hash; 8]>,
    pub(super) block: Block,
}

impl Open {
    /// What is left of a path at or below the open block's root.
    #[inline]
    pub(super) fn descent<'p>(&self, path: Path<'p>) -> Option<Descent<'p>> {
        let text = path.as_str();
        let rest = text.strip_prefix(&*self.path)?;
        let rest = if rest.is_empty() { rest } else { rest.strip_prefix('/')? };
        Some(Descent { text, rest, hash: self.block.hash() })
    }
}

impl Tree {
    /// Opens the block whose root is the first `bytes` of `path`.
    pub(super) fn open(&mut self, keys: &Keys, path: Path<'_>, bytes: usize) {
        debug_assert!(self.open.is_none());
        let Some(text) = path.as_str().get(..bytes) else { return };
        let mut hashes = SmallVec::new();
        let mut hash = Keys::ROOT;
        let mut child = &mut self.root;
        for name in Path::trusted(text).components() {
            hash = keys.child(hash, name.as_bytes());
            hashes.push(hash);
            let Some(next) = child_mut(child, hash, name.as_bytes()) else { return };
            child = next;
        }
        let Child::Block(block) = child else { return };
        let stub = block.stub();
        let block = std::mem::replace(block, stub);
        self.open = Some(Box::new(Open { path: text.into(), hashes, block }));
    }

    /// Puts the open block back, without the room that it had to grow.
    pub(crate) fn close(&mut self) {
        self.last = None;
        let Some(open) = self.open.take() else { return };
        let mut child = &mut self.root;
        for (hash, name) in open.hashes.iter().zip(Path::trusted(&open.path).components()) {
            let next = child_mut(child, *hash, name.as_bytes());
            debug_assert!(next.is_some(), "the stub is gone");
            let Some(next) = next else { return };
            child = next;
        }
        *child = Child::Block(open.block.without_slack());
    }

    /// Whether a block is open.
    pub(crate) fn is_open(&self) -> bool {
        self.open.is_some()
    }
}
