//! Where Myriad is meant to differ from C 4.17, each with its name and reason. Nothing else may.
//!
//! Some requests have an answer of each server's own and change nothing, so
//! the run goes on. Some commits end differently; then the transaction is run again at once on the
//! server that refused it, which must give the other's answers and events. And some requests would
//! leave the servers in different states for good, or C in none at all: they are not sent.

use myriad_ring::v1::Op;

use super::{
    opened::OpenTx,
    operate::Effect,
    pair::Pair,
    step::Request,
    table,
    tree::{Answer, Asker, Tree},
    who,
    world::World,
};

/// A deliberate difference.
#[derive(Clone, Copy, Debug)]
pub struct Difference {
    /// What reports call it.
    pub name: &'static str,
    /// Why it is right.
    pub reason: &'static str,
    /// How it shows.
    pub kind: Kind,
}

/// How a difference shows.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// The answers differ, and this says whether that is why.
    Answer(fn(&Case<'_>) -> bool),
    /// The answers are the same, but the reply is at another place among the client's events.
    Place(fn(Op) -> bool),
    /// A transaction ends differently; `transaction.rs` decides and goes on.
    Commit,
    /// A transaction is ended without being committed.
    Uncommitted(fn(&World, &OpenTx) -> bool),
    /// Such a request is not sent.
    Avoided(fn(&Ahead<'_>) -> bool),
    /// Before such a request an EINVAL is provoked.
    Provoked(fn(usize, Op, &[u8]) -> bool),
    /// Such a request is not sent to 4.17.
    Newer(fn(Op, &[u8]) -> bool),
    /// Never made by the generator, so that nothing needs to recognise it.
    NeverMade,
}

/// A request that has not been sent.
#[derive(Debug)]
pub struct Ahead<'a> {
    /// What is known.
    pub world: &'a World,
    /// The request.
    pub request: &'a Request,
    /// Its operation.
    pub op: Op,
}

impl Ahead<'_> {
    /// Who sends it.
    #[must_use]
    pub fn asker(&self) -> Asker {
        self.world.asker(self.request.client)
    }

    /// Whether a guest sends it.
    #[must_use]
    pub fn is_guests(&self) -> bool {
        who::domid(self.request.client).is_some()
    }

    /// The tree that it is about.
    #[must_use]
    pub fn tree(&self) -> &Tree {
        self.world.open_tx(self.request).map_or(&self.world.tree, |tx| &tx.view)
    }
}

/// A request with two answers.
#[derive(Debug)]
pub struct Case<'a> {
    /// What is known.
    pub world: &'a World,
    /// The request.
    pub request: &'a Request,
    /// Its operation.
    pub op: Op,
    /// What each server said.
    pub answers: Pair<&'a Answer>,
    /// The transaction that it was in.
    pub tx: Option<&'a OpenTx>,
    /// What the model says, where it has a say.
    pub model: Option<&'a Effect>,
}

/// The name of the difference that explains a case.
#[must_use]
pub fn explain(case: &Case<'_>) -> Option<&'static str> {
    let fits = |d: &&Difference| matches!(d.kind, Kind::Answer(holds) if holds(case));
    table::all().find(fits).map(|d| d.name)
}

/// The name of the difference for which a reply may be at another place among events.
#[must_use]
pub fn misplaced(op: Op) -> Option<&'static str> {
    let fits = |d: &&Difference| matches!(d.kind, Kind::Place(holds) if holds(op));
    table::all().find(fits).map(|d| d.name)
}

/// The name of the difference for which a request is not sent; `newer`: both servers know what 4.17
/// does not.
#[must_use]
pub fn avoided(world: &World, request: &Request, op: Op, newer: bool) -> Option<&'static str> {
    let ahead = Ahead { world, request, op };
    let fits = |d: &&Difference| match d.kind {
        Kind::Avoided(holds) => holds(&ahead),
        Kind::Newer(holds) => !newer && holds(op, &request.payload),
        _ => false,
    };
    table::all().find(fits).map(|d| d.name)
}

/// The name of the difference for which a transaction is not committed.
#[must_use]
pub fn uncommitted(world: &World, tx: &OpenTx) -> Option<&'static str> {
    let fits = |d: &&Difference| matches!(d.kind, Kind::Uncommitted(holds) if holds(world, tx));
    table::all().find(fits).map(|d| d.name)
}

/// The name of the difference for which an error is provoked before a request.
#[must_use]
pub fn provoked(client: usize, op: Op, payload: &[u8]) -> Option<&'static str> {
    let fits =
        |d: &&Difference| matches!(d.kind, Kind::Provoked(holds) if holds(client, op, payload));
    table::all().find(fits).map(|d| d.name)
}

/// A commit that C refuses and Myriad does not.
pub const FINER_CONFLICTS: &str = "finer-conflicts";
/// A commit that Myriad refuses and C does not.
pub const CONFLICT_AT_START: &str = "conflict-at-start";
/// The order of events of a commit, where the tree has changed since its start.
pub const FIRST_ACCESS: &str = "first-access";
/// A transaction without effect as Myriad saw it, which C let change something.
pub const COMMIT_AT_BASE: &str = "commit-at-base";
/// A commit that names an owner that has died.
pub const DEAD_OWNER: &str = "dead-owner";
/// A commit that C refuses since a quota had refused something in the transaction.
pub const REFUSAL_POISONS: &str = "refusal-poisons";
/// A commit that C refuses for the quota of nodes.
pub const QUOTA_AT_COMMIT: &str = "quota-at-commit";
/// Which of a commit's events a guest gets.
pub const EVENTS_AT_COMMIT: &str = "events-at-commit";
/// The ids of transactions.
pub const TX_IDS: &str = "transaction-ids";
/// That of the number with which DIRECTORY_PART begins.
pub const GENERATION: &str = "generation";
