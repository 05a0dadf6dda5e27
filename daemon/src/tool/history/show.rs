//! `myriad show` and `myriad ls GEN:PATH`: nodes as they were, and what a version changed.

use std::path::Path;

use myriad_history::file::{Node, Tree};
use serde_json::{Value, json};

use super::{
    cli::Show,
    diff,
    error::PastError,
    log,
    name::split,
    source::{Source, must_know},
    words,
};
use crate::tool::{
    cli::Ls,
    console::Console,
    escape::quote,
    failure::Failure,
    output::{json_bytes, json_line, line},
};

/// Prints a node of a version, or what changed in a version.
///
/// # Errors
/// [`Failure::NotFound`] where the node wasn't there; [`Failure::Past`].
pub(crate) fn show(
    options: &Show,
    file: &Path,
    json: bool,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    let source = Source::open(file)?;
    if split(&options.what).is_none() {
        return show_version(&options.what, &source, json, console);
    }
    let (version, path) = source.node(&options.what, console)?;
    let tree = source.tree(&version)?;
    let node = existing(&tree, path)?;
    if json {
        let mut object = words::json_node(node);
        if let Some(object) = object.as_object_mut() {
            object.insert("path".into(), path.into());
            object.insert("version".into(), version.generation.into());
            object.insert("time".into(), words::json_time(version.at).into());
        }
        return Ok(json_line(console.out, &object)?);
    }
    if options.raw {
        return Ok(console.out.write_all(&node.value)?);
    }
    let mut text = quote(&node.value);
    if options.permissions {
        text.extend(format!("  ({})", words::perms(&node.perms)).bytes());
    }
    Ok(line(console.out, &text)?)
}

/// A node that a version has.
///
/// # Errors
/// [`Failure::NotFound`]; [`PastError::Unknown`] where the history doesn't say.
pub(crate) fn existing<'t>(tree: &'t Tree, path: &str) -> Result<&'t Node, Failure> {
    must_know(tree, path)?;
    let generation = tree.version().generation;
    let missing = || Failure::NotFound(format!("{path} was not there in generation {generation}"));
    tree.get(path).ok_or_else(missing)
}

/// A version: its commit, where it is known, and what it made of the version before it.
fn show_version(
    text: &str,
    source: &Source,
    json: bool,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    let version = source.version(text, console.err)?;
    let history = &source.history;
    let generation = version.generation;
    for commit in history.commits(generation..=generation) {
        log::print(&commit.map_err(PastError::from)?, json, console.out)?;
    }
    let versions = history.versions();
    let before = versions.partition_point(|kept| kept.generation < generation);
    let Some(before) = before.checked_sub(1).and_then(|at| versions.get(at)) else {
        if !json {
            line(console.out, b"the oldest version that is kept")?;
        }
        return Ok(());
    };
    if !json {
        let (of, at) = (before.generation, words::time(before.at));
        line(console.out, format!("since {of}, of {at}:").as_bytes())?;
    }
    let differences = history.diff(before.generation, generation, "/").map_err(PastError::from)?;
    diff::print(&differences, json, console.out)?;
    Ok(())
}

/// Prints all below a node of a version, as `ls` does of the present.
///
/// # Errors
/// As [`show`].
pub(crate) fn list(
    options: &Ls,
    what: &str,
    file: &Path,
    json: bool,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    if options.xenstore {
        let says = "--xenstore is about the present; for the past: myriad serve, and xenstore-ls";
        return Err(Failure::Usage(says.into()));
    }
    let source = Source::open(file)?;
    let (version, top) = source.node(what, console)?;
    let tree = source.tree(&version)?;
    existing(&tree, top)?;
    let levels = options.depth.unwrap_or(usize::MAX);
    let begin = if top == "/" { 0 } else { top.matches('/').count() };
    for (path, node) in tree.within(top) {
        let depth = path.matches('/').count().saturating_sub(begin);
        if path == top || depth > levels || !path.starts_with('/') {
            continue;
        }
        let perms = options.permissions.then(|| words::perms(&node.perms));
        if json {
            let mut object = json!({"path": path, "value": json_bytes(&node.value)});
            if let (Some(object), true) = (object.as_object_mut(), options.permissions) {
                object.insert("permissions".into(), words::json_perms(&node.perms));
            }
            json_line(console.out, &object)?;
        } else {
            let depth = depth.saturating_sub(1);
            let text = entry(path, options.full_path, depth, &node.value, perms.as_deref());
            line(console.out, &text)?;
        }
    }
    report_unknown(&tree, console)
}

/// A node as `ls` prints it.
fn entry(path: &str, full: bool, depth: usize, value: &[u8], perms: Option<&str>) -> Vec<u8> {
    let mut text = if full { path.as_bytes().to_vec() } else { vec![b' '; 2 * depth] };
    if !full {
        text.extend(path.rsplit('/').next().unwrap_or_default().bytes());
    }
    if !value.is_empty() {
        text.extend([b" = \"", quote(value).as_slice(), b"\""].concat());
    }
    text.extend(perms.map(|perms| format!("  ({perms})")).unwrap_or_default().bytes());
    text
}

/// Says where a tree isn't all there was.
pub(crate) fn report_unknown(tree: &Tree, console: &mut Console<'_>) -> Result<(), Failure> {
    if let Some(cut) = tree.cut_at() {
        let says = "the history had no room for all of this version: what comes from";
        writeln!(console.err, "myriad: {says} {cut} on is missing")?;
    }
    if !tree.in_doubt().is_empty() {
        let says = "a guest changed more than its share of the history: what it may write is as it";
        writeln!(console.err, "myriad: {says} was before")?;
    }
    Ok(())
}

/// What programs see of a version.
pub(crate) fn json_version(kept: &myriad_history::file::Kept) -> Value {
    json!({
        "generation": kept.generation,
        "seq": kept.seq,
        "time": words::json_time(kept.at),
        "tier": kept.tier.0,
    })
}
