//! `myriad restore`: a node, with all below it, as it was.
//!
//! Invariants:
//! - What is done is decided and done at one moment ([`settle`]): another's commit in between makes
//!   it start again, and nothing is done by halves.
//! - No domain gets access that another life of its id had: see `lives`.
//! - Without `--yes` nothing is changed.

mod lives;
mod plan;

use std::path::Path;

use myriad_core::Errno;
use myriad_history::file::{Tree, order};
use myriad_ring::{
    client::{Client, Error},
    v1::Op,
};
use serde_json::json;

use self::{
    lives::Lives,
    plan::{Action, Now, Plan},
};
use super::{
    cli::Restore,
    error::PastError,
    progress::Progress,
    source::{Source, must_know},
    words,
};
use crate::tool::{
    console::Console,
    failure::Failure,
    limits::NODES_AT_ONCE,
    output::{json_line, line},
    together::{Change, Look, refused, settle},
    tree,
};

/// Says what would be done, or does it.
///
/// # Errors
/// [`PastError::Unknown`] where the history doesn't know all that was there; [`Failure::Client`];
/// [`Failure::Past`].
pub(crate) fn restore(
    options: &Restore,
    socket: Option<&Path>,
    file: &Path,
    json: bool,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    let source = Source::open(file)?;
    let (version, path) = source.node(&options.what, console)?;
    let tree = source.tree(&version)?;
    let all = tree.within(path).map(|(path, _)| path);
    std::iter::once(path).chain(all).try_for_each(|path| must_know(&tree, path))?;
    let is_in_it = |cut: &str| order::is_within(cut, path) || order::compare(cut, path).is_le();
    if tree.cut_at().is_some_and(is_in_it) {
        let generation = version.generation;
        let says = format!("not all that was below {path} in generation {generation} is known");
        return Err(PastError::Unknown(says).into());
    }
    let mut client = match socket {
        Some(socket) => Client::connect_to_best(socket)?,
        None => Client::connect_best()?,
    };
    let lives = Lives::find(&source.history, &tree, path, &mut client)?;
    let plan = settle(&mut client, |look| {
        let plan = Plan::new(&read(look, path)?, &tree, path, &lives);
        let changes = if options.yes { changes(&plan) } else { Vec::new() };
        Ok((plan, changes))
    })?;
    print(&plan, &tree, options.yes, json, console)
}

/// A node and all below it, as they are now.
fn read(look: &mut dyn Look, top: &str) -> Result<Now, Error> {
    let progress = Progress::open("reading the present");
    let mut now = Now::new();
    let mut open = vec![top.as_bytes().to_vec()];
    while !open.is_empty() {
        let paths = open.split_off(open.len().saturating_sub(NODES_AT_ONCE));
        let nodes = look.nodes(&paths, true)?;
        for (path, node) in paths.into_iter().zip(nodes) {
            let node = match node {
                Ok(node) => node,
                Err(Errno::ENOENT) => continue,
                Err(errno) => return Err(refused(Op::Read, &path, errno)),
            };
            let children = look.children(&path)?;
            open.extend(children.iter().map(|name| tree::join(&path, name)));
            if let Ok(path) = String::from_utf8(path) {
                now.insert(path, (node.value, node.perms));
            }
            progress.step();
        }
    }
    Ok(now)
}

/// A plan's actions, in their order.
fn changes(plan: &Plan) -> Vec<Change> {
    let mut changes = Vec::new();
    for action in &plan.actions {
        match action {
            Action::Remove { path, .. } => changes.push(Change::Remove(path.clone().into())),
            Action::Put { path, value, perms, .. } => {
                let path = path.as_bytes();
                let value = value.iter().map(|value| Change::Write(path.into(), value.clone()));
                changes.extend(value);
                let perms = perms.iter().map(|perms| Change::SetPerms(path.into(), perms.clone()));
                changes.extend(perms);
            }
        }
    }
    changes
}

fn print(
    plan: &Plan,
    tree: &Tree,
    is_done: bool,
    json: bool,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    for action in &plan.actions {
        if json {
            json_line(console.out, &action.json())?;
        } else {
            line(console.out, action.text().as_bytes())?;
        }
    }
    for left_out in &plan.left_out {
        let text = left_out.text();
        if json {
            json_line(console.out, &json!({"path": left_out.path, "left_out": text}))?;
        } else {
            writeln!(console.err, "myriad: {text}")?;
        }
    }
    let version = tree.version();
    let (count, generation) = (plan.actions.len(), version.generation);
    if json {
        let time = words::json_time(version.at);
        let end = json!({
            "changes": count, "left_out": plan.left_out.len(), "generation": generation,
            "time": time, "done": is_done,
        });
        return Ok(json_line(console.out, &end)?);
    }
    let at = words::time(version.at);
    let text = match (count, is_done) {
        (0, _) => format!("all is as it was in generation {generation}, of {at}"),
        (_, true) => format!("{count} nodes are as they were in generation {generation}, of {at}"),
        (_, false) => format!(
            "{count} nodes would become what they were in generation {generation}, of {at}; \
             to do it: --yes"
        ),
    };
    Ok(line(console.out, text.as_bytes())?)
}
