//! Changes of the state that keep its accounts and indices true (ARCHITECTURE.md, V2): each node
//! that comes, goes or changes is counted where it is changed.

use crate::acl::{Acl, AclBuf};
use crate::path::Path;
use crate::state::{Env, State};
use crate::tree::{Parts, Stamps};
use crate::work::Birth;

impl State {
    pub(crate) fn set_value(&mut self, env: &Env, path: Path<'_>, value: &[u8]) {
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
        self.tree.change(
            &env.keys,
            path,
            || next(order),
            |block, index| {
                *retired += block.bytes() as u64 + PATH_COPY_BYTES;
                block.set_acl(index, list.as_acl(), stamp);
            },
        );
        let old = before.as_acl().owner();
        let new = list.as_acl().owner();
        let (old, new) = ((old.domid, old.instance), (new.domid, new.instance));
        if old.1 == new.1 {
            return;
        }
        self.domains.count_nodes(&env.keys, old, -1);
        self.domains.count_nodes(&env.keys, new, 1);
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
            let owner = node.acl().owner();
            let owner = (owner.domid, owner.instance);
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
        let stamps = Stamps { value: stamp, perms: stamp, children: stamp };
        let (spot, acl) = match &birth.list {
            Ok(spot) => (Some(*spot), Acl::SHARED),
            Err(list) => (None, list.as_acl()),
        };
        let order = &mut self.next_order;
        let parts = Parts { value, acl, stamps };
        self.tree.create(&env.keys, (path, name.len()), &parts, spot, || next(order));
        self.retired += PATH_COPY_BYTES;
        self.domains.count_nodes(&env.keys, birth.owner, 1);
        if env.definitions.may_match(name.as_bytes()) {
            for (index, captures) in env.definitions.matches(path) {
                let at = (index, captures.as_str());
                self.indices.update(&env.keys, at, None, Some(value), stamp);
            }
        }
    }
}

/// The next number of a counter.
fn next(counter: &mut u64) -> u64 {
    *counter += 1;
    *counter
}

/// Bytes that copying the way from the root to a node retires, about.
pub(crate) const PATH_COPY_BYTES: u64 = 1024;
