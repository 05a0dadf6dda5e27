//! Whether a version of the real store is what the model says.

use std::collections::BTreeSet;

use myriad_core::{Caller, Config, DomId, Feed, FeedItem, Quota, Snapshot, View};

use super::ask::look;
use crate::model::{Event, Model, Request};

/// Fails with both where they differ.
pub(super) fn same<T: PartialEq + std::fmt::Debug>(
    what: &str,
    store: T,
    model: T,
) -> Result<(), String> {
    if store == model {
        return Ok(());
    }
    Err(format!("{what}: the store has {store:?}, the model {model:?}"))
}

/// The accounts of a version: what each domain has and is, against a recount.
pub(super) fn accounts(view: &View<'_>, model: &Model, config: &Config) -> Result<(), String> {
    view.check().map_err(|faults| faults.join("; "))?;
    same("generation", view.generation(), model.generation())?;
    same("watches", view.watches(), model.watches().count())?;
    let (infos, domains) = (view.domains(), model.domains().collect::<Vec<_>>());
    same("domains", infos.len(), domains.len())?;
    for (info, domain) in infos.iter().zip(domains) {
        let name = |what: &str| format!("{what} of domain {}", info.domid);
        same(&name("id"), info.domid, domain.domid)?;
        same(&name("life"), info.instance, domain.life)?;
        same(&name("introduced"), info.introduced, domain.introduced)?;
        same(&name("shutdown"), info.shutdown_seen, domain.shutdown)?;
        same(&name("target"), info.target, domain.target.map(|target| target.0))?;
        same(&name("features"), info.features, domain.features.unwrap_or(config.features))?;
        same(&name("seat"), info.seat, domain.seat)?;
        let usage = model.usage(domain.domid);
        same(&name("nodes"), info.nodes.into(), signed(usage.nodes))?;
        same(&name("watches"), info.watches.into(), signed(usage.watches))?;
        same(&name("memory"), i64::try_from(info.memory).unwrap_or(-1), usage.memory)?;
        for quota in Quota::ALL {
            let all = (info.quotas.get(quota), view.quotas().get(quota));
            let wanted = (model.quota(domain.domid, quota), model.quota(NOBODY, quota));
            same(&name(quota.name()), all, wanted)?;
        }
    }
    Ok(())
}

/// All nodes, with permissions, lives, stamps and the order of children; and all indices.
pub(super) fn contents(snapshot: &mut Snapshot, model: &Model) -> Result<(), String> {
    nodes(snapshot, model)?;
    indices(snapshot, model)
}

/// Compares all nodes of a version with those of a model: their permissions, lives and stamps, and
/// the order of their children.
///
/// # Errors
/// What differs.
pub fn nodes(snapshot: &mut Snapshot, model: &Model) -> Result<(), String> {
    let mut walked = Vec::new();
    snapshot.walk(|path, value, perms, changed| {
        let list: Vec<_> = perms.entries().collect();
        walked.push((path.to_owned(), value.to_vec(), list, changed));
        Ok::<(), String>(())
    })?;
    same("nodes", walked.len(), model.nodes().count())?;
    walked.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    for ((path, value, list, changed), (wanted, node)) in walked.into_iter().zip(model.nodes()) {
        same("a path", path.as_str(), wanted)?;
        same(&format!("value of {path}"), &value, &node.value)?;
        same(&format!("permissions of {path}"), list, node.entries())?;
        let stamp = node.value_stamp.max(node.list_stamp);
        same(&format!("stamp of {path}"), changed, stamp)?;
        let all = [Request::List(path.clone()), Request::GetPerms(path)];
        all.iter().try_for_each(|request| answers(snapshot, model, request))?;
    }
    Ok(())
}

/// The events since the last look, those of indices apart: sorted, since a subtree's go in any
/// order.
pub(super) fn fired(feed: &mut Feed) -> Result<(Vec<Event>, Vec<Event>), String> {
    let mut all = Vec::new();
    loop {
        match feed.next() {
            FeedItem::Empty => return Ok(apart(all)),
            FeedItem::Overrun => return Err("the feed has run over".to_owned()),
            FeedItem::Record(record) => all.extend(record.fires.iter().map(|fire| Event {
                conn: fire.conn(),
                path: fire.path().to_owned(),
                token: fire.token().to_vec(),
            })),
        }
    }
}

/// Events of nodes in order, and those of indices, sorted.
pub(super) fn apart(events: Vec<Event>) -> (Vec<Event>, Vec<Event>) {
    let (mut indices, nodes): (Vec<Event>, Vec<Event>) =
        events.into_iter().partition(|event| event.path.starts_with("/@index"));
    indices.sort_unstable();
    (nodes, indices)
}

/// Keys whose matches differ, as paths.
pub(super) fn changed_keys(before: &Model, after: &Model) -> BTreeSet<String> {
    let (before, after) = (before.index_keys(), after.index_keys());
    before.symmetric_difference(&after).map(|(path, _)| path.clone()).collect()
}

fn indices(snapshot: &mut Snapshot, model: &Model) -> Result<(), String> {
    let mut open = vec!["/@index".to_owned()];
    while let Some(path) = open.pop() {
        for request in [Request::List(path.clone()), Request::Read(path.clone())] {
            answers(snapshot, model, &request)?;
        }
        let names = model.list(&Caller::Control, &path).map(|found| found.names);
        open.extend(names.unwrap_or_default().iter().map(|name| format!("{path}/{name}")));
    }
    Ok(())
}

fn answers(snapshot: &mut Snapshot, model: &Model, request: &Request) -> Result<(), String> {
    let caller = Caller::Control;
    let wanted = model.look(&caller, request);
    same(&format!("{request:?}"), look(snapshot, &caller, request), wanted)
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Has no quotas of its own.
const NOBODY: DomId = DomId::INVALID;
