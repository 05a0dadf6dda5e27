//! What is known of the servers' state while a run goes on: the model that steps are made from and
//! answers are checked with.

use std::collections::BTreeMap;

use myriad_ring::v1::Op;

use super::{
    hosts::Hosts,
    limits::{DOMAINS, SLOTS},
    opened::{Done, OpenTx, anchor, named_lives, names},
    operate::Effect,
    pair::Pair,
    step::{Request, Tx},
    text::{self, NEVER},
    tree::{Answer, Asker, Tree},
    who,
};
use crate::peer::DomainChange;

/// An id that no transaction has.
pub const UNKNOWN_TX: u32 = 0xFFFF_FF00;

/// The state that both servers share, or should.
#[derive(Debug)]
pub struct World {
    /// The tree outside of transactions.
    pub tree: Tree,
    /// The domains.
    pub hosts: Hosts,
    /// The clients, by number: those of the socket, and the guests that have rings.
    pub clients: BTreeMap<usize, Client>,
    /// Who owns the special nodes, where that is not dom0.
    special_owners: BTreeMap<Vec<u8>, u32>,
    /// The paths at which the tree was changed, in order.
    pub(super) changes: Vec<String>,
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

impl World {
    /// The world of servers that have just started.
    #[must_use]
    pub fn new(clients: usize) -> World {
        let clients = (0..clients).map(|client| (client, Client::default())).collect();
        let (tree, hosts, changes) = (Tree::default(), Hosts::default(), Vec::new());
        let special_owners = BTreeMap::new();
        let mut world = World { tree, hosts, clients, special_owners, changes };
        (1..=DOMAINS).for_each(|domid| world.begin(domid));
        world
    }

    /// Who a client is, as permissions see it.
    #[must_use]
    pub fn asker(&self, client: usize) -> Asker {
        let guest = |domid| Asker { domid, target: self.hosts.target(domid) };
        who::domid(client).map_or(Asker::CONTROL, guest)
    }

    /// The slot that a request names.
    #[must_use]
    pub fn slot(&self, request: &Request) -> Option<&Slot> {
        match request.tx {
            Tx::Slot(at) | Tx::Ended(at) => self.clients.get(&request.client)?.slots.get(at),
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
            Tx::Slot(at) => self.clients.get_mut(&client)?.slots.get_mut(at),
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

    /// Opens a transaction of a client at the present tree.
    #[must_use]
    pub fn open(&self, client: usize, ids: Pair<u32>) -> OpenTx {
        OpenTx {
            ids,
            asker: self.asker(client),
            view: self.tree.clone(),
            done: Vec::new(),
            changes_something: false,
            poisoned: false,
            parted: false,
            changed: Vec::new(),
            since: self.changes.len(),
        }
    }

    /// Carries out a request outside of transactions on the model. None: not one on the tree.
    pub fn apply(&mut self, client: usize, op: Op, payload: &[u8]) -> Option<Effect> {
        let asker = self.asker(client);
        let anchor = anchor(&self.tree, asker, op, payload);
        let lives = named_lives(&self.tree, op, payload);
        let life = |domid| lives.get(&domid).copied().unwrap_or(NEVER);
        let effect = self.tree.apply(asker, op, payload, &life)?;
        self.changes.extend(effect.changed.then_some(anchor));
        Some(effect)
    }

    /// Carries out a request of a transaction that was committed. Permissions are of those who
    /// existed when it was made.
    pub fn commit(&mut self, client: usize, done: &Done) -> Option<Effect> {
        let asker = self.asker(client);
        let anchor = anchor(&self.tree, asker, done.op, &done.payload);
        let life = |domid| done.existing.get(&domid).copied().unwrap_or(NEVER);
        let effect = self.tree.apply(asker, done.op, &done.payload, &life)?;
        self.changes.extend(effect.changed.then_some(anchor));
        Some(effect)
    }

    /// Carries out a request in a transaction on its view.
    pub fn apply_in(&mut self, client: usize, tx: Tx, op: Op, payload: &[u8]) -> Option<Effect> {
        let mut lives = named_lives(&self.tree, op, payload);
        let Tx::Slot(at) = tx else { return None };
        let open = self.clients.get_mut(&client)?.slots.get_mut(at)?.open.as_mut()?;
        for (domid, life) in &mut lives {
            match open.view.life(*domid) {
                // It began after the transaction, and is known in it from here on.
                NEVER => open.view.begin(*domid, *life),
                known => *life = known,
            }
        }
        let (asker, life) = (open.asker, |domid| lives.get(&domid).copied().unwrap_or(NEVER));
        let anchor = anchor(&open.view, asker, op, payload);
        let effect = open.view.apply(asker, op, payload, &life)?;
        open.changes_something |= effect.changed;
        open.changed.extend(effect.changed.then_some(anchor));
        Some(effect)
    }

    /// Describes a request in a transaction, whose view was `view` before it.
    #[must_use]
    pub fn done(&self, view: &Tree, request: &Request, op: Op, answers: Pair<Answer>) -> Done {
        let owner = names(op, &request.payload).first().copied();
        let void = owner.is_some_and(|owner| self.tree.life(owner) == NEVER);
        let existing = named_lives(&self.tree, op, &request.payload);
        let anchor = anchor(view, self.asker(request.client), op, &request.payload);
        Done { op, payload: request.payload.clone(), answers, void, existing, anchor }
    }

    /// Notes a change of the host. Returns the domain that it ended, if it did.
    pub fn note_change(&mut self, change: DomainChange) -> Option<u32> {
        if let DomainChange::Create(domid) = change {
            self.begin(domid);
        }
        let ended = self.hosts.note_change(change)?;
        self.bury(ended);
        Some(ended)
    }

    /// Notes that a domain has ended: it is gone, or was released and may be introduced again.
    pub fn bury(&mut self, domid: u32) {
        self.tree.bury(domid);
        self.special_owners.retain(|_, owner| *owner != domid);
        self.changes.push("/".to_owned());
        self.clients.remove(&who::guest(domid));
        if self.hosts.exists(domid) {
            self.begin(domid);
        }
    }

    /// Notes that the permissions of a special node were set.
    pub fn note_special(&mut self, payload: &[u8]) {
        let name = text::split_first(payload).map(|(name, _)| name.to_vec());
        let owner = names(Op::SetPerms, payload).first().copied();
        if let (Some(name), Some(owner)) = (name, owner) {
            self.special_owners.insert(name, owner);
        }
    }

    /// Whether a guest owns a special node, and would give it away.
    #[must_use]
    pub fn gives_special_away(&self, asker: Asker, payload: &[u8]) -> bool {
        let name = text::split_first(payload).map(|(name, _)| name).unwrap_or_default();
        let owner = self.special_owners.get(name).copied();
        let new = names(Op::SetPerms, payload).first().copied();
        let owns = owner.is_some_and(|owner| asker.owns(owner));
        asker.is_guest() && owns && new != owner
    }

    /// Notes that something has changed that decides about any node, such as who a caller is.
    pub fn note_upheaval(&mut self) {
        self.changes.push("/".to_owned());
    }

    fn begin(&mut self, domid: u32) {
        let life = self.hosts.next_life();
        self.tree.begin(domid, life);
    }

    /// Forgets what a connection had that was closed; there may be a new one.
    pub fn forget(&mut self, client: usize) {
        self.clients.insert(client, Client::default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_sees_its_start_and_itself() {
        let mut world = World::new(1);
        let tx = world.open(0, Pair::same(1));
        world.clients.get_mut(&0).unwrap().slots[0].open = Some(tx);
        assert!(world.apply(0, Op::Write, b"/a\0x").unwrap().changed);
        let read = world.apply_in(0, Tx::Slot(0), Op::Read, b"/a\0").unwrap();
        assert_eq!(read.answer, Err(myriad_core::Errno::ENOENT));
        assert!(world.apply_in(0, Tx::Slot(0), Op::Write, b"/b\0y").unwrap().changed);
        let read = world.apply_in(0, Tx::Slot(0), Op::Read, b"/b\0").unwrap();
        assert_eq!(read.answer, Ok(b"y".to_vec()));
        assert!(!world.tree.contains("/b"));
    }
}
