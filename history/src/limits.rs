//! The bounds of history and recovery.

use std::time::Duration;

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
/// Slots for rings: one for each domain id that a guest can have.
pub const SLOTS: u32 = 32_752;
/// Bytes of a slot that are written without a system call.
pub const SLOT_INLINE_BYTES: usize = 112;
/// Bytes of a slot beyond those: a partial request and what waits to be sent.
pub const SLOT_OVERFLOW_BYTES: usize = 16 << 10;
/// Bytes of overflow that stay allocated for slots which have none any more; past that they are
/// given back at once.
pub const SLOT_OVERFLOW_KEPT: u64 = 32 << 20;
