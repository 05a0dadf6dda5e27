//! One publication being prepared.

use crate::acl::Entry;
use crate::caller::Caller;
use crate::domain::{DomId, Instance};
use crate::domains::Seat;
use crate::errno::Errno;
use crate::error::Error;
use crate::origin::Origin;
use crate::path::Path;
use crate::perms::Perm;
use crate::quota::Quota;
use crate::state::{Env, Special, State};
use crate::tree::Part;
use crate::view::{Listing, Match, Reads, Stat, listing, matches, special_perms};
use crate::virt::{self, Virtual};
use crate::watch::{ConnId, Spec, WatchPath};
use crate::work::Work;

/// Changing the tree: an edit or a transaction.
pub trait Writes: Reads {
    /// Sets a value; creates the node and its parents where they are missing, with the
    /// permissions of the nearest ancestor, owned by the caller where that is a guest.
    ///
    /// # Errors
    /// [`Error::AccessDenied`] without write permission at the node or its nearest ancestor;
    /// [`Error::Quota`]; [`Error::OutOfMemory`] at the owner's quota `memory`;
    /// [`Error::ReadOnly`] below a reserved root.
    fn write(&mut self, caller: &Caller, path: Path<'_>, value: &[u8]) -> Result<(), Error>;

    /// Creates a node without a value; an existing one stays as it is.
    ///
    /// # Errors
    /// As for [`Writes::write`].
    fn mkdir(&mut self, caller: &Caller, path: Path<'_>) -> Result<(), Error>;

    /// Removes a node and all below it. An absent one is fine if its parent exists.
    ///
    /// # Errors
    /// [`Error::RemoveRoot`], [`Error::NotFound`], [`Error::AccessDenied`], [`Error::ReadOnly`].
    fn rm(&mut self, caller: &Caller, path: Path<'_>) -> Result<(), Error>;

    /// Sets a node's permissions: the owner first. An entry for a domain that is not known counts
    /// for nobody; so let [`Edit::know_domain`] know those first that the hypervisor has.
    ///
    /// # Errors
    /// [`Error::UnknownDomain`] where that is so of the owner; [`Error::OwnerChange`] for a guest
    /// that gives the node away; [`Error::AccessDenied`] for one that doesn't own it;
    /// [`Error::NotFound`], [`Error::Quota`], [`Error::OutOfMemory`], [`Error::ReadOnly`].
    fn set_perms(&mut self, caller: &Caller, path: Path<'_>, perms: &[Perm]) -> Result<(), Error>;
}

/// One publication being prepared: what [`crate::Store::edit`] hands out.
#[derive(Debug)]
pub struct Edit<'s> {
    pub(crate) env: &'s Env,
    pub(crate) work: Work,
    scratch: Vec<u8>,
}

impl<'s> Edit<'s> {
    pub(crate) fn new(env: &'s Env, base: &State) -> Edit<'s> {
        Edit { env, work: Work::new(base), scratch: Vec::new() }
    }

    /// What follows is another request: its changes are newer than all before. Several requests
    /// may share a publication.
    pub fn next_request(&mut self, origin: &Origin) {
        self.work.next_request(origin);
    }

    /// Says which request this is; the first of several.
    pub fn from(&mut self, origin: &Origin) {
        self.work.origin = *origin;
    }

    /// The request has failed, while others of the publication have not: for the record.
    pub fn failed(&mut self, errno: Errno) {
        self.work.delta.failed(errno);
    }

    /// How many events the changes so far fire: as many of [`crate::Record::fires`], from the
    /// front, are theirs.
    #[must_use]
    pub fn fired(&self) -> usize {
        self.work.fires.len()
    }

    /// Registers a watch. `depth`: levels below the path that it hears of; none for all.
    /// `relative_prefix`: bytes of an event's path that it doesn't show, 0 for an absolute watch,
    /// the length of `/local/domain/5` for one of domain 5.
    ///
    /// # Errors
    /// [`Error::Exists`] for a path and token that the connection has registered;
    /// [`Error::Quota`]; [`Error::OutOfMemory`] at the quota `memory`; [`Error::InvalidValue`] for
    /// a path or token of over 4096 bytes.
    pub fn watch(
        &mut self,
        conn: ConnId,
        caller: &Caller,
        path: WatchPath<'_>,
        token: &[u8],
        depth: Option<u32>,
        relative_prefix: usize,
    ) -> Result<(), Error> {
        let spec = Spec { conn, caller: *caller, path, token, depth, prefix: relative_prefix };
        self.work.watch(self.env, &spec)
    }

    /// Removes a watch.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn unwatch(
        &mut self,
        conn: ConnId,
        path: WatchPath<'_>,
        token: &[u8],
    ) -> Result<(), Error> {
        self.work.unwatch(self.env, conn, path, token)
    }

    /// The watches of a connection become another's, which has none yet.
    pub fn move_watches(&mut self, from: ConnId, to: ConnId) {
        self.work.move_watches(self.env, from, to);
    }

    /// Removes all watches of a connection.
    pub fn drop_watches(&mut self, conn: ConnId) {
        self.work.drop_watches(self.env, conn);
    }

    /// Sets the permissions of a special node.
    ///
    /// # Errors
    /// As [`Writes::set_perms`].
    pub fn set_special_perms(
        &mut self,
        caller: &Caller,
        node: Special,
        perms: &[Perm],
    ) -> Result<(), Error> {
        self.work.set_special_perms(self.env, caller, node, perms)
    }

    /// The life of a domain that the hypervisor has; it begins here where it wasn't known.
    pub fn know_domain(&mut self, domid: DomId) -> Instance {
        self.work.know_domain(self.env, domid)
    }

    /// Which life of a domain this is, where it is known.
    #[must_use]
    pub fn life(&self, domid: DomId) -> Option<Instance> {
        self.work.life(self.env, domid)
    }

    /// Keeps what the host tells of a domain that is known; nothing where it isn't.
    pub fn seat(&mut self, domid: DomId, seat: Seat) {
        self.work.seat(self.env, domid, seat);
    }

    /// INTRODUCE: true where the domain wasn't introduced yet. Fires `@introduceDomain` then, but
    /// not for the control domain.
    pub fn introduce(&mut self, domid: DomId) -> bool {
        self.work.introduce(self.env, domid)
    }

    /// RELEASE, or the death of a domain: its nodes go with all below them (or to the control
    /// domain, see [`crate::Config::keep_orphans`]), then
    /// `@releaseDomain` fires if it was introduced. Its connection's watches are not touched.
    ///
    /// # Errors
    /// [`Error::UnknownDomain`].
    pub fn release(&mut self, domid: DomId) -> Result<(), Error> {
        self.work.release(self.env, domid)
    }

    /// Domains have shut down; true where that was not seen yet of one of them. Fires
    /// `@releaseDomain`, once for all.
    pub fn shutdown(&mut self, domids: &[DomId]) -> bool {
        self.work.shutdown(self.env, domids)
    }

    /// RESUME: the domain's shutdown is no longer seen.
    ///
    /// # Errors
    /// [`Error::UnknownDomain`] where it isn't introduced.
    pub fn resume(&mut self, domid: DomId) -> Result<(), Error> {
        self.work.resume(self.env, domid)
    }

    /// SET_TARGET: a stub domain gets its target's access.
    ///
    /// # Errors
    /// [`Error::UnknownDomain`] where one of them isn't introduced.
    pub fn set_target(&mut self, domid: DomId, target: DomId) -> Result<(), Error> {
        self.work.set_target(self.env, domid, target)
    }

    /// SET_FEATURE.
    ///
    /// # Errors
    /// [`Error::UnknownDomain`].
    pub fn set_features(&mut self, domid: DomId, features: u32) -> Result<(), Error> {
        self.work.set_features(self.env, domid, features)
    }

    /// SET_QUOTA: a domain's, or the global one; 0 for no limit.
    ///
    /// # Errors
    /// [`Error::UnknownDomain`].
    pub fn set_quota(
        &mut self,
        domid: Option<DomId>,
        quota: Quota,
        value: u32,
    ) -> Result<(), Error> {
        self.work.set_quota(self.env, domid, quota, value)
    }
}

/// Reading while changes are made, and changing: the same for an edit and a transaction.
impl Work {
    pub(crate) fn read_into<'w>(
        &'w mut self,
        env: &Env,
        caller: &Caller,
        path: Path<'_>,
        scratch: &'w mut Vec<u8>,
    ) -> Result<&'w [u8], Error> {
        if !virt::is_reserved(path) {
            return Ok(self.look(env, caller, path, &[Part::Value])?.value());
        }
        let node = self.virtual_node(env, caller, path)?;
        if let Virtual::Key(index, key) | Virtual::Match(index, key, _) = node {
            self.saw_owners(env, index, key);
        }
        *scratch = virt::value(env, &self.state, node)?;
        Ok(scratch)
    }

    pub(crate) fn stat_into<'w>(
        &'w mut self,
        env: &Env,
        caller: &Caller,
        path: Path<'_>,
        scratch: &'w mut Vec<u8>,
    ) -> Result<Stat<'w>, Error> {
        if !virt::is_reserved(path) {
            let all = [Part::Value, Part::Perms, Part::Children];
            return Ok(Stat::of(self.look(env, caller, path, &all)?));
        }
        let node = self.virtual_node(env, caller, path)?;
        let stamp = virt::stamp(env, &self.state, node);
        self.read_into(env, caller, path, scratch).map(|value| Stat::of_index(value, stamp))
    }

    pub(crate) fn list(
        &mut self,
        env: &Env,
        caller: &Caller,
        path: Path<'_>,
    ) -> Result<Listing, Error> {
        if !virt::is_reserved(path) {
            return Ok(listing(self.look(env, caller, path, &[Part::Children])?));
        }
        let node = self.virtual_node(env, caller, path)?;
        let stamp = virt::stamp(env, &self.state, node);
        Ok(Listing { stamp, names: virt::children(env, &self.state, node)?.into() })
    }

    pub(crate) fn get_perms(
        &mut self,
        env: &Env,
        caller: &Caller,
        path: Path<'_>,
    ) -> Result<Vec<Perm>, Error> {
        if !virt::is_reserved(path) {
            let list = self.look(env, caller, path, &[Part::Perms])?.acl().to_buf();
            if let Some(tx) = &mut self.tx {
                // The dead are not shown, so it is a fact that those who are shown live. The
                // dead and the unknown stay what they are.
                let state = &self.state;
                let lives = |e: &Entry| state.instance(env, e.domid) == Some(e.instance);
                let perm = |e: Entry| Perm { access: e.access, domid: e.domid };
                let perms: Vec<Perm> = list.as_acl().entries().filter(lives).map(perm).collect();
                tx.footprint.named(&self.state, env, &perms);
                tx.within(*caller)?;
            }
            return Ok(self.state.shown(env, list.as_acl()));
        }
        let node = self.virtual_node(env, caller, path)?;
        virt::value(env, &self.state, node)?;
        Ok(virt::PERMS.to_vec())
    }

    pub(crate) fn lookup(
        &mut self,
        env: &Env,
        index: &str,
        key: &[u8],
    ) -> Result<Vec<Match>, Error> {
        let index = env.definitions.find(index).ok_or(Error::NotFound)?;
        let key = crate::key::escape(key);
        if let Some(tx) = &mut self.tx {
            tx.footprint.looked_up(&tx.base, env, index, &key);
        }
        self.saw_owners(env, index, &key);
        Ok(matches(env, &self.state, index, &key))
    }

    /// Matches were shown with the owners of their nodes.
    fn saw_owners(&mut self, env: &Env, index: u8, key: &str) {
        let (Some(tx), state) = (&mut self.tx, &self.state) else { return };
        let Some(found) = state.indices.get(&env.keys, index, key) else { return };
        for captures in found.iter() {
            let path = env.definitions.path(index, captures);
            let path = Path::trusted(&path);
            if let Some(node) = state.tree.get(&env.keys, path) {
                tx.footprint.saw(env, &tx.base, path, node, &[Part::Perms]);
            }
        }
    }

    /// A reserved path, and what it shows as a fact.
    fn virtual_node<'p>(
        &mut self,
        env: &Env,
        caller: &Caller,
        path: Path<'p>,
    ) -> Result<Virtual<'p>, Error> {
        let node = virt::parse(env, caller, path)?;
        if let Some(tx) = &mut self.tx {
            match node {
                Virtual::Root => {}
                Virtual::Index(index) => {
                    tx.footprint.listed_keys(&tx.base, env, &self.state, index)
                }
                Virtual::Key(index, key) | Virtual::Match(index, key, _) => {
                    tx.footprint.looked_up(&tx.base, env, index, key);
                }
            }
        }
        Ok(node)
    }
}

macro_rules! reads_and_writes_through_work {
    ($type:ty) => {
        impl Reads for $type {
            fn read(&mut self, caller: &Caller, path: Path<'_>) -> Result<&[u8], Error> {
                self.work.read_into(&self.env, caller, path, &mut self.scratch)
            }

            fn stat(&mut self, caller: &Caller, path: Path<'_>) -> Result<Stat<'_>, Error> {
                self.work.stat_into(&self.env, caller, path, &mut self.scratch)
            }

            fn list(&mut self, caller: &Caller, path: Path<'_>) -> Result<Listing, Error> {
                self.work.list(&self.env, caller, path)
            }

            fn get_perms(&mut self, caller: &Caller, path: Path<'_>) -> Result<Vec<Perm>, Error> {
                self.work.get_perms(&self.env, caller, path)
            }

            fn get_special_perms(
                &mut self,
                caller: &Caller,
                node: Special,
            ) -> Result<Vec<Perm>, Error> {
                special_perms(&self.env, &self.work.state, caller, node)
            }

            fn lookup(&mut self, index: &str, key: &[u8]) -> Result<Vec<Match>, Error> {
                self.work.lookup(&self.env, index, key)
            }
        }

        impl Writes for $type {
            fn write(
                &mut self,
                caller: &Caller,
                path: Path<'_>,
                value: &[u8],
            ) -> Result<(), Error> {
                self.work.write(&self.env, caller, path, value)?;
                self.note_write(caller, path, value);
                Ok(())
            }

            fn mkdir(&mut self, caller: &Caller, path: Path<'_>) -> Result<(), Error> {
                let before = self.work.delta.nodes();
                self.work.mkdir(&self.env, caller, path)?;
                self.note_mkdir(caller, path, before);
                Ok(())
            }

            fn rm(&mut self, caller: &Caller, path: Path<'_>) -> Result<(), Error> {
                let before = self.work.delta.nodes();
                self.work.rm(&self.env, caller, path)?;
                self.note_rm(caller, path, before);
                Ok(())
            }

            fn set_perms(
                &mut self,
                caller: &Caller,
                path: Path<'_>,
                perms: &[Perm],
            ) -> Result<(), Error> {
                self.meet(perms);
                self.work.set_perms(&self.env, caller, path, perms)?;
                self.note_perms(caller, path, perms);
                Ok(())
            }
        }
    };
}
pub(crate) use reads_and_writes_through_work;

reads_and_writes_through_work!(Edit<'_>);

/// An edit keeps no record of its requests: where it loses, it runs again as a whole.
#[allow(clippy::unused_self)]
impl Edit<'_> {
    fn meet(&self, _: &[Perm]) {}
    fn note_write(&self, _: &Caller, _: Path<'_>, _: &[u8]) {}
    fn note_mkdir(&self, _: &Caller, _: Path<'_>, _: usize) {}
    fn note_rm(&self, _: &Caller, _: Path<'_>, _: usize) {}
    fn note_perms(&self, _: &Caller, _: Path<'_>, _: &[Perm]) {}
}
