//! What a publication changed, as bytes: what the journal keeps, and what history is made of.
//!
//! A delta says what became of each thing, not what was asked: it can be put upon the version
//! before without any decision ([`Restore::replay`](crate::Restore::replay)). All numbers are
//! little-endian; a text is its length (u16) and its bytes. An item is a byte that says which, and
//! what stands beside it here:
//!
//! | byte | item | then |
//! |---|---|---|
//! | 1 | the caller of what follows | domid 2, instance 8 |
//! | 2 | the permission list of the nodes that follow | text: a list as stored |
//! | 3 | node created, with that list | path, value |
//! | 4 | node written | path, value |
//! | 5 | node removed, with all below it | path |
//! | 6 | permissions set | path, list |
//! | 7 | what follows is another request's, of the next generation | an [`Origin`], 33 |
//! | 8 | the request failed | errno 1: its place in [`Errno::ALL`] |
//! | 9 | watch registered | conn 8, domid 2, instance 8, depth 4, prefix 2, path, token |
//! | 10 | watch removed | conn 8, path, token |
//! | 11 | all watches of a connection removed | conn 8 |
//! | 12 | domain known | domid 2, instance 8 |
//! | 13 | domain introduced | domid 2 |
//! | 14 | domain gone | domid 2 |
//! | 15 | domain shut down | domid 2 |
//! | 16 | domain resumed | domid 2 |
//! | 17 | target set | domid 2, domid 2, instance 8 |
//! | 18 | features set | domid 2, features 4 |
//! | 19 | quota set | domid 2 ([`DomId::ANY`]: the global one), quota 1, value 4 |
//! | 20 | permissions of a special node set | 0 or 1 (`@releaseDomain`) 1, list |
//! | 21 | what the host tells of a domain | domid 2, unique id 8, port 4 |

mod read;
mod write;

pub use read::Items;
pub(crate) use read::{Cursor, MOST};
pub(crate) use write::Delta;

use crate::acl::Acl;
use crate::caller::Caller;
use crate::domain::{DomId, Instance};
use crate::domains::Seat;
use crate::errno::Errno;
use crate::origin::Origin;
use crate::perms::Perm;
use crate::quota::Quota;
use crate::state::Special;
use crate::watch::ConnId;

/// An item of a delta.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Item<'d> {
    /// What follows was asked for by another caller.
    By(Caller),
    /// What follows is another request's, which has the next generation.
    Next(Origin),
    /// The request failed, and changed nothing.
    Failed(Errno),
    /// A node.
    Node(Change<'d>),
    /// A watch was registered.
    Watch(NewWatch<'d>),
    /// A watch was removed: connection, path and token.
    Unwatch(ConnId, &'d str, &'d [u8]),
    /// All watches of a connection were removed.
    Unwatched(ConnId),
    /// A domain.
    Domain(DomId, DomainChange),
    /// A quota was set, of a domain or the global one.
    Quota(Option<DomId>, Quota, u32),
    /// The permissions of a special node were set.
    Special(Special, Perms<'d>),
}

/// One node that changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change<'d> {
    /// Who asked for it: the requests of one publication can be several callers'.
    pub author: Caller,
    /// Where.
    pub path: &'d str,
    /// How.
    pub what: What<'d>,
}

/// How a node changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What<'d> {
    /// It has this value.
    Written(&'d [u8]),
    /// It is new, with this value and these permissions.
    Created(&'d [u8], Perms<'d>),
    /// It is gone, with all below it.
    Removed,
    /// It has these permissions.
    Perms(Perms<'d>),
}

/// A watch that was registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewWatch<'d> {
    /// By which connection.
    pub conn: ConnId,
    /// For whom.
    pub caller: Caller,
    /// Levels below the path that it hears of; `u32::MAX`: all.
    pub depth: u32,
    /// Bytes of an event's path that it doesn't show.
    pub prefix: u16,
    /// The path, or a special one with its `@`.
    pub path: &'d str,
    /// The token.
    pub token: &'d [u8],
}

/// What became of a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DomainChange {
    /// It is known from now on, in this life.
    Known(Instance),
    /// It was introduced.
    Introduced,
    /// It is gone.
    Gone,
    /// It has shut down.
    Shutdown,
    /// It runs again.
    Resumed,
    /// It has the access of another domain in its present life.
    Target(DomId, Instance),
    /// The features of its ring page.
    Features(u32),
    /// What its host tells of it.
    Seat(Seat),
}

/// A permission list as stored: bound to the lives of the domains that it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Perms<'d>(pub(crate) Acl<'d>);

impl<'d> Perms<'d> {
    /// Its entries, the owner first, each with the life of the domain that it was set for.
    pub fn entries(self) -> impl Iterator<Item = (Perm, Instance)> + 'd {
        self.0.entries().map(|e| (Perm { access: e.access, domid: e.domid }, e.instance))
    }
}

mod tag {
    pub(super) const BY: u8 = 1;
    pub(super) const LIST: u8 = 2;
    pub(super) const CREATED: u8 = 3;
    pub(super) const WRITTEN: u8 = 4;
    pub(super) const REMOVED: u8 = 5;
    pub(super) const PERMS: u8 = 6;
    pub(super) const NEXT: u8 = 7;
    pub(super) const FAILED: u8 = 8;
    pub(super) const WATCH: u8 = 9;
    pub(super) const UNWATCH: u8 = 10;
    pub(super) const UNWATCHED: u8 = 11;
    pub(super) const KNOWN: u8 = 12;
    pub(super) const INTRODUCED: u8 = 13;
    pub(super) const GONE: u8 = 14;
    pub(super) const SHUTDOWN: u8 = 15;
    pub(super) const RESUMED: u8 = 16;
    pub(super) const TARGET: u8 = 17;
    pub(super) const FEATURES: u8 = 18;
    pub(super) const QUOTA: u8 = 19;
    pub(super) const SPECIAL: u8 = 20;
    pub(super) const SEAT: u8 = 21;
}
