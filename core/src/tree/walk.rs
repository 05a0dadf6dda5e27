//! Walks over a subtree, with stacks of their own.

use super::{Block, Child, Dir, Node};
use crate::acl::Acl;
use crate::path::Path;

/// Visits a subtree depth first, parents before children, siblings in order of creation or by name.
pub(crate) struct Walk<'t> {
    path: String,
    stack: Vec<(usize, Node<'t>)>,
    by_name: bool,
}

impl<'t> Walk<'t> {
    pub(crate) fn new(path: Path<'_>, node: Node<'t>) -> Walk<'t> {
        // The entry of the node itself carries no name: its path is there already.
        let stack = vec![(usize::MAX, node)];
        Walk { path: path.as_str().to_owned(), stack, by_name: false }
    }

    /// Siblings come by name.
    pub(crate) fn by_name(mut self) -> Walk<'t> {
        self.by_name = true;
        self
    }

    /// The next node and its path.
    pub(crate) fn next(&mut self) -> Option<(&str, Node<'t>)> {
        let (above, node) = self.stack.pop()?;
        if above != usize::MAX {
            self.path.truncate(above);
            if above > 1 {
                self.path.push('/');
            }
            self.path.push_str(std::str::from_utf8(node.record().name()).unwrap_or_default());
        }
        let here = self.path.len();
        let first = self.stack.len();
        match node.dir {
            Some(dir) if self.by_name => {
                self.stack.extend(dir.children.iter().map(|child| (here, child.node())));
            }
            Some(dir) => {
                self.stack.extend(dir.ordered().into_iter().map(|child| (here, child.node())));
            }
            None => {
                let block = node.block;
                let child = |(index, _)| (here, Node { block, index, dir: None });
                self.stack.extend(block.children(node.index).map(child));
            }
        }
        if let Some(children) = self.stack.get_mut(first..) {
            if self.by_name {
                children.sort_unstable_by(|a, b| b.1.record().name().cmp(a.1.record().name()));
            } else {
                children.reverse();
            }
        }
        Some((&self.path, node))
    }
}

/// What [`unordered`] shows a subtree to.
pub(crate) trait Visit<'t> {
    /// A node, the permissions of its parent, and where it is.
    fn node(&mut self, node: Node<'t>, parent: Acl<'t>, at: At<'_>);

    /// All of a block, and a way to the paths of its records. False: show each of them.
    fn block(&mut self, block: &'t Block, path: &dyn Fn(u16) -> String) -> bool {
        let _ = (block, path);
        false
    }
}

impl<'t, F: FnMut(Node<'t>, Acl<'t>, At<'_>)> Visit<'t> for F {
    fn node(&mut self, node: Node<'t>, parent: Acl<'t>, at: At<'_>) {
        self(node, parent, at);
    }
}

/// Where a visited node is. Its path isn't built unless it is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At<'p> {
    top: &'p str,
    below: &'p [u8],
}

impl At<'_> {
    pub(crate) fn path(self) -> String {
        let below = std::str::from_utf8(self.below).unwrap_or_default();
        if below.is_empty() { self.top.to_owned() } else { join(self.top, below) }
    }

    /// How long the path is.
    pub(crate) fn bytes(self) -> usize {
        match (self.top.len(), self.below.len()) {
            (top, 0) => top,
            (1, below) => 1 + below,
            (top, below) => top + 1 + below,
        }
    }
}

/// Visits a subtree parents first, in no other order, and without building paths. `parent`: the
/// permissions of the parent.
pub(crate) fn unordered<'t>(
    path: Path<'_>,
    node: Node<'t>,
    parent: Acl<'t>,
    visit: &mut impl Visit<'t>,
) {
    if let Some(dir) = node.dir {
        return visit_dirs(path, dir, parent, visit);
    }
    if node.index == 0 {
        return visit_block(path.as_str(), node.block, parent, visit);
    }
    let inside = node.block.subtree(node.index);
    let inside = |i| inside.get(usize::from(i)).copied().unwrap_or(false);
    visit_records(path.as_str(), (node.block, node.index), parent, visit, inside);
}

fn visit_dirs<'t>(path: Path<'_>, dir: &'t Dir, parent: Acl<'t>, visit: &mut impl Visit<'t>) {
    let mut stack = vec![(path.as_str().to_owned(), dir, parent)];
    while let Some((path, dir, parent)) = stack.pop() {
        visit.node(dir.node(), parent, At { top: &path, below: b"" });
        let own = dir.own.root().acl();
        for child in dir.children.iter() {
            let child_path = || join(&path, std::str::from_utf8(child.name()).unwrap_or_default());
            match child {
                Child::Dir(dir) => stack.push((child_path(), dir, own)),
                Child::Block(block) if block.len() == 1 => {
                    visit.node(child.node(), own, At { top: &path, below: child.name() });
                }
                Child::Block(block) => visit_block(&child_path(), block, own, visit),
            }
        }
    }
}

fn visit_block<'t>(path: &str, block: &'t Block, above: Acl<'t>, visit: &mut impl Visit<'t>) {
    if !visit.block(block, &|index| path_in(path, block, index)) {
        visit_records(path, (block, 0), above, visit, |_| true);
    }
}

fn visit_records<'t>(
    top_path: &str,
    (block, top): (&'t Block, u16),
    above: Acl<'t>,
    visit: &mut impl Visit<'t>,
    inside: impl Fn(u16) -> bool,
) {
    let above_top = block.record(top).below().len();
    for (index, record) in block.records().skip(usize::from(top)).filter(|(i, _)| inside(*i)) {
        let parent = if index == top { above } else { block.record(record.parent()).acl() };
        let node = Node { block, index, dir: None };
        let below = record.below().get(above_top..).unwrap_or_default();
        let below = below.strip_prefix(b"/").unwrap_or(below);
        visit.node(node, parent, At { top: top_path, below });
    }
}

/// The path of a record of a block.
fn path_in(path: &str, block: &Block, index: u16) -> String {
    At { top: path, below: block.record(index).below() }.path()
}

fn join(parent: &str, name: &str) -> String {
    let parent = if parent == "/" { "" } else { parent };
    [parent, name].join("/")
}
