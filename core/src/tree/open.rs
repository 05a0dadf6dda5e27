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

#[cfg(test)]
mod tests {
    use super::super::{Found, Part, Parts, Stamps, Walk};
    use super::*;
    use crate::acl::AclBuf;
    use crate::limits::BLOCK_BYTES;
    use crate::perms::Access;

    /// A tree that is being edited.
    struct Edited {
        keys: Keys,
        tree: Tree,
        orders: u64,
    }

    impl Edited {
        /// With the directories `/` and `/d`, and the nodes `/d/a` and `/d/b`, as blocks.
        fn new() -> Edited {
            let list = AclBuf::owned_by_control(Access::None);
            let tree = Tree::new(list.as_acl(), 0);
            let mut edited = Edited { keys: Keys::random(), tree, orders: 0 };
            for path in ["/d", "/d/a", "/d/a/x", "/d/b"] {
                edited.create(path, &[b'x'; BLOCK_BYTES / 2]);
            }
            edited.tree.close();
            assert!(matches!(&edited.tree.root, Child::Dir(_)));
            edited
        }

        fn create(&mut self, path: &str, value: &[u8]) {
            let list = AclBuf::owned_by_control(Access::None);
            let stamps = Stamps::all(7);
            let parts = Parts { value, acl: list.as_acl(), stamps };
            let path = Path::new(path).unwrap();
            let orders = &mut self.orders;
            let next = || {
                *orders += 1;
                *orders
            };
            let name = path.leaf().len();
            assert!(self.tree.create(&self.keys, (path, name), &parts, None, next), "{path}");
        }

        fn set(&mut self, path: &str, value: &[u8]) {
            let path = Path::new(path).unwrap();
            let set = |block: &mut Block, at: u16| block.set_value(at, value, 9);
            assert!(self.tree.change(&self.keys, path, || 1 << 20, set), "{path}");
        }

        fn value(&self, path: &str) -> Option<&[u8]> {
            self.tree.get(&self.keys, Path::new(path).unwrap()).map(|node| node.value())
        }

        fn open_path(&self) -> Option<&str> {
            self.tree.open.as_ref().map(|open| &*open.path)
        }

        fn walk(&self) -> Vec<String> {
            let mut walk = Walk::new(Path::ROOT, self.tree.root());
            std::iter::from_fn(|| walk.next().map(|(path, _)| path.to_owned())).collect()
        }
    }

    #[test]
    fn the_second_change_in_a_row_opens_a_block_and_another_place_closes_it() {
        let mut edited = Edited::new();
        edited.set("/d/b", b"1");
        assert_eq!(edited.open_path(), None);
        edited.create("/d/b/c", b"2");
        assert_eq!(edited.open_path(), Some("/d/b"));
        edited.create("/d/b/c/d", b"3");
        edited.set("/d/b/c", b"22");
        assert_eq!(edited.open_path(), Some("/d/b"));
        edited.create("/d/bb", b"4");
        assert_eq!(edited.open_path(), None, "a name that begins alike is another place");
        let found: Vec<_> = ["/d/b", "/d/b/c", "/d/b/c/d", "/d/bb"].map(|p| edited.value(p)).into();
        assert_eq!(found, [Some(&b"1"[..]), Some(b"22"), Some(b"3"), Some(b"4")]);
    }

    #[test]
    fn an_open_block_is_seen_by_look_ups_and_listings_and_by_nobody_else() {
        let mut edited = Edited::new();
        let before = edited.tree.clone();
        edited.set("/d/b", b"1");
        edited.set("/d/b", b"2");
        edited.create("/d/b/c", b"3");
        assert_eq!(edited.open_path(), Some("/d/b"));
        assert_eq!(edited.value("/d/b"), Some(&b"2"[..]));
        let missing = Path::new("/d/b/c/x/y").unwrap();
        let Found::Missing { nearest, bytes, .. } = edited.tree.find(&edited.keys, missing) else {
            panic!("{missing} is there");
        };
        assert_eq!((nearest.value(), bytes), (&b"3"[..], "/d/b/c".len()));
        assert_eq!(nearest.stamp(Part::Children), 7);
        let mut names = Vec::new();
        let above = edited.tree.get(&edited.keys, Path::new("/d").unwrap()).unwrap();
        above.each_child(|name| names.push(String::from_utf8(name.to_vec()).unwrap()));
        assert_eq!(names, ["a", "b"]);
        let other = before.get(&edited.keys, Path::new("/d/b").unwrap()).unwrap();
        assert_eq!(other.value().len(), BLOCK_BYTES / 2, "others see nothing of it");
        edited.tree.close();
        assert_eq!(edited.walk(), ["/", "/d", "/d/a", "/d/a/x", "/d/b", "/d/b/c"]);
    }

    #[test]
    fn an_open_block_that_outgrows_its_bounds_is_split_in_its_place() {
        let mut edited = Edited::new();
        let names: Vec<String> = (0..40).map(|n| format!("/d/b/n{n}")).collect();
        for name in &names {
            edited.create(name, &[b'v'; 200]);
        }
        edited.create("/d/b/n3/deep", b"!");
        edited.tree.close();
        let b: Vec<String> =
            edited.walk().into_iter().filter(|path| path.starts_with("/d/b/")).collect();
        let mut expected = names.clone();
        expected.insert(4, "/d/b/n3/deep".to_owned());
        assert_eq!(b, expected);
        assert!(names.iter().all(|name| edited.value(name) == Some(&[b'v'; 200])));
    }

    #[test]
    fn removing_above_an_open_block_removes_it() {
        let mut edited = Edited::new();
        edited.set("/d/b", b"1");
        edited.create("/d/b/c", b"2");
        assert_eq!(edited.open_path(), Some("/d/b"));
        assert!(edited.tree.remove(&edited.keys, Path::new("/d").unwrap(), 9));
        assert_eq!(edited.open_path(), None);
        assert_eq!(edited.walk(), ["/"]);
    }

    #[test]
    fn a_closed_block_keeps_no_room_to_grow() {
        let mut edited = Edited::new();
        edited.set("/d/b", b"1");
        for n in 0..10 {
            edited.create(&format!("/d/b/{n}"), b"2");
        }
        let grown = edited.tree.open.as_ref().unwrap().block.bytes();
        edited.tree.close();
        let node = edited.tree.get(&edited.keys, Path::new("/d/b").unwrap()).unwrap();
        assert!(grown > BLOCK_BYTES && node.block.bytes() < 1024, "{} B", node.block.bytes());
    }
}
