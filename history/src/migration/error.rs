//! What can be wrong with a stream.

use thiserror::Error;

/// A stream that can't be read, and where.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the stream is wrong at byte {offset}: {wrong}")]
pub struct StreamError {
    /// The byte at which the record begins, or would.
    pub offset: usize,
    /// What is wrong there.
    pub wrong: Wrong,
}

/// What is wrong with a stream or a record.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Wrong {
    /// it doesn't begin as one
    #[error("it is no migration stream of xenstored: it doesn't begin with 'xenstore'")]
    NoStream,
    /// a version that isn't known
    #[error("it has version {0}; known are 1 and 2: a newer Myriad may read it")]
    Version(u32),
    /// flags that aren't known
    #[error("it has the flags {0:#x}, of which only 1 (big-endian) is known")]
    Flags(u32),
    /// it ends too early
    #[error("it is cut off: {missing} bytes of {what} are missing")]
    CutOff {
        /// Of what.
        what: &'static str,
        /// How many.
        missing: usize,
    },
    /// a type that isn't known
    #[error("a record of type {0}; known are 0 to 8")]
    Type(u32),
    /// a record of version 2
    #[error("a record of type {0} in a stream of version 1")]
    NotInVersion(u32),
    /// a length that no record has
    #[error("a record of {0} bytes; lengths are multiples of 8")]
    Unaligned(usize),
    /// the parts don't fit
    #[error("a {what} record of {len} bytes has parts of {parts}")]
    Parts {
        /// Which record.
        what: &'static str,
        /// The bytes that it has.
        len: usize,
        /// The bytes that its parts would take.
        parts: usize,
    },
    /// a text without its end
    #[error("the {what} of a {record} record doesn't end with its only NUL")]
    Text {
        /// Which text.
        what: &'static str,
        /// Of which record.
        record: &'static str,
    },
    /// a number that means nothing
    #[error("the {what} {number} of a {record} record")]
    Number {
        /// Which number.
        what: &'static str,
        /// What it is.
        number: u64,
        /// Of which record.
        record: &'static str,
    },
    /// a record that refers to another which isn't there
    #[error("a {record} record names {what} {name}, which no record before it has")]
    Unknown {
        /// The record that refers.
        record: &'static str,
        /// To what.
        what: &'static str,
        /// To which.
        name: String,
    },
    /// a second record where there is one
    #[error("a second {record} record{of}")]
    Twice {
        /// Which record.
        record: &'static str,
        /// Of what.
        of: String,
    },
    /// no END
    #[error("there is no END record")]
    NoEnd,
}
