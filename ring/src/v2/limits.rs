//! Every bound of protocol v2. (Quotas bound guests besides.)

use crate::v2::frame::FRAME_HEAD;

/// Bytes of the body of one frame. Each frame of a message but the last has as many.
pub const FRAGMENT_MAX: usize = 4096;

/// Bytes of the body of a message of a privileged client, and of the longest answer to one.
pub const MESSAGE_MAX: usize = 1 << 20;

/// Bytes of the body of a guest's message, and of the longest answer to one.
pub const GUEST_MESSAGE_MAX: usize = 64 << 10;

/// Records that one message of a privileged client may hold: paths, items of a commit, watches;
/// and entries of a page of a listing.
pub const ITEMS_MAX: usize = 8192;

/// The same for a guest.
pub const GUEST_ITEMS_MAX: usize = 1024;

/// Records that weigh as much as a request of protocol v1, when requests are counted.
pub const ITEMS_PER_REQUEST: usize = 16;

/// Domains that the store was found to know, kept while a COMMIT is read.
pub const KNOWN_KEPT: usize = 8;

/// Bytes of a page of a listing: an entry begins before so many.
pub const PAGE_MAX: usize = 32 << 10;

/// Snapshots that a privileged client may have open. (A guest: its quota `transactions`.)
pub const SNAPSHOTS_MAX: usize = 256;

/// Bytes of the text that comes with an error.
pub const DETAIL_MAX: usize = 256;

/// Bytes of input that one connection may have waiting beside a message that is being put
/// together: a frame of the largest size and as much again.
pub const INPUT_MAX: usize = 2 * (FRAME_HEAD + FRAGMENT_MAX);

/// Bytes of an input buffer that is kept while nothing waits.
pub const INPUT_KEPT: usize = 2048;

/// Answers of so many bytes reach a guest over its memory quota, as every error and every
/// acknowledgment does.
pub const SMALL_ANSWER: usize = 64;

/// Subscriptions that one connection may have.
pub const SUBSCRIPTIONS_MAX: usize = 64;

/// Bytes that wait to be sent to a client before its subscriptions wait, too.
pub const FEED_AHEAD: usize = 128 << 10;

/// Bytes of a FEED's body after which another begins.
pub const FEED_PART: usize = 32 << 10;

/// Publications that a subscription looks at in one go.
pub const FEED_RECORDS: usize = if cfg!(test) { 8 } else { 512 };

/// Generations of which none concerns a subscription, after which it says how far it is, so that
/// its client can resume there.
pub const FEED_SAY_EVERY: u64 = if cfg!(test) { 16 } else { 1024 };

/// Bytes of an answer about the past, after which the rest is another page.
pub const PAST_PAGE: usize = 64 << 10;

const _: () = assert!(GUEST_MESSAGE_MAX.is_multiple_of(FRAGMENT_MAX));
const _: () = assert!(MESSAGE_MAX.is_multiple_of(FRAGMENT_MAX) && PAGE_MAX < GUEST_MESSAGE_MAX);
const _: () = assert!(FEED_AHEAD + FEED_PART < crate::v1::limits::PRIVILEGED_REPLIES_MAX / 2);
