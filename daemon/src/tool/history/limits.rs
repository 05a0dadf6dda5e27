//! Every bound of what the tool does with the past.

/// Bytes of a node's name that become a file's name in one piece; Linux allows 255.
pub(super) const NAME_BYTES: usize = 250;
