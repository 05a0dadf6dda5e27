//! What a record says becomes part of a store.

use std::sync::Arc;

use super::{Restore, watched};
use crate::caller::Caller;
use crate::delta::{Change, DomainChange, Item, Items, Perms, What};
use crate::domain::DomId;
use crate::errno::Errno;
use crate::journal::Entry;
use crate::origin::Origin;
use crate::path::Path;
use crate::work::Birth;

impl Restore {
    /// Puts one item upon the store; none where it doesn't fit.
    pub(super) fn put(&mut self, item: &Item<'_>) -> Option<()> {
        let keys = &self.env.keys;
        match *item {
            Item::By(_) | Item::Failed(_) => {}
            Item::Next(_) => self.work.state.generation += 1,
            Item::Node(change) => return self.change(&change),
            Item::Watch(watch) => return self.watch(&watch),
            Item::Unwatch(conn, path, token) => {
                self.work.unwatch(&self.env, conn, watched(path)?, token).ok()?;
            }
            Item::Unwatched(conn) => self.work.drop_watches(&self.env, conn),
            Item::Domain(domid, change) => return self.domain(domid, change),
            Item::Quota(None, quota, value) => {
                Arc::make_mut(&mut self.work.state.quotas).set(quota, value);
            }
            Item::Quota(Some(domid), quota, value) => {
                self.work.state.domains.get_mut(keys, domid)?.set_quota(quota, value);
            }
            Item::Special(special, list) => {
                self.work.state.put_special(special, list.0.to_buf());
            }
        }
        Some(())
    }

    fn change(&mut self, change: &Change<'_>) -> Option<()> {
        let (env, state) = (&self.env, &mut self.work.state);
        let path = Path::trusted(change.path);
        match change.what {
            What::Created(value, Perms(list)) => {
                let parent = state.tree.get(&env.keys, path.parent()?)?.acl().owner().instance;
                state.tree.get(&env.keys, path).is_none().then_some(())?;
                let birth = Birth::again(list);
                state.add_node(env, (path, path.leaf()), &birth, value);
                if birth.owner.1 != parent {
                    state.domains.note_owned(&env.keys, birth.owner, path, true);
                }
            }
            What::Written(value) => {
                let node = state.tree.get(&env.keys, path)?;
                let grown = state.afford_value(env, &Caller::Control, node, value).ok()?;
                state.set_value(env, path, value, grown);
            }
            What::Removed => {
                state.tree.close();
                state.tree.get(&env.keys, path)?;
                state.remove_node(env, path);
            }
            What::Perms(Perms(list)) => {
                let before = state.tree.get(&env.keys, path)?.acl().to_buf();
                state.set_acl(env, path, &before, &list.to_buf());
            }
        }
        Some(())
    }

    fn domain(&mut self, domid: DomId, change: DomainChange) -> Option<()> {
        let (keys, state) = (&self.env.keys, &mut self.work.state);
        if let DomainChange::Known(life) = change {
            state.domains.get(keys, domid).is_none().then_some(())?;
            state.domains.add(keys, domid, life);
            state.next_instance = state.next_instance.max(life.number().saturating_add(1));
            return Some(());
        }
        let domain = state.domains.get_mut(keys, domid)?;
        match change {
            DomainChange::Known(_) => {}
            DomainChange::Introduced => (domain.introduced, domain.shutdown) = (true, false),
            DomainChange::Gone => drop(state.domains.remove(keys, domid)),
            DomainChange::Shutdown => domain.shutdown = true,
            DomainChange::Resumed => domain.shutdown = false,
            DomainChange::Target(target, life) => domain.target = Some((target, life)),
            DomainChange::Features(bits) => domain.features = Some(bits),
            DomainChange::Seat(seat) => domain.seat = seat,
        }
        Some(())
    }
}

impl Entry<'_> {
    /// The requests of this publication in their order, each with how it ended. None of the
    /// daemon's own.
    pub fn requests(&self) -> impl Iterator<Item = (Origin, Result<(), Errno>)> {
        let mut items = Items::new(self.delta);
        let mut origin = Some(self.origin);
        std::iter::from_fn(move || {
            let this = origin.take()?;
            let mut result = Ok(());
            for item in items.by_ref() {
                match item {
                    Item::Next(next) => {
                        origin = Some(next);
                        break;
                    }
                    Item::Failed(errno) => result = Err(errno),
                    _ => {}
                }
            }
            Some((this, result))
        })
    }
}
