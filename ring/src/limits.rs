//! Every bound of the shared page. (Those of the protocol are [`crate::v1::limits`].)

/// How often indices are looked at, at most, until two looks agree, where the other side is
/// rewriting ours or they look impossible. It takes a firmware nanoseconds to zero a page; a guest
/// that goes on for ever costs so many looks, and then its ring.
pub const SETTLING_LOOKS: u32 = 64;

/// Bytes that one `receive` moves at most: a whole ring.
pub const SCRATCH: usize = 1024;
