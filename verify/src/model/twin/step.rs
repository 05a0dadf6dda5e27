//! What can happen to the two stores.

use myriad_core::{DomId, Perm, Quota, Special};

use crate::model::Request;

/// Guests that there can be: domain ids from 1 on.
pub const GUESTS: u16 = 3;
/// Transactions that can be open at a time.
pub const SLOTS: usize = 2;

/// Who does it: 0 for the control domain, else a guest; `before` stands for its last life, where
/// it has had one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asker {
    /// Its domain id.
    pub domid: u16,
    /// In its life before the present one.
    pub before: bool,
}

/// One thing that happens to both stores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A request outside of transactions.
    Request(Asker, Request),
    /// Requests that share a publication.
    Batch(Vec<(Asker, Request)>),
    /// A transaction begins, in a slot: with a bound on what it may touch, or 0.
    Begin(usize, u32),
    /// A request in a transaction, which begins here where none is open.
    Inside(usize, Asker, Request),
    /// A transaction ends: with its changes, or without.
    End(usize, bool),
    /// Changes and conditions at one moment, or nothing.
    Together(Asker, Vec<Part>),
    /// A watch is registered.
    Watch(Asker, Watching),
    /// A watch goes.
    Unwatch(Asker, String, u8),
    /// All watches of a connection go.
    DropWatches(Asker),
    /// A caller gets another connection, and its watches with it.
    MoveWatches(Asker),
    /// The permissions of a special node are read.
    GetSpecial(Asker, Special),
    /// They are set.
    SetSpecial(Asker, Special, Vec<Perm>),
    /// The host names a domain in a permission.
    Know(DomId),
    /// INTRODUCE.
    Introduce(DomId),
    /// RELEASE, or death.
    Release(DomId),
    /// Domains have shut down.
    Shutdown(Vec<DomId>),
    /// RESUME.
    Resume(DomId),
    /// SET_TARGET.
    Target(DomId, DomId),
    /// SET_FEATURE.
    Features(DomId, u32),
    /// SET_QUOTA.
    Quota(Option<DomId>, Quota, u32),
    /// The host says which domain of that id it is.
    Seat(DomId, u64),
}

/// A part of what happens at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// A request that changes something.
    Do(Request),
    /// The value is this.
    IfValue(String, Vec<u8>),
    /// There is such a node.
    IfExists(String),
    /// There is none.
    IfAbsent(String),
}

/// What a watch is registered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watching {
    /// A path, or the name of a special node.
    pub path: String,
    /// Its token.
    pub token: u8,
    /// Levels that it hears of.
    pub depth: Option<u32>,
    /// Whether events are relative to the caller's home, where the path lies there.
    pub relative: bool,
}

impl Asker {
    /// The control domain.
    pub const CONTROL: Asker = Asker { domid: 0, before: false };

    /// A guest in its present life.
    #[must_use]
    pub fn guest(domid: u16) -> Asker {
        Asker { domid, before: false }
    }
}
