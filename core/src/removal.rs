//! What a removed subtree leaves: the accounts of its owners, and the indices, without it.

use smallvec::SmallVec;

use crate::accounts::{PATH_COPY_BYTES, record_bytes};
use crate::acl::Acl;
use crate::domain::{DomId, Instance};
use crate::domains::Domains;
use crate::index::Indices;
use crate::path::Path;
use crate::state::{Env, State};
use crate::tree::{At, Block, Node, Visit, unordered};

impl State {
    /// Removes a node and all below it: accounts and indices first, while it can be seen.
    pub(crate) fn remove_node(&mut self, env: &Env, path: Path<'_>) {
        let State { tree, domains, indices, retired, generation, .. } = self;
        let Some(node) = tree.get(&env.keys, path) else { return };
        let Some(parent) = path.parent().and_then(|p| tree.get(&env.keys, p)) else { return };
        let lost = SmallVec::new();
        let mut removal = Removal { env, domains, indices, nodes: 0, lost, stamp: *generation };
        unordered(path, node, parent.acl(), &mut removal);
        let Removal { nodes, lost, .. } = removal;
        for (owner, count, bytes) in lost {
            domains.count_nodes(&env.keys, owner, (-count, -bytes));
        }
        *retired += PATH_COPY_BYTES + nodes * NODE_BYTES;
        tree.remove(&env.keys, path, *generation);
    }
}

type Owner = (DomId, Instance);

/// A subtree that is going.
struct Removal<'s> {
    env: &'s Env,
    domains: &'s mut Domains,
    indices: &'s mut Indices,
    nodes: u64,
    /// How many nodes each owner loses, and of how many bytes.
    lost: SmallVec<[(Owner, i64, i64); 4]>,
    stamp: u64,
}

impl Removal<'_> {
    fn count(&mut self, owner: Owner, count: u32, bytes: i64) {
        self.nodes += u64::from(count);
        match self.lost.iter_mut().find(|(o, ..)| *o == owner) {
            Some((_, nodes, sum)) => {
                *nodes += i64::from(count);
                *sum += bytes;
            }
            None => self.lost.push((owner, count.into(), bytes)),
        }
    }

    fn unindex(&mut self, name: &[u8], value: &[u8], path: impl FnOnce() -> String) {
        if !self.env.definitions.may_match(name) {
            return;
        }
        let path = path();
        for (index, captures) in self.env.definitions.matches(Path::trusted(&path)) {
            let at = (index, captures.as_str());
            self.indices.update(&self.env.keys, at, Some(value), None, self.stamp);
        }
    }
}

impl<'t> Visit<'t> for Removal<'_> {
    fn node(&mut self, node: Node<'t>, parent: Acl<'t>, at: At<'_>) {
        let record = node.record();
        let owner = owner(record.acl());
        if owner.1 == Instance::CONTROL {
            self.count(owner, 1, 0);
        } else {
            self.count(owner, 1, record_bytes(at.bytes(), record));
            if parent.owner().instance != owner.1 {
                self.domains.note_owned(&self.env.keys, owner, Path::trusted(&at.path()), false);
            }
        }
        self.unindex(record.name(), record.value(), || at.path());
    }

    /// A block of the control domain needs no look at each node's owner.
    fn block(&mut self, block: &'t Block, path: &dyn Fn(u16) -> String) -> bool {
        let mut others = false;
        block.each_list(|list, _| others |= list.owner().instance != Instance::CONTROL);
        if others {
            return false;
        }
        block.each_list(|list, count| self.count(owner(list), count, 0));
        for (index, record) in block.records() {
            self.unindex(record.name(), record.value(), || path(index));
        }
        true
    }
}

fn owner(list: Acl<'_>) -> Owner {
    let owner = list.owner();
    (owner.domid, owner.instance)
}

/// Bytes of a node in a block, about.
const NODE_BYTES: u64 = 80;
