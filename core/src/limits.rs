//! Every bound of this crate, by name. Those of waits are small under loom, so that they are met.

/// Live bytes above which a block becomes a directory with a block per child. Larger blocks make
/// reads cheaper and writes dearer; 4 KiB holds the 41 nodes of a typical VM.
pub const BLOCK_BYTES: usize = 4096;
/// Dead bytes of a block below which it is not worth rebuilding.
pub const BLOCK_DEAD_BYTES: usize = 256;
/// A block that is being filled gets this fraction of its size as room …
pub const BLOCK_SLACK_DIVISOR: usize = 4;
/// … and so many bytes more.
pub const BLOCK_SLACK_BYTES: usize = 256;
/// Bytes of a path: a message's payload is 4096 and ends in NUL.
pub const PATH_BYTES: usize = 4095;
/// Bytes of a value in a message: the payload less the shortest path and its NUL.
pub const VALUE_BYTES: usize = 4094;

/// Bytes of a watch's path, and of its token: as many as a message has.
pub const WATCH_TEXT: usize = 4096;
/// Bytes that a node counts beside what it holds: C 4.17's record header (`core.c`,
/// `xs_tdb_record_hdr`; today's takes 16).
pub const NODE_HEAD_BYTES: usize = 24;
/// Bytes that an entry of a permission list counts (C's `struct xs_permissions`).
pub const PERM_BYTES: usize = 8;
/// Bytes that a watch counts beside path and token: what it takes here. (C counts none.)
pub const WATCH_HEAD_BYTES: usize = 64;
/// Watches of one connection that are kept as a list; more are a trie.
pub const LISTED_WATCHES: usize = 512;
/// Bytes of a shelf of watches, but for one that is larger by itself: the more, the less each of
/// them costs beside its own bytes, and the more is copied when one comes or goes.
pub const SHELF_BYTES: usize = if cfg!(test) { 160 } else { 1000 };
/// Entries of a permission list: the shortest entry and its NUL take three bytes of a payload.
pub const ACL_ENTRIES: usize = 1400;
/// Facts and effects that one transaction of the control domain may gather.
pub const TRANSACTION_ENTRIES: usize = 1 << 20;
/// Effects of a transaction of a guest (its nodes are bounded by the quota `transaction-nodes`).
pub const GUEST_TRANSACTION_EFFECTS: usize = 1 << 14;
/// Bytes of the effects of a transaction of a guest: as much as its quota `memory` by default.
pub const GUEST_TRANSACTION_BYTES: usize = 2 << 20;
/// Bytes of the effects of a transaction of the control domain.
pub const TRANSACTION_BYTES: usize = 1 << 30;
/// Bytes that versions newer than a transaction's base may have retired before it has to move on
/// or be doomed: what one open transaction can pin.
pub const PINNED_BYTES: u64 = 8 << 20;
/// Lost publications after which a transaction's commit is announced, and helped by others.
pub const ANNOUNCE_AFTER: u32 = if cfg!(loom) { 1 } else { 3 };
/// Records of the commit feed that are kept for consumers: one that is further behind is overrun.
pub const FEED_SLOTS: usize = 1 << 12;
/// Bytes of the records that the feed keeps, about: past that the oldest go first.
pub const FEED_BYTES: u64 = 4 << 20;
/// Consumers of the feed that say how far they are; while there are more, records stay until they
/// are too many.
pub const FEED_READERS: usize = 320;
/// Records after which a consumer says how far it is, and commits after which what all have read
/// is let go of.
pub const SAY_EVERY: u64 = 64;
/// Times that a committer yields to one whose turn it is; then it goes on.
pub const TURN_YIELDS: u32 = if cfg!(loom) { 1 } else { 1 << 13 };
/// How often that number doubles, once for each try that the turn has lost: up to about half a
/// minute, which no edit takes.
pub const TURN_DOUBLINGS: u32 = if cfg!(loom) { 1 } else { 13 };
/// Changes from which on an edit takes a turn after its first loss: it takes too long to lose more.
pub const LARGE_EDIT: usize = 64;
/// Records that are searched for the guests which broke a transaction.
pub const BLAME_RECORDS: u64 = 512;
/// Bytes that a publication may retire and still be freed by whoever made it.
pub const INLINE_DROP_BYTES: u64 = 64 << 10;
/// Versions that wait for the reclaimer; past that their holder frees them itself.
pub const RECLAIM_QUEUE: usize = 1024;
/// Bytes of an escaped index key above which its hash stands for it.
pub const INDEX_KEY_BYTES: usize = 200;
/// Indices of one store.
pub const INDICES: usize = 64;
