//! The nodes that a transaction has touched, in order of first access.

use std::sync::Arc;

use hashbrown::HashTable;

use super::Fact;
use crate::hash::{Hash, Keys};
use crate::path::Path;

/// A node that a transaction has touched.
#[derive(Clone, Debug)]
pub(crate) struct Touch {
    path: Arc<str>,
    hash: Hash,
    /// The event that it raises at commit; true: for exact watches only.
    pub(crate) fire: Option<bool>,
    pub(super) fact: Fact,
}

impl Touch {
    pub(crate) fn path(&self) -> Path<'_> {
        Path::trusted(&self.path)
    }
}

/// All of them, found by their paths.
#[derive(Clone, Debug, Default)]
pub(super) struct Touches {
    all: Vec<Touch>,
    table: HashTable<u32>,
    /// Those that were asked for last, the latest first: what comes next is often one of them, or
    /// a child of one.
    recent: [u32; RECENT],
}

impl Touches {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn all(&self) -> &[Touch] {
        &self.all
    }

    /// The same in the same order, without facts or events.
    pub(super) fn order_only(&self) -> Touches {
        let touch = |t: &Touch| Touch {
            path: t.path.clone(),
            hash: t.hash,
            fire: None,
            fact: Fact::default(),
        };
        let all = self.all.iter().map(touch).collect();
        Touches { all, table: self.table.clone(), recent: self.recent }
    }

    /// The entry of a path, if there is one.
    pub(super) fn find(&self, keys: &Keys, path: Path<'_>) -> Option<&Touch> {
        let touch = |at: &u32| self.all.get(*at as usize);
        let is = |at: &u32| touch(at).is_some_and(|t| *t.path == *path.as_str());
        self.table.find(keys.path(path), is).and_then(touch)
    }

    /// The entry of a path, made at first access.
    pub(super) fn touch(&mut self, keys: &Keys, path: Path<'_>) -> &mut Touch {
        let at = self.place(keys, path);
        let after = self.recent.iter().position(|recent| *recent == at).unwrap_or(RECENT - 1);
        if let Some(recent) = self.recent.get_mut(..=after) {
            recent.rotate_right(1);
        }
        self.recent[0] = at;
        match self.all.get_mut(at as usize) {
            Some(touch) => touch,
            None => unreachable!("the table holds positions of touches"),
        }
    }

    /// Where the entry of a path is, made at first access.
    fn place(&mut self, keys: &Keys, path: Path<'_>) -> u32 {
        let touches = &self.all;
        let is = |at: &u32| touches.get(*at as usize).is_some_and(|t| *t.path == *path.as_str());
        if let Some(at) = self.recent.iter().find(|at| is(at)) {
            return *at;
        }
        let hash = self.hash(keys, path);
        if let Some(at) = self.table.find(hash, is) {
            return *at;
        }
        let at = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        let path = path.as_str().into();
        self.all.push(Touch { path, hash, fire: None, fact: Fact::default() });
        let touches = &self.all;
        let rehash = |at: &u32| touches.get(*at as usize).map_or(0, |t| t.hash);
        self.table.insert_unique(hash, at, rehash);
        at
    }

    /// The hash of a path, from that of its parent where that was touched lately.
    fn hash(&self, keys: &Keys, path: Path<'_>) -> Hash {
        let above = path.parent().and_then(|parent| {
            let mut recent = self.recent.iter().filter_map(|at| self.all.get(*at as usize));
            recent.find(|touch| *touch.path == *parent.as_str())
        });
        match above {
            Some(above) => keys.child(above.hash, path.leaf().as_bytes()),
            None => keys.path(path),
        }
    }
}

/// Touches that are kept at hand: a new node, the one before, and the parent of both.
const RECENT: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever was asked for before, each path has one entry, under its own hash, in the
        /// order of first access.
        #[test]
        fn each_path_is_found_again(
            asked in proptest::collection::vec(proptest::collection::vec(0u8..3, 0..5), 1..60)
        ) {
            let (keys, mut touches, mut seen) = (Keys::random(), Touches::default(), Vec::new());
            for names in asked {
                let text: String = names.iter().map(|n| format!("/{n}")).collect();
                let text = if text.is_empty() { "/".to_owned() } else { text };
                let path = Path::new(&text).unwrap();
                let touch = touches.touch(&keys, path);
                prop_assert_eq!(touch.path(), path);
                prop_assert_eq!(touch.hash, keys.path(path));
                if !seen.contains(&text) {
                    seen.push(text);
                }
                prop_assert!(touches.all().iter().map(|t| &*t.path).eq(seen.iter()));
            }
        }
    }
}
