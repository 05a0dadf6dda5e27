//! A guest that takes all that its quotas give it.

use myriad_ring::v1::Op;

use super::{Guest, home};

/// The quotas that it is given, smaller than the defaults, so that many are filled soon.
pub const QUOTAS: [&str; 16] = [
    "-Q",
    "nodes=300",
    "-Q",
    "watches=128",
    "-Q",
    "memory=614400",
    "-Q",
    "transactions=4",
    "-Q",
    "transaction-nodes=320",
    "-Q",
    "node-permissions=5",
    "-Q",
    "node-size=2048",
    "-Q",
    "path-max=256",
];
/// Bytes that the quotas of one guest add up to: what is kept for it, and what its transactions
/// may write.
pub const SUM: u64 = 614_400 + 4 * 320 * 2048;

impl Guest {
    /// Takes as many watches, nodes, permissions and transactions as it may have, each as large as
    /// it may be. `open`: a node that others change, and that it watches.
    pub fn takes_all(&mut self, open: &str) {
        self.takes_watches(open);
        self.takes_nodes();
        self.takes_transactions();
    }

    fn takes_watches(&mut self, open: &str) {
        self.watch(open, "events");
        for number in 1..127 {
            self.watch("w", &number.to_string());
        }
        self.refused(Op::Watch, "w\0more\0", "ENOSPC");
    }

    fn takes_nodes(&mut self) {
        let (value, longest) = ("v".repeat(VALUE), "n".repeat(255));
        for number in 0..NODES {
            self.must(Op::Write, &format!("{number}\0{value}"));
        }
        self.refused(Op::Write, "more\0", "ENOSPC");
        self.refused(Op::Write, &format!("0\0{}", "v".repeat(2048)), "ENOSPC");
        self.refused(Op::Mkdir, &format!("{longest}n\0"), "EINVAL");
        self.refused(Op::Read, &format!("{longest}\0"), "ENOENT");
        let own = self.domid;
        self.must(Op::SetPerms, &format!("0\0n{own}\0r0\0r60\0r0\0"));
        self.refused(Op::SetPerms, &format!("0\0n{own}\0r0\0r60\0r0\0b0\0"), "ENOSPC");
    }

    fn takes_transactions(&mut self) {
        let value = "t".repeat(VALUE);
        for _ in 0..3 {
            let tx = self.start();
            for number in 0..NODES {
                self.must_in(tx, Op::Write, &format!("{number}\0{value}"));
            }
            // What is missing, and its parents, count as well: in the end no more fit.
            let refused = (0..100).any(|number| {
                self.ask_in(tx, Op::Read, &format!("none{number}\0")) == Err("ENOSPC".into())
            });
            assert!(refused, "its transaction may touch any number of nodes");
        }
        self.refused(Op::TransactionStart, "\0", "ENOSPC");
        let listing = self.ask(Op::Directory, &format!("{}\0", home(self.domid.0)));
        assert_eq!(listing.unwrap().split('\0').count(), NODES);
    }
}

/// Nodes beside its home: it may have 299.
const NODES: usize = 298;
/// Bytes of their values: with them and its watches it has three quarters of its memory.
const VALUE: usize = 1400;
