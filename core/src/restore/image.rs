//! What an image holds becomes a store. See `core/src/image.rs` for its bytes.

use std::sync::Arc;

use super::{Restore, RestoreError};
use crate::accounts::node_bytes;
use crate::acl::{Acl, AclBuf};
use crate::delta::{Cursor, NewWatch};
use crate::domain::Instance;
use crate::domains::Seat;
use crate::image::{FEATURES, INTRODUCED, MAGIC, SHUTDOWN, TARGET};
use crate::path::Path;
use crate::quota::Quota;
use crate::state::Special;
use crate::tree::{Part, Parts, Stamps};
use crate::watch::ConnId;

impl Restore {
    pub(super) fn image(&mut self, image: &[u8]) -> Result<(), RestoreError> {
        let mut at = Cursor(image);
        self.head(&mut at).ok_or(RestoreError::Image("its head"))?;
        self.domains(&mut at).ok_or(RestoreError::Image("its domains"))?;
        self.nodes(&mut at).ok_or(RestoreError::Image("its nodes"))?;
        self.watches(&mut at).ok_or(RestoreError::Image("its watches"))?;
        match at.0 {
            [] => Ok(()),
            _ => Err(RestoreError::Image("there is more than that")),
        }
    }

    fn head(&mut self, at: &mut Cursor<'_>) -> Option<()> {
        let state = &mut self.work.state;
        (at.take(MAGIC.len())? == MAGIC).then_some(())?;
        self.seq = at.u64()?;
        state.generation = at.u48()?;
        state.next_instance = at.u48()?;
        for quota in Quota::ALL {
            Arc::make_mut(&mut state.quotas).set(quota, at.u32()?);
        }
        for special in [Special::IntroduceDomain, Special::ReleaseDomain] {
            state.put_special(special, at.list()?.0.to_buf());
        }
        Some(())
    }

    fn domains(&mut self, at: &mut Cursor<'_>) -> Option<()> {
        let (keys, state) = (&self.env.keys, &mut self.work.state);
        for _ in 0..at.u32()? {
            let (domid, life) = (at.domid()?, at.instance()?);
            let flags = at.u8()?;
            let (target, target_life) = (at.domid()?, at.instance()?);
            let features = at.u32()?;
            let seat = Seat { unique_id: at.u64()?, port: at.u32()? };
            let own = at.u16()?;
            state.domains.get(keys, domid).is_none().then_some(())?;
            state.domains.add(keys, domid, life);
            let domain = state.domains.get_mut(keys, domid)?;
            domain.seat = seat;
            domain.introduced = flags & INTRODUCED != 0;
            domain.shutdown = flags & SHUTDOWN != 0;
            domain.target = (flags & TARGET != 0).then_some((target, target_life));
            domain.features = (flags & FEATURES != 0).then_some(features);
            for (bit, quota) in Quota::ALL.into_iter().enumerate() {
                let value = at.u32()?;
                if own & 1 << bit != 0 {
                    domain.set_quota(quota, value);
                }
            }
        }
        Some(())
    }

    fn nodes(&mut self, at: &mut Cursor<'_>) -> Option<()> {
        let mut path = String::new();
        // Of each node on the way: where its path ends, its owner, the stamp of its children and
        // what that has become.
        let mut above: Vec<Above> = Vec::new();
        let mut list: Option<AclBuf> = None;
        let generation = self.work.state.generation;
        loop {
            let level = usize::from(at.u16()?);
            while above.len() >= level.max(1) {
                self.close(&path, above.pop()?)?;
                path.truncate(above.last().map_or(0, |a| a.end));
            }
            let Some(level) = level.checked_sub(1) else { break };
            (above.len() == level).then_some(())?;
            let stamps = Stamps { value: at.u48()?, perms: at.u48()?, children: at.u48()? };
            let name = at.utf8()?;
            let value = at.value()?;
            if at.0.starts_with(&[0, 0]) {
                at.u16()?;
            } else {
                list = Some(at.list()?.0.to_buf());
            }
            let acl = list.as_ref()?.as_acl();
            if level == 0 {
                self.root(value, acl, stamps);
                above.push(Above { end: 0, owner: life(acl), stamp: stamps.children });
                continue;
            }
            path.push('/');
            path.push_str(name);
            let here = Path::new(&path).ok().filter(|p| p.leaf() == name)?;
            self.work.state.tree.get(&self.env.keys, here).is_none().then_some(())?;
            self.work.state.generation = stamps.value;
            let parent = above.last()?.owner;
            self.node(here, value, acl, stamps, parent);
            above.push(Above { end: path.len(), owner: life(acl), stamp: stamps.children });
        }
        self.work.state.generation = generation;
        Some(())
    }

    /// All below a node is there: it gets the stamp that it had.
    fn close(&mut self, path: &str, above: Above) -> Option<()> {
        let path = Path::trusted(if path.is_empty() { "/" } else { path });
        let node = self.work.state.tree.get(&self.env.keys, path)?;
        if node.stamp(Part::Children) != above.stamp {
            let order = &mut self.work.state.next_order;
            let set = |block: &mut crate::tree::Block, at| {
                block.set_stamp(at, Part::Children, above.stamp);
            };
            self.work.state.tree.change(&self.env.keys, path, || next(order), set);
        }
        Some(())
    }

    fn root(&mut self, value: &[u8], acl: Acl<'_>, stamps: Stamps) {
        let (env, state, root) = (&self.env, &mut self.work.state, Path::trusted("/"));
        let before = state.tree.root().acl().to_buf();
        let order = &mut state.next_order;
        let set = |block: &mut crate::tree::Block, at| block.set_value(at, value, stamps.value);
        state.tree.change(&env.keys, root, || next(order), set);
        state.generation = stamps.perms;
        // With its value there: its owner pays for that, too.
        state.set_acl(env, root, &before, &acl.to_buf());
    }

    fn node(
        &mut self,
        path: Path<'_>,
        value: &[u8],
        acl: Acl<'_>,
        stamps: Stamps,
        parent: Instance,
    ) {
        let (env, state, name) = (&self.env, &mut self.work.state, path.leaf());
        let order = &mut state.next_order;
        let parts = Parts { value, acl, stamps };
        state.tree.create(&env.keys, (path, name.len()), &parts, None, || next(order));
        let owner = (acl.owner().domid, acl.owner().instance);
        let bytes = match owner.1 {
            Instance::CONTROL => 0,
            _ => node_bytes(path.as_str().len(), name.len(), acl.entries().count(), value.len()),
        };
        state.domains.count_nodes(&env.keys, owner, (1, bytes));
        if owner.1 != parent {
            state.domains.note_owned(&env.keys, owner, path, true);
        }
        if env.definitions.may_match(name.as_bytes()) {
            for (index, captures) in env.definitions.matches(path) {
                let at = (index, captures.as_str());
                state.indices.update(&env.keys, at, None, Some(value), stamps.value);
            }
        }
    }

    fn watches(&mut self, at: &mut Cursor<'_>) -> Option<()> {
        for _ in 0..at.u64()? {
            let watch = NewWatch {
                conn: ConnId(at.u64()?),
                caller: at.caller()?,
                depth: at.u32()?,
                prefix: at.u16()?,
                path: at.utf8()?,
                token: at.text()?,
            };
            self.watch(&watch)?;
        }
        Some(())
    }
}

/// A node whose children are being read.
struct Above {
    end: usize,
    owner: Instance,
    stamp: u64,
}

fn life(acl: Acl<'_>) -> Instance {
    acl.owner().instance
}

/// The next number of a counter.
fn next(counter: &mut u64) -> u64 {
    *counter += 1;
    *counter
}
