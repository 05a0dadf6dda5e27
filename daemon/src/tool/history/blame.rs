//! `myriad blame`: the last change of each node.

use std::{collections::HashMap, path::Path};

use myriad_history::file::{Head, OwnedChange, OwnedWhat, Tree};
use serde_json::json;

use super::{
    cli::Blame,
    error::PastError,
    name::split,
    show::{existing, report_unknown},
    source::{Source, valid},
    words,
};
use crate::tool::{
    console::Console,
    failure::Failure,
    output::{json_line, line},
};

/// Prints the last change of a node and of each below it.
///
/// # Errors
/// [`Failure::NotFound`], [`Failure::Past`].
pub(crate) fn blame(
    options: &Blame,
    file: &Path,
    json: bool,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    let source = Source::open(file)?;
    let (version, path) = match split(&options.path) {
        Some(_) => source.node(&options.path, console)?,
        None => (source.version("HEAD", console.err)?, valid(&options.path)?),
    };
    let tree = source.tree(&version)?;
    existing(&tree, path)?;
    let last = last_changes(&source, &tree, path)?;
    for (path, node) in tree.within(path) {
        let found = last.get(path);
        if json {
            let object = json!({
                "path": path,
                "value": crate::tool::output::json_bytes(&node.value),
                "generation": found.map_or(node.generation, |(head, _)| head.generation),
                "time": found.map(|(head, _)| words::json_time(head.at)),
                "author": found.map(|(_, change)| words::json_author(&change.author)),
                "merged": found.map(|(head, _)| head.merged),
            });
            json_line(console.out, &object)?;
            continue;
        }
        let (generation, when, who) = match found {
            Some((head, change)) => {
                let upto = if head.merged { "by " } else { "" };
                let when = format!("{upto}{}", words::time(head.at));
                (change.generation, when, words::who(&change.author))
            }
            None => (node.generation, "before what is kept".into(), String::new()),
        };
        let (path, value) = (words::path(path), words::value(&node.value));
        let text = format!("{generation:>8}  {when:<26}  {who:<10}  {path} = {value}");
        line(console.out, text.as_bytes())?;
    }
    report_unknown(&tree, console)
}

type Found = HashMap<String, (Head, OwnedChange)>;

/// For each node of a tree, below a path, the last change that made it what it is.
fn last_changes(source: &Source, tree: &Tree, path: &str) -> Result<Found, PastError> {
    let mut missing = tree.within(path).count();
    let mut found = Found::new();
    for change in source.history.changes_of(path, true) {
        let (head, change) = change?;
        let is_newer = head.generation > tree.version().generation;
        let makes = !matches!(change.what, OwnedWhat::Removed | OwnedWhat::Noted(_));
        if is_newer || !makes || found.contains_key(&change.path) {
            continue;
        }
        if tree.get(&change.path).is_some() {
            found.insert(change.path.clone(), (head, change));
            missing = missing.saturating_sub(1);
        }
        if missing == 0 {
            break;
        }
    }
    Ok(found)
}
