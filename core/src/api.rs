//! The public API as it will be; bodies are being written. Names and signatures are meant to hold.
#![allow(missing_docs, unused_variables, clippy::todo, clippy::panic)]

use std::sync::Arc;
use crate::{Access, DomId, Error, Instance, Path, Perm, Quota, Quotas};

/// Who asks. `Control` is the control domain's ring and every Unix socket: it may do everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Caller { Control, Guest { domid: DomId, instance: Instance } }

/// A connection, unique for the life of the store. The high 16 bits name the worker that owns it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnId(pub u64);
impl ConnId { pub fn new(worker: u16, number: u64) -> ConnId { todo!() } pub fn worker(self) -> u16 { todo!() } }

/// What a watch looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WatchPath<'a> { Node(Path<'a>), /** `@introduceDomain`, `@releaseDomain`, `@releaseDomain/5`, or any other text after `@` */ Special(&'a str) }

/// The two special nodes that have permissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Special { IntroduceDomain, ReleaseDomain }

pub struct Config { pub control: DomId, pub quotas: Quotas, pub indices: Vec<(String, String)>, pub feed_slots: usize }
impl Default for Config { fn default() -> Self { todo!() } }

/// What an operation gave, and the publication it was computed at: before a reply is queued,
/// all events of the feed up to `seq` must be queued.
#[derive(Clone, Debug)]
pub struct Outcome<R> { pub result: Result<R, Error>, pub seq: u64 }

/// Children in order of creation, as `name\0` each, back to back.
#[derive(Clone, Debug)]
pub struct Listing { pub stamp: u64, pub names: Arc<[u8]> }

/// Permissions as GET_PERMS shows them.
pub type Perms = Vec<Perm>;

#[derive(Clone)]
pub struct Store(Arc<()>);
impl Store {
    pub fn new(config: Config) -> Store { todo!() }
    /// Reads at one version, for a short while: holds a guard, so no system call meanwhile.
    pub fn pin(&self) -> View<'_> { todo!() }
    /// Reads at one version, for as long as it is kept.
    pub fn snapshot(&self) -> Snapshot { todo!() }
    /// Makes changes in one publication. `f` may run several times; each run starts afresh.
    /// Each operation within is applied whole or not at all; where `f` returns Err, all that it had applied is dropped.
    pub fn edit<R>(&self, f: impl FnMut(&mut Edit<'_>) -> Result<R, Error>) -> Outcome<R> { todo!() }
    /// Opens a transaction at the current version. `max_nodes`: quota transaction-nodes, 0 = none.
    pub fn begin(&self, max_nodes: u32) -> Transaction { todo!() }
    /// Reads commit records from now on.
    pub fn feed(&self) -> Feed { todo!() }
}

/// Reading, the same at a view, a snapshot, an edit and a transaction (which notes what it was
/// answered by, therefore `&mut`). Errors: InvalidPath, NotFound, AccessDenied (decided by the nearest ancestor as C does).
pub trait Reads {
    fn read(&mut self, caller: &Caller, path: Path<'_>) -> Result<&[u8], Error>;
    fn list(&mut self, caller: &Caller, path: Path<'_>) -> Result<Listing, Error>;
    fn get_perms(&mut self, caller: &Caller, path: Path<'_>) -> Result<Perms, Error>;
    fn get_special_perms(&mut self, caller: &Caller, node: Special) -> Result<Perms, Error>;
    /// Matches of an index key: the captured parts joined by `/`.
    fn lookup(&mut self, index: &str, key: &[u8]) -> Result<Vec<Match>, Error>;
}
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match { pub captures: Box<str>, /** the owner of the matching node: 0 (control) is trustworthy */ pub owner: DomId }

/// Changing the tree: an edit or a transaction.
pub trait Writes: Reads {
    fn write(&mut self, caller: &Caller, path: Path<'_>, value: &[u8]) -> Result<(), Error>;
    fn mkdir(&mut self, caller: &Caller, path: Path<'_>) -> Result<(), Error>;
    fn rm(&mut self, caller: &Caller, path: Path<'_>) -> Result<(), Error>;
    /// Domids named must be known (`knows_domain`), else the entry counts for nobody and, for the owner, UnknownDomain:
    /// so call `Edit::know_domain` first (outside of the transaction, as C does) for those that the hypervisor knows.
    fn set_perms(&mut self, caller: &Caller, path: Path<'_>, perms: &[Perm]) -> Result<(), Error>;
}

pub struct View<'s>(&'s ());
impl View<'_> {
    pub fn seq(&self) -> u64 { todo!() }
    pub fn generation(&self) -> u64 { todo!() }
    /// The domain's current life: known (introduced or named in a permission).
    pub fn domain(&self, domid: DomId) -> Option<DomainInfo> { todo!() }
    pub fn quotas(&self) -> Quotas { todo!() }
    pub fn domains(&self) -> Vec<DomainInfo> { todo!() }
}
#[derive(Clone, Debug)]
pub struct DomainInfo {
    pub domid: DomId, pub instance: Instance, pub introduced: bool, pub shutdown_seen: bool,
    pub target: Option<DomId>, pub features: u32, pub nodes: u32, pub watches: u32,
    /// the domain's own quota where set, else the global one
    pub quotas: Quotas,
}
pub struct Snapshot(Arc<()>);
impl Snapshot { pub fn generation(&self) -> u64 { todo!() } }

/// One publication being prepared.
pub struct Edit<'s>(&'s ());
impl Edit<'_> {
    /// `relative_prefix`: bytes to strip from event paths (0 = absolute; `/local/domain/5/` is 16). `depth`: None = all below.
    pub fn watch(&mut self, conn: ConnId, caller: &Caller, path: WatchPath<'_>, token: &[u8], depth: Option<u32>, relative_prefix: usize) -> Result<(), Error> { todo!() }
    pub fn unwatch(&mut self, conn: ConnId, path: WatchPath<'_>, token: &[u8]) -> Result<(), Error> { todo!() }
    /// RESET_WATCHES, INTRODUCE again, end of a connection.
    pub fn drop_watches(&mut self, conn: ConnId) { todo!() }
    pub fn set_special_perms(&mut self, caller: &Caller, node: Special, perms: &[Perm]) -> Result<(), Error> { todo!() }
    pub fn know_domain(&mut self, domid: DomId) -> Instance { todo!() }
    /// True on a first introduction (fires @introduceDomain, but not for the control domain).
    pub fn introduce(&mut self, domid: DomId) -> bool { todo!() }
    /// RELEASE or death: removes its nodes with events, then fires @releaseDomain if it was introduced. UnknownDomain if unknown.
    pub fn release(&mut self, domid: DomId) -> Result<(), Error> { todo!() }
    /// Shutdown seen by the hypervisor; true if news (fires @releaseDomain).
    pub fn shutdown(&mut self, domids: &[DomId]) -> bool { todo!() }
    pub fn resume(&mut self, domid: DomId) -> Result<(), Error> { todo!() }
    pub fn set_target(&mut self, domid: DomId, target: DomId) -> Result<(), Error> { todo!() }
    pub fn set_features(&mut self, domid: DomId, features: u32) -> Result<(), Error> { todo!() }
    /// domid None: the global default.
    pub fn set_quota(&mut self, domid: Option<DomId>, quota: Quota, value: u32) -> Result<(), Error> { todo!() }
}

/// A private view of the tree as of its start, with its own writes on top.
pub struct Transaction(());
impl Transaction {
    /// Err(Conflict): nothing applied, run it again. Err(Poisoned): over a quota.
    pub fn commit(self, store: &Store) -> Outcome<()> { todo!() }
    /// Keeps what it pins bounded: call now and then. False: doomed (END will say Conflict).
    pub fn refresh(&mut self, store: &Store) -> bool { todo!() }
}
impl Reads for View<'_> { fn read(&mut self, c: &Caller, p: Path<'_>) -> Result<&[u8], Error> { todo!() } fn list(&mut self, c: &Caller, p: Path<'_>) -> Result<Listing, Error> { todo!() } fn get_perms(&mut self, c: &Caller, p: Path<'_>) -> Result<Perms, Error> { todo!() } fn get_special_perms(&mut self, c: &Caller, s: Special) -> Result<Perms, Error> { todo!() } fn lookup(&mut self, i: &str, k: &[u8]) -> Result<Vec<Match>, Error> { todo!() } }
impl Reads for Snapshot { fn read(&mut self, c: &Caller, p: Path<'_>) -> Result<&[u8], Error> { todo!() } fn list(&mut self, c: &Caller, p: Path<'_>) -> Result<Listing, Error> { todo!() } fn get_perms(&mut self, c: &Caller, p: Path<'_>) -> Result<Perms, Error> { todo!() } fn get_special_perms(&mut self, c: &Caller, s: Special) -> Result<Perms, Error> { todo!() } fn lookup(&mut self, i: &str, k: &[u8]) -> Result<Vec<Match>, Error> { todo!() } }
impl Reads for Edit<'_> { fn read(&mut self, c: &Caller, p: Path<'_>) -> Result<&[u8], Error> { todo!() } fn list(&mut self, c: &Caller, p: Path<'_>) -> Result<Listing, Error> { todo!() } fn get_perms(&mut self, c: &Caller, p: Path<'_>) -> Result<Perms, Error> { todo!() } fn get_special_perms(&mut self, c: &Caller, s: Special) -> Result<Perms, Error> { todo!() } fn lookup(&mut self, i: &str, k: &[u8]) -> Result<Vec<Match>, Error> { todo!() } }
impl Reads for Transaction { fn read(&mut self, c: &Caller, p: Path<'_>) -> Result<&[u8], Error> { todo!() } fn list(&mut self, c: &Caller, p: Path<'_>) -> Result<Listing, Error> { todo!() } fn get_perms(&mut self, c: &Caller, p: Path<'_>) -> Result<Perms, Error> { todo!() } fn get_special_perms(&mut self, c: &Caller, s: Special) -> Result<Perms, Error> { todo!() } fn lookup(&mut self, i: &str, k: &[u8]) -> Result<Vec<Match>, Error> { todo!() } }
impl Writes for Edit<'_> { fn write(&mut self, c: &Caller, p: Path<'_>, v: &[u8]) -> Result<(), Error> { todo!() } fn mkdir(&mut self, c: &Caller, p: Path<'_>) -> Result<(), Error> { todo!() } fn rm(&mut self, c: &Caller, p: Path<'_>) -> Result<(), Error> { todo!() } fn set_perms(&mut self, c: &Caller, p: Path<'_>, perms: &[Perm]) -> Result<(), Error> { todo!() } }
impl Writes for Transaction { fn write(&mut self, c: &Caller, p: Path<'_>, v: &[u8]) -> Result<(), Error> { todo!() } fn mkdir(&mut self, c: &Caller, p: Path<'_>) -> Result<(), Error> { todo!() } fn rm(&mut self, c: &Caller, p: Path<'_>) -> Result<(), Error> { todo!() } fn set_perms(&mut self, c: &Caller, p: Path<'_>, perms: &[Perm]) -> Result<(), Error> { todo!() } }

/// Reads the commit feed at its own pace; never slows a commit.
pub struct Feed(());
pub enum FeedItem { /** The next record. */ Record(Arc<Record>), /** Nothing newer is published. */ Empty, /** Too far behind: records are lost; each of the consumer's watches must fire once. */ Overrun }
impl Feed {
    /// The publication after which it continues.
    pub fn seq(&self) -> u64 { todo!() }
    pub fn next(&mut self, store: &Store) -> FeedItem { todo!() }
}
/// What one publication changed.
pub struct Record { pub seq: u64, pub generation: u64, pub changes: Box<[Change]>, /** watches that fired, in order */ pub fires: Box<[Fire]> }
#[derive(Clone, Debug)]
pub struct Change { pub kind: ChangeKind, pub path: Arc<str> }
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind { Written, Created, Removed, Perms }
/// One watch event to be queued.
#[derive(Clone, Debug)]
pub struct Fire { pub conn: ConnId }
impl Fire { /** The path as the event shows it. */ pub fn path(&self) -> &str { todo!() } pub fn token(&self) -> &[u8] { todo!() } }
