//! Walks over a subtree, with stacks of their own.

use super::{Block, Child, Dir, Node};
use crate::acl::Acl;
use crate::path::Path;

/// Visits a subtree depth first, parents before children, siblings in order of creation.
pub(crate) struct Walk<'t> {
    path: String,
    stack: Vec<(usize, Node<'t>)>,
}

impl<'t> Walk<'t> {
    pub(crate) fn new(path: Path<'_>, node: Node<'t>) -> Walk<'t> {
        // The entry of the node itself carries no name: its path is there already.
        Walk { path: path.as_str().to_owned(), stack: vec![(usize::MAX, node)] }
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
            children.reverse();
        }
        Some((&self.path, node))
    }
}

/// What [`unordered`] shows a subtree to.
pub(crate) trait Visit<'t> {
    /// A node, the permissions of its parent, and a way to its path.
    fn node(&mut self, node: Node<'t>, parent: Acl<'t>, path: &dyn Fn() -> String);

    /// All of a block, and a way to the paths of its records. False: show each of them.
    fn block(&mut self, block: &'t Block, path: &dyn Fn(u16) -> String) -> bool {
        let _ = (block, path);
        false
    }
}

impl<'t, F: FnMut(Node<'t>, Acl<'t>, &dyn Fn() -> String)> Visit<'t> for F {
    fn node(&mut self, node: Node<'t>, parent: Acl<'t>, path: &dyn Fn() -> String) {
        self(node, parent, path);
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
        visit.node(dir.node(), parent, &|| path.clone());
        let own = dir.own.root().acl();
        for child in dir.children.iter() {
            let child_path = || join(&path, std::str::from_utf8(child.name()).unwrap_or_default());
            match child {
                Child::Dir(dir) => stack.push((child_path(), dir, own)),
                Child::Block(block) if block.len() == 1 => {
                    visit.node(child.node(), own, &child_path);
                }
                Child::Block(block) => visit_block(&child_path(), block, own, visit),
            }
        }
    }
}

fn visit_block<'t>(path: &str, block: &'t Block, above: Acl<'t>, visit: &mut impl Visit<'t>) {
    if !visit.block(block, &|index| path_in(path, block, 0, index)) {
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
    for (index, record) in block.records().skip(usize::from(top)).filter(|(i, _)| inside(*i)) {
        let parent = if index == top { above } else { block.record(record.parent()).acl() };
        let node = Node { block, index, dir: None };
        visit.node(node, parent, &|| path_in(top_path, block, top, index));
    }
}

/// The path of a record below `top`, whose path is known.
fn path_in(top_path: &str, block: &Block, top: u16, index: u16) -> String {
    let below = block.below(index).get(block.below(top).len()..).unwrap_or_default();
    let below = below.strip_prefix('/').unwrap_or(below);
    if below.is_empty() { top_path.to_owned() } else { join(top_path, below) }
}

fn join(parent: &str, name: &str) -> String {
    let parent = if parent == "/" { "" } else { parent };
    [parent, name].join("/")
}
