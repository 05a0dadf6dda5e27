//! Reading: at a guarded version, at a kept one, and along the feed.

use std::sync::Arc;

use crate::caller::Caller;
use crate::cell::Guard;
use crate::delta::Perms;
use crate::domain::DomId;
use crate::domains::DomainInfo;
use crate::error::Error;
use crate::feed::{Place as Reader, Slot};
use crate::hash::Keys;
use crate::inner::{Dropped, Inner};
use crate::journal::Place;
use crate::limits::SAY_EVERY;
use crate::path::Path;
use crate::perms::Perm;
use crate::quota::Quotas;
use crate::record::{Fire, Record};
use crate::state::{Env, Special, State, Want};
use crate::store::Store;
use crate::tree::{Node, Part, Walk};
use crate::version::Version;
use crate::virt;
use crate::watch::ConnId;

/// Children in order of creation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The generation in which the set of children last changed.
    pub stamp: u64,
    /// The names, each followed by a NUL.
    pub names: Arc<[u8]>,
}

/// A match of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// What the stars of the pattern matched, joined by `/`.
    pub captures: Box<str>,
    /// The owner of the matching node. Only the control domain's (0) can be trusted: a guest may
    /// call itself like another.
    pub owner: DomId,
}

/// A node's value, and when it was last changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat<'a> {
    /// The value.
    pub value: &'a [u8],
    /// The generation in which its value last changed. (Of an index's node, its matches'; so are
    /// the others.)
    pub value_stamp: u64,
    /// That of its permissions.
    pub perms_stamp: u64,
    /// That of its set of children: [`Listing::stamp`].
    pub children_stamp: u64,
}

impl<'a> Stat<'a> {
    pub(crate) fn of(node: Node<'a>) -> Stat<'a> {
        Stat {
            value: node.value(),
            value_stamp: node.stamp(Part::Value),
            perms_stamp: node.stamp(Part::Perms),
            children_stamp: node.stamp(Part::Children),
        }
    }

    pub(crate) fn of_index(value: &'a [u8], stamp: u64) -> Stat<'a> {
        Stat { value, value_stamp: stamp, perms_stamp: stamp, children_stamp: stamp }
    }
}

/// Reading, the same at a view, a snapshot, an edit and a transaction (which notes what it was
/// answered by, therefore `&mut`).
///
/// Errors of all: [`Error::NotFound`], and [`Error::AccessDenied`] for a guest without the
/// permission, or without any at the nearest ancestor of a node that doesn't exist.
pub trait Reads {
    /// A node's value.
    ///
    /// # Errors
    /// As the trait says.
    fn read(&mut self, caller: &Caller, path: Path<'_>) -> Result<&[u8], Error>;

    /// A node's value, and the generations in which its parts last changed.
    ///
    /// # Errors
    /// As the trait says.
    fn stat(&mut self, caller: &Caller, path: Path<'_>) -> Result<Stat<'_>, Error>;

    /// The names of a node's children.
    ///
    /// # Errors
    /// As the trait says.
    fn list(&mut self, caller: &Caller, path: Path<'_>) -> Result<Listing, Error>;

    /// A node's permissions, the owner first.
    ///
    /// # Errors
    /// As the trait says.
    fn get_perms(&mut self, caller: &Caller, path: Path<'_>) -> Result<Vec<Perm>, Error>;

    /// The permissions of a special node.
    ///
    /// # Errors
    /// As the trait says.
    fn get_special_perms(&mut self, caller: &Caller, node: Special) -> Result<Vec<Perm>, Error>;

    /// The nodes whose value is `key`, by an index. For the control domain's eyes.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is no such index.
    fn lookup(&mut self, index: &str, key: &[u8]) -> Result<Vec<Match>, Error>;
}

/// Reads at one version, for a short while.
pub struct View<'s> {
    inner: &'s Inner,
    version: Guard<Version>,
    scratch: Vec<u8>,
}

/// Reads at one version, for as long as it is kept.
pub struct Snapshot {
    store: Store,
    version: Option<Arc<Version>>,
    scratch: Vec<u8>,
}

impl<'s> View<'s> {
    #[inline]
    pub(crate) fn new(inner: &'s Inner) -> View<'s> {
        View { inner, version: inner.current(), scratch: Vec::new() }
    }

    /// The publication that it shows.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.version.seq
    }

    /// The last request that it shows.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.version.state.generation
    }

    /// As [`Reads::list`], for who keeps listings: `kept` is asked first for the names that the
    /// path had at that stamp, which are the same in every publication of this store (V3).
    ///
    /// # Errors
    /// Those of [`Reads`].
    pub fn list_or(
        &mut self,
        caller: &Caller,
        path: Path<'_>,
        kept: impl FnOnce(u64) -> Option<Arc<[u8]>>,
    ) -> Result<Listing, Error> {
        if virt::is_reserved(path) {
            return self.list(caller, path);
        }
        let node = find(&self.inner.env, &self.version.state, caller, path)?;
        let stamp = node.stamp(Part::Children);
        Ok(kept(stamp).map_or_else(|| listing(node), |names| Listing { stamp, names }))
    }

    /// A domain that is known: introduced, or named in a permission.
    #[must_use]
    pub fn domain(&self, domid: DomId) -> Option<DomainInfo> {
        let env = &self.inner.env;
        let state = &self.version.state;
        let mut info = state.domains.get(&env.keys, domid)?.info(&state.quotas, env.features);
        if info.instance == crate::domain::Instance::CONTROL {
            info.nodes = u32::try_from(state.domains.control_nodes).unwrap_or(u32::MAX);
        }
        Some(info)
    }

    /// All domains that are known, by id.
    #[must_use]
    pub fn domains(&self) -> Vec<DomainInfo> {
        let state = &self.version.state;
        let mut all: Vec<_> = state.domains.iter().filter_map(|d| self.domain(d.domid)).collect();
        all.sort_unstable_by_key(|d| d.domid);
        all
    }

    /// The global quotas.
    #[must_use]
    pub fn quotas(&self) -> Quotas {
        *self.version.state.quotas
    }

    /// The number of watches of all connections.
    #[must_use]
    pub fn watches(&self) -> usize {
        self.version.state.watches.len()
    }

    /// An event for each watch of a connection, as if what it watches had changed: for a consumer
    /// of the feed that has been overrun.
    #[must_use]
    pub fn all_fires(&self, conn: ConnId) -> Vec<Fire> {
        let watches = &self.version.state.watches;
        watches.of_conn(&self.inner.env.keys, conn).into_iter().map(Fire::watched).collect()
    }

    /// Recounts everything that the version accounts, and compares; says what differs.
    ///
    /// # Errors
    /// A sentence per difference: a fault of this program.
    pub fn check(&self) -> Result<(), Vec<String>> {
        crate::check::check(&self.inner.env, &self.version.state)
    }
}

impl Snapshot {
    pub(crate) fn new(store: Store) -> Snapshot {
        let version = Some(Arc::clone(&store.0.current()));
        Snapshot { store, version, scratch: Vec::new() }
    }

    /// The last request that it shows.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.version.as_ref().map_or(0, |v| v.state.generation)
    }

    /// The publication that it shows.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.version.as_ref().map_or(0, |v| v.seq)
    }

    pub(crate) fn state(&self) -> Option<&State> {
        self.version.as_ref().map(|version| &version.state)
    }

    pub(crate) fn keys(&self) -> &Keys {
        &self.store.0.env.keys
    }
}

impl Snapshot {
    /// Bytes that it keeps from being freed, at most about: what newer versions have retired.
    #[must_use]
    pub fn pinned_bytes(&self) -> u64 {
        let retired = self.version.as_ref().map(|version| version.state.retired);
        retired.map_or(0, |retired| self.store.0.retired_since(retired))
    }

    /// Where the journal has the record of its publication.
    #[must_use]
    pub fn kept(&self) -> Option<Place> {
        self.version.as_ref().and_then(|version| version.kept.place)
    }

    /// Writes all that the version holds, piece by piece, for [`Restore`](crate::Restore).
    ///
    /// # Errors
    /// Those of `sink`.
    pub fn export<E>(&self, sink: &mut dyn FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        self.version.as_ref().map_or(Ok(()), |version| crate::image::write(version, sink))
    }

    /// Calls `f` with each node until it fails: parents before children, siblings by name. With
    /// path, value, permissions and the generation of its last change.
    ///
    /// # Errors
    /// That of `f`.
    pub fn walk<E>(
        &self,
        mut f: impl FnMut(&str, &[u8], Perms<'_>, u64) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some(version) = &self.version else { return Ok(()) };
        let mut walk = Walk::new(Path::trusted("/"), version.state.tree.root()).by_name();
        while let Some((path, node)) = walk.next() {
            let changed = node.stamp(Part::Value).max(node.stamp(Part::Perms));
            f(path, node.value(), Perms(node.acl()), changed)?;
        }
        Ok(())
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        if let Some(version) = self.version.take() {
            let bytes = self.store.0.retired_since(version.state.retired);
            self.store.0.let_go(Dropped::Version(version), bytes);
        }
    }
}

macro_rules! reads_from_a_version {
    ($type:ty, |$self:ident| $parts:expr) => {
        impl Reads for $type {
            #[inline]
            fn read(&mut $self, caller: &Caller, path: Path<'_>) -> Result<&[u8], Error> {
                let (env, state, scratch) = $parts;
                if virt::is_reserved(path) {
                    *scratch = virt::value(env, state, virt::parse(env, caller, path)?)?;
                    return Ok(scratch);
                }
                Ok(find(env, state, caller, path)?.value())
            }

            fn stat(&mut $self, caller: &Caller, path: Path<'_>) -> Result<Stat<'_>, Error> {
                let (env, state, scratch) = $parts;
                if virt::is_reserved(path) {
                    let node = virt::parse(env, caller, path)?;
                    *scratch = virt::value(env, state, node)?;
                    return Ok(Stat::of_index(scratch, virt::stamp(env, state, node)));
                }
                Ok(Stat::of(find(env, state, caller, path)?))
            }

            fn list(&mut $self, caller: &Caller, path: Path<'_>) -> Result<Listing, Error> {
                let (env, state, _) = $parts;
                if virt::is_reserved(path) {
                    let node = virt::parse(env, caller, path)?;
                    let stamp = virt::stamp(env, state, node);
                    let names = virt::children(env, state, node)?.into();
                    return Ok(Listing { stamp, names });
                }
                Ok(listing(find(env, state, caller, path)?))
            }

            fn get_perms(&mut $self, caller: &Caller, path: Path<'_>) -> Result<Vec<Perm>, Error> {
                let (env, state, _) = $parts;
                if virt::is_reserved(path) {
                    virt::value(env, state, virt::parse(env, caller, path)?)?;
                    return Ok(virt::PERMS.to_vec());
                }
                Ok(state.shown(env, find(env, state, caller, path)?.acl()))
            }

            fn get_special_perms(
                &mut $self,
                caller: &Caller,
                node: Special,
            ) -> Result<Vec<Perm>, Error> {
                let (env, state, _) = $parts;
                special_perms(env, state, caller, node)
            }

            fn lookup(&mut $self, index: &str, key: &[u8]) -> Result<Vec<Match>, Error> {
                let (env, state, _) = $parts;
                let index = env.definitions.find(index).ok_or(Error::NotFound)?;
                Ok(matches(env, state, index, &crate::key::escape(key)))
            }
        }
    };
}

reads_from_a_version!(View<'_>, |self| (&*self.inner.env, &self.version.state, &mut self.scratch));
reads_from_a_version!(Snapshot, |self| {
    let Some(version) = &self.version else { return Err(Error::NotFound) };
    (&*self.store.0.env, &version.state, &mut self.scratch)
});

#[inline]
fn find<'s>(
    env: &Env,
    state: &'s State,
    caller: &Caller,
    path: Path<'_>,
) -> Result<Node<'s>, Error> {
    state.existing(env, state.who(env, caller), path, Want::READ)
}

/// The listing of a node.
pub(crate) fn listing(node: Node<'_>) -> Listing {
    let mut names = Vec::new();
    node.each_child(|name| {
        names.extend_from_slice(name);
        names.push(0);
    });
    Listing { stamp: node.stamp(Part::Children), names: names.into() }
}

pub(crate) fn special_perms(
    env: &Env,
    state: &State,
    caller: &Caller,
    node: Special,
) -> Result<Vec<Perm>, Error> {
    let acl = state.special(node).as_acl();
    if !acl.rights(state.who(env, caller)).access.includes(Want::READ.access) {
        return Err(Error::AccessDenied);
    }
    Ok(state.shown(env, acl))
}

pub(crate) fn matches(env: &Env, state: &State, index: u8, key: &str) -> Vec<Match> {
    let found = state.indices.get(&env.keys, index, key);
    let of = |c: &str| Match { captures: c.into(), owner: virt::owner(env, state, index, c) };
    found.map(|m| m.iter().map(of).collect()).unwrap_or_default()
}

/// Reads the commit feed at its own pace; never slows a commit.
#[derive(Debug)]
pub struct Feed {
    store: Store,
    seq: u64,
    /// What it has last said of how far it is, and where.
    said: u64,
    reader: Reader,
}

/// What comes next in a feed.
#[derive(Clone, Debug)]
pub enum FeedItem {
    /// The next record.
    Record(Arc<Record>),
    /// Nothing newer is published.
    Empty,
    /// Records were overwritten before they were read. The feed goes on after the newest
    /// publication: whoever delivers watch events lets each watch fire once.
    Overrun,
}

impl Feed {
    pub(crate) fn new(store: Store) -> Feed {
        let seq = store.0.current().seq;
        let reader = store.0.ring.join(seq);
        Feed { store, seq, said: seq, reader }
    }

    /// The publication after which it goes on.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// The next record. Not an iterator's `next`: an empty feed may go on.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> FeedItem {
        let inner = &*self.store.0;
        {
            let newest = inner.current();
            if newest.seq == self.seq {
                return FeedItem::Empty;
            }
            // Its publisher may not have come to that yet.
            inner.ring.link(&newest.record);
        }
        match inner.ring.get(self.seq + 1) {
            Slot::Record(record) => {
                self.seq += 1;
                if self.seq - self.said >= SAY_EVERY {
                    self.said = self.seq;
                    inner.ring.has_read(&self.reader, self.seq);
                }
                FeedItem::Record(record)
            }
            Slot::Newer | Slot::Older => {
                self.seq = inner.current().seq;
                self.said = self.seq;
                inner.ring.has_read(&self.reader, self.seq);
                FeedItem::Overrun
            }
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.store.0.ring.leave(&self.reader);
    }
}
