//! Every bound of protocol v1 that this crate sets itself. (Quotas bound guests besides.)

use std::time::Duration;

use crate::v1::header::{HEADER_LEN, PAYLOAD_MAX};

/// Bytes of input that one connection may have waiting: one message of the largest size and as
/// much again, so that a read of the next one needn't wait for the first.
pub const INPUT_MAX: usize = 2 * (HEADER_LEN + PAYLOAD_MAX);

/// Requests of one client that share a publication, at most: what one commit that is lost to
/// another's must do again.
pub const BATCH_MAX: usize = 16;

/// Buffers of each kind that a thread keeps for the connections that are busy next.
pub const SPARES_KEPT: usize = 64;

/// Bytes of an input buffer that is kept. (As many as a ring holds, with a part of a message.)
pub const INPUT_KEPT: usize = 2048;

/// Bytes of a buffer that is kept for the next reply, or for the next path.
pub const BUFFER_KEPT: usize = 256;

/// Messages that a kept output queue has room for.
pub const QUEUE_KEPT: usize = 64;

/// Bytes of names that a listing which is kept has at least: shorter ones are made anew as fast.
#[cfg(not(test))]
pub const LISTING_KEPT_LEAST: usize = 512;
/// Small under test, so that most are kept.
#[cfg(test)]
pub const LISTING_KEPT_LEAST: usize = 8;

/// Listings that a worker keeps …
pub const LISTINGS_KEPT: usize = 16;

/// … and bytes of their names, all together.
pub const LISTINGS_KEPT_BYTES: usize = 2 << 20;

/// Bytes that may wait to be sent to a privileged client before its requests are left unread.
pub const PRIVILEGED_REPLIES_MAX: usize = 1 << 20;

/// Bytes that may wait to be sent to a privileged client before events for it are dropped. Each
/// of its watches fires once when half of them have been sent, so that nothing stays unseen.
pub const PRIVILEGED_EVENTS_MAX: usize = 16 << 20;

/// Transactions that a privileged client may have open.
pub const PRIVILEGED_TRANSACTIONS_MAX: usize = 1 << 16;

/// How long an event for a guest may wait before it is dropped (C's default for
/// `-w watch-event=`).
pub const EVENT_TIMEOUT: Duration = Duration::from_secs(20);

/// How often at most the crossing of a memory quota is reported (C's `MEM_WARN_MINTIME_SEC`).
pub const MEMORY_REPORT_EVERY: Duration = Duration::from_secs(10);

/// Replies up to this payload reach a guest over its memory quota: every error does (C's
/// `DEFAULT_BUFFER_SIZE`).
pub const SMALL_REPLY: usize = 16;
/// Open transactions whose ids are kept of a ring's connection: more than a guest may have open.
/// (dom0's kernel asks for each of its programs; those past this are unknown after a crash.)
pub const REMAINS_TRANSACTIONS: usize = 256;
