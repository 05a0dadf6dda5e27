//! What works on more than one node: removal that tidies up, permissions on parents and children,
//! as the xenstore clients do it.
//!
//! Paths are bytes as the caller gave them: the daemon decides what is valid.

use myriad_ring::{
    client::{Error, Request, Store},
    v1::Op,
};

/// A failure, and the node that it happened at.
#[derive(Debug)]
pub(crate) struct At {
    /// The node.
    pub(crate) path: Vec<u8>,
    /// Why; nothing where the path is relative and has no parent to go on with.
    pub(crate) error: Option<Error>,
}

impl At {
    fn new(path: &[u8], error: Error) -> At {
        At { path: path.into(), error: Some(error) }
    }
}

/// Removes a node and all below it; with `tidy`, then also each parent that has neither a value
/// nor children.
pub(crate) fn remove(store: &mut impl Store, path: &[u8], tidy: bool) -> Result<(), At> {
    let mut path = path;
    loop {
        store.rm(path).map_err(|e| At::new(path, e))?;
        if !tidy {
            return Ok(());
        }
        let Some(parent) = parent(path) else { return Ok(()) };
        let bare = store.read(parent).is_ok_and(|value| value.is_empty())
            && store.list(parent).is_ok_and(|children| children.is_empty());
        if !bare {
            return Ok(());
        }
        path = parent;
    }
}

/// Which nodes get new permissions besides the one named.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reach {
    /// All above it, but the root.
    pub(crate) upto: bool,
    /// All below it.
    pub(crate) recurse: bool,
}

/// Sets permissions, each a letter and a domain id.
pub(crate) fn chmod(
    store: &mut impl Store,
    path: &[u8],
    perms: &[Vec<u8>],
    reach: Reach,
) -> Result<(), At> {
    if path.is_empty() {
        return Ok(());
    }
    set_perms(store, path, perms)?;
    if reach.upto {
        chmod_above(store, path, perms)?;
    }
    if !reach.recurse {
        return Ok(());
    }
    // The paths that are still to be done, the next one last.
    let mut below = children(store, path);
    while let Some(path) = below.pop() {
        set_perms(store, &path, perms)?;
        below.extend(children(store, &path));
    }
    Ok(())
}

fn chmod_above(store: &mut impl Store, path: &[u8], perms: &[Vec<u8>]) -> Result<(), At> {
    let mut path = path;
    loop {
        path = parent(path).ok_or_else(|| At { path: path.into(), error: None })?;
        if path.is_empty() {
            return Ok(());
        }
        set_perms(store, path, perms)?;
    }
}

/// The paths of a node's children, the first one last; none where it can't be listed.
fn children(store: &mut impl Store, path: &[u8]) -> Vec<Vec<u8>> {
    let names = store.list(path).unwrap_or_default();
    names.iter().rev().map(|name| join_always(path, name)).collect()
}

fn set_perms(store: &mut impl Store, path: &[u8], perms: &[Vec<u8>]) -> Result<(), At> {
    let request = Request::new(Op::SetPerms).text(path);
    let request = perms.iter().fold(request, Request::text);
    store.request(&request).map(drop).map_err(|e| At::new(path, e))
}

/// What stands before the last `/`: empty for a child of the root, nothing without a `/`.
pub(crate) fn parent(path: &[u8]) -> Option<&[u8]> {
    path.iter().rposition(|&b| b == b'/').and_then(|at| path.get(..at))
}

/// A child's path.
pub(crate) fn join(path: &[u8], name: &str) -> Vec<u8> {
    let slash: &[u8] = if path.ends_with(b"/") { b"" } else { b"/" };
    [path, slash, name.as_bytes()].concat()
}

/// A child's path with a `/` in between, even below the root: the xenstore clients make a path
/// there that isn't valid.
fn join_always(path: &[u8], name: &str) -> Vec<u8> {
    [path, b"/", name.as_bytes()].concat()
}
