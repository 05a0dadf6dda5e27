//! The tree of one version.

use crate::file::merge::Merge;
use crate::file::model::{Kept, Node, Viewer};
use crate::file::order;

use super::viewer;

/// All nodes of one version, and what isn't known of it.
#[derive(Clone, Debug)]
pub struct Tree {
    version: Kept,
    /// In path order.
    nodes: Vec<(Box<str>, Node)>,
    /// From this path on the file had no room.
    cut: Option<Box<str>>,
    /// Paths below which changes of guests were left out since the tree's base.
    doubts: Vec<Box<str>>,
}

impl Tree {
    /// Of nodes in path order, with changes upon them.
    pub(crate) fn new(version: Kept, base: Vec<(Box<str>, Node)>, changes: Merge) -> Tree {
        let mut nodes = Vec::with_capacity(base.len());
        let mut base = base.into_iter().peekable();
        // The last path that was removed: what the base has below it is gone.
        let mut removed: Option<Box<str>> = None;
        let gone = |path: &str, removed: &Option<Box<str>>| {
            removed.as_ref().is_some_and(|top| order::is_within(path, top))
        };
        for (path, merged) in changes.sorted() {
            let earlier = |node: &(Box<str>, Node)| order::compare(&node.0, &path).is_lt();
            while let Some(node) = base.next_if(earlier) {
                if !gone(&node.0, &removed) {
                    nodes.push(node);
                }
            }
            let before = base.next_if(|node| node.0 == path).map(|(_, node)| node);
            let before = before.filter(|_| !gone(&path, &removed));
            if merged.removed.is_some() && !gone(&path, &removed) {
                removed = Some(path.clone());
            }
            if let Some(node) = merged.apply(before) {
                nodes.push((path, node));
            }
        }
        nodes.extend(base.filter(|node| !gone(&node.0, &removed)));
        Tree { version, nodes, cut: None, doubts: Vec::new() }
    }

    /// What is not known of it.
    pub(crate) fn unknown(mut self, cut: Option<Box<str>>, doubts: Vec<Box<str>>) -> Tree {
        self.cut = cut;
        self.doubts = doubts;
        self
    }

    /// Without what a reader may not read.
    pub(crate) fn seen_by(mut self, viewer: Viewer, newest: &Tree) -> Tree {
        let nodes = std::mem::take(&mut self.nodes);
        let sees = |(path, node): &(Box<str>, Node)| {
            let known = self.is_certain(path) && newest.is_certain(path);
            let now = viewer::may_read_in(viewer, newest, path);
            known && now && viewer::may_read(viewer, &node.perms)
        };
        let seen = nodes.into_iter().filter(sees).collect();
        self.nodes = seen;
        self
    }

    /// Which version it is: the newest kept one up to what was asked for.
    #[must_use]
    pub fn version(&self) -> &Kept {
        &self.version
    }

    /// The node at a path.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Node> {
        let at = self.nodes.binary_search_by(|node| order::compare(&node.0, path)).ok()?;
        self.nodes.get(at).map(|(_, node)| node)
    }

    /// Whether what [`get`](Tree::get) says of a path is so. It isn't known of paths that the file
    /// had no room for, nor of those at or below which changes of a guest were left out.
    #[must_use]
    pub fn knows(&self, path: &str) -> bool {
        self.covers(path) && self.is_certain(path)
    }

    /// Whether no changes of a path were left out.
    fn is_certain(&self, path: &str) -> bool {
        !self.doubts.iter().any(|top| order::is_within(path, top))
    }

    /// Whether the file had room for a path.
    pub(crate) fn covers(&self, path: &str) -> bool {
        let fits = self.cut.as_ref().is_none_or(|cut| order::compare(path, cut).is_lt());
        fits || self.get(path).is_some()
    }

    /// Whether all paths are known.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.cut.is_none() && self.doubts.is_empty()
    }

    /// The first path that the file had no room for.
    #[must_use]
    pub fn cut_at(&self) -> Option<&str> {
        self.cut.as_deref()
    }

    /// Paths at or below which changes of guests were left out.
    #[must_use]
    pub fn in_doubt(&self) -> &[Box<str>] {
        &self.doubts
    }

    /// Names of the children of a node, in byte order.
    pub fn children<'t>(&'t self, path: &'t str) -> impl Iterator<Item = &'t str> {
        let mut rest = self.below(path).get(usize::from(self.get(path).is_some())..).unwrap_or(&[]);
        std::iter::from_fn(move || {
            loop {
                let ((child, _), _) = rest.split_first()?;
                let child = child_of(child, path);
                let end = rest.partition_point(|node| order::is_within(&node.0, child));
                rest = rest.get(end.max(1)..)?;
                if !child.starts_with('@') || path.starts_with('@') {
                    return child.rsplit('/').next();
                }
            }
        })
    }

    /// Nodes in path order: depth first, siblings in byte order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&str, &Node)> + ExactSizeIterator {
        self.nodes.iter().map(|(path, node)| (&**path, node))
    }

    /// A node and all below it, in path order.
    pub fn within<'t>(
        &'t self,
        path: &str,
    ) -> impl DoubleEndedIterator<Item = (&'t str, &'t Node)> {
        self.below(path).iter().map(|(path, node)| (&**path, node))
    }

    /// How many nodes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    fn below(&self, path: &str) -> &[(Box<str>, Node)] {
        let start = self.nodes.partition_point(|node| order::compare(&node.0, path).is_lt());
        let rest = self.nodes.get(start..).unwrap_or_default();
        let len = rest.partition_point(|node| order::is_within(&node.0, path));
        rest.get(..len).unwrap_or_default()
    }
}

/// The child of `top` that `path` is or lies below.
fn child_of<'p>(path: &'p str, top: &str) -> &'p str {
    let skip = if top == "/" { 1 } else { top.len() + 1 };
    let rest = path.get(skip..).unwrap_or_default();
    let end = rest.find('/').map_or(path.len(), |at| skip + at);
    path.get(..end).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::model::{Author, Change, Tier, What};

    fn node(value: &str) -> Node {
        Node { value: value.as_bytes().into(), perms: [].into(), generation: 1 }
    }

    fn tree(paths: &[&str], changes: &[(&str, What<'_>)]) -> Tree {
        let version =
            Kept { generation: 1, seq: 1, at: 0, tier: Tier(0), changes: 0, incarnation: 1 };
        let mut merge = Merge::default();
        for (path, what) in changes {
            let author = Author::default();
            merge.add(&Change { author, generation: 2, path, what: *what });
        }
        Tree::new(version, paths.iter().map(|p| ((*p).into(), node("old"))).collect(), merge)
    }

    fn paths(tree: &Tree) -> Vec<&str> {
        tree.iter().map(|(path, _)| path).collect()
    }

    const MADE: What<'_> = What::Created { value: b"new", perms: &[] };

    #[test]
    fn what_is_made_again_below_a_removed_node_is_all_there_is() {
        let tree = tree(
            &["/", "/a", "/a/b", "/a/c", "/a!", "/d"],
            &[("/a", What::Removed), ("/a", MADE), ("/a/c", MADE)],
        );
        assert_eq!(paths(&tree), ["/", "/a", "/a/c", "/a!", "/d"]);
        assert_eq!(*tree.get("/a/c").unwrap().value, *b"new");
        assert_eq!(tree.get("/a/b"), None);
    }

    #[test]
    fn a_removal_takes_what_was_made_before_it() {
        let tree = tree(&["/", "/a"], &[("/a/b", MADE), ("/a", What::Removed), ("/e", MADE)]);
        assert_eq!(paths(&tree), ["/", "/e"]);
    }

    #[test]
    fn children_are_names_one_level_down() {
        let tree = tree(&["/", "/a", "/a/b", "/a/b/c", "/a/d", "/e/f", "@x"], &[]);
        assert_eq!(tree.children("/").collect::<Vec<_>>(), ["a", "e"]);
        assert_eq!(tree.children("/a").collect::<Vec<_>>(), ["b", "d"]);
        assert_eq!(tree.children("/a/d").count(), 0);
        assert_eq!(tree.children("/none").count(), 0);
    }

    #[test]
    fn what_the_file_had_no_room_for_is_not_known() {
        let tree = tree(&["/", "/a"], &[]).unknown(Some("/b".into()), Vec::new());
        assert!(tree.knows("/a") && tree.knows("/a/x") && !tree.knows("/b/c"));
    }
}
