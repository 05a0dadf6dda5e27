//! Directories: a node of its own, and its children in a trie.

use std::cell::RefCell;
use std::sync::Arc;

use super::{Block, Node};
use crate::hash::{Hash, Keys};
use crate::limits::BLOCK_BYTES;
use crate::trie::{Entry, Trie};

/// A subtree: packed, or a directory.
#[derive(Clone)]
pub(crate) enum Child {
    Block(Block),
    Dir(Arc<Dir>),
}

/// A node whose children lie in a trie.
#[derive(Clone)]
pub(crate) struct Dir {
    /// The node itself, as a block of one record.
    pub(super) own: Block,
    pub(super) children: Trie<Child>,
}

impl Child {
    pub(crate) fn block(&self) -> &Block {
        match self {
            Child::Block(block) => block,
            Child::Dir(dir) => &dir.own,
        }
    }

    /// The last component of the root's path.
    #[inline]
    pub(crate) fn name(&self) -> &[u8] {
        self.block().name()
    }

    pub(crate) fn node(&self) -> Node<'_> {
        match self {
            Child::Block(block) => Node { block, index: 0, dir: None },
            Child::Dir(dir) => dir.node(),
        }
    }
}

impl Entry for Child {
    #[inline]
    fn hash(&self) -> Hash {
        self.block().hash()
    }
}

impl Dir {
    pub(super) fn node(&self) -> Node<'_> {
        Node { block: &self.own, index: 0, dir: Some(self) }
    }

    #[inline]
    pub(super) fn child(&self, hash: Hash, name: &str) -> Option<&Child> {
        self.children.get(hash, |child| child.name() == name.as_bytes())
    }

    /// The children in order of creation.
    pub(super) fn ordered(&self) -> Vec<&Child> {
        let mut all: Vec<(u64, &Child)> =
            self.children.iter().map(|child| (child.block().order(), child)).collect();
        all.sort_unstable_by_key(|(order, _)| *order);
        all.into_iter().map(|(_, child)| child).collect()
    }
}

/// Turns a block into a directory; children that are too large are turned in their turn. Each
/// turn takes a record off, and a block has some hundred at most, which bounds the recursion.
pub(super) fn split(block: &Block, keys: &Keys, next_order: &mut dyn FnMut() -> u64) -> Child {
    let mut parts = block.split(keys, &mut *next_order).into_iter();
    let Some(own) = parts.next() else { return Child::Block(block.clone()) };
    let mut children = Trie::default();
    for part in parts {
        children.insert(if part.live_bytes() > BLOCK_BYTES && part.len() > 1 {
            split(&part, keys, next_order)
        } else {
            Child::Block(part)
        });
    }
    if children.is_empty() {
        return Child::Block(own);
    }
    Child::Dir(Arc::new(Dir { own, children }))
}

/// Whether a loop is at it, and what waits.
type Dropping = (bool, Vec<Trie<Child>>);

thread_local! {
    /// Tries whose directories have been dropped and whose contents have not, yet.
    static DROPPING: RefCell<Dropping> = const { RefCell::new((false, Vec::new())) };
}

impl Drop for Dir {
    /// Drops the children in a loop: a chain of directories can be as long as a path is deep, and
    /// a recursion would overflow the stack (XSA-418).
    fn drop(&mut self) {
        let children = std::mem::take(&mut self.children);
        let _ = DROPPING.try_with(|cell| {
            let Ok(mut state) = cell.try_borrow_mut() else { return };
            state.1.push(children);
            if std::mem::replace(&mut state.0, true) {
                return;
            }
            while let Some(next) = state.1.pop() {
                drop(state);
                drop(next);
                state = cell.borrow_mut();
            }
            state.0 = false;
        });
    }
}
