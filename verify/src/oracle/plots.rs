//! Short sequences that chance alone would bring about too seldom: who conflicts with whom, deaths
//! in the middle of a transaction, long listings.

use myriad_ring::v1::Op;

use super::{
    generate::{Generator, string},
    limits::DOMAINS,
    payload,
    step::{Step, Tx},
    text,
    tree::Asker,
    world::World,
};
use crate::peer::DomainChange;

/// A plot: what a transaction does, and what another client does before it ends. `P` stands for
/// a path, `Q` for another.
struct Conflict {
    inside_before: &'static [(Op, &'static str)],
    outside: &'static [(Op, &'static str)],
    inside_after: &'static [(Op, &'static str)],
}

const CONFLICTS: &[Conflict] = &[
    // Read, then write something else.
    Conflict {
        inside_before: &[(Op::Read, "P\0")],
        outside: &[(Op::Write, "P\0news")],
        inside_after: &[(Op::Write, "Q\0mine")],
    },
    // A blind write.
    Conflict {
        inside_before: &[(Op::Write, "P\0mine")],
        outside: &[(Op::Write, "P\0news")],
        inside_after: &[],
    },
    // Reading only.
    Conflict {
        inside_before: &[(Op::Read, "P\0")],
        outside: &[(Op::Write, "P\0news")],
        inside_after: &[(Op::Read, "P\0"), (Op::Directory, "P\0")],
    },
    // Siblings.
    Conflict {
        inside_before: &[(Op::Write, "P/x\0mine")],
        outside: &[(Op::Write, "P/y\0news")],
        inside_after: &[(Op::Mkdir, "P/z\0")],
    },
    // Siblings below a parent that both create.
    Conflict {
        inside_before: &[(Op::Rm, "P\0"), (Op::Write, "P/x/1\0mine")],
        outside: &[(Op::Rm, "P\0"), (Op::Write, "P/x/2\0news")],
        inside_after: &[],
    },
    Conflict {
        inside_before: &[(Op::Write, "P/new/x/1\0mine")],
        outside: &[(Op::Write, "P/new/x/2\0news")],
        inside_after: &[(Op::Read, "P/new/x/1\0")],
    },
    // The value of a parent, and a child created meanwhile.
    Conflict {
        inside_before: &[(Op::Read, "P\0")],
        outside: &[(Op::Mkdir, "P/y\0")],
        inside_after: &[(Op::Write, "Q\0mine")],
    },
    // Its listing.
    Conflict {
        inside_before: &[(Op::Directory, "P\0")],
        outside: &[(Op::Mkdir, "P/y\0")],
        inside_after: &[(Op::Write, "Q\0mine")],
    },
    // A node that is not there yet.
    Conflict {
        inside_before: &[(Op::Read, "P/absent\0")],
        outside: &[(Op::Write, "P/absent\0news")],
        inside_after: &[(Op::Write, "Q\0mine")],
    },
    // Permissions read, value written.
    Conflict {
        inside_before: &[(Op::GetPerms, "P\0")],
        outside: &[(Op::Write, "P\0news")],
        inside_after: &[(Op::Write, "Q\0mine")],
    },
    // A subtree removed, and grown meanwhile.
    Conflict {
        inside_before: &[(Op::Write, "P/x\0mine"), (Op::Rm, "P\0")],
        outside: &[(Op::Write, "P/y/z\0news")],
        inside_after: &[(Op::Read, "P/x\0")],
    },
    // Removed on both sides, created again here.
    Conflict {
        inside_before: &[(Op::Mkdir, "P/x\0"), (Op::Rm, "P/x\0"), (Op::Write, "P/x\0mine")],
        outside: &[(Op::Rm, "Q\0")],
        inside_after: &[(Op::Directory, "P\0")],
    },
    // Write skew: each reads what the other writes.
    Conflict {
        inside_before: &[(Op::Read, "P\0"), (Op::Write, "Q\0mine")],
        outside: &[(Op::Read, "Q\0"), (Op::Write, "P\0news")],
        inside_after: &[],
    },
    // Nothing outside: the order of events at a commit.
    Conflict {
        inside_before: &[
            (Op::Read, "Q\0"),
            (Op::Write, "P/x/y\0mine"),
            (Op::Write, "Q\0mine"),
            (Op::SetPerms, "P\0b0\0"),
        ],
        outside: &[],
        inside_after: &[(Op::Rm, "P/x\0"), (Op::Write, "P/x\0again")],
    },
    // A parent's permissions change under a creation.
    Conflict {
        inside_before: &[(Op::Write, "P/x\0mine")],
        outside: &[(Op::SetPerms, "P\0r0\0b5\0")],
        inside_after: &[],
    },
];

impl Generator {
    /// Puts a plot into the queue.
    pub(super) fn plot(&mut self, world: &World) {
        match self.rng.weighted(&[(70, 0), (8, 1), (12, 2), (10, 3), (60, 4)]) {
            Some(0) => self.conflict(world),
            Some(1) => self.long_listing(world),
            Some(2) => self.dead_owner(world),
            Some(3) => self.grow(),
            _ => self.of_guests(world),
        }
    }

    fn conflict(&mut self, world: &World) {
        let (Some(first), inside) = (CONFLICTS.first(), self.client(world)) else { return };
        let Some(slot) = self.find_slot(world, inside, false) else { return };
        // A guest's own requests break its transactions as well as others'.
        let outside = if self.rng.permille(300) { inside } else { self.client(world) };
        let plot = self.rng.pick(first, CONFLICTS);
        let asker = world.asker(inside);
        let path = absolute(payload::path(&mut self.rng, &world.tree, asker), asker.domid);
        let other = absolute(payload::path(&mut self.rng, &world.tree, asker), asker.domid);
        let fill = |text: &str| -> Vec<u8> {
            let name = |c: u8| match c {
                b'P' => path.clone(),
                b'Q' => other.clone(),
                c => vec![c],
            };
            text.bytes().flat_map(name).collect()
        };
        self.push(inside, Op::TransactionStart, Tx::Slot(slot), string(""));
        for (op, text) in plot.inside_before {
            self.push(inside, *op, Tx::Slot(slot), fill(text));
        }
        for (op, text) in plot.outside {
            self.push(outside, *op, Tx::None, fill(text));
        }
        for (op, text) in plot.inside_after {
            self.push(inside, *op, Tx::Slot(slot), fill(text));
        }
        self.push(inside, Op::TransactionEnd, Tx::Slot(slot), string("T"));
    }

    /// Reads the long listing part by part.
    fn long_listing(&mut self, world: &World) {
        let client = self.client(world);
        let perms = [string(payload::BIG), string("r0")].concat();
        let socket = self.socket();
        self.push(socket, Op::SetPerms, Tx::None, perms);
        for offset in [0, 1_000, 4_000, 4_050, 8_000, 60_000] {
            let payload = [string(payload::BIG), string(offset.to_string())].concat();
            self.push(client, Op::DirectoryPart, Tx::None, payload);
        }
        self.push(client, Op::Directory, Tx::None, string(payload::BIG));
    }

    /// A transaction gives a node to a domain that dies before it ends.
    fn dead_owner(&mut self, world: &World) {
        let client = self.socket();
        let Some(slot) = self.find_slot(world, client, false) else { return };
        let hosts = &world.hosts;
        let fits = |d: u32| hosts.exists(d) && !hosts.is_target(d);
        if !(1..=DOMAINS).any(fits) {
            return;
        }
        let domid = payload::domid(&mut self.rng, fits);
        let path = payload::removable(&mut self.rng, &world.tree, Asker::CONTROL);
        if path == b"/" {
            return;
        }
        let perms = [string(&path), string(format!("n{domid}"))].concat();
        self.push(client, Op::TransactionStart, Tx::Slot(slot), string(""));
        self.push(client, Op::SetPerms, Tx::Slot(slot), perms);
        self.queue.push_back(Step::Host(DomainChange::Destroy(domid)));
        self.push(client, Op::TransactionEnd, Tx::Slot(slot), string("T"));
        self.queue.push_back(Step::Host(DomainChange::Create(domid)));
    }

    /// Makes the long listing longer.
    fn grow(&mut self) {
        let client = self.socket();
        for _ in 0..self.rng.range(2, 10) {
            let path = string(payload::big_child(&mut self.rng));
            self.push(client, Op::Mkdir, Tx::None, path);
        }
    }

    pub(super) fn push(&mut self, client: usize, op: Op, tx: Tx, payload: Vec<u8>) {
        let step = self.request(client, op, tx, payload);
        self.queue.push_back(step);
    }
}

/// A path as everyone understands it.
fn absolute(path: Vec<u8>, domid: u32) -> Vec<u8> {
    let full = text::node_path(&path, domid).map(|full| full.as_bytes().to_vec());
    full.unwrap_or(path)
}
