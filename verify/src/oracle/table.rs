//! The table of differences.

use myriad_ring::v1::Op;

use super::{
    differences::{
        COMMIT_AT_BASE, CONFLICT_AT_START, DEAD_OWNER, Difference, EVENTS_AT_COMMIT,
        FINER_CONFLICTS, FIRST_ACCESS, Kind, QUOTA_AT_COMMIT, REFUSAL_POISONS, TX_IDS,
    },
    limits::MANY_NODES,
    reasons, text,
};

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
        name: "forgotten-refusal",
        reason: "see forgotten-error: so does 4.17 where a guest may not set the permissions of a \
                 special node, for which Myriad, as today's C, answers EACCES",
        kind: Kind::Answer(reasons::forgotten_refusal),
    },
    Difference {
        name: "special-owner",
        reason: "4.17 lets a guest give away a special node that it owns; today's C and Myriad \
                 refuse that, as they do for any node",
        kind: Kind::Avoided(|ahead| {
            let payload = &ahead.request.payload;
            ahead.op == Op::SetPerms && ahead.world.gives_special_away(ahead.asker(), payload)
        }),
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
        name: "quota-boundaries",
        reason: "4.17 lets a guest have as many nodes and permissions, and one more watch and \
                 transaction, than the value of a quota; today's C and Myriad refuse at the value. \
                 The servers are started with values that mean the same (`session.rs`)",
        kind: Kind::NeverMade,
    },
    Difference {
        name: "longest-path",
        reason: "a guest's path of 2048 bytes fits into 4.17's quota path-max, and is refused by \
                 today's C and Myriad",
        kind: Kind::Avoided(reasons::longest_path),
    },
    Difference {
        name: "watch-quota",
        reason: "to a watch too many 4.17 answers E2BIG, today's C and Myriad ENOSPC",
        kind: Kind::Answer(reasons::watch_quota),
    },
    Difference {
        name: "children-in-size",
        reason: "4.17 counts the names of the children in the size of a node that a guest writes, \
                 and in that of the parent of a new one; today's C and Myriad don't",
        kind: Kind::Avoided(|ahead| {
            ahead.tree().counts_children(ahead.asker(), ahead.op, &ahead.request.payload)
        }),
    },
    Difference {
        name: "quota-in-transaction",
        reason: "in a transaction 4.17 counts a guest's nodes as they are outside of it; Myriad as \
                 the transaction sees them. So one of them refuses what the other does",
        kind: Kind::Answer(reasons::quota_in_transaction),
    },
    Difference {
        name: "parted-by-quota",
        reason: "see quota-in-transaction: what such a transaction would commit is not the same",
        kind: Kind::Uncommitted(|_, tx| tx.parted),
    },
    Difference {
        name: "retargeted",
        reason: "a guest that gets a target within its transaction: C commits answers that are \
                 not true any more; Myriad sees who it was at the start, and finds a conflict",
        kind: Kind::Uncommitted(|world, tx| world.hosts.target(tx.asker.domid) != tx.asker.target),
    },
    Difference {
        name: QUOTA_AT_COMMIT,
        reason: "at the commit of a guest that created a node 4.17 refuses at the quota, and not \
                 past it as elsewhere, and holds everyone's quota against it whose nodes it \
                 changed; Myriad holds the guest to its own, and finds conflicts first",
        kind: Kind::Commit,
    },
    Difference {
        name: REFUSAL_POISONS,
        reason: "where a quota refuses a write in a transaction C can't undo what it has done of \
                 it, and fails the commit with ENOMEM; Myriad refuses it whole and goes on",
        kind: Kind::Commit,
    },
    Difference {
        name: "many-at-once",
        reason: "a request of a guest that by itself touches many nodes of a transaction: C has \
                 done half of it when it is one too many, and answers RM with EIO then. Where the \
                 quota lies is seen by requests that touch a node or two each",
        kind: Kind::Avoided(|ahead| {
            let tree = ahead.world.open_tx(ahead.request).map(|tx| &tx.view);
            let touched = tree.map(|t| t.touched(ahead.asker(), ahead.op, &ahead.request.payload));
            ahead.is_guests() && touched.is_some_and(|nodes| nodes > MANY_NODES)
        }),
    },
    Difference {
        name: "poisoned",
        reason: "in a transaction that has touched too many nodes Myriad refuses all that follows \
                 with ENOMEM; C goes on with those that it has touched. Neither commits",
        kind: Kind::Answer(reasons::poisoned),
    },
    Difference {
        name: EVENTS_AT_COMMIT,
        reason: "whether a guest may know of a node that it can't read is decided by the parent. C \
                 looks at it while it writes the nodes of a commit one by one, and so finds some \
                 as they were and some as they will be; Myriad looks when all is done",
        kind: Kind::Commit,
    },
    Difference {
        name: "revived-entries",
        reason: "at a commit C dates the lists that it writes anew, so that entries of a domain \
                 that died meanwhile count for the next one of that id (XSA-322 once more)",
        kind: Kind::Uncommitted(|world, tx| world.revives(tx)),
    },
    Difference {
        name: "unfinished-input",
        reason: "4.17 frees a guest's unfinished request when the guest is introduced again, and \
                 goes on reading into it; so such a guest is released first",
        kind: Kind::NeverMade,
    },
    Difference {
        name: "healed-rings",
        reason: "a ring that was given up is served again by Myriad after INTRODUCE; by 4.17 only \
                 after RELEASE, so that comes first",
        kind: Kind::NeverMade,
    },
    Difference {
        name: "asked-reconnection",
        reason: "a guest may ask Myriad for a new ring at any time; 4.17 doesn't offer that",
        kind: Kind::NeverMade,
    },
    Difference {
        name: "release-permission",
        reason: "Myriad lets everyone read @releaseDomain from the start, as today's C does; 4.17 \
                 nobody. The first request of a run sets both alike",
        kind: Kind::NeverMade,
    },
    Difference {
        name: "domid-any",
        reason: "an entry of DOMID_ANY is everyone's in today's C and Myriad; to 4.17 it is a \
                 domain that there is not",
        kind: Kind::Avoided(reasons::domid_any),
    },
    Difference {
        name: "write-rate",
        reason: "C makes a guest wait that writes much beside open transactions; the shim's clock \
                 runs ahead so that nobody has to. Myriad pauses whom it finds to break \
                 transactions",
        kind: Kind::NeverMade,
    },
    Difference {
        name: "memory-quota",
        reason: "what a byte is counted for is each server's own; guests stay below that quota",
        kind: Kind::NeverMade,
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
        for (at, one) in TABLE.iter().enumerate() {
            assert!(!one.reason.is_empty());
            assert!(TABLE[at + 1..].iter().all(|other| other.name != one.name), "{}", one.name);
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
