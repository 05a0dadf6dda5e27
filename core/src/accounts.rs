//! Changes of the state that keep its accounts and indices true (ARCHITECTURE.md, V2): each node
//! that comes, goes or changes is counted where it is changed, and its bytes with it.
//!
//! Bytes are counted for guests only; what belongs to the control domain is not looked at. A
//! guest's request that would bring the owner of a node to its quota `memory` is refused with
//! [`Error::OutOfMemory`], ENOMEM (XSA-326: C's `domain_memory_add`, `domain.c`, and `add_watch`,
//! `watch.c`. C's `write_node_raw` turns the same ENOMEM of a new node into EIO, and of a changed
//! one into whatever `errno` was, neither of which tells a guest anything). The control domain's
//! requests are not refused, but count.

use crate::acl::{Acl, AclBuf};
use crate::caller::Caller;
use crate::domain::{DomId, Instance};
use crate::error::{Error, Refusal};
use crate::limits::{NODE_HEAD_BYTES, PERM_BYTES, WATCH_HEAD_BYTES};
use crate::path::Path;
use crate::quota::Quota;
use crate::state::{Env, State};
use crate::tree::{Node, Parts, Record, Stamps};
use crate::work::Birth;

impl State {
    /// Whether the quota `memory` of `owner` leaves room for so many more bytes, where a guest
    /// asks for them. What takes no more bytes than before is always granted.
    pub(crate) fn afford(
        &self,
        env: &Env,
        caller: &Caller,
        owner: Option<Owner>,
        bytes: i64,
    ) -> Result<(), Error> {
        let (Some(_), Some(owner)) = (caller.guest(), owner) else { return Ok(()) };
        let Some(domain) = self.domains.living(&env.keys, owner.0, owner.1) else { return Ok(()) };
        let limit = domain.quota(&self.quotas, Quota::Memory);
        let used = domain.memory.saturating_add_signed(bytes);
        // C refuses at the value of a quota.
        if limit == 0 || bytes <= 0 || used < limit.into() {
            return Ok(());
        }
        Err(Error::OutOfMemory(Refusal { domain: owner.0, quota: Quota::Memory, limit }))
    }

    /// The same for another value of a node: which guest pays for it, and how much more.
    #[inline]
    pub(crate) fn afford_value(
        &self,
        env: &Env,
        caller: &Caller,
        node: Node<'_>,
        value: &[u8],
    ) -> Result<Growth, Error> {
        let Some(owner) = payer(node.acl()) else { return Ok(None) };
        let bytes = signed(value.len()) - signed(node.value().len());
        if bytes == 0 {
            return Ok(None);
        }
        self.afford(env, caller, Some(owner), bytes)?;
        Ok(Some((owner, bytes)))
    }

    /// The same for another permission list of the same owner.
    pub(crate) fn afford_list(
        &self,
        env: &Env,
        caller: &Caller,
        node: Node<'_>,
        entries: usize,
    ) -> Result<(), Error> {
        let Some(owner) = payer(node.acl()) else { return Ok(()) };
        let bytes = list_bytes(entries) - list_bytes(node.acl().entries().count());
        self.afford(env, caller, Some(owner), bytes)
    }

    /// The same for new nodes: those of `path` from the name at `start` on.
    pub(crate) fn afford_nodes(
        &self,
        env: &Env,
        caller: &Caller,
        (path, start): (&str, usize),
        birth: &Birth,
        value: &[u8],
    ) -> Result<(), Error> {
        if caller.guest().is_none() {
            return Ok(());
        }
        let (mut end, mut bytes) = (start, signed(value.len()));
        for name in path.get(start..).unwrap_or_default().split('/') {
            end += name.len();
            bytes += node_bytes(end, name.len(), birth.entries, 0);
            end += 1;
        }
        self.afford(env, caller, Some(birth.owner), bytes)
    }

    pub(crate) fn set_value(&mut self, env: &Env, path: Path<'_>, value: &[u8], grown: Growth) {
        if let Some((owner, bytes)) = grown {
            self.domains.count_nodes(&env.keys, owner, (0, bytes));
        }
        let stamp = self.generation;
        if env.definitions.may_match(path.leaf().as_bytes()) {
            let old = self.tree.get(&env.keys, path).map(|n| n.value().to_vec());
            for (index, captures) in env.definitions.matches(path) {
                let at = (index, captures.as_str());
                self.indices.update(&env.keys, at, old.as_deref(), Some(value), stamp);
            }
        }
        let (retired, order) = (&mut self.retired, &mut self.next_order);
        self.tree.change(
            &env.keys,
            path,
            || next(order),
            |block, index| {
                *retired += block.bytes() as u64 + PATH_COPY_BYTES;
                block.set_value(index, value, stamp);
            },
        );
    }

    pub(crate) fn set_acl(&mut self, env: &Env, path: Path<'_>, before: &AclBuf, list: &AclBuf) {
        let stamp = self.generation;
        let (retired, order) = (&mut self.retired, &mut self.next_order);
        let mut value = 0;
        self.tree.change(
            &env.keys,
            path,
            || next(order),
            |block, index| {
                *retired += block.bytes() as u64 + PATH_COPY_BYTES;
                value = block.record(index).value().len();
                block.set_acl(index, list.as_acl(), stamp);
            },
        );
        let (before, list) = (before.as_acl(), list.as_acl());
        let (old, new) = (owner(before), owner(list));
        let (at, name) = (path.as_str().len(), path.leaf().len());
        let bytes = |list: Acl<'_>| node_bytes(at, name, list.entries().count(), value);
        if old.1 == new.1 {
            if new.1 != Instance::CONTROL && before != list {
                self.domains.count_nodes(&env.keys, new, (0, bytes(list) - bytes(before)));
            }
            return;
        }
        self.domains.count_nodes(&env.keys, old, (-1, -bytes(before)));
        self.domains.count_nodes(&env.keys, new, (1, bytes(list)));
        let owner_of = |p| self.tree.get(&env.keys, p).map(|n| n.acl().owner().instance);
        let above = path.parent().and_then(owner_of);
        self.domains.note_owned(&env.keys, old, path, false);
        if above != Some(new.1) {
            self.domains.note_owned(&env.keys, new, path, true);
        }
        // The children's parent has another owner now.
        let Some(node) = self.tree.get(&env.keys, path) else { return };
        let mut names = Vec::new();
        node.each_child(|name| names.push(String::from_utf8_lossy(name).into_owned()));
        for name in names {
            let child = if path.is_root() { format!("/{name}") } else { format!("{path}/{name}") };
            let child = Path::trusted(&child);
            let Some(node) = self.tree.get(&env.keys, child) else { continue };
            let owner = owner(node.acl());
            self.domains.note_owned(&env.keys, owner, child, owner.1 != new.1);
        }
    }

    /// Adds a node whose parent exists: its path, and the last component of it.
    pub(crate) fn add_node(
        &mut self,
        env: &Env,
        (path, name): (Path<'_>, &str),
        birth: &Birth,
        value: &[u8],
    ) {
        let stamp = self.generation;
        let stamps = Stamps::all(stamp);
        let (spot, acl) = match &birth.list {
            Ok(spot) => (Some(*spot), Acl::SHARED),
            Err(list) => (None, list.as_acl()),
        };
        let order = &mut self.next_order;
        let parts = Parts { value, acl, stamps };
        self.tree.create(&env.keys, (path, name.len()), &parts, spot, || next(order));
        self.retired += PATH_COPY_BYTES;
        let bytes = match birth.owner.1 {
            Instance::CONTROL => 0,
            _ => node_bytes(path.as_str().len(), name.len(), birth.entries, value.len()),
        };
        self.domains.count_nodes(&env.keys, birth.owner, (1, bytes));
        if env.definitions.may_match(name.as_bytes()) {
            for (index, captures) in env.definitions.matches(path) {
                let at = (index, captures.as_str());
                self.indices.update(&env.keys, at, None, Some(value), stamp);
            }
        }
    }
}

/// Who owns a node, in which life.
type Owner = (DomId, Instance);

/// Which guest pays for a change, and how many more bytes; none where nobody does.
pub(crate) type Growth = Option<(Owner, i64)>;

fn owner(list: Acl<'_>) -> Owner {
    let owner = list.owner();
    (owner.domid, owner.instance)
}

/// The owner, where that is not the control domain.
fn payer(list: Acl<'_>) -> Option<Owner> {
    Some(owner(list)).filter(|owner| owner.1 != Instance::CONTROL)
}

/// Bytes of a node as its owner's quota `memory` counts them. As in C (`core.c`, `db_write`): the
/// record's header, the whole path, the permissions and the value; and the name once more with
/// its NUL, which C counts for the owner of the parent. All but `entries` are lengths.
#[inline]
pub(crate) fn node_bytes(path: usize, name: usize, entries: usize, value: usize) -> i64 {
    signed(NODE_HEAD_BYTES + path + name + 1 + value) + list_bytes(entries)
}

/// The same for a node that is there.
pub(crate) fn record_bytes(path: usize, record: Record<'_>) -> i64 {
    let entries = record.acl().entries().count();
    node_bytes(path, record.name().len(), entries, record.value().len())
}

/// Bytes of a watch as its domain's quota `memory` counts them (C's `add_watch`, `watch.c`).
pub(crate) fn watch_bytes(path: &str, token: &[u8]) -> i64 {
    signed(WATCH_HEAD_BYTES + path.len() + token.len())
}

fn list_bytes(entries: usize) -> i64 {
    signed(PERM_BYTES * entries)
}

fn signed(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// The next number of a counter.
fn next(counter: &mut u64) -> u64 {
    *counter += 1;
    *counter
}

/// Bytes that copying the way from the root to a node retires, about.
pub(crate) const PATH_COPY_BYTES: u64 = 1024;
