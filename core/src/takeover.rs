//! Nodes as another daemon has had them.
//!
//! A permission list that another daemon kept may name domains that are gone, and whose ids others
//! have by now. Such entries stay listed and count for nobody (XSA-322), as here when a domain
//! dies. SET_PERMS can't say so: it binds an id to whoever has it now.

use crate::acl::{Acl, AclBuf, Entry};
use crate::caller::Caller;
use crate::delta::NewWatch;
use crate::domain::{DomId, Instance};
use crate::edit::{Edit, Writes};
use crate::error::Error;
use crate::limits::ACL_ENTRIES;
use crate::path::Path;
use crate::perms::Perm;
use crate::state::{Special, State};
use crate::tree::Walk;
use crate::view::Snapshot;

/// An entry of a permission list as it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoundPerm {
    /// The entry.
    pub perm: Perm,
    /// The domain that it means is no more.
    pub is_stale: bool,
}

impl Edit<'_> {
    /// Makes a node, whose parent is there, what it was elsewhere. Entries of domains that are no
    /// more, or that this store doesn't know, count for nobody; a node that such a domain owns goes
    /// to the control domain: false then.
    ///
    /// ```
    /// use myriad_core::{Access, Caller, Config, DomId, FoundPerm, Path, Perm, Reads, Store};
    ///
    /// let store = Store::new(&Config::default())?;
    /// let perm = |access, domid| Perm { access, domid: DomId(domid) };
    /// let perms = [
    ///     FoundPerm { perm: perm(Access::None, 0), is_stale: false },
    ///     FoundPerm { perm: perm(Access::Read, 5), is_stale: true },
    /// ];
    /// let node = Path::new("/a")?;
    /// let guest = store.edit(|edit| {
    ///     edit.introduce(DomId(5));
    ///     edit.take_over(node, b"1", &perms)?;
    ///     Ok(edit.life(DomId(5)))
    /// });
    /// // It is listed, and the domain that has its id now may not read.
    /// assert_eq!(store.pin().get_perms(&Caller::Control, node)?[1], perm(Access::Read, 5));
    /// let caller = Caller::Guest { domid: DomId(5), instance: guest.result?.unwrap() };
    /// assert!(store.pin().read(&caller, node).is_err());
    /// # Ok::<(), myriad_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidValue`] for a list without an owner or of too many entries; and those of
    /// [`Writes::write`].
    pub fn take_over(
        &mut self,
        path: Path<'_>,
        value: &[u8],
        perms: &[FoundPerm],
    ) -> Result<bool, Error> {
        let owner = owner(perms)?;
        let (list, is_owned) = self.found(perms, owner);
        self.write(&Caller::Control, path, value)?;
        let (env, state) = (self.env, &mut self.work.state);
        let Some(node) = state.tree.get(&env.keys, path) else { return Err(Error::NotFound) };
        let before = node.acl().to_buf();
        if before != list {
            state.set_acl(env, path, &before, &list);
            self.work.delta.perms(path.as_str(), list.as_acl());
        }
        Ok(is_owned)
    }

    /// The same for the permissions of a special node.
    ///
    /// # Errors
    /// [`Error::InvalidValue`] for a list without an owner or of too many entries.
    pub fn take_over_special(&mut self, node: Special, perms: &[FoundPerm]) -> Result<bool, Error> {
        let owner = owner(perms)?;
        let (list, is_owned) = self.found(perms, owner);
        self.work.delta.special(node, list.as_acl());
        self.work.state.put_special(node, list);
        self.work.dirty = true;
        Ok(is_owned)
    }

    /// The list, and whether its owner has it.
    fn found(&self, perms: &[FoundPerm], owner: &FoundPerm) -> (AclBuf, bool) {
        let (env, state) = (self.env, &self.work.state);
        let life = |found: &FoundPerm| match found.perm.domid {
            _ if found.is_stale => Instance::NONE,
            DomId::ANY => Instance::ANY,
            domid => state.instance(env, domid).unwrap_or(Instance::NONE),
        };
        let bind = |found: &FoundPerm| {
            let (instance, perm) = (life(found), found.perm);
            Entry { access: perm.access, domid: perm.domid, instance }
        };
        let is_owned = !matches!(life(owner), Instance::NONE | Instance::ANY);
        let mut entries: Vec<Entry> = perms.iter().map(bind).collect();
        if let Some(owner) = entries.first_mut().filter(|_| !is_owned) {
            (owner.domid, owner.instance) = (env.control, Instance::CONTROL);
        }
        (AclBuf::new(entries), is_owned)
    }
}

fn owner(perms: &[FoundPerm]) -> Result<&FoundPerm, Error> {
    if perms.len() > ACL_ENTRIES {
        return Err(Error::InvalidValue("a permission list has at most 1400 entries"));
    }
    perms.first().ok_or(Error::InvalidValue("a permission list has an owner"))
}

impl Snapshot {
    /// Calls `f` with each node until it fails: parents before children, siblings in order of
    /// creation. With path, value and permissions.
    ///
    /// # Errors
    /// That of `f`.
    pub fn nodes<E>(
        &self,
        mut f: impl FnMut(&str, &[u8], &[FoundPerm]) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(state) = self.state() else { return Ok(()) };
        let mut walk = Walk::new(Path::trusted("/"), state.tree.root());
        let mut perms = Vec::new();
        while let Some((path, node)) = walk.next() {
            perms.clear();
            perms.extend(self.perms(state, node.acl()));
            f(path, node.value(), &perms)?;
        }
        Ok(())
    }

    /// The permissions of a special node.
    #[must_use]
    pub fn special(&self, node: Special) -> Vec<FoundPerm> {
        let state = self.state();
        state.map_or_else(Vec::new, |s| self.perms(s, s.special(node).as_acl()).collect())
    }

    /// All watches, in order of registration.
    #[must_use]
    pub fn watches(&self) -> Vec<NewWatch<'_>> {
        let mut all: Vec<_> = self.state().into_iter().flat_map(|s| s.watches.iter()).collect();
        all.sort_unstable_by_key(|watch| watch.order());
        all.into_iter().map(|watch| watch.registered()).collect()
    }

    fn perms<'v>(&'v self, state: &'v State, acl: Acl<'v>) -> impl Iterator<Item = FoundPerm> + 'v {
        acl.entries().map(|entry| {
            let living = || state.domains.living(self.keys(), entry.domid, entry.instance);
            let is_stale = match entry.instance {
                Instance::CONTROL | Instance::ANY => false,
                Instance::NONE => true,
                _ => living().is_none(),
            };
            FoundPerm { perm: Perm { access: entry.access, domid: entry.domid }, is_stale }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Access, Config, Reads, Store};

    fn found(access: Access, domid: u16, is_stale: bool) -> FoundPerm {
        FoundPerm { perm: Perm { access, domid: DomId(domid) }, is_stale }
    }

    #[test]
    fn nodes_are_theirs_who_live_and_the_control_domains_else() {
        let store = Store::new(&Config::default()).unwrap();
        let paths = ["/a", "/a/living", "/a/stale", "/a/unknown", "/a/all"];
        let owners = [(0, false), (5, false), (5, true), (6, false), (0x7ff5, false)];
        let life = store.edit(|edit| {
            edit.introduce(DomId(5));
            for (path, (owner, is_stale)) in paths.into_iter().zip(owners) {
                let perms = [found(Access::Read, owner, is_stale), found(Access::Both, 7, false)];
                let owned = edit.take_over(Path::new(path).unwrap(), b"v", &perms)?;
                assert_eq!(owned, path == "/a" || path == "/a/living", "{path}");
            }
            Ok(edit.life(DomId(5)).unwrap())
        });
        let mut view = store.pin();
        assert_eq!(view.check(), Ok(()));
        assert_eq!(view.domain(DomId(5)).unwrap().nodes, 1);
        for (path, owner) in paths.into_iter().zip([0, 5, 0, 0, 0]) {
            let perms = view.get_perms(&Caller::Control, Path::new(path).unwrap()).unwrap();
            assert_eq!(perms[0], Perm { access: Access::Read, domid: DomId(owner) }, "{path}");
            assert_eq!(perms[1], Perm { access: Access::Both, domid: DomId(7) }, "{path}");
        }
        // Who comes later by an id that was listed has none of it.
        let later = store.edit(|edit| Ok(edit.know_domain(DomId(7)))).result.unwrap();
        let caller = |domid, instance| Caller::Guest { domid: DomId(domid), instance };
        let node = Path::new("/a/stale").unwrap();
        let write = |caller: Caller| store.edit(|edit| edit.write(&caller, node, b"x")).result;
        assert_eq!(write(caller(7, later)), Err(Error::AccessDenied));
        assert_eq!(write(caller(5, life.result.unwrap())), Err(Error::AccessDenied));
        assert_eq!(store.pin().check(), Ok(()));
    }

    #[test]
    fn a_node_needs_an_owner_and_has_as_many_entries_as_any() {
        let store = Store::new(&Config::default()).unwrap();
        let node = Path::new("/a").unwrap();
        let take = |perms: &[FoundPerm]| store.edit(|edit| edit.take_over(node, b"", perms)).result;
        assert!(matches!(take(&[]), Err(Error::InvalidValue(_))));
        let many = vec![found(Access::None, 0, false); ACL_ENTRIES + 1];
        assert!(matches!(take(&many), Err(Error::InvalidValue(_))));
        assert_eq!(take(&many[1..]), Ok(true));
    }
}
