//! Changes merged: of each path what it came to, in path order.
//!
//! **M1** Merged changes give the same tree as the changes in order, on any tree before them.
//! **M2** Of a path that was removed it is kept that it was, and what came after: so what was below
//! it before is gone, and what is below it now was made since.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use super::model::{Author, Node, OwnedChange, OwnedWhat, Perm};
use super::order;

/// What changes came to.
#[derive(Debug, Default)]
pub(crate) struct Merge {
    paths: BTreeMap<Key, Merged>,
}

/// What a path came to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Merged {
    /// It was removed, with all that was below.
    pub(crate) removed: Option<By>,
    /// It was created since: value and permissions are both here.
    pub(crate) created: bool,
    pub(crate) value: Option<(By, Vec<u8>)>,
    pub(crate) perms: Option<(By, Arc<[Perm]>)>,
}

/// Who changed something last.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct By {
    pub(crate) author: Author,
    pub(crate) generation: u64,
}

/// A path that sorts in path order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key(pub(crate) Box<str>);

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Key) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Key) -> Ordering {
        order::compare(&self.0, &other.0)
    }
}

impl Merge {
    /// Adds one more change.
    pub(crate) fn add(&mut self, change: OwnedChange) {
        let by = By { author: change.author, generation: change.generation };
        let key = Key(change.path.into_boxed_str());
        match change.what {
            OwnedWhat::Noted(_) => {}
            OwnedWhat::Removed => {
                self.forget_below(&key);
                self.paths.insert(key, Merged { removed: Some(by), ..Merged::default() });
            }
            OwnedWhat::Created { value, perms } => {
                let merged = self.paths.entry(key).or_default();
                merged.created = true;
                merged.value = Some((by, value));
                merged.perms = Some((by, perms));
            }
            OwnedWhat::Written { value } => {
                self.paths.entry(key).or_default().value = Some((by, value));
            }
            OwnedWhat::Perms(perms) => {
                self.paths.entry(key).or_default().perms = Some((by, perms));
            }
        }
    }

    /// What a path itself came to, if it changed.
    pub(crate) fn get(&self, path: &str) -> Option<&Merged> {
        self.paths.get(&Key(path.into()))
    }

    /// Paths in order, each with what it came to.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Merged)> {
        self.paths.iter().map(|(key, merged)| (&*key.0, merged))
    }

    pub(crate) fn into_iter(self) -> impl Iterator<Item = (Key, Merged)> {
        self.paths.into_iter()
    }

    fn forget_below(&mut self, top: &Key) {
        let from = (Bound::Included(top), Bound::Unbounded);
        let below = self.paths.range(from).map(|(key, _)| key);
        let below: Vec<Key> =
            below.take_while(|key| order::is_within(&key.0, &top.0)).cloned().collect();
        for key in &below {
            self.paths.remove(key);
        }
    }
}

impl Merged {
    /// The node after these changes, given the one before them. Nothing where a change is of a node
    /// that isn't there.
    pub(crate) fn apply(self, before: Option<Node>) -> Option<Node> {
        let before = before.filter(|_| self.removed.is_none());
        let generation = [self.value.as_ref().map(|(by, _)| by.generation)]
            .into_iter()
            .chain([self.perms.as_ref().map(|(by, _)| by.generation)])
            .flatten()
            .max();
        let (old_value, old_perms, old) = match before {
            Some(node) => (Some(node.value), Some(node.perms), node.generation),
            None => (None, None, 0),
        };
        Some(Node {
            value: self.value.map(|(_, value)| value.into_boxed_slice()).or(old_value)?,
            perms: self.perms.map(|(_, perms)| perms).or(old_perms)?,
            generation: generation.unwrap_or(old),
        })
    }
}
