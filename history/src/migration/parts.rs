//! The parts of a record, one after the other.

use zerocopy::FromBytes;

use super::{Wrong, padded};

/// Takes a record apart.
pub(super) struct Parts<'a> {
    pub(super) what: &'static str,
    pub(super) body: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Parts<'a> {
    pub(super) fn fixed<T: FromBytes + Copy + zerocopy::Unaligned>(&mut self) -> Result<T, Wrong> {
        Ok(take::<T>(self.bytes(size_of::<T>())?, self.what)?.0)
    }

    pub(super) fn bytes(&mut self, len: usize) -> Result<&'a [u8], Wrong> {
        let end = self.at.saturating_add(len);
        let wrong = Wrong::Parts { what: self.what, len: self.body.len(), parts: end };
        let bytes = self.body.get(self.at..end).ok_or(wrong)?;
        self.at = end;
        Ok(bytes)
    }

    /// A text of so many bytes with its NUL.
    pub(super) fn text(&mut self, len: usize, what: &'static str) -> Result<&'a [u8], Wrong> {
        let bytes = self.bytes(len)?;
        let wrong = Wrong::Text { what, record: self.what };
        match bytes.split_last() {
            Some((0, text)) if !text.contains(&0) => Ok(text),
            _ => Err(wrong),
        }
    }

    pub(super) fn pad(&mut self) {
        self.at = padded(self.at);
    }

    /// Nothing but padding follows, whatever it says.
    pub(super) fn end(&mut self) -> Result<(), Wrong> {
        let (len, parts) = (self.body.len(), self.at);
        let fits = padded(parts) == len;
        fits.then_some(()).ok_or(Wrong::Parts { what: self.what, len, parts })
    }
}

/// The first bytes as a record's part.
pub(super) fn take<'a, T: FromBytes + Copy>(
    bytes: &'a [u8],
    what: &'static str,
) -> Result<(T, &'a [u8]), Wrong> {
    T::read_from_prefix(bytes)
        .map_err(|_| Wrong::CutOff { what, missing: size_of::<T>().saturating_sub(bytes.len()) })
}
