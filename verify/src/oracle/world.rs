//! What is known of the servers' state while a run goes on: the model that steps are made from and
//! answers are checked with.

use myriad_ring::v1::Op;

use super::{
    hosts::Hosts,
    limits::SLOTS,
    pair::Pair,
    step::{Request, Tx},
    text,
    tree::{Answer, Effect, Tree},
};

/// An id that no transaction has.
pub const UNKNOWN_TX: u32 = 0xFFFF_FF00;

/// The state that both servers share, or should.
#[derive(Debug, Default)]
pub struct World {
    /// The tree outside of transactions.
    pub tree: Tree,
    /// The domains.
    pub hosts: Hosts,
    /// The clients, by number.
    pub clients: Vec<Client>,
    /// The paths at which the tree was changed, in order.
    changes: Vec<String>,
}

/// What a client has.
#[derive(Debug, Default)]
pub struct Client {
    /// Its transactions.
    pub slots: [Slot; SLOTS],
    /// Its watches as it set them: path and token.
    pub watches: Vec<(Vec<u8>, Vec<u8>)>,
}

/// Room for a transaction.
#[derive(Debug, Default)]
pub struct Slot {
    /// The one that is open.
    pub open: Option<OpenTx>,
    /// The ids of the one that ended last.
    pub ended: Option<Pair<u32>>,
}

/// An open transaction.
#[derive(Clone, Debug)]
pub struct OpenTx {
    /// What each server calls it.
    pub ids: Pair<u32>,
    /// The tree at its start, with its own changes.
    pub view: Tree,
    /// What it has been asked.
    pub done: Vec<Done>,
    /// Whether it has changed anything, if only to change it back.
    pub changes_something: bool,
    /// How many changes the tree had seen when it began.
    since: usize,
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
    /// The domains that it names and that existed.
    existing: Vec<u32>,
    /// The top of what it depends on: its path, or the uppermost node that it would have to create.
    anchor: String,
}

impl World {
    /// The world of servers that have just started.
    #[must_use]
    pub fn new(clients: usize) -> World {
        World { clients: (0..clients).map(|_| Client::default()).collect(), ..World::default() }
    }

    /// The slot that a request names.
    #[must_use]
    pub fn slot(&self, request: &Request) -> Option<&Slot> {
        match request.tx {
            Tx::Slot(at) | Tx::Ended(at) => self.clients.get(request.client)?.slots.get(at),
            Tx::None | Tx::Raw(_) => None,
        }
    }

    /// The transaction that a request acts in.
    #[must_use]
    pub fn open_tx(&self, request: &Request) -> Option<&OpenTx> {
        match request.tx {
            Tx::Slot(_) => self.slot(request)?.open.as_ref(),
            _ => None,
        }
    }

    /// The same, to change.
    pub fn slot_mut(&mut self, client: usize, tx: Tx) -> Option<&mut Slot> {
        match tx {
            Tx::Slot(at) => self.clients.get_mut(client)?.slots.get_mut(at),
            _ => None,
        }
    }

    /// The transaction ids that a request is sent with.
    #[must_use]
    pub fn tx_ids(&self, request: &Request) -> Pair<u32> {
        match request.tx {
            Tx::None => Pair::same(0),
            Tx::Raw(id) => Pair::same(id),
            Tx::Slot(_) => self.open_tx(request).map_or(Pair::same(0), |tx| tx.ids),
            Tx::Ended(_) => {
                self.slot(request).and_then(|s| s.ended).unwrap_or(Pair::same(UNKNOWN_TX))
            }
        }
    }

    /// Opens a transaction at the present tree.
    #[must_use]
    pub fn open(&self, ids: Pair<u32>) -> OpenTx {
        OpenTx {
            ids,
            view: self.tree.clone(),
            done: Vec::new(),
            changes_something: false,
            since: self.changes.len(),
        }
    }

    /// Carries out a request outside of transactions on the model. None: not one on the tree.
    pub fn apply(&mut self, op: Op, payload: &[u8]) -> Option<Effect> {
        let hosts = &self.hosts;
        let anchor = anchor(&self.tree, op, payload);
        let effect = self.tree.apply(op, payload, &|domid| hosts.exists(domid))?;
        self.changes.extend(effect.changed.then_some(anchor));
        Some(effect)
    }

    /// Carries out a request of a transaction that was committed. Permissions are of those who
    /// existed when it was made.
    pub fn commit(&mut self, done: &Done) -> Option<Effect> {
        let anchor = anchor(&self.tree, done.op, &done.payload);
        let existed = |domid| done.existing.contains(&domid);
        let effect = self.tree.apply(done.op, &done.payload, &existed)?;
        self.changes.extend(effect.changed.then_some(anchor));
        Some(effect)
    }

    /// Carries out a request in a transaction on its view.
    pub fn apply_in(&mut self, client: usize, tx: Tx, op: Op, payload: &[u8]) -> Option<Effect> {
        let hosts = &self.hosts;
        let at = match tx {
            Tx::Slot(at) => at,
            _ => return None,
        };
        let open = self.clients.get_mut(client)?.slots.get_mut(at)?.open.as_mut()?;
        let effect = open.view.apply(op, payload, &|domid| hosts.exists(domid))?;
        open.changes_something |= effect.changed;
        Some(effect)
    }

    /// Describes a request in a transaction, whose view was `view` before it.
    #[must_use]
    pub fn done(&self, view: &Tree, op: Op, payload: &[u8], answers: Pair<Answer>) -> Done {
        let perms = text::split_first(payload).and_then(|(_, rest)| text::parse_perms(rest));
        let perms = perms.filter(|_| op == Op::SetPerms).unwrap_or_default();
        let exists = |domid: &u32| self.hosts.exists(*domid);
        let existing = perms.iter().map(|entry| entry.domid).filter(exists).collect();
        let void = perms.first().is_some_and(|owner| !exists(&owner.domid));
        let anchor = anchor(view, op, payload);
        Done { op, payload: payload.to_vec(), answers, void, existing, anchor }
    }

    /// Notes that a domain has ended.
    pub fn bury(&mut self, domid: u32) {
        self.tree.bury(domid);
        self.changes.push("/".to_owned());
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

    /// Forgets what a connection had that was closed.
    pub fn forget(&mut self, client: usize) {
        if let Some(client) = self.clients.get_mut(client) {
            *client = Client::default();
        }
    }
}

/// The path of a request on the tree; where the node is missing, the uppermost missing one.
fn anchor(tree: &Tree, op: Op, payload: &[u8]) -> String {
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
    let path = text::split_first(payload).and_then(|(path, _)| text::node_path(path));
    let Some(path) = path.filter(|_| on_tree) else { return String::new() };
    let mut top = &*path;
    while top != "/" && !tree.contains(text::parent(top)) {
        top = text::parent(top);
    }
    top.to_owned()
}

fn related(a: &str, b: &str) -> bool {
    let within = |inner: &str, outer: &str| {
        outer == "/"
            || inner.strip_prefix(outer).is_some_and(|r| r.is_empty() || r.starts_with('/'))
    };
    !a.is_empty() && !b.is_empty() && (within(a, b) || within(b, a))
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

    #[test]
    fn a_transaction_sees_its_start_and_itself() {
        let mut world = World::new(1);
        let tx = world.open(Pair::same(1));
        world.clients[0].slots[0].open = Some(tx);
        assert!(world.apply(Op::Write, b"/a\0x").unwrap().changed);
        let read = world.apply_in(0, Tx::Slot(0), Op::Read, b"/a\0").unwrap();
        assert_eq!(read.answer, Err(myriad_core::Errno::ENOENT));
        assert!(world.apply_in(0, Tx::Slot(0), Op::Write, b"/b\0y").unwrap().changed);
        let read = world.apply_in(0, Tx::Slot(0), Op::Read, b"/b\0").unwrap();
        assert_eq!(read.answer, Ok(b"y".to_vec()));
        assert!(!world.tree.contains("/b"));
    }
}
