//! The differences that show only with guests, or that are about what binds only them.

use myriad_ring::v1::Op;

use super::{
    differences::{Difference, EVENTS_AT_COMMIT, Kind, QUOTA_AT_COMMIT, REFUSAL_POISONS},
    limits::MANY_NODES,
    reasons,
};

pub(super) const OF_GUESTS: &[Difference] = &[
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
                 changed; Myriad holds the guest to its own, finds conflicts first, and where none \
                 are may meet the quota while it makes the changes again, one by one",
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
];
