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
mod tests {
    use super::*;
    use crate::tool::history::layout::tests::Model;

    fn node(value: &str) -> Node {
        Node { value: value.as_bytes().into(), perms: [].into(), generation: 1 }
    }

    fn model(live: &Live) -> Model {
        let nodes = live.nodes.iter().map(|(key, node)| {
            (key.0.to_string(), (node.value.to_vec(), words::perms(&node.perms)))
        });
        Model(nodes.collect())
    }

    fn same(picture: &dyn Picture, model: &Model, all: &[&str]) {
        for path in all {
            assert_eq!(picture.value(path), model.value(path), "{path}");
            assert_eq!(picture.has_children(path), model.has_children(path), "{path}");
            let (mut mine, mut theirs) = (picture.children(path), model.children(path));
            assert!(mine.is_sorted(), "{mine:?}");
            mine.sort_unstable();
            theirs.sort_unstable();
            assert_eq!(mine, theirs, "{path}");
        }
    }

    /// Changes that make a step, with a detour: what goes is removed, what is above it too, and
    /// what remains is made again.
    fn commit(step: &[Difference]) -> Vec<OwnedChange> {
        let change = |path: &str, what| OwnedChange {
            author: Default::default(),
            generation: 2,
            path: path.into(),
            what,
        };
        let mut changes = vec![change("@special", OwnedWhat::Noted("x".into()))];
        for one in step {
            match &one.after {
                None => changes.push(change(&one.path, OwnedWhat::Removed)),
                Some(node) => {
                    let (value, perms) = (b"other".to_vec(), node.perms.clone());
                    changes.push(change(&one.path, OwnedWhat::Created { value, perms }));
                    let value = node.value.to_vec();
                    changes.push(change(&one.path, OwnedWhat::Written { value }));
                    changes.push(change(&one.path, OwnedWhat::Perms(node.perms.clone())));
                }
            }
        }
        changes
    }

    #[test]
    fn a_commit_that_does_not_fit_is_no_step() {
        let written = OwnedWhat::Written { value: Vec::new() };
        let mut changes = commit(&[]);
        let (path, author) = ("/missing".into(), Default::default());
        changes.push(OwnedChange { author, generation: 2, path, what: written });
        assert_eq!(Live::default().step_of(&changes), None);
        assert_eq!(Live::default().step_of(&changes[..1]), Some(Vec::new()));
    }

    #[test]
    fn a_step_and_what_was_before_it_are_as_a_model_has_them() {
        let all = ["/", "/a", "/a/b", "/a/b/c", "/a/b-c", "/a/d", "/aa", "/aa/b", "/e"];
        let mut live = Live::default();
        let mut state = 7u64;
        let mut random = || {
            state =
                state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
            state >> 33
        };
        for _ in 0..500 {
            let old = model(&live);
            let mut step = Vec::new();
            for path in all.iter().skip(1) {
                let before = live.get(path).cloned();
                let is_orphan = parent(path).is_some_and(|parent| {
                    let changed = step.iter().rev().find(|one: &&Difference| one.path == parent);
                    changed.map_or(parent != "/" && live.get(parent).is_none(), |one| {
                        one.after.is_none()
                    })
                });
                let after = match random() % 4 {
                    _ if is_orphan => None,
                    0 => None,
                    1 => Some(node(&random().to_string())),
                    _ => before.clone(),
                };
                if before != after {
                    step.push(Difference { path: (*path).into(), before, after });
                }
            }
            let mut by_commit = Live { nodes: live.nodes.clone() };
            by_commit.apply(&by_commit.step_of(&commit(&step)).unwrap());
            live.apply(&step);
            assert_eq!(model(&by_commit), model(&live));
            same(&live, &model(&live), &all);
            same(&live.before(&step), &old, &all);
        }
    }
}
