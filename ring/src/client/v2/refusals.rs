//! Refusals by v2 as callers of v1's requests know them.

use myriad_core::Errno;

use crate::{
    client::{Error, Request},
    v1,
};

pub(super) fn refused(op: v1::Op, path: &[u8], errno: Errno) -> Error {
    let subject = Request::new(op).text(path).subject();
    Error::Refused { op, subject, errno }
}

/// The daemon's refusal as that of the request of v1 that the caller has made.
pub(super) fn as_refused(error: Error, op: v1::Op, path: &[u8]) -> Error {
    match error {
        Error::Declined { errno, .. } => refused(op, path, errno),
        other => other,
    }
}
