//! Pairs of indices, and the bytes of a ring that they mean.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use myriad_ring::page::{BadIndex, Lane, Span, Window, layout::RING_SIZE};
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
