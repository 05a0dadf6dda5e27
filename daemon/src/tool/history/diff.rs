//! `myriad diff`: what two versions have differently.

use std::{
    io::{self, Write},
    path::Path,
};

use myriad_history::file::{Difference, Node};
use serde_json::json;

use super::{
    cli::Diff,
    error::PastError,
    source::{Source, valid},
    words,
};
use crate::tool::{
    console::Console,
    failure::Failure,
    output::{json_line, line},
};

/// Prints what differs.
///
/// # Errors
/// [`Failure::False`] where something does and that was asked; [`Failure::Past`].
pub(crate) fn diff(
    options: &Diff,
    file: &Path,
    json: bool,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    let (to, path) = match options.rest.as_slice() {
        [path] if path.starts_with('/') => ("HEAD", path.as_str()),
        [to] => (to.as_str(), "/"),
        [to, path] => (to.as_str(), path.as_str()),
        _ => ("HEAD", "/"),
    };
    valid(path)?;
    let source = Source::open(file)?;
    let from = source.version(&options.from, console.err)?;
    let to = source.version(to, console.err)?;
    let all = source.history.diff(from.generation, to.generation, path).map_err(PastError::from)?;
    let any = print(&all, json, console.out)?;
    if any && options.exit_code { Err(Failure::False) } else { Ok(()) }
}

/// Prints differences, a line each: A added, D removed, M another value, P other permissions.
/// Tells whether there were any.
pub(crate) fn print(all: &[Difference], json: bool, out: &mut dyn Write) -> io::Result<bool> {
    let mut any = false;
    for difference in all.iter().filter(|difference| is_one(difference)) {
        any = true;
        if json {
            let node = |node: &Option<Node>| node.as_ref().map(words::json_node);
            let (before, after) = (node(&difference.before), node(&difference.after));
            let object = json!({"path": difference.path, "before": before, "after": after});
            json_line(out, &object)?;
        } else {
            line(out, text(difference).as_bytes())?;
        }
    }
    Ok(any)
}

/// Whether anything can be seen of it: a node that was written as it was has another generation
/// only.
pub(crate) fn is_one(difference: &Difference) -> bool {
    match (&difference.before, &difference.after) {
        (Some(before), Some(after)) => before.value != after.value || before.perms != after.perms,
        (before, after) => before.is_some() != after.is_some(),
    }
}

/// A difference in a line.
pub(crate) fn text(difference: &Difference) -> String {
    let path = words::path(&difference.path);
    let perms = |node: &Node| words::perms(&node.perms);
    match (&difference.before, &difference.after) {
        (None, None) => String::new(),
        (None, Some(new)) => format!("A {path} = {}  ({})", words::value(&new.value), perms(new)),
        (Some(old), None) => format!("D {path} = {}  ({})", words::value(&old.value), perms(old)),
        (Some(old), Some(new)) => {
            let has_moved = old.value != new.value;
            let letter = if has_moved { 'M' } else { 'P' };
            let mut text = format!("{letter} {path}");
            if has_moved {
                let (old, new) = (words::value(&old.value), words::value(&new.value));
                text.push_str(&format!(" = {old} -> {new}"));
            }
            if old.perms != new.perms {
                text.push_str(&format!("  ({}) -> ({})", perms(old), perms(new)));
            }
            text
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use myriad_history::file::Perm;

    fn node(value: &str, domid: u16) -> Option<Node> {
        let perms = [Perm { access: 0, domid, instance: 1 }].into();
        Some(Node { value: value.as_bytes().into(), perms, generation: u64::from(domid) })
    }

    #[test]
    fn differences_are_a_line_each_if_they_can_be_seen() {
        let mut same = node("1", 0);
        same.as_mut().unwrap().generation = 99;
        let table = [
            (None, node("1", 5), "A /a = \"1\"  (n5)\n"),
            (node("1", 5), None, "D /a = \"1\"  (n5)\n"),
            (node("1", 5), node("2", 5), "M /a = \"1\" -> \"2\"\n"),
            (node("1", 5), node("1", 6), "P /a  (n5) -> (n6)\n"),
            (node("1", 5), node("2", 6), "M /a = \"1\" -> \"2\"  (n5) -> (n6)\n"),
            (node("1", 0), same, ""),
            (None, None, ""),
        ];
        for (before, after, expected) in table {
            let mut out = Vec::new();
            let all = [Difference { path: "/a".into(), before, after }];
            assert_eq!(print(&all, false, &mut out).unwrap(), !expected.is_empty());
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
