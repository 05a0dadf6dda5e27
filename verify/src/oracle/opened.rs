//! What is known of open transactions, and how they stand to what has changed since they began.

use std::collections::BTreeMap;

use myriad_core::Errno;
use myriad_ring::v1::Op;

use super::{
    pair::Pair,
    text::{self, Life, NEVER},
    tree::{Answer, Asker, Tree},
    world::World,
};

/// An open transaction.
#[derive(Clone, Debug)]
pub struct OpenTx {
    /// What each server calls it.
    pub ids: Pair<u32>,
    /// The tree at its start, with its own changes.
    pub view: Tree,
    /// Who asks, as it was at its start.
    pub asker: Asker,
    /// What it has been asked.
    pub done: Vec<Done>,
    /// Whether it has changed anything, if only to change it back.
    pub changes_something: bool,
    /// Whether it has touched more nodes than a guest's may: it can't be committed.
    pub poisoned: bool,
    /// Whether a quota has let one server do what the other refused: it must not be committed.
    pub parted: bool,
    /// The tops of what it has changed.
    pub(super) changed: Vec<String>,
    /// How many changes the tree had seen when it began.
    pub(super) since: usize,
}

/// A request in a transaction, and its answers.
#[derive(Clone, Debug)]
pub struct Done {
    /// The operation.
    pub op: Op,
    /// The payload.
    pub payload: Vec<u8>,
    /// What each server said.
    pub answers: Pair<Answer>,
    /// It was refused for an owner that did not exist, which is no fact of the tree: whether it
    /// still holds at the commit does not matter, and it changes nothing.
    pub void: bool,
    /// The domains that it names and that existed, and their lives.
    pub(super) existing: BTreeMap<u32, Life>,
    /// The top of what it depends on: its path, or the uppermost node that it would have to create.
    pub(super) anchor: String,
}

impl Done {
    /// Whether a quota has refused it, by both servers: whether it still would does not matter.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        let full = Err(Errno::ENOSPC);
        self.answers.left == full && self.answers.right == full
    }
}

impl World {
    /// Whether a request was refused that names an owner who has died since: now it would be
    /// refused for that.
    #[must_use]
    pub fn has_lost_owner(&self, done: &Done) -> bool {
        let refused = done.answers.left.is_err() && done.answers.right.is_err();
        let owner = names(done.op, &done.payload).first().copied();
        refused && owner.is_some_and(|owner| self.tree.life(owner) == NEVER)
    }

    /// Whether a transaction would write again a list with an entry of a domain that has died
    /// since the transaction began, and exists again.
    #[must_use]
    pub fn revives(&self, tx: &OpenTx) -> bool {
        let returned = |domid: u32, life: Life| {
            let (then, now) = (tx.view.life(domid), self.tree.life(domid));
            life != NEVER && life == then && now != NEVER && life != now
        };
        let written = |path: &str| {
            let over = |top: &String| within(path, top) || path == text::parent(top);
            tx.changed.iter().any(over)
        };
        let revived = |path: &&str| {
            let others = tx.view.entries(path).iter().skip(1);
            others.into_iter().any(|e| returned(e.domid, e.life)) && written(path)
        };
        tx.view.paths().any(|path| revived(&path))
    }

    /// Whether the tree has changed at all since a transaction began.
    #[must_use]
    pub fn moved(&self, tx: &OpenTx) -> bool {
        self.changes.len() > tx.since
    }

    /// Whether something that a transaction was asked about has changed since it began: a node on
    /// the way to it, it, or something below.
    #[must_use]
    pub fn touched(&self, tx: &OpenTx) -> bool {
        let changes = self.changes.get(tx.since..).unwrap_or_default();
        tx.done.iter().any(|done| changes.iter().any(|at| related(at, &done.anchor)))
    }
}

/// The domains that SET_PERMS names, the owner first; none where it can't be read.
pub(super) fn names(op: Op, payload: &[u8]) -> Vec<u32> {
    let perms = text::split_first(payload).and_then(|(_, rest)| text::parse_perms(rest));
    let perms = perms.filter(|_| op == Op::SetPerms).unwrap_or_default();
    perms.iter().map(|entry| entry.domid).collect()
}

/// Those of them that exist, and their lives.
pub(super) fn named_lives(tree: &Tree, op: Op, payload: &[u8]) -> BTreeMap<u32, Life> {
    let lives = names(op, payload).into_iter().map(|domid| (domid, tree.life(domid)));
    lives.filter(|(_, life)| *life != NEVER).collect()
}

/// The path of a request on the tree; where the node is missing, the uppermost missing one.
pub(super) fn anchor(tree: &Tree, asker: Asker, op: Op, payload: &[u8]) -> String {
    let on_tree = matches!(
        op,
        Op::Directory
            | Op::Read
            | Op::GetPerms
            | Op::Mkdir
            | Op::Rm
            | Op::DirectoryPart
            | Op::Write
            | Op::SetPerms
    );
    let path = text::split_first(payload).and_then(|(path, _)| text::node_path(path, asker.domid));
    let Some(path) = path.filter(|_| on_tree) else { return String::new() };
    let mut top = &*path;
    while top != "/" && !tree.contains(text::parent(top)) {
        top = text::parent(top);
    }
    // Whether a guest may know that it is missing is decided by the node above.
    if asker.is_guest() && !tree.contains(top) {
        top = text::parent(top);
    }
    top.to_owned()
}

fn related(a: &str, b: &str) -> bool {
    !a.is_empty() && !b.is_empty() && (within(a, b) || within(b, a))
}

fn within(inner: &str, outer: &str) -> bool {
    outer == "/" || inner.strip_prefix(outer).is_some_and(|r| r.is_empty() || r.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_touches_what() {
        for (a, b) in [("/a", "/a"), ("/a", "/a/b"), ("/", "/x"), ("/a/b/c", "/a")] {
            assert!(related(a, b) && related(b, a), "{a} {b}");
        }
        for (a, b) in [("/a/x", "/a/y"), ("/a", "/ab"), ("", "/")] {
            assert!(!related(a, b) && !related(b, a), "{a} {b}");
        }
    }
}
