//! A tree as files: for the commands of a bisection, and for git.
//!
//! - A node without children is a file that holds its value.
//! - A node with children is a directory. Its value, where it isn't empty, is in its file
//!   `.value`. Its file `.perms` holds a line for its own permissions, `. n0,r5`, and one for each
//!   file beside it, `name n5`. (No name of a node has a dot.)
//! - A name over [`NAME_BYTES`] is cut into pieces: all but the last are directories, and end in
//!   a dot.
//!
//! Invariant: [`steps`] turns the files of one tree into those of another, whatever both are; its
//! deletions come first, so that a file can become a directory and the other way round.

use std::collections::BTreeSet;

use super::limits::NAME_BYTES;

/// A tree as far as its layout needs it.
pub(crate) trait Picture {
    /// A node's value, where the node is.
    fn value(&self, path: &str) -> Option<&[u8]>;
    /// A node's permissions, such as `n0,r5`.
    fn perms(&self, path: &str) -> String;
    /// The names of a node's children, in any order that is always the same.
    fn children<'t>(&'t self, path: &'t str) -> Vec<&'t str>;
    /// Whether a node has children.
    fn has_children(&self, path: &str) -> bool;
}

/// No tree at all.
#[derive(Debug)]
pub(crate) struct Nothing;

/// A change of files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A file goes, and with it each directory that it leaves empty.
    Delete(String),
    /// A file gets these bytes; where it or directories above it are missing they're created.
    Put(String, Vec<u8>),
}

/// Gives `each` the steps from one tree to another that differ at `changed` and nowhere else, and
/// the number of paths done.
pub(crate) fn steps<'p, E>(
    old: &dyn Picture,
    new: &dyn Picture,
    changed: impl Iterator<Item = &'p str>,
    mut each: impl FnMut(Step) -> Result<(), E>,
) -> Result<(), E> {
    let affected = affected(old, new, changed);
    for path in &affected {
        let now = files(new, path);
        for (file, _) in files(old, path) {
            if now.iter().all(|(other, _)| *other != file) {
                each(Step::Delete(file))?;
            }
        }
    }
    for path in affected {
        let then = files(old, path);
        for (file, bytes) in files(new, path) {
            let is_same = |(other, was): &(String, Vec<u8>)| *other == file && *was == bytes;
            if !then.iter().any(is_same) {
                each(Step::Put(file, bytes))?;
            }
        }
    }
    Ok(())
}

/// The nodes whose files may differ: those that changed; their parents, which hold the permissions,
/// unless a file has another value and that is all; and the parents of those that became a file
/// or a directory by it.
fn affected<'p>(
    old: &dyn Picture,
    new: &dyn Picture,
    changed: impl Iterator<Item = &'p str>,
) -> BTreeSet<&'p str> {
    let mut affected = BTreeSet::new();
    for path in changed {
        affected.insert(path);
        let Some(parent) = parent(path) else { continue };
        let is_file = |tree: &dyn Picture| tree.value(path).is_some() && !tree.has_children(path);
        if is_file(old) && is_file(new) && old.perms(path) == new.perms(path) {
            continue;
        }
        if affected.insert(parent) && old.has_children(parent) != new.has_children(parent) {
            affected.extend(self::parent(parent));
        }
    }
    affected
}

/// The files of a node, with their bytes.
fn files(tree: &dyn Picture, path: &str) -> Vec<(String, Vec<u8>)> {
    let Some(value) = tree.value(path) else { return Vec::new() };
    let place = place(path);
    if !tree.has_children(path) && path != "/" {
        return vec![(place, value.to_vec())];
    }
    let within =
        |name| if place.is_empty() { String::from(name) } else { format!("{place}/{name}") };
    let mut files = vec![(within(".perms"), perms(tree, path).into_bytes())];
    if !value.is_empty() {
        files.push((within(".value"), value.to_vec()));
    }
    files
}

fn perms(tree: &dyn Picture, path: &str) -> String {
    let mut text = format!(". {}\n", tree.perms(path));
    for name in tree.children(path) {
        let child = join(path, name);
        if !tree.has_children(&child) {
            text.push_str(&format!("{name} {}\n", tree.perms(&child)));
        }
    }
    text
}

/// The place of a node: empty for the root.
pub(crate) fn place(path: &str) -> String {
    let names = path.split('/').filter(|name| !name.is_empty());
    let pieces = names.flat_map(|name| {
        let mut rest = name;
        let mut pieces = Vec::new();
        while let Some((piece, after)) = rest.split_at_checked(NAME_BYTES)
            && !after.is_empty()
        {
            pieces.push(format!("{piece}."));
            rest = after;
        }
        pieces.push(rest.to_owned());
        pieces
    });
    pieces.collect::<Vec<_>>().join("/")
}

/// The path of the parent; none for the root.
pub(crate) fn parent(path: &str) -> Option<&str> {
    match path.rsplit_once('/') {
        Some(("", "")) | None => None,
        Some(("", _)) => Some("/"),
        Some((parent, _)) => Some(parent),
    }
}

/// The path of a child.
pub(crate) fn join(path: &str, name: &str) -> String {
    if path == "/" { format!("/{name}") } else { format!("{path}/{name}") }
}

impl Picture for Nothing {
    fn value(&self, _: &str) -> Option<&[u8]> {
        None
    }

    fn perms(&self, _: &str) -> String {
        String::new()
    }

    fn children<'t>(&'t self, _: &'t str) -> Vec<&'t str> {
        Vec::new()
    }

    fn has_children(&self, _: &str) -> bool {
        false
    }
}

#[cfg(test)]
pub(crate) mod tests;
