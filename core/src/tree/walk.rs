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

/// Visits a subtree parents first, in no other order, and without building paths: `visit` gets
/// each node, the permissions of its parent, and a way to its path.
pub(crate) fn unordered<'t>(path: Path<'_>, node: Node<'t>, parent: Acl<'t>, visit: Visit<'_, 't>) {
    if let Some(dir) = node.dir {
        return visit_dirs(path, dir, parent, visit);
    }
    if node.index == 0 {
        return visit_block(path.as_str(), node.block, 0, parent, visit, |_| true);
    }
    let inside = node.block.subtree(node.index);
    visit_block(path.as_str(), node.block, node.index, parent, visit, |i| {
        inside.get(usize::from(i)).copied().unwrap_or(false)
    });
}

/// Gets a node, the permissions of its parent, and a way to its path.
type Visit<'v, 't> = &'v mut dyn FnMut(Node<'t>, Acl<'t>, &dyn Fn() -> String);

fn visit_dirs<'t>(path: Path<'_>, dir: &'t Dir, parent: Acl<'t>, visit: Visit<'_, 't>) {
    let mut stack = vec![(path.as_str().to_owned(), dir, parent)];
    while let Some((path, dir, parent)) = stack.pop() {
        visit(dir.node(), parent, &|| path.clone());
        let own = dir.own.root().acl();
        for child in dir.children.iter() {
            let child_path = || join(&path, std::str::from_utf8(child.name()).unwrap_or_default());
            match child {
                Child::Dir(dir) => stack.push((child_path(), dir, own)),
                Child::Block(block) if block.len() == 1 => {
                    visit(child.node(), own, &child_path);
                }
                Child::Block(block) => {
                    visit_block(&child_path(), block, 0, own, visit, |_| true);
                }
            }
        }
    }
}

fn visit_block<'t>(
    top_path: &str,
    block: &'t Block,
    top: u16,
    above: Acl<'t>,
    visit: Visit<'_, 't>,
    inside: impl Fn(u16) -> bool,
) {
    for (index, record) in block.records().skip(usize::from(top)).filter(|(i, _)| inside(*i)) {
        let parent = if index == top { above } else { block.record(record.parent()).acl() };
        visit(Node { block, index, dir: None }, parent, &|| path_in(top_path, block, top, index));
    }
}

/// The path of a record below `top`, whose path is known.
fn path_in(top_path: &str, block: &Block, top: u16, index: u16) -> String {
    let mut names = Vec::new();
    let mut at = index;
    while at != top {
        let record = block.record(at);
        names.push(std::str::from_utf8(record.name()).unwrap_or_default());
        at = record.parent();
    }
    let mut path = top_path.to_owned();
    for name in names.into_iter().rev() {
        path = join(&path, name);
    }
    path
}

fn join(parent: &str, name: &str) -> String {
    if parent == "/" { format!("/{name}") } else { format!("{parent}/{name}") }
}
