//! `myriad restore`: a node, with all below it, as it was.
//!
//! Invariants:
//! - What is done is decided and done in one transaction: another's commit in between makes it
//!   start again, and nothing is done by halves.
//! - No domain gets access that another life of its id had: see `lives`.
//! - Without `--yes` nothing is changed.

mod lives;
mod plan;

use std::{
    io::{Read, Write},
    path::Path,
};

use myriad_history::file::{Tree, order};
use myriad_ring::client::{Client, Error, Store};
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
    output::{json_line, line},
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
        Some(socket) => Client::connect_to(socket)?,
        None => Client::connect()?,
    };
    let lives = Lives::find(&source.history, &tree, path, &mut client)?;
    let plan = if options.yes {
        client.transact(|tx| {
            let plan = Plan::new(&read(tx, path)?, &tree, path, &lives);
            plan.actions.iter().try_for_each(|action| act(tx, action))?;
            Ok::<_, Error>(plan)
        })?
    } else {
        let mut tx = client.begin()?;
        let now = read(&mut tx, path)?;
        tx.abort()?;
        Plan::new(&now, &tree, path, &lives)
    };
    print(&plan, &tree, options.yes, json, console)
}

/// A node and all below it, as they are now.
fn read<S: Store>(store: &mut S, top: &str) -> Result<Now, Error> {
    let progress = Progress::open("reading the present");
    let mut now = Now::new();
    let mut open = vec![top.to_owned()];
    while let Some(path) = open.pop() {
        let node = store.read(&path).and_then(|value| Ok((value, store.get_perms(&path)?)));
        match node {
            Ok(node) => drop(now.insert(path.clone(), node)),
            Err(error) if error.is_not_found() => continue,
            Err(error) => return Err(error),
        }
        let children = store.list(&path)?;
        let joined = children.iter().map(|name| tree::join(path.as_bytes(), name));
        open.extend(joined.filter_map(|path| String::from_utf8(path).ok()));
        progress.step();
    }
    Ok(now)
}

fn act<S: Read + Write>(
    tx: &mut myriad_ring::client::Transaction<'_, S>,
    action: &Action,
) -> Result<(), Error> {
    match action {
        Action::Remove { path, .. } => tx.rm(path),
        Action::Put { path, value, perms, .. } => {
            if let Some(value) = value {
                tx.write(path, value)?;
            }
            perms.as_ref().map_or(Ok(()), |perms| tx.set_perms(path, perms))
        }
    }
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
