//! The tree as `myriad ls` prints it: whole values, and any depth without recursion.

use std::{
    io::{self, Read, Write},
    os::unix::ffi::OsStrExt,
};

use myriad_ring::client::{Client, Error, Store};
use serde_json::{Map, Value};

use super::{
    cli::Ls,
    escape::quote,
    failure::Failure,
    output::{json_bytes, json_line, line},
    tree,
};

/// A node as far as it may be seen.
struct Node<'a> {
    path: &'a [u8],
    name: &'a str,
    depth: usize,
    value: Result<Vec<u8>, Error>,
    perms: Option<Result<Vec<String>, Error>>,
}

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
    let mut open = vec![(top.to_vec(), client.list(top)?.into_iter())];
    if levels == 0 {
        open.clear();
    }
    while let Some((path, names)) = open.last_mut() {
        let Some(name) = names.next() else {
            open.pop();
            continue;
        };
        let path = tree::join(path, &name);
        let value = client.read(&path);
        let perms = options.permissions.then(|| perms_of(client, &path));
        let node = Node { path: &path, name: &name, depth: open.len() - 1, value, perms };
        if node.value.as_ref().is_err_and(Error::is_not_found) {
            continue;
        }
        if json {
            json_line(out, &node.json())?;
        } else {
            node.print(options.full_path, out)?;
        }
        if open.len() < levels {
            match client.list(&path) {
                Ok(names) => open.push((path, names.into_iter())),
                Err(Error::Refused { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}

fn perms_of<S: Read + Write>(client: &mut Client<S>, path: &[u8]) -> Result<Vec<String>, Error> {
    Ok(client.get_perms(path)?.iter().map(ToString::to_string).collect())
}

impl Node<'_> {
    fn print(&self, full_path: bool, out: &mut dyn Write) -> io::Result<()> {
        let mut text = if full_path { self.path.to_vec() } else { vec![b' '; 2 * self.depth] };
        if !full_path {
            text.extend(self.name.bytes());
        }
        match &self.value {
            Ok(value) if value.is_empty() => {}
            Ok(value) => text.extend([b" = \"", quote(value).as_slice(), b"\""].concat()),
            Err(error) => text.extend(format!(" ({})", reason(error)).bytes()),
        }
        match &self.perms {
            Some(Ok(perms)) => text.extend(format!("  ({})", perms.join(",")).bytes()),
            Some(Err(error)) => text.extend(format!("  ({})", reason(error)).bytes()),
            None => {}
        }
        line(out, &text)
    }

    fn json(&self) -> Value {
        let mut object = Map::new();
        object.insert("path".into(), json_bytes(self.path));
        match &self.value {
            Ok(value) => object.insert("value".into(), json_bytes(value)),
            Err(error) => object.insert("error".into(), reason(error).into()),
        };
        if let Some(Ok(perms)) = &self.perms {
            object.insert("permissions".into(), perms.as_slice().into());
        }
        Value::Object(object)
    }
}

fn reason(error: &Error) -> String {
    error.errno().map_or_else(|| error.to_string(), |errno| errno.name().into())
}
