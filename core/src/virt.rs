//! The reserved root `/@index`: the indices as nodes that any client can read.
//!
//! `/@index` lists the indices, `/@index/<index>` its keys (see [`crate::escape_key`]),
//! `/@index/<index>/<key>` the matches: their parts, escaped as
//! keys are, joined by `__`. The
//! value of a key is its matches that the control domain owns, separated by blanks: those can be
//! trusted. The value of a match is the domain id of the owner of the matching node: a guest may
//! call itself like another VM. To guests all of it is forbidden, whether it exists or not.

use crate::caller::Caller;
use crate::domain::DomId;
use crate::error::Error;
use crate::key;
use crate::path::Path;
use crate::perms::{Access, Perm};
use crate::state::{Env, State};

/// The permissions of everything below the reserved root.
pub(crate) const PERMS: [Perm; 1] = [Perm { access: Access::None, domid: DomId::ZERO }];

/// The reserved root.
pub(crate) const ROOT: &str = "/@index";

/// What a path below the root names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Virtual<'p> {
    Root,
    Index(u8),
    Key(u8, &'p str),
    Match(u8, &'p str, &'p str),
}

#[inline]
pub(crate) fn is_reserved(path: Path<'_>) -> bool {
    let rest = path.as_str().strip_prefix(ROOT);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What a reserved path names; guests may not know.
pub(crate) fn parse<'p>(env: &Env, caller: &Caller, path: Path<'p>) -> Result<Virtual<'p>, Error> {
    if caller.guest().is_some() {
        return Err(Error::AccessDenied);
    }
    let mut names = path.components().skip(1);
    let Some(index) = names.next() else { return Ok(Virtual::Root) };
    let index = env.definitions.find(index).ok_or(Error::NotFound)?;
    Ok(match (names.next(), names.next(), names.next()) {
        (None, ..) => Virtual::Index(index),
        (Some(key), None, _) => Virtual::Key(index, key),
        (Some(key), Some(leaf), None) => Virtual::Match(index, key, leaf),
        _ => return Err(Error::NotFound),
    })
}

/// The owner of the node behind a match.
pub(crate) fn owner(env: &Env, state: &State, index: u8, captures: &str) -> DomId {
    let path = env.definitions.path(index, captures);
    let node = state.tree.get(&env.keys, Path::trusted(&path));
    node.map_or(DomId::INVALID, |n| n.acl().owner().domid)
}

/// When a listing of a virtual node last changed.
pub(crate) fn stamp(env: &Env, state: &State, node: Virtual<'_>) -> u64 {
    match node {
        Virtual::Root => 0,
        Virtual::Index(_) => state.indices.keys_stamp(),
        Virtual::Key(index, key) | Virtual::Match(index, key, _) => {
            let found = state.indices.get(&env.keys, index, key);
            found.map_or(0, crate::index::Matches::stamp)
        }
    }
}

/// The value of a virtual node.
pub(crate) fn value(env: &Env, state: &State, node: Virtual<'_>) -> Result<Vec<u8>, Error> {
    let control = |i: u8, c: &str| {
        let owner = owner(env, state, i, c);
        owner == DomId::ZERO || owner == env.control
    };
    match node {
        Virtual::Root | Virtual::Index(_) => Ok(Vec::new()),
        Virtual::Key(index, key) => {
            let found = state.indices.get(&env.keys, index, key).ok_or(Error::NotFound)?;
            let trusted = found.iter().filter(|c| control(index, c));
            Ok(trusted.map(leaf).collect::<Vec<_>>().join(" ").into_bytes())
        }
        Virtual::Match(index, key, wanted) => {
            let found = state.indices.get(&env.keys, index, key).ok_or(Error::NotFound)?;
            let captures = found.iter().find(|c| leaf(c) == wanted).ok_or(Error::NotFound)?;
            Ok(owner(env, state, index, captures).to_string().into_bytes())
        }
    }
}

/// The names below a virtual node, each with a NUL.
pub(crate) fn children(env: &Env, state: &State, node: Virtual<'_>) -> Result<Vec<u8>, Error> {
    let mut names = Vec::new();
    let mut push = |name: &str| {
        names.extend_from_slice(name.as_bytes());
        names.push(0);
    };
    match node {
        Virtual::Root => env.definitions.names().for_each(push),
        Virtual::Index(index) => state.indices.keys_of(index).into_iter().for_each(push),
        Virtual::Key(index, key) => {
            let found = state.indices.get(&env.keys, index, key).ok_or(Error::NotFound)?;
            found.iter().for_each(|c| push(&leaf(c)));
        }
        Virtual::Match(..) => {
            value(env, state, node)?;
        }
    }
    Ok(names)
}

/// A match as one component.
fn leaf(captures: &str) -> String {
    // An escape has no `__` in it, so no two matches share a name.
    let parts: Vec<_> = captures.split('/').map(|p| key::escape(p.as_bytes())).collect();
    parts.join("__")
}
