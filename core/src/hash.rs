//! Keyed hashing of paths, component by component.
//!
//! The keys are random per store, so that a guest can't choose names that collide. A node's hash
//! is that of its parent's hash and its own name: it depends on the whole path, serves the trie of
//! the directory, the watches and the indices alike, and never changes, since nodes don't move.

use ahash::RandomState;
use std::hash::{BuildHasher, Hasher};

use crate::path::Path;

/// The hash of a node's path, or of another key.
pub(crate) type Hash = u64;

/// The random keys of one store.
#[derive(Clone, Debug)]
pub(crate) struct Keys(RandomState);

impl Keys {
    /// Keys that nobody outside the process can know.
    pub(crate) fn random() -> Keys {
        Keys(RandomState::new())
    }

    /// Keys that whoever knows the seed knows too.
    pub(crate) fn seeded(seed: u64) -> Keys {
        let [a, b, c, d] = [1, 2, 3, 4].map(|n: u64| seed.wrapping_add(n).wrapping_mul(MIX));
        Keys(RandomState::with_seeds(a, b, c, d))
    }

    /// The root's hash.
    pub(crate) const ROOT: Hash = 0x006d_7972_6961_6400;

    /// The hash of `name` below a node of hash `parent`.
    #[inline]
    pub(crate) fn child(&self, parent: Hash, name: &[u8]) -> Hash {
        let mut hasher = self.0.build_hasher();
        hasher.write_u64(parent);
        hasher.write(name);
        hasher.finish()
    }

    /// The hash of a path.
    pub(crate) fn path(&self, path: Path<'_>) -> Hash {
        path.components().fold(Keys::ROOT, |hash, name| self.child(hash, name.as_bytes()))
    }

    /// The hash of a number, such as a domain id.
    pub(crate) fn number(&self, number: u64) -> Hash {
        self.child(number, &[])
    }
}

/// Spreads the bits of a seed.
const MIX: u64 = 0x9E37_79B9_7F4A_7C15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_stores_have_different_keys() {
        let (one, another) = (Keys::random(), Keys::random());
        assert_ne!(one.child(Keys::ROOT, b"name"), another.child(Keys::ROOT, b"name"));
        assert_ne!(one.number(5), another.number(5));
    }

    #[test]
    fn the_same_seed_gives_the_same_hashes() {
        let hash = |seed| Keys::seeded(seed).child(Keys::ROOT, b"name");
        assert_eq!(hash(7), hash(7));
        assert_ne!(hash(7), hash(8));
    }
}
