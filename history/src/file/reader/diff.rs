//! What differs between two versions.

use std::iter::Peekable;

use crate::file::delta::Item;
use crate::file::errors::ReadError;
use crate::file::merge::Merge;
use crate::file::model::{Difference, Node};
use crate::file::order;

use super::keys::of_interest;
use super::lookup::Found;
use super::position::{Position, Reader};
use super::tree::Tree;

impl Reader<'_> {
    /// What differs between a version and a later one with the same base: the changes between them,
    /// and for each path what was there before.
    pub(crate) fn diff_near(
        &self,
        a: &Position,
        b: &Position,
        below: &str,
    ) -> Result<Vec<Difference>, ReadError> {
        let mut merge = Merge::default();
        self.changes_up_to(b, a.kept.generation, below, |item| {
            let Item::Change(change) = item else { return };
            if let Some(change) = of_interest(&change, below, true) {
                merge.add(&change);
            }
        })?;
        let merged = merge.sorted();
        let paths: Vec<&str> = merged.iter().map(|(path, _)| &**path).collect();
        let before = self.lookup_all(&paths, a)?;
        let doubts = self.doubts(b);
        let sure = |path: &str| !doubts.iter().any(|top| order::is_within(path, top));
        let mut differences = Vec::new();
        // The tree of the last removed path, as it was, and the nodes that are there now.
        let mut removed: Option<(&str, Tree)> = None;
        let mut now = Vec::new();
        for ((path, merged), before) in merged.iter().zip(before) {
            if removed.as_ref().is_none_or(|(top, _)| !order::is_within(path, top)) {
                finish(removed.take(), std::mem::take(&mut now), &mut differences);
                if merged.removed.is_some() {
                    removed = Some((path, self.tree(a, path)?));
                }
            }
            if removed.is_some() {
                now.extend(merged.clone().apply(None).map(|node| (&**path, node)));
            } else if let Found::Node(before) = before {
                let after = merged.clone().apply(before.clone());
                push(path.to_string(), before, after, &mut differences);
            }
        }
        finish(removed.take(), now, &mut differences);
        differences.retain(|difference| sure(&difference.path));
        Ok(differences)
    }
}

/// What differs between the nodes that were below a removed path and those that are now.
fn finish(
    removed: Option<(&str, Tree)>,
    after: Vec<(&str, Node)>,
    differences: &mut Vec<Difference>,
) {
    let Some((_, before)) = removed else { return };
    let after = after.iter().map(|(path, node)| (*path, node));
    compare(before.iter(), after, |_| true, differences);
}

/// What differs between two trees, of what both know.
pub(crate) fn diff_trees(a: &Tree, b: &Tree) -> Vec<Difference> {
    let mut differences = Vec::new();
    let known = |path: &str| a.knows(path) && b.knows(path);
    compare(a.iter(), b.iter(), known, &mut differences);
    differences
}

/// Goes through two lists in path order at once.
fn compare<'t>(
    a: impl Iterator<Item = (&'t str, &'t Node)>,
    b: impl Iterator<Item = (&'t str, &'t Node)>,
    known: impl Fn(&str) -> bool,
    differences: &mut Vec<Difference>,
) {
    let (mut a, mut b): (Peekable<_>, Peekable<_>) = (a.peekable(), b.peekable());
    // Ends: each turn takes one from either or both.
    loop {
        let order = match (a.peek(), b.peek()) {
            (None, None) => return,
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some((x, _)), Some((y, _))) => order::compare(x, y),
        };
        let before = if order.is_le() { a.next() } else { None };
        let after = if order.is_ge() { b.next() } else { None };
        let Some((path, _)) = before.or(after) else { return };
        if known(path) {
            let (before, after) = (before.map(|x| x.1.clone()), after.map(|x| x.1.clone()));
            push(path.to_owned(), before, after, differences);
        }
    }
}

fn push(
    path: String,
    before: Option<Node>,
    after: Option<Node>,
    differences: &mut Vec<Difference>,
) {
    let same = match (&before, &after) {
        (None, None) => true,
        (Some(a), Some(b)) => a.value == b.value && a.perms == b.perms,
        _ => false,
    };
    if !same {
        differences.push(Difference { path, before, after });
    }
}
