//! What differs between two versions.

use std::iter::Peekable;

use crate::file::delta::Item;
use crate::file::errors::ReadError;
use crate::file::merge::Merge;
use crate::file::model::{Difference, Node};
use crate::file::order;

use super::lookup::Found;
use super::position::{Position, Reader, of_interest};
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
        let mut differences = Vec::new();
        // The tree of the last removed path, as it was.
        let mut removed: Option<(Box<str>, Tree)> = None;
        let mut after = Vec::new();
        for (path, merged) in merge.sorted() {
            let inside = removed.as_ref().is_some_and(|(top, _)| order::is_within(&path, top));
            if merged.removed.is_some() && !inside {
                finish(removed.take(), std::mem::take(&mut after), &mut differences);
                removed = Some((path.clone(), self.tree(a, &path)?));
            } else if !inside {
                finish(removed.take(), std::mem::take(&mut after), &mut differences);
                let Found::Node(before) = self.lookup(&path, a)? else { continue };
                let after = merged.apply(before.clone());
                push(path.into(), before, after, &mut differences);
                continue;
            }
            // What was there counts for what was not removed itself only above the removed path.
            if let Some(node) = merged.apply(None) {
                after.push((path, node));
            }
        }
        finish(removed.take(), after, &mut differences);
        Ok(differences)
    }
}

/// What differs between the nodes that were below a removed path and those that are now.
fn finish(
    removed: Option<(Box<str>, Tree)>,
    after: Vec<(Box<str>, Node)>,
    differences: &mut Vec<Difference>,
) {
    let Some((_, before)) = removed else { return };
    let after = after.iter().map(|(path, node)| (&**path, node));
    compare(before.iter(), after, |_| true, differences);
}

/// What differs between two trees, of what both know.
pub(crate) fn diff_trees(a: &Tree, b: &Tree) -> Vec<Difference> {
    let mut differences = Vec::new();
    let known = |path: &str| a.covers(path) && b.covers(path);
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
