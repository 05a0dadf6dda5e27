//! The tree as xenstore-ls prints it: an indented line for each node, cut to the terminal.
//!
//! Invariant: the walk keeps its place on the heap, so that a deep tree can't overflow the stack
//! (XSA-418).

use std::io::{self, Write};

use myriad_ring::{
    client::{Request, Store, strings},
    v1::Op,
};

use super::{Fault, errors::os_text, warn};
use crate::tool::{
    console::Console,
    escape::quote,
    limits::{DEFAULT_WIDTH, MARGIN, PERMISSIONS_COLUMN},
    tree,
};

/// How the lines look.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    /// Full paths, not indented, not cut.
    flat: bool,
    /// With permissions.
    perms: bool,
    /// Columns of a line; negative for a terminal that has none, which cuts nothing.
    width: i64,
}

impl Layout {
    /// A layout for an output of so many columns.
    pub(crate) fn new(flat: bool, perms: bool, columns: Option<u16>) -> Layout {
        let without_terminal = if flat { i64::MAX } else { DEFAULT_WIDTH };
        let width = columns.map_or(without_terminal, |columns| i64::from(columns) - MARGIN);
        Layout { flat, perms, width }
    }
}

/// Prints all below a node.
pub(crate) fn list(
    store: &mut impl Store,
    path: &[u8],
    layout: Layout,
    console: &mut Console<'_>,
) -> Result<(), Fault> {
    let names = match store.list(path) {
        Ok(names) => names,
        Err(error) => return Err(Fault::Unlistable(path.into(), error)),
    };
    let mut open = vec![(path.to_vec(), names.into_iter())];
    while let Some((path, names)) = open.last_mut() {
        let Some(name) = names.next() else {
            open.pop();
            continue;
        };
        let path = tree::join(path, &name);
        let depth = open.len() - 1;
        print_node(store, &path, &name, depth, layout, console.out)?;
        if layout.perms {
            print_perms(store, &path, &name, console)?;
        }
        console.out.write_all(b"\n")?;
        match store.list(&path) {
            Ok(names) => open.push((path, names.into_iter())),
            // It went away meanwhile.
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(Fault::Unlistable(path, error)),
        }
    }
    Ok(())
}

/// A node's name and value, up to where its permissions begin.
fn print_node(
    store: &mut impl Store,
    path: &[u8],
    name: &str,
    depth: usize,
    layout: Layout,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut column = 0;
    if layout.flat {
        out.write_all(path)?;
    } else {
        out.write_all(&vec![b' '; depth])?;
        let name = cut(name.as_bytes(), layout.width.saturating_sub(RESERVED + length(depth)));
        out.write_all(name)?;
        column = length(depth) + length(name.len());
    }
    let Ok(value) = store.read(path) else { return out.write_all(b":\n") };
    let text = quote(&value);
    // Bytes of the value, not of its text: what is cut, and where, is as it always was.
    if layout.width >= 0 && layout.width < column + length(value.len()) + RESERVED {
        let text = cut(&text, layout.width.saturating_sub(RESERVED + column));
        return out.write_all(&[b" = \"", text, b"\\...\""].concat());
    }
    out.write_all(&[b" = \"", text.as_slice(), b"\""].concat())?;
    if layout.perms {
        column += length(text.len()) + QUOTES;
        out.write_all(b" ")?;
        out.write_all(&leader(column, layout))?;
    }
    Ok(())
}

/// Dots at odd columns from a value to the permissions.
fn leader(column: i64, layout: Layout) -> Vec<u8> {
    let end = if layout.flat { 0 } else { PERMISSIONS_COLUMN };
    let columns = column + 1..end.min(layout.width);
    columns.map(|column| if column & 1 == 1 { b'.' } else { b' ' }).collect()
}

fn print_perms(
    store: &mut impl Store,
    path: &[u8],
    name: &str,
    console: &mut Console<'_>,
) -> io::Result<()> {
    match store.request(&Request::new(Op::GetPerms).text(path)) {
        Ok(reply) => {
            let perms: Vec<&[u8]> = strings(&reply).collect();
            console.out.write_all(&[b"  (", perms.join(&b","[..]).as_slice(), b")"].concat())
        }
        Err(error) => {
            let says = format!("\ncould not access permissions for {name}: {}", os_text(&error));
            warn(console, says.as_bytes())
        }
    }
}

/// The first `len` bytes; all where that is negative.
fn cut(text: &[u8], len: i64) -> &[u8] {
    usize::try_from(len).ok().and_then(|len| text.get(..len)).unwrap_or(text)
}

fn length(len: usize) -> i64 {
    i64::try_from(len).unwrap_or(i64::MAX)
}

/// Bytes that a cut value needs around it: ` = "..."`.
const RESERVED: i64 = 8;
/// Bytes around a whole value: ` = ""`.
const QUOTES: i64 = 5;
