//! Where Myriad is meant to differ from C 4.17, each with its name and reason. Nothing else may.
//!
//! Some requests have an answer of each server's own and change nothing, so
//! the run goes on. Some commits end differently; then the transaction is run again at once on the
//! server that refused it, which must give the other's answers and events. And some requests would
//! leave the servers in different states for good, or C in none at all: they are not sent.

use myriad_ring::v1::Op;

use super::{
    pair::Pair,
    reasons,
    step::Request,
    text,
    tree::{Answer, Effect},
    world::{OpenTx, World},
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
    /// Such a request is not sent.
    Avoided(fn(&World, Op, &[u8]) -> bool),
    /// Before such a request an EINVAL is provoked.
    Provoked(fn(Op, &[u8]) -> bool),
    /// Such a request is not sent to 4.17.
    Newer(fn(Op, &[u8]) -> bool),
    /// Never made by the generator, so that nothing needs to recognise it.
    NeverMade,
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
    TABLE.iter().find(fits).map(|d| d.name)
}

/// The name of the difference for which a reply may be at another place among events.
#[must_use]
pub fn misplaced(op: Op) -> Option<&'static str> {
    let fits = |d: &&Difference| matches!(d.kind, Kind::Place(holds) if holds(op));
    TABLE.iter().find(fits).map(|d| d.name)
}

/// The name of the difference for which a request is not sent; `newer`: both servers know what 4.17
/// does not.
#[must_use]
pub fn avoided(world: &World, op: Op, payload: &[u8], newer: bool) -> Option<&'static str> {
    let fits = |d: &&Difference| match d.kind {
        Kind::Avoided(holds) => holds(world, op, payload),
        Kind::Newer(holds) => !newer && holds(op, payload),
        _ => false,
    };
    TABLE.iter().find(fits).map(|d| d.name)
}

/// The name of the difference for which an error is provoked before a request.
#[must_use]
pub fn provoked(op: Op, payload: &[u8]) -> Option<&'static str> {
    let fits = |d: &&Difference| matches!(d.kind, Kind::Provoked(holds) if holds(op, payload));
    TABLE.iter().find(fits).map(|d| d.name)
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
/// The ids of transactions.
pub const TX_IDS: &str = "transaction-ids";

/// All of them.
pub const TABLE: &[Difference] = &[
    Difference {
        name: FINER_CONFLICTS,
        reason: "C answers EAGAIN if any node that the transaction touched was written since, its \
                 parents included; Myriad only if a fact that it was answered by has changed",
        kind: Kind::Commit,
    },
    Difference {
        name: CONFLICT_AT_START,
        reason: "Myriad answers from the tree as of the start, so what changed between the start \
                 and the first look is a conflict; C looked at the newer node",
        kind: Kind::Commit,
    },
    Difference {
        name: FIRST_ACCESS,
        reason: "events of a commit come in order of first access. Where others created nodes \
                 since the start, C comes upon them in what it removes, or stops at them on its \
                 way up; Myriad never saw them, and their events come last. They are the same",
        kind: Kind::Commit,
    },
    Difference {
        name: COMMIT_AT_BASE,
        reason: "without effective writes a transaction commits at its start; C ran the same \
                 requests against newer nodes and changed them",
        kind: Kind::Commit,
    },
    Difference {
        name: DEAD_OWNER,
        reason: "a commit that names a dead owner fails; C calls that ENOMEM, Myriad a conflict, \
                 which running it again resolves. C may also have given away a node that was not \
                 there yet when the transaction began; Myriad, which refused that, has no cause to \
                 fail",
        kind: Kind::Commit,
    },
    Difference {
        name: TX_IDS,
        reason: "an id carries the incarnation of the daemon, so that none from before a restart \
                 is taken for another; clients only hand it back",
        kind: Kind::Commit,
    },
    Difference {
        name: "as-of-start",
        reason: "a transaction reads one version, that of its start; C shows each node as it was \
                 when the transaction first touched it",
        kind: Kind::Answer(reasons::as_of_start),
    },
    Difference {
        name: "generation",
        reason: "DIRECTORY_PART begins with a number that only says whether the listing changed \
                 between two parts; how many digits it has decides what fits behind it",
        kind: Kind::Answer(reasons::generation),
    },
    Difference {
        name: "late-release",
        reason: "C frees the connection of a RELEASEd domain after the reply if its loop would \
                 look at it next, and then the events of its end come late; Myriad's come before \
                 the reply, like those of any other request",
        kind: Kind::Place(|op| op == Op::Release),
    },
    Difference {
        name: "entries-of-the-dead",
        reason: "today's C drops a dead domain's permission entries, as Myriad does; 4.17 goes on \
                 listing them without heeding them",
        kind: Kind::Answer(reasons::entries_of_the_dead),
    },
    Difference {
        name: "special-permissions",
        reason: "today's C answers GET_PERMS of @releaseDomain and @introduceDomain, as Myriad \
                 does; 4.17 knows SET_PERMS only",
        kind: Kind::Answer(reasons::special_permissions),
    },
    Difference {
        name: "forgotten-error",
        reason: "to a request that wants one string and has none or more, and to SET_PERMS of an \
                 unknown @ name, 4.17 answers with whatever error was met last, and dies if that \
                 was none; with an EINVAL provoked first it says EINVAL, as is meant",
        kind: Kind::Provoked(reasons::forgets_error),
    },
    Difference {
        name: "numbers",
        reason: "today's C refuses what is not a number up to 65535, as Myriad does; 4.17 takes \
                 what atoi makes of it",
        kind: Kind::Answer(reasons::numbers),
    },
    Difference {
        name: "numbers-with-effect",
        reason: "see numbers: these would act on a domain in one server and not in the other",
        kind: Kind::Avoided(reasons::numbers_with_effect),
    },
    Difference {
        name: "dangling-target",
        reason: "C 4.17 keeps a stub domain's pointer to a target that is gone, and counts \
                 references to one that is named twice: it crashes, or forgets to release",
        kind: Kind::Avoided(|world, op, payload| !world.hosts.survives(op, payload)),
    },
    Difference {
        name: "owned-root",
        reason: "at the death of the root's owner C 4.17 deletes the root, and is without a store",
        kind: Kind::Avoided(reasons::owned_root),
    },
    Difference {
        name: "long-paths",
        reason: "4.17 holds clients of the socket to the quota path-max; today's C and Myriad do \
                 not",
        kind: Kind::Avoided(reasons::long_paths),
    },
    Difference {
        name: "watch-depth",
        reason: "a third string, the depth, is newer than 4.17",
        kind: Kind::Newer(|op, payload| op == Op::Watch && text::count(payload) > 2),
    },
    Difference {
        name: "newer-operations",
        reason: "GET_FEATURE, SET_FEATURE, GET_QUOTA and SET_QUOTA are newer than 4.17",
        kind: Kind::Newer(|op, _| op > Op::DirectoryPart),
    },
    Difference {
        name: "indices",
        reason: "/@index is Myriad's; in C it would be a node like others",
        kind: Kind::NeverMade,
    },
    Difference {
        name: "special-watches",
        reason: "@releaseDomain/5 is newer than 4.17, which also takes any bytes after an @",
        kind: Kind::NeverMade,
    },
    Difference {
        name: "control-commands",
        reason: "what a CONTROL command prints is each server's own; only refusals and plain \
                 acknowledgements are compared",
        kind: Kind::NeverMade,
    },
    Difference {
        name: "quotas",
        reason: "4.17 refuses past a quota's value, today's C and Myriad at it; they bind guests \
                 only, and a client of the socket is none",
        kind: Kind::NeverMade,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_reasons_given() {
        for (at, one) in TABLE.iter().enumerate() {
            assert!(!one.reason.is_empty());
            assert!(TABLE[at + 1..].iter().all(|other| other.name != one.name), "{}", one.name);
        }
    }

    #[test]
    fn what_would_part_the_servers_is_not_sent() {
        let mut world = World::new(1);
        let sent = |world: &World, op, payload: &[u8]| avoided(world, op, payload, false).is_none();
        assert!(sent(&world, Op::SetPerms, b"/a\0n5\0r7\0"));
        assert!(!sent(&world, Op::SetPerms, b"/a\0n0x5\0"), "accepted by C alone");
        assert!(sent(&world, Op::SetPerms, b"/a\0x5\0"), "refused by all");
        assert!(!sent(&world, Op::SetPerms, b"/\0n5\0") && sent(&world, Op::SetPerms, b"/\0n0\0"));
        assert!(sent(&world, Op::Release, b"5x\0"), "unknown in all");
        world.hosts.note(Op::Introduce, b"5\x001\x001\0");
        assert!(!sent(&world, Op::Release, b"5x\0") && sent(&world, Op::Release, b"5\0"));
        assert!(!sent(&world, Op::Introduce, b"6x\x001\x001\0"));
        assert!(!sent(&world, Op::Watch, b"/a\0t\x002\0"));
        let long = [vec![b'/'], vec![b'x'; 2100], vec![0]].concat();
        assert!(!sent(&world, Op::Read, &long));
    }
}
