//! The bounds of history and recovery.

// The file.

/// Bytes of the smallest history file.
pub const FILE_BYTES_MIN: u64 = 1 << 20;
/// Bytes of the largest.
pub const FILE_BYTES_MAX: u64 = 1 << 40;
/// Tiers of a history file.
pub const TIERS: usize = 8;
