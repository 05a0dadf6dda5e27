//! A tree that is brought from version to version by what differs, and how it was one step before.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, HashMap},
    ops::Bound,
};

use myriad_history::file::{Difference, Node, OwnedChange, OwnedWhat, Tree, order};

use super::{
    diff::is_one,
    layout::{Picture, join, parent},
    source::paths,
    words,
};

/// All nodes of a version.
#[derive(Debug, Default)]
pub(crate) struct Live {
    nodes: BTreeMap<Key, Node>,
}

/// The version before the last step.
#[derive(Debug)]
pub(crate) struct Before<'l> {
    now: &'l Live,
    /// What differed, as it was.
    was: HashMap<&'l str, Option<&'l Node>>,
    /// Of each parent, the children that came or went: their names, and whether they were there.
    children: HashMap<&'l str, Vec<(&'l str, bool)>>,
}

/// A path that sorts as trees do: what is below a node right behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Key(Box<str>);

impl Live {
    /// The nodes of a tree.
    pub(crate) fn of(tree: &Tree) -> Live {
        let node = |path: &str| tree.get(path).map(|node| (Key(path.into()), node.clone()));
        Live { nodes: paths(tree).filter_map(node).collect() }
    }

    /// Makes a step.
    pub(crate) fn apply(&mut self, differences: &[Difference]) {
        for Difference { path, after, .. } in differences {
            let key = Key(path.as_str().into());
            match after {
                Some(node) => drop(self.nodes.insert(key, node.clone())),
                None => drop(self.nodes.remove(&key)),
            }
        }
    }

    /// What a commit makes different, the one right after this version; none where it doesn't fit
    /// it, since something is missing.
    pub(crate) fn step_of(&self, changes: &[OwnedChange]) -> Option<Vec<Difference>> {
        let mut after: BTreeMap<Key, Option<Node>> = BTreeMap::new();
        for change in changes.iter().filter(|change| change.path.starts_with('/')) {
            let key = Key(change.path.as_str().into());
            let generation = change.generation;
            let is = after.get(&key).cloned().unwrap_or_else(|| self.nodes.get(&key).cloned());
            let node = match &change.what {
                OwnedWhat::Noted(_) => continue,
                OwnedWhat::Created { value, perms } => {
                    let (value, perms) = (value.as_slice().into(), perms.clone());
                    Some(Node { value, perms, generation })
                }
                OwnedWhat::Written { value } => {
                    Some(Node { value: value.as_slice().into(), generation, ..is? })
                }
                OwnedWhat::Perms(perms) => Some(Node { perms: perms.clone(), generation, ..is? }),
                OwnedWhat::Removed => {
                    let within = |key: &&Key| order::is_within(&key.0, &change.path);
                    let from = || (Bound::Included(key.clone()), Bound::Unbounded);
                    let there = self.nodes.range(from()).map(|(key, _)| key).take_while(within);
                    let made = after.range(from()).map(|(key, _)| key).take_while(within);
                    let all: Vec<Key> = there.chain(made).cloned().collect();
                    after.extend(all.into_iter().map(|key| (key, None)));
                    None
                }
            };
            after.insert(key, node);
        }
        let differences = after.into_iter().map(|(key, after)| {
            let before = self.nodes.get(&key).cloned();
            Difference { path: key.0.into(), before, after }
        });
        Some(differences.filter(is_one).collect())
    }

    /// How it was before a step that was just made.
    pub(crate) fn before<'l>(&'l self, step: &'l [Difference]) -> Before<'l> {
        let mut before = Before { now: self, was: HashMap::new(), children: HashMap::new() };
        for Difference { path, before: was, after } in step {
            before.was.insert(path, was.as_ref());
            let name = path.rsplit('/').next();
            if let (Some(parent), Some(name)) = (parent(path), name)
                && was.is_some() != after.is_some()
            {
                before.children.entry(parent).or_default().push((name, was.is_some()));
            }
        }
        before
    }

    fn get(&self, path: &str) -> Option<&Node> {
        self.nodes.get(&Key(path.into()))
    }

    /// The first path from a key on, where it is below another.
    fn next_below(&self, from: Bound<Key>, top: &str) -> Option<&str> {
        let (next, _) = self.nodes.range((from, Bound::Unbounded)).next()?;
        order::is_within(&next.0, top).then_some(&*next.0)
    }
}

impl Picture for Live {
    fn value(&self, path: &str) -> Option<&[u8]> {
        self.get(path).map(|node| &*node.value)
    }

    fn perms(&self, path: &str) -> String {
        self.get(path).map(|node| words::perms(&node.perms)).unwrap_or_default()
    }

    fn children<'t>(&'t self, path: &'t str) -> Vec<&'t str> {
        let mut names = Vec::new();
        let mut from = Bound::Excluded(Key(path.into()));
        while let Some(child) = self.next_below(from, path) {
            names.extend(child.rsplit('/').next());
            // Behind all that is below it: a slash sorts before every other byte.
            from = Bound::Excluded(Key(format!("{child}\0").into()));
        }
        names
    }

    fn has_children(&self, path: &str) -> bool {
        self.next_below(Bound::Excluded(Key(path.into())), path).is_some()
    }
}

impl Before<'_> {
    fn get(&self, path: &str) -> Option<&Node> {
        self.was.get(path).copied().unwrap_or_else(|| self.now.get(path))
    }

    fn changed(&self, path: &str) -> &[(&str, bool)] {
        self.children.get(path).map(Vec::as_slice).unwrap_or_default()
    }
}

impl Picture for Before<'_> {
    fn value(&self, path: &str) -> Option<&[u8]> {
        self.get(path).map(|node| &*node.value)
    }

    fn perms(&self, path: &str) -> String {
        self.get(path).map(|node| words::perms(&node.perms)).unwrap_or_default()
    }

    fn children<'t>(&'t self, path: &'t str) -> Vec<&'t str> {
        let mut names = self.now.children(path);
        names.retain(|name| self.get(&join(path, name)).is_some());
        names.extend(self.changed(path).iter().filter(|(_, was)| *was).map(|(name, _)| *name));
        names.sort_unstable();
        names
    }

    fn has_children(&self, path: &str) -> bool {
        if self.changed(path).iter().any(|(_, was)| *was) {
            return true;
        }
        let came = self.changed(path).len();
        // As many as have come, and one more, is enough to be sure.
        let mut from = Bound::Excluded(Key(path.into()));
        for _ in 0..=came {
            let Some(child) = self.now.next_below(from, path) else { return false };
            if self.get(child).is_some() {
                return true;
            }
            from = Bound::Excluded(Key(format!("{child}\0").into()));
        }
        false
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Key) -> Ordering {
        order::compare(&self.0, &other.0)
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Key) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests;
