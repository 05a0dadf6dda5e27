//! Where a program of the tool writes, and how wide that is.

use std::io::Write;

/// Standard output and standard error, or what stands for them in a test.
pub(crate) struct Console<'a> {
    /// The name that the program was called by.
    pub(crate) program: &'a [u8],
    /// Buffered; flushed at the end, and by whoever has a reader waiting.
    pub(crate) out: &'a mut dyn Write,
    /// Not buffered.
    pub(crate) err: &'a mut dyn Write,
    /// Columns of the terminal that the output is, if it is one.
    pub(crate) columns: Option<u16>,
}
