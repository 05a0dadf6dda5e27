//! The commands of `myriad` that change the tree: each at one moment, and silent.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    io::{Read, Write},
    os::unix::ffi::OsStrExt,
};

use myriad_core::Perm;
use myriad_ring::client::{Client, Error};

use super::{
    cli::Command,
    escape::unquote,
    failure::Failure,
    together::{Change, Look, make, settle},
    tree::{join, parent},
};

/// Does it; other commands change nothing.
pub(super) fn change<S: Read + Write>(
    command: &Command,
    client: &mut Client<S>,
) -> Result<(), Failure> {
    match command {
        Command::Write { raw, pairs } => {
            let change = |(path, value): (&[u8], &[u8])| {
                let value = if *raw { value.to_vec() } else { unquote(value) };
                Change::Write(path.to_vec(), value)
            };
            let pairs = pairs.chunks_exact(2).filter_map(|pair| match pair {
                [path, value] => Some((path.as_bytes(), value.as_bytes())),
                _ => None,
            });
            make(client, &pairs.map(change).collect::<Vec<_>>())?;
        }
        Command::Mkdir { paths } => {
            let changes = paths.iter().map(|path| Change::Mkdir(path.as_bytes().to_vec()));
            make(client, &changes.collect::<Vec<_>>())?;
        }
        Command::Rm { tidy: false, paths } => {
            let changes = paths.iter().map(|path| Change::Remove(path.as_bytes().to_vec()));
            make(client, &changes.collect::<Vec<_>>())?;
        }
        Command::Rm { tidy: true, paths } => settle(client, |look| {
            let paths = paths.iter().map(|path| path.as_bytes());
            Ok(((), tidied(look, paths)?))
        })?,
        Command::Chmod { recurse, upto, path, perms } => {
            let (path, perms) = (path.as_bytes(), parse_perms(perms)?);
            let above = if *upto { above(path) } else { Vec::new() };
            let first = [vec![path.to_vec()], above].concat();
            let set = |path| Change::SetPerms(path, perms.clone());
            if *recurse {
                settle(client, |look| {
                    let all = [first.clone(), below(look, path)?].concat();
                    Ok(((), all.into_iter().map(set).collect()))
                })?;
            } else {
                make(client, &first.into_iter().map(set).collect::<Vec<_>>())?;
            }
        }
        _ => {}
    }
    Ok(())
}

/// Whether a command has more to say than one request of v1 can.
pub(super) fn says_much(command: &Command) -> bool {
    match command {
        Command::Write { pairs, .. } => pairs.len() > 2,
        Command::Mkdir { paths } | Command::Read { paths, .. } | Command::Exists { paths } => {
            paths.len() > 1
        }
        Command::Rm { tidy, paths } => *tidy || paths.len() > 1,
        Command::Chmod { recurse, upto, .. } => *recurse || *upto,
        Command::Ls(options) => !options.xenstore,
        _ => false,
    }
}

/// Removals, and those of parents that have neither a value nor children then.
fn tidied<'p>(
    look: &mut dyn Look,
    paths: impl Iterator<Item = &'p [u8]>,
) -> Result<Vec<Change>, Error> {
    let (mut changes, mut gone) = (Vec::new(), BTreeSet::new());
    for mut path in paths {
        // Ends: each path is shorter than the one before.
        loop {
            changes.push(Change::Remove(path.to_vec()));
            gone.insert(path.to_vec());
            match parent(path) {
                Some(parent) if !parent.is_empty() && is_bare(look, parent, &gone)? => {
                    path = parent;
                }
                _ => break,
            }
        }
    }
    Ok(changes)
}

/// Whether a node has no value, and no children but those that go.
fn is_bare(look: &mut dyn Look, path: &[u8], gone: &BTreeSet<Vec<u8>>) -> Result<bool, Error> {
    let children = match look.children(path) {
        Err(Error::Refused { .. }) => return Ok(false),
        children => children?,
    };
    if !children.iter().all(|name| gone.contains(&join(path, name))) {
        return Ok(false);
    }
    let nodes = look.nodes(&[path.to_vec()], false)?;
    Ok(nodes.iter().all(|node| node.as_ref().is_ok_and(|node| node.value.is_empty())))
}

/// All above a path, but the root.
fn above(path: &[u8]) -> Vec<Vec<u8>> {
    let paths = std::iter::successors(parent(path), |path| parent(path));
    paths.take_while(|path| !path.is_empty()).map(<[u8]>::to_vec).collect()
}

/// All below a node that can be listed, parents before children.
fn below(look: &mut dyn Look, path: &[u8]) -> Result<Vec<Vec<u8>>, Error> {
    // The paths that are still to be looked at, the next one last.
    let (mut all, mut open) = (Vec::new(), vec![path.to_vec()]);
    while let Some(path) = open.pop() {
        match look.children(&path) {
            Ok(names) => open.extend(names.iter().rev().map(|name| join(&path, name))),
            Err(Error::Refused { .. }) => {}
            Err(error) => return Err(error),
        }
        all.push(path);
    }
    all.remove(0);
    Ok(all)
}

/// A permission list, the owner first.
pub(super) fn parse_perms(perms: &[OsString]) -> Result<Vec<Perm>, Failure> {
    let parse = |perm: &OsString| {
        Perm::parse(perm.as_bytes()).map_err(|error| {
            let perm = perm.as_bytes().escape_ascii();
            Failure::Usage(format!("\"{perm}\" is no permission: {error}"))
        })
    };
    perms.iter().map(parse).collect()
}
