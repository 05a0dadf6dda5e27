//! Every bound of the client, in one place.

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
