//! Every bound of the client, in one place.

use std::time::Duration;

/// Events kept while nobody asks for them. Past it the newest are dropped and counted
/// ([`Error::EventsLost`](crate::client::Error::EventsLost)). An event has at most
/// [`PAYLOAD_MAX`](crate::v1::PAYLOAD_MAX) bytes, so the queue has at most 16 MiB.
pub const MAX_QUEUED_EVENTS: usize = 4096;

/// Attempts that [`Client::transact`](crate::client::Client::transact) makes before it gives up.
pub const MAX_TRANSACTION_ATTEMPTS: u32 = 10_000;

/// Times that a listing in parts begins anew since the node's children changed meanwhile.
pub const MAX_LISTING_RESTARTS: u32 = 1000;

/// Bytes of all names of one listing: over a million children of 60 bytes.
pub const MAX_LISTING_BYTES: usize = 64 << 20;

/// Bytes of a generation in a DIRECTORY_PART reply: the digits of a 64-bit number.
pub(crate) const MAX_GENERATION_BYTES: usize = 20;

/// For how long at most a client looks at its rings before it sleeps …
pub const LOOK_MOST: Duration = Duration::from_micros(200);
/// … and at least.
pub const LOOK_LEAST: Duration = Duration::from_micros(2);
/// Looks at its rings between two at the clock.
pub const LOOKS_PER_CLOCK: u32 = 16;
/// Bells that are taken from the socket at once. Others wake the client once more.
pub const BELLS_AT_ONCE: usize = 64;

/// Attempts that a [`Follower`](crate::client::Follower) makes in a row to connect again …
pub const FOLLOWER_ATTEMPTS: u32 = 64;

/// … and how long it waits after the first in vain; twice as long after each further one …
pub const FOLLOWER_PAUSE: Duration = Duration::from_millis(10);

/// … up to this.
pub const FOLLOWER_PAUSE_MAX: Duration = Duration::from_secs(5);
