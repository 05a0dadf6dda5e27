//! Two indices that someone alleges, checked, and the bytes that they mean.

use std::ops::Range;

use super::layout::Lane;

/// the other side's indices are further apart than the ring is long: disable the ring
///
/// The one error of the page. It is the other side's doing, or its firmware's; the server writes
/// [`ERROR_RINGIDX`](super::layout::ERROR_RINGIDX) and serves the ring no more, as C does
/// (XSA-38).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{lane:?} claim {consumed} consumed and {produced} produced: disable the ring")]
pub struct BadIndex {
    /// Whose indices.
    pub lane: Lane,
    /// As it was read.
    pub consumed: u32,
    /// As it was read.
    pub produced: u32,
}

/// A lane's indices at one moment. Invariant: `produced - consumed <= size`, modulo 2³², and
/// `size` is a power of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    consumed: u32,
    produced: u32,
    size: u32,
}

/// Bytes of a ring: up to its end, and from its beginning. Invariant: both lie within the ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// To be moved first.
    pub first: Range<usize>,
    /// To be moved then; empty where the bytes don't wrap.
    pub second: Range<usize>,
}

impl Window {
    /// Checks a pair of indices of a ring of `size` bytes.
    ///
    /// # Errors
    /// [`BadIndex`], where they are more than `size` apart.
    pub fn new(lane: Lane, consumed: u32, produced: u32, size: u32) -> Result<Window, BadIndex> {
        if produced.wrapping_sub(consumed) > size {
            return Err(BadIndex { lane, consumed, produced });
        }
        Ok(Window { consumed, produced, size })
    }

    /// The index of the next byte to be taken out.
    #[must_use]
    pub fn consumed(self) -> u32 {
        self.consumed
    }

    /// The index of the next byte to be put in.
    #[must_use]
    pub fn produced(self) -> u32 {
        self.produced
    }

    /// Bytes that can be taken out.
    #[must_use]
    pub fn used(self) -> u32 {
        self.produced.wrapping_sub(self.consumed)
    }

    /// Bytes that can be put in.
    #[must_use]
    pub fn free(self) -> u32 {
        self.size.saturating_sub(self.used())
    }

    /// Where up to `most` of the bytes lie that can be taken out.
    #[must_use]
    pub fn readable(self, most: usize) -> Span {
        Span::new(self.consumed, self.used(), most, self.size)
    }

    /// Where up to `most` bytes can be put, of which `already` have been.
    #[must_use]
    pub fn writable(self, already: u32, most: usize) -> Span {
        let free = self.free().saturating_sub(already);
        Span::new(self.produced.wrapping_add(already), free, most, self.size)
    }
}

impl Span {
    fn new(index: u32, len: u32, most: usize, size: u32) -> Span {
        let at = index & size.wrapping_sub(1);
        let len = len.min(u32::try_from(most).unwrap_or(u32::MAX));
        let first = len.min(size.saturating_sub(at));
        let end = at.saturating_add(first);
        let second = len.saturating_sub(first);
        Span { first: at as usize..end as usize, second: 0..second as usize }
    }

    /// How many bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.first.len().saturating_add(self.second.len())
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
