//! The tree as `myriad ls` prints it: whole values, and any depth without recursion.

use std::{
    io::{self, Read, Write},
    os::unix::ffi::OsStrExt,
};

use myriad_core::{Errno, Perm};
use myriad_ring::{
    client::{self, Client, Error, Store},
    v1::Op,
};
use serde_json::{Map, Value};

use super::{
    cli::Ls,
    escape::quote,
    failure::Failure,
    limits::NODES_AT_ONCE,
    output::{json_bytes, json_line, line},
    together::refused,
    tree,
};

/// A node as far as it may be seen.
struct Node<'a> {
    path: &'a [u8],
    name: &'a str,
    depth: usize,
    told: Told,
}

/// A node's value, and its permissions where they were wanted; or why they can't be told.
type Told = (Result<Vec<u8>, Error>, Option<Result<Vec<String>, Error>>);

/// Prints all below a node. What goes away meanwhile is left out; what may not be seen is shown
/// with the daemon's reason.
pub(super) fn list<S: Read + Write>(
    client: &mut Client<S>,
    options: &Ls,
    json: bool,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let top = options.path.as_bytes();
    let levels = options.depth.unwrap_or(usize::MAX);
    let mut open = vec![(top.to_vec(), children(client, top, options.permissions)?.into_iter())];
    if levels == 0 {
        open.clear();
    }
    while let Some((path, nodes)) = open.last_mut() {
        let Some((name, told)) = nodes.next() else {
            open.pop();
            continue;
        };
        let path = tree::join(path, &name);
        let node = Node { path: &path, name: &name, depth: open.len() - 1, told };
        if node.told.0.as_ref().is_err_and(Error::is_not_found) {
            continue;
        }
        if json {
            json_line(out, &node.json())?;
        } else {
            node.print(options.full_path, out)?;
        }
        if open.len() < levels {
            match children(client, &path, options.permissions) {
                Ok(nodes) => open.push((path, nodes.into_iter())),
                Err(Error::Refused { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}

/// The children of a node, each with its value, and its permissions where they are wanted.
fn children<S: Read + Write>(
    client: &mut Client<S>,
    path: &[u8],
    perms: bool,
) -> Result<Vec<(String, Told)>, Error> {
    if client.welcome().is_some() && !perms {
        let nodes = client.list_values(path).map_err(|error| match error {
            Error::Declined { errno, .. } => refused(Op::Directory, path, errno),
            other => other,
        })?;
        let each = nodes.into_iter().map(|(name, value)| {
            let path = tree::join(path, &name);
            (name, (value.map_err(|errno| refused(Op::Read, &path, errno)), None))
        });
        return Ok(each.collect());
    }
    let names = client.list(path)?;
    let paths: Vec<Vec<u8>> = names.iter().map(|name| tree::join(path, name)).collect();
    let mut told = Vec::with_capacity(paths.len());
    for paths in paths.chunks(NODES_AT_ONCE) {
        told.extend(some(client, paths, perms)?);
    }
    Ok(names.into_iter().zip(told).collect())
}

/// Several nodes: by one request of v2, or by one or two of v1 for each.
fn some<S: Read + Write>(
    client: &mut Client<S>,
    paths: &[Vec<u8>],
    perms: bool,
) -> Result<Vec<Told>, Error> {
    if client.welcome().is_some() {
        match client.get_many(paths) {
            Ok(nodes) => return Ok(paths.iter().zip(nodes).map(told).collect()),
            Err(error) if error.errno() == Some(Errno::E2BIG) => {}
            Err(error) => return Err(error),
        }
    }
    let each = paths.iter().map(|path| {
        let value = client.read(path);
        if let Err(error @ (Error::Lost(_) | Error::Broken | Error::Protocol(_))) = value {
            return Err(error);
        }
        let perms = perms.then(|| client.get_perms(path).map(|perms| words(&perms)));
        Ok((value, perms))
    });
    each.collect()
}

/// What a message of v2 tells of a node.
fn told((path, node): (&Vec<u8>, client::Told<client::Node>)) -> Told {
    match node {
        Ok(node) => (Ok(node.value), Some(Ok(words(&node.perms)))),
        Err(errno) => {
            let perms = Err(refused(Op::GetPerms, path, errno));
            (Err(refused(Op::Read, path, errno)), Some(perms))
        }
    }
}

fn words(perms: &[Perm]) -> Vec<String> {
    perms.iter().map(ToString::to_string).collect()
}

impl Node<'_> {
    fn print(&self, full_path: bool, out: &mut dyn Write) -> io::Result<()> {
        let mut text = if full_path { self.path.to_vec() } else { vec![b' '; 2 * self.depth] };
        if !full_path {
            text.extend(self.name.bytes());
        }
        match &self.told.0 {
            Ok(value) if value.is_empty() => {}
            Ok(value) => text.extend([b" = \"", quote(value).as_slice(), b"\""].concat()),
            Err(error) => text.extend(format!(" ({})", reason(error)).bytes()),
        }
        match &self.told.1 {
            Some(Ok(perms)) => text.extend(format!("  ({})", perms.join(",")).bytes()),
            Some(Err(error)) => text.extend(format!("  ({})", reason(error)).bytes()),
            None => {}
        }
        line(out, &text)
    }

    fn json(&self) -> Value {
        let mut object = Map::new();
        object.insert("path".into(), json_bytes(self.path));
        match &self.told.0 {
            Ok(value) => object.insert("value".into(), json_bytes(value)),
            Err(error) => object.insert("error".into(), reason(error).into()),
        };
        if let Some(Ok(perms)) = &self.told.1 {
            object.insert("permissions".into(), perms.as_slice().into());
        }
        Value::Object(object)
    }
}

fn reason(error: &Error) -> String {
    error.errno().map_or_else(|| error.to_string(), |errno| errno.name().into())
}
