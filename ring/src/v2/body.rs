//! Bodies: records and bytes, read and written.
//!
//! A body is read front to back. What it claims is checked before it is believed: lengths against
//! what is there, reserved fields and padding against zero, and nothing may be left over.

use crate::v2::record::{Record, padding};

/// Reads a body.
#[derive(Clone, Copy, Debug)]
pub struct Body<'a> {
    rest: &'a [u8],
    at: usize,
}

/// Why a body can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadBody {
    /// it ends within a record, or before what the record announces
    #[error("the body ends before what it announces")]
    Short,
    /// a reserved field or a byte of padding is not zero
    #[error("a reserved field, or padding, is not zero")]
    NotClean,
    /// something follows its last record
    #[error("something follows the last record")]
    Trailing,
    /// more records than was agreed upon
    #[error("more records than the server has named as its limit")]
    TooMany,
    /// a field has a value that means nothing
    #[error("{0}")]
    Meaningless(&'static str),
}

impl<'a> Body<'a> {
    /// Reads from here on.
    #[must_use]
    pub fn new(body: &'a [u8]) -> Body<'a> {
        Body { rest: body, at: 0 }
    }

    /// A record.
    ///
    /// # Errors
    /// [`BadBody::Short`], [`BadBody::NotClean`].
    pub fn record<T: Record>(&mut self) -> Result<T, BadBody> {
        let bytes = self.bytes(size_of::<T>())?;
        let record = T::read_from_bytes(bytes).map_err(|_| BadBody::Short)?;
        if record.is_clean() { Ok(record) } else { Err(BadBody::NotClean) }
    }

    /// Bytes.
    ///
    /// # Errors
    /// [`BadBody::Short`].
    pub fn bytes(&mut self, len: usize) -> Result<&'a [u8], BadBody> {
        let (bytes, rest) = self.rest.split_at_checked(len).ok_or(BadBody::Short)?;
        self.rest = rest;
        self.at = self.at.wrapping_add(len);
        Ok(bytes)
    }

    /// The padding behind what was read so far.
    ///
    /// # Errors
    /// [`BadBody::Short`], [`BadBody::NotClean`].
    pub fn pad(&mut self) -> Result<(), BadBody> {
        let zeros = self.bytes(padding(self.at))?;
        if zeros.iter().all(|byte| *byte == 0) { Ok(()) } else { Err(BadBody::NotClean) }
    }

    /// Checks that nothing is left.
    ///
    /// # Errors
    /// [`BadBody::Trailing`].
    pub fn end(self) -> Result<(), BadBody> {
        if self.rest.is_empty() { Ok(()) } else { Err(BadBody::Trailing) }
    }

    /// All that is left.
    #[must_use]
    pub fn rest(self) -> &'a [u8] {
        self.rest
    }
}

/// Appends a record.
pub fn put<T: Record>(out: &mut Vec<u8>, record: &T) {
    out.extend_from_slice(record.as_bytes());
}

/// Appends padding. What `out` begins with has a multiple of 8 bytes, as a frame's header has.
pub fn pad(out: &mut Vec<u8>) {
    out.resize(out.len().saturating_add(padding(out.len())), 0);
}

/// A count that limits keep far below 2^32.
pub(crate) fn count(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
