//! The bounds of a run.

use std::time::Duration;

/// Histories of a run, unless another number is asked for.
pub const HISTORIES: u64 = 10_000;
/// Clients on the socket, unless another number is asked for.
pub const SOCKETS: u16 = 2;
/// Guests on rings, unless another number is asked for.
pub const GUESTS: u16 = 2;
/// The most clients of both kinds.
pub const CLIENTS_MAX: u16 = 8;
/// The daemon's workers, unless another number is asked for.
pub const WORKERS: u16 = 2;
/// Requests of each client in a history, at least: with four clients more than 50 in all.
pub const REQUESTS_EACH: usize = 15;
/// Requests that are put before the first answer is read, at most.
pub const BATCH: usize = 6;
/// Requests of a transaction between START and END, at most.
pub const TRANSACTION: usize = 5;
/// Items of a commit besides its conditions, and nodes that are read as of one moment, at most.
pub const ITEMS: usize = 4;
/// Watches that a client may have at a time.
pub const WATCHES: usize = 3;
/// In so many of 1000 histories a client of the socket has more than one transaction. Where the
/// first fails by a guest's doing the second holds that guest back for 40 ms and more (XSA-206).
pub const MORE_TRANSACTIONS: usize = 20;
/// Of 100 operations at least so many overlap with another client's that conflicts with it, over
/// a run of [`CONFLICTS_FROM`] histories and more.
pub const CONFLICTS: f64 = 20.0;
/// See [`CONFLICTS`].
pub const CONFLICTS_FROM: u64 = 100;
/// Configurations that the check of one history visits at most. A history that needs more fails.
pub const VISITS: usize = 1 << 20;
/// Histories that wait to be checked.
pub const UNCHECKED: usize = 64;
/// Items of each client that a report shows around the place where a history goes wrong.
pub const SHOWN: usize = 8;
/// Bytes of a reply that a report shows.
pub const SHOWN_BYTES: usize = 80;
/// After this long without an answer the daemon counts as hung.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// How long a doorbell is waited for before the page is looked at again.
pub const MOMENT: Duration = Duration::from_millis(5);

/// In one of so many batches a client that has sent waits for those who have not …
pub(super) const TOGETHER_EVERY: u64 = 3;
/// … by yielding so often at most.
pub(super) const TOGETHER_YIELDS: u32 = 32;
