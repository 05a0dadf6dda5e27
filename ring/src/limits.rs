//! Every bound of shared memory: of a guest's page, and of rings in memory files. (Those of the
//! protocol are [`crate::v1::limits`].)

/// How often indices are looked at, at most, until two looks agree, where the other side is
/// rewriting ours or they look impossible. It takes a firmware nanoseconds to zero a page; a guest
/// that goes on for ever costs so many looks, and then its ring.
pub const SETTLING_LOOKS: u32 = 64;

/// Bytes that one `receive` moves at most: a whole ring.
pub const SCRATCH: usize = 1024;

/// Bytes of a ring in a memory file, at least …
pub const SHARED_RING_LEAST: u32 = 4096;
/// … at most, each of the two …
pub const SHARED_RING_MOST: u32 = 1 << 20;
/// … and where the client has no wish.
pub const SHARED_RING_USUAL: u32 = 64 << 10;
