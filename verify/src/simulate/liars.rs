//! Guests that have begun to write into their pages whatever comes to mind.

use myriad_core::DomId;
use myriad_ring::page::{Lane, Memfd, Word, guest};

use crate::oracle::rng::Rng;

/// A guest that lies, until its domain is destroyed.
pub(super) struct Liar {
    pub(super) domid: DomId,
    pub(super) neighbour: usize,
    page: guest::Liar,
    /// The page, and the domain's unique id.
    pub(super) file: (Memfd, u64),
}

impl Liar {
    /// The domain on this page lies from now on.
    pub(super) fn new(
        domid: DomId,
        neighbour: usize,
        page: guest::Liar,
        file: (Memfd, u64),
    ) -> Liar {
        Liar { domid, neighbour, page, file }
    }

    /// Lies once.
    pub(super) fn lie(&self, rng: &mut Rng) {
        match rng.below(4) {
            0 => {
                let bytes: Vec<u8> =
                    (0..rng.below(64)).map(|_| rng.word().to_le_bytes()[0]).collect();
                let lane = *rng.pick(&Lane::Requests, &[Lane::Responses]);
                self.page.scribble(lane, rng.below(960), &bytes);
            }
            1 => {
                let word = *rng.pick(&Word::RequestsProduced, &Word::ALL);
                self.page.set(word, rng.word());
            }
            _ => {
                let word = *rng.pick(&Word::RequestsProduced, &[Word::ResponsesConsumed]);
                let near = u32::try_from(rng.below(2048)).unwrap_or(0);
                self.page.set(word, self.page.get(word).wrapping_add(near));
            }
        }
    }
}
