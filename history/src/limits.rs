//! The bounds of history and recovery.

// The file.

/// Bytes of the smallest history file.
pub const FILE_BYTES_MIN: u64 = 1 << 20;
/// Bytes of the largest.
pub const FILE_BYTES_MAX: u64 = 1 << 40;
/// Tiers of a history file.
pub const TIERS: usize = 8;
/// Segments of a tier: half as many are usual, more come from restarts.
pub const SEGMENTS: usize = 24;
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
/// Bytes of changes that wait to be merged into a tier's next version, about: past that it gets one
/// sooner.
pub const MERGE_BYTES: usize = 1 << 20;
/// How hard commits are compressed …
pub const DELTA_LEVEL: i32 = 1;
/// … and snapshots.
pub const SNAPSHOT_LEVEL: i32 = 3;
/// Times that a file is listed again because a daemon has begun a segment meanwhile.
pub const SCANS: usize = 8;
