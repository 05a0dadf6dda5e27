//! The bounds of a run.

use std::time::Duration;

/// Clients of a run, unless another number is asked for.
pub const CLIENTS: usize = 8;
/// Transactions that a client may have open at a time.
pub const SLOTS: usize = 3;
/// Watches that a client may hold; more cost a barrier each and show nothing new.
pub const WATCHES: usize = 6;
/// Domains that can come and go: 1 to this. dom0 always exists, and none above it ever does.
pub const DOMAINS: u32 = 20;
/// The number from which on a client is a guest: see `who.rs`.
pub const GUESTS: usize = 1000;
/// How many guests there are at least, while there are domains for them.
pub const GUESTS_WANTED: usize = 9;
/// Nodes that a guest may own.
pub const GUEST_NODES: usize = 30;
/// Watches that a guest may hold.
pub const GUEST_WATCHES: usize = 4;
/// Transactions that a guest may have open: fewer than there are slots.
pub const GUEST_TRANSACTIONS: usize = 2;
/// Entries of a permission list that a guest may set.
pub const GUEST_PERMS: usize = 5;
/// A node that a guest writes is smaller.
pub const GUEST_NODE_SIZE: usize = 512;
/// Nodes that a guest's transaction may touch.
pub const GUEST_TRANSACTION_NODES: usize = 60;
/// Requests of a guest that may be outstanding: the default of both servers.
pub const GUEST_OUTSTANDING: usize = 20;
/// Requests of a flood: their replies fill the ring and the quota, and what is left fits into the
/// ring of requests.
pub const FLOOD: usize = 90;
/// A guest's request touches at most so many nodes of a transaction.
pub const MANY_NODES: usize = 12;
/// Bytes of a node's head, and of an entry of its permissions, as its quota counts them.
pub const NODE_HEAD: usize = 24;
/// See [`NODE_HEAD`].
pub const NODE_PERM: usize = 8;
/// After this long without an answer a server counts as hung. Nothing else depends on time.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// Requests that a report shows before the one that differed.
pub const REPORTED: usize = 30;
/// Longest path that C 4.17 takes, after `/local/domain/N/` where there is that
/// (`XENSTORE_REL_PATH_MAX`).
pub const PATH_MAX: usize = 2048;
/// A run that long must hit each cell of the table of coverage.
pub const FULL_RUN: usize = 200_000;
/// How often it must be hit then.
pub const HITS: u64 = 100;
/// Steps that the search for a shorter case may carry out in all.
pub const SHRINK_STEPS: usize = 1_000_000;
/// How many of the last steps are tried by themselves first.
pub const SUFFIXES: [usize; 5] = [100, 400, 1_600, 6_400, 25_600];
/// Bytes that a connection takes from its socket at a time.
pub const READ_BYTES: usize = 16 * 1024;
