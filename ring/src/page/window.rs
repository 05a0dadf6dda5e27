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

#[cfg(test)]
mod tests {
    use super::super::layout::RING_SIZE;
    use super::*;
    use proptest::prelude::*;

    fn window(consumed: u32, produced: u32) -> Result<Window, BadIndex> {
        Window::new(Lane::Requests, consumed, produced, RING_SIZE)
    }

    #[test]
    fn a_full_ring_is_good_and_one_byte_more_is_not() {
        for start in [0, 1, 1023, 77_777, u32::MAX - 1023, u32::MAX] {
            let full = window(start, start.wrapping_add(1024)).unwrap();
            assert_eq!((full.used(), full.free()), (1024, 0));
            let produced = start.wrapping_add(1025);
            let bad = BadIndex { lane: Lane::Requests, consumed: start, produced };
            assert_eq!(window(start, produced), Err(bad));
            assert!(window(start, start.wrapping_sub(1)).is_err());
        }
    }

    #[test]
    fn spans_wrap_at_the_end_of_the_ring() {
        let across = window(u32::MAX - 3, 6).unwrap();
        let span = across.readable(usize::MAX);
        assert_eq!(span, Span { first: 1020..1024, second: 0..6 });
        assert_eq!(across.readable(3), Span { first: 1020..1023, second: 0..0 });
        assert_eq!(across.writable(0, 9), Span { first: 6..15, second: 0..0 });
        assert_eq!(across.writable(10, usize::MAX).len(), 1004);
    }

    proptest! {
        /// Whatever is alleged: an error, or spans within the ring that say where each byte of
        /// the stream lies.
        #[test]
        fn spans_stay_within_the_ring(consumed: u32, apart in 0u32..3000, most in 0usize..2000) {
            let produced = consumed.wrapping_add(apart);
            let Ok(window) = window(consumed, produced) else {
                prop_assert!(apart > RING_SIZE);
                return Ok(());
            };
            prop_assert_eq!(window.used() + window.free(), RING_SIZE);
            let readable = window.readable(most);
            prop_assert_eq!(readable.len(), most.min(apart as usize));
            let places = readable.first.chain(readable.second);
            for (n, place) in (0u32..).zip(places) {
                prop_assert_eq!(place, (consumed.wrapping_add(n) % RING_SIZE) as usize);
            }
            let already = window.free() / 2;
            let writable = window.writable(already, most);
            let left = (window.free() - already) as usize;
            prop_assert_eq!(writable.len(), most.min(left));
            let places = writable.first.chain(writable.second);
            for (n, place) in (already..).zip(places) {
                prop_assert_eq!(place, (produced.wrapping_add(n) % RING_SIZE) as usize);
            }
        }
    }
}
