//! Every bound of protocol v1 that this crate sets itself.

use crate::v1::header::{HEADER_LEN, PAYLOAD_MAX};

/// Bytes of input that one connection may have waiting: one message of the largest size and as
/// much again, so that a read of the next one needn't wait for the first.
pub const INPUT_MAX: usize = 2 * (HEADER_LEN + PAYLOAD_MAX);

/// Bytes of input buffer that an idle connection keeps.
pub const INPUT_KEPT: usize = 1024;
