//! What goes into a history, and what comes out: commits, changes, authors and permissions.
//!
//! The forms that go in borrow, those that come out own. Neither knows a store: an adapter turns a
//! store's own records into these.

use std::sync::Arc;

/// Who made a change, and by which request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Author {
    /// Domain id.
    pub domid: u16,
    /// Which life of that domain: never used twice. [`CONTROL`] is the control domain, 0 is nobody
    /// known.
    pub instance: u64,
    /// Its connection, as the daemon numbers them; 0: none.
    pub conn: u64,
    /// The request's id on that connection.
    pub request: u32,
    /// The transaction; 0: none.
    pub transaction: u32,
    /// The operation, by its number in `io/xs_wire.h`.
    pub op: u8,
}

impl Author {
    /// Whether this is a guest, so that its share of the file is bounded.
    #[must_use]
    pub fn is_guest(&self) -> bool {
        self.instance > CONTROL
    }
}

/// The control domain's instance.
pub const CONTROL: u64 = 1;

/// One entry of a permission list. The first is the owner's, and its letters are everybody
/// else's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Perm {
    /// Letters: [`Perm::READ`] and [`Perm::WRITE`].
    pub access: u8,
    /// Domain id.
    pub domid: u16,
    /// Which life of that domain.
    pub instance: u64,
}

impl Perm {
    /// Bit of `r`.
    pub const READ: u8 = 1;
    /// Bit of `w`.
    pub const WRITE: u8 = 2;
}

/// One publication, as it goes in.
#[derive(Clone, Copy, Debug)]
pub struct Commit<'a> {
    /// The publication. Each commit's follows the one before it, else there is a gap.
    pub seq: u64,
    /// The generation of the last request in it. Greater than that of the commit before it, over
    /// restarts too.
    pub generation: u64,
    /// When: nanoseconds since 1970, UTC.
    pub at: u64,
    /// What, in order.
    pub changes: &'a [Change<'a>],
}

/// One change of a commit, as it goes in.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// Who.
    pub author: Author,
    /// The generation of the request: at most the commit's.
    pub generation: u64,
    /// Where: `/`, `/a/b`, or a special name as `@releaseDomain`.
    pub path: &'a str,
    /// What.
    pub what: What<'a>,
}

/// What happened to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What<'a> {
    /// It has a new value.
    Written {
        /// The value.
        value: &'a [u8],
    },
    /// It is new. A parent that came with it is a change of its own, before it.
    Created {
        /// The value.
        value: &'a [u8],
        /// The permissions, the owner's entry first.
        perms: &'a [Perm],
    },
    /// It is gone, with all below it.
    Removed,
    /// It has other permissions.
    Perms(&'a [Perm]),
    /// Something beside the tree: a line of text, such as `introduced` or `released`. The tree is
    /// as before.
    Noted(&'a str),
}

/// One publication, or what several came to, as it comes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedCommit {
    /// Which.
    pub head: Head,
    /// What, in order. Of a merged commit: the last change of each kind and node, by path.
    pub changes: Vec<OwnedChange>,
}

/// Which commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The publication; of a merged commit the last.
    pub seq: u64,
    /// The generation of its last request.
    pub generation: u64,
    /// When: nanoseconds since 1970, UTC.
    pub at: u64,
    /// Where it was found.
    pub tier: Tier,
    /// Which run of the daemon wrote it, counted from 1.
    pub incarnation: u32,
    /// Whether it stands for all publications since the one before it.
    pub merged: bool,
}

/// One change, as it comes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedChange {
    /// Who.
    pub author: Author,
    /// The generation of the request.
    pub generation: u64,
    /// Where.
    pub path: String,
    /// What.
    pub what: OwnedWhat,
}

/// What happened to a node, as it comes out: [`What`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "as in `What`")]
pub enum OwnedWhat {
    Written { value: Vec<u8> },
    Created { value: Vec<u8>, perms: Arc<[Perm]> },
    Removed,
    Perms(Arc<[Perm]>),
    Noted(String),
}

/// A node as it goes into a snapshot.
#[derive(Clone, Copy, Debug)]
pub struct SnapshotNode<'a> {
    /// Where.
    pub path: &'a str,
    /// Its value.
    pub value: &'a [u8],
    /// Its permissions, the owner's entry first.
    pub perms: &'a [Perm],
    /// The generation of its last change; 0: unknown.
    pub generation: u64,
}

/// A node as it comes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its value.
    pub value: Box<[u8]>,
    /// Its permissions, the owner's entry first.
    pub perms: Arc<[Perm]>,
    /// The generation of its last change of value or permissions; 0: unknown.
    pub generation: u64,
}

/// A level of the history: 0 has every commit, the others one version a period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tier(pub u8);

/// A version that a tree can be given for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The generation of its last request.
    pub generation: u64,
    /// The publication.
    pub seq: u64,
    /// When: nanoseconds since 1970, UTC.
    pub at: u64,
    /// The finest tier that has it.
    pub tier: Tier,
    /// Changes since the version before it in that tier; 0 where a snapshot alone tells of it.
    pub changes: u32,
    /// Which run of the daemon wrote it, counted from 1.
    pub incarnation: u32,
}

/// A node that two versions have differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Where.
    pub path: String,
    /// In the first version.
    pub before: Option<Node>,
    /// In the second.
    pub after: Option<Node>,
}

/// Commits that the history hasn't got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Why.
    pub reason: GapReason,
    /// The first publication that is missing.
    pub from_seq: u64,
    /// The first publication that isn't; 0 where the file ends with the gap.
    pub to_seq: u64,
    /// The last generation before it.
    pub generation: u64,
    /// When it was noticed: nanoseconds since 1970, UTC.
    pub at: u64,
}

/// Why commits are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GapReason {
    /// The writer was too far behind the store.
    Overrun,
    /// The disk failed or was full.
    Disk,
    /// The daemon was down, or killed before it had written everything.
    Restart,
    /// A single commit was larger than a segment.
    TooLarge,
    /// Another, of a later version of this library.
    Other(u8),
}

/// Changes of a guest beyond its share of a segment, which the segment hasn't got: all of those of
/// one path and what is below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The guest.
    pub domid: u16,
    /// Which life of it.
    pub instance: u64,
    /// The path.
    pub path: String,
    /// The generation of the first change that was left out.
    pub from: u64,
    /// The first generation at which everything is known again; 0: not yet.
    pub to: u64,
    /// Of which tier.
    pub tier: Tier,
    /// How many changes of the guest in this segment, wherever; 0: not counted yet.
    pub changes: u64,
}

/// Whose eyes a history is read with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Viewer {
    /// The control domain: everything.
    #[default]
    Control,
    /// A guest: what it may read in the newest version *and* could read then, in this same life.
    Guest {
        /// Domain id.
        domid: u16,
        /// Which life of it.
        instance: u64,
        /// The generation at which this life began: nothing before it is seen.
        since: u64,
    },
}
