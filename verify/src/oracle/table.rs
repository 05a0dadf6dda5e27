//! The table of differences, but for those of guests.

use myriad_ring::v1::Op;

use super::{
    differences::{
        COMMIT_AT_BASE, CONFLICT_AT_START, DEAD_OWNER, Difference, FINER_CONFLICTS, FIRST_ACCESS,
        GENERATION, Kind, TX_IDS,
    },
    reasons,
    table_guests::OF_GUESTS,
    text,
};

/// All of them.
pub fn all() -> impl Iterator<Item = &'static Difference> {
    TABLE.iter().chain(OF_GUESTS)
}

const TABLE: &[Difference] = &[
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
        name: GENERATION,
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
        kind: Kind::Avoided(reasons::dangling_target),
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
        name: "domid-any",
        reason: "an entry of DOMID_ANY is everyone's in today's C and Myriad; to 4.17 it is a \
                 domain that there is not",
        kind: Kind::Avoided(reasons::domid_any),
    },
    Difference {
        name: "memory-account",
        reason: "CONTROL quota shows how many bytes are kept for a domain, which is each server's \
                 own; its nodes, watches, transactions and requests are compared",
        kind: Kind::Answer(reasons::memory_account),
    },
];

#[cfg(test)]
mod tests {
    use myriad_core::Errno;

    use super::{
        super::{
            differences::avoided,
            limits::GUEST_NODE_SIZE,
            step::{Request, Tx},
            who,
            world::World,
        },
        *,
    };

    #[test]
    fn names_are_unique_and_reasons_given() {
        for (at, one) in all().enumerate() {
            assert!(!one.reason.is_empty());
            assert!(all().skip(at + 1).all(|other| other.name != one.name), "{}", one.name);
        }
    }

    #[test]
    fn what_would_part_the_servers_is_not_sent() {
        let mut world = World::new(1);
        let from = |client, world: &World, op: Op, payload: &[u8]| {
            let (op_number, payload) = (op as u32, payload.to_vec());
            let (tx, req_id, pieces) = (Tx::None, 1, 1);
            let request = Request { client, op: op_number, tx, req_id, pieces, payload };
            avoided(world, &request, op, false).is_none()
        };
        let sent = |world: &World, op, payload: &[u8]| from(0, world, op, payload);
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
        let guest = who::guest(5);
        assert!(from(guest, &world, Op::Read, &long), "refused by all");
        assert!(!from(guest, &world, Op::Read, &[&long[..2048], b"\0"].concat()));
        world.apply(0, Op::SetPerms, b"/tool\0n0\0b5\0").unwrap();
        let big = [b"/tool\0".to_vec(), vec![b'x'; GUEST_NODE_SIZE - 48]].concat();
        assert!(from(guest, &world, Op::Write, &big[..big.len() - 20]));
        assert!(!from(guest, &world, Op::Write, &big), "too big with the name of its child");
        let full = world.apply(guest, Op::Write, &[big.as_slice(), &[0; 8]].concat()).unwrap();
        assert_eq!(full.answer, Err(Errno::ENOSPC));
    }
}
