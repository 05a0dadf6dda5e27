//! The bounds of history and recovery.

use std::time::Duration;
// The file.

/// Bytes of the smallest history file.
pub const FILE_BYTES_MIN: u64 = 1 << 20;
/// Bytes of the largest.
pub const FILE_BYTES_MAX: u64 = 1 << 40;
/// Tiers of a history file.
pub const TIERS: usize = 8;
/// Segments of a tier: half as many are usual, more come from restarts.
pub const TIER_SEGMENTS: usize = 24;
/// Bytes of commits that are compressed together.
pub const BLOCK_BYTES: usize = 16 << 10;
/// Bytes of a snapshot's nodes that are compressed together.
pub const NODES_BYTES: usize = 32 << 10;
/// Bytes of a record before compression. A commit that takes more is a gap.
pub const RECORD_BYTES: usize = 64 << 20;
/// Bits of a block's filter for each of its keys.
pub const FILTER_BITS: usize = 16;
/// Bits that a key sets in it.
pub const FILTER_PROBES: u64 = 8;
/// Words of a filter: past that it gets coarser.
pub const FILTER_WORDS: usize = 8 << 10;
/// Bytes of changes that wait to be merged into a tier's next version, about: one of so many parts
/// of the file. Past that the tier gets a version sooner.
pub const MERGE_PART: u64 = 6;
/// The least of these bytes …
pub const MERGE_BYTES_MIN: u64 = 256 << 10;
/// … and the most.
pub const MERGE_BYTES_MAX: u64 = 32 << 20;
/// How hard commits are compressed …
pub const DELTA_LEVEL: i32 = 1;
/// … and snapshots.
pub const SNAPSHOT_LEVEL: i32 = 3;
/// Paths that are told of one guest with changes that were left out; past that the closest become
/// one.
pub const LEFT_OUT_PATHS: usize = 16;
/// Bytes of these paths that are told of one guest in a segment at least, before all become one.
pub const LEFT_OUT_BYTES: u64 = 1 << 10;
/// Times that a file is listed again because a daemon has begun a segment meanwhile.
pub const SCANS: usize = 8;

// Recovery.

/// Bytes of a segment of the journal, unless configured: some 5,000 small commits.
pub const SEGMENT_BYTES: u64 = 1 << 20;
/// The least and the most that a segment may have.
pub const SEGMENT_BYTES_MIN: u64 = 4096;
/// See [`SEGMENT_BYTES_MIN`].
pub const SEGMENT_BYTES_MAX: u64 = 64 << 20;
/// Segments of the journal, unless configured.
pub const SEGMENTS: u64 = 64;
/// The least and the most segments that a journal may have.
pub const SEGMENTS_MIN: u64 = 2;
/// See [`SEGMENTS_MIN`].
pub const SEGMENTS_MAX: u64 = 4096;
/// A checkpoint is due once less than one of so many segments is free.
pub const CHECKPOINT_BELOW: u64 = 2;
/// Yields of a commit that finds the journal full, since a checkpoint may be about to end …
pub const FULL_YIELDS: u32 = 1 << 8;
/// … after which it sleeps for so long at a time …
pub const FULL_PAUSE: Duration = Duration::from_micros(100);
/// … and for so long in all. Then the journal is suspended: commits go on, and a crash loses the
/// store, until a checkpoint is complete.
pub const FULL_PATIENCE: Duration = Duration::from_secs(1);
/// Yields while a checkpoint that is to resume the journal waits for commits without a record.
pub const REJOIN_YIELDS: u32 = 1 << 10;
/// Bytes that the writer of a checkpoint gathers before it writes them.
pub const CHECKPOINT_BUFFER: usize = 256 << 10;
/// Slots: one for each domain id that a guest can have …
pub const RING_SLOTS: u32 = 32_752;
/// … and for sockets whose descriptors outlive the daemon.
pub const SOCKET_SLOTS: u32 = 4_096;
/// All of them.
pub const SLOTS: u32 = RING_SLOTS + SOCKET_SLOTS;
/// Bytes of a slot that are written without a system call.
pub const SLOT_INLINE_BYTES: usize = 112;
/// Bytes of a slot beyond those: a partial request and what waits to be sent.
pub const SLOT_OVERFLOW_BYTES: usize = 16 << 10;
/// Bytes of overflow that stay allocated for slots which have none any more; past that they are
/// given back at once.
pub const SLOT_OVERFLOW_KEPT: u64 = 32 << 20;
