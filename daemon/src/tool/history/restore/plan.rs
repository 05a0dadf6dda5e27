//! What must change for a node, and all below it, to be what they were.

use std::collections::BTreeMap;

use myriad_core::{Access, DomId, Perm};
use myriad_history::file::{Tree, order};
use serde_json::{Value, json};

use super::lives::Lives;
use crate::tool::{
    history::{shown::access, words},
    output::json_bytes,
};

/// Nodes as they are: value and permissions by path.
pub(super) type Now = BTreeMap<String, (Vec<u8>, Vec<Perm>)>;

/// What is to be done, and what can't be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// In the order in which it must be done: removals first, parents before children.
    pub(super) actions: Vec<Action>,
    /// Entries that stay out.
    pub(super) left_out: Vec<LeftOut>,
}

/// A change of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// It goes, with all below it.
    Remove {
        /// Which.
        path: String,
        /// Nodes that go.
        nodes: usize,
    },
    /// It gets a value, permissions, or both.
    Put {
        /// Which.
        path: String,
        /// Whether it is missing now.
        is_new: bool,
        /// The value.
        value: Option<Vec<u8>>,
        /// The permissions.
        perms: Option<Vec<Perm>>,
    },
}

/// A permission that isn't restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LeftOut {
    /// Whose.
    pub(super) path: String,
    /// For whom it was.
    domid: u16,
    is_owner: bool,
}

impl Plan {
    /// Compares the present with a version.
    pub(super) fn new(now: &Now, then: &Tree, top: &str, lives: &Lives) -> Plan {
        let mut plan = Plan::default();
        let mut removed: Option<&str> = None;
        let mut paths: Vec<&str> = now.keys().map(String::as_str).collect();
        paths.sort_by(|a, b| order::compare(a, b));
        for path in paths {
            let is_gone = removed.is_some_and(|top| order::is_within(path, top));
            // The root can't be removed.
            if then.get(path).is_none() && !is_gone && path != "/" {
                let nodes = now.keys().filter(|other| order::is_within(other, path)).count();
                plan.actions.push(Action::Remove { path: path.to_owned(), nodes });
                removed = Some(path);
            }
        }
        for (path, node) in then.within(top).filter(|(path, _)| path.starts_with('/')) {
            let perms = plan.perms(path, &node.perms, lives);
            let is = now.get(path);
            let value = is.is_none_or(|(value, _)| **value != *node.value);
            let value = value.then(|| node.value.to_vec());
            let perms = is.is_none_or(|(_, is)| *is != perms).then_some(perms);
            if value.is_some() || perms.is_some() {
                let is_new = is.is_none();
                plan.actions.push(Action::Put { path: path.to_owned(), is_new, value, perms });
            }
        }
        plan
    }

    /// Permissions without the entries of those that are gone; an owner that is gone makes the
    /// node the control domain's, and nobody else's.
    fn perms(
        &mut self,
        path: &str,
        recorded: &[myriad_history::file::Perm],
        lives: &Lives,
    ) -> Vec<Perm> {
        let mut perms = Vec::with_capacity(recorded.len());
        for (at, entry) in recorded.iter().enumerate() {
            let (access, domid) = (access(entry.access), DomId(entry.domid));
            if lives.has(entry) {
                perms.push(Perm { access, domid });
                continue;
            }
            let is_owner = at == 0;
            self.left_out.push(LeftOut { path: path.to_owned(), domid: entry.domid, is_owner });
            if is_owner {
                // What everyone may stays what it was: it isn't about the one that is gone.
                perms.push(Perm { access, domid: DomId::ZERO });
            }
        }
        if perms.is_empty() {
            perms.push(Perm { access: Access::None, domid: DomId::ZERO });
        }
        perms
    }
}

impl Action {
    /// In a line.
    pub(super) fn text(&self) -> String {
        match self {
            Action::Remove { path, nodes: 1 } => format!("D {path}"),
            Action::Remove { path, nodes } => format!("D {path}  (with {} below)", nodes - 1),
            Action::Put { path, is_new, value, perms } => {
                let letter = match (is_new, value) {
                    (true, _) => 'A',
                    (false, Some(_)) => 'M',
                    (false, None) => 'P',
                };
                let value = value.as_ref().map(|value| format!(" = {}", words::value(value)));
                let perms =
                    perms.as_ref().map(|perms| format!("  ({})", words_of(perms).join(",")));
                format!("{letter} {path}{}{}", value.unwrap_or_default(), perms.unwrap_or_default())
            }
        }
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        match self {
            Action::Remove { path, nodes } => {
                json!({"path": path, "change": "removed", "nodes": nodes})
            }
            Action::Put { path, is_new, value, perms } => json!({
                "path": path,
                "change": if *is_new { "created" } else { "written" },
                "value": value.as_deref().map(json_bytes),
                "permissions": perms.as_deref().map(words_of),
            }),
        }
    }
}

fn words_of(perms: &[Perm]) -> Vec<String> {
    perms.iter().map(Perm::to_string).collect()
}

impl LeftOut {
    /// In a sentence.
    pub(super) fn text(&self) -> String {
        let LeftOut { path, domid, is_owner } = self;
        if *is_owner {
            format!(
                "{path} belonged to domain {domid}, which is gone: to the control domain instead"
            )
        } else {
            format!("{path}: without the permission of domain {domid}, which is gone")
        }
    }
}
