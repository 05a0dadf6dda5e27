//! How large rings are.

use crate::limits::{SHARED_RING_LEAST, SHARED_RING_MOST, SHARED_RING_USUAL};

/// Bytes of the two rings. Invariant: each is a power of two from [`SHARED_RING_LEAST`] to
/// [`SHARED_RING_MOST`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    requests: u32,
    answers: u32,
}

impl Sizes {
    /// What is granted to a client that wants so many bytes for requests, and for answers and
    /// events: the next power of two, within the bounds; for 0 what is usual.
    ///
    /// ```
    /// # use myriad_ring::shm::Sizes;
    /// let granted = Sizes::granted(5000, u32::MAX);
    /// assert_eq!((granted.requests(), granted.answers()), (8192, 1 << 20));
    /// assert_eq!(Sizes::granted(0, 1).answers(), 4096);
    /// ```
    #[must_use]
    pub fn granted(requests: u32, answers: u32) -> Sizes {
        Sizes { requests: within_bounds(requests), answers: within_bounds(answers) }
    }

    /// Sizes that someone alleges; none where they are not what [`Sizes`] promises.
    #[must_use]
    pub fn alleged(requests: u32, answers: u32) -> Option<Sizes> {
        let sizes = Sizes::granted(requests, answers);
        (sizes == Sizes { requests, answers }).then_some(sizes)
    }

    /// Bytes of the ring of requests.
    #[must_use]
    pub fn requests(self) -> u32 {
        self.requests
    }

    /// Bytes of the ring of answers and events.
    #[must_use]
    pub fn answers(self) -> u32 {
        self.answers
    }
}

fn within_bounds(wanted: u32) -> u32 {
    match wanted {
        0 => SHARED_RING_USUAL,
        _ => wanted.min(SHARED_RING_MOST).next_power_of_two().max(SHARED_RING_LEAST),
    }
}

const _: () = {
    assert!(SHARED_RING_LEAST.is_power_of_two() && SHARED_RING_MOST.is_power_of_two());
    assert!(SHARED_RING_USUAL.is_power_of_two());
    assert!(SHARED_RING_LEAST <= SHARED_RING_USUAL && SHARED_RING_USUAL <= SHARED_RING_MOST);
};
