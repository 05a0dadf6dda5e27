//! The notice board: how many doorbells fit into two pages and one descriptor.
//!
//! Xen tells a domain which of its event channels are pending by bits in shared memory, and
//! interrupts it only where it has to. A simulated host does the same between processes: a board
//! has a bit for each domain id, a summary of them, and a word that says whether the reader
//! sleeps. While both sides are awake, ringing a doorbell and hearing it take no system call.
//!
//! Each side of an attachment reads a board of its own. Bits are allegations: whoever reads one
//! looks at the ring that it names, if that ring is of this attachment, and finds out.
//!
//! # Synchronization
//! [`Board::post`] and [`Board::sleep`] are the halves of a Dekker handshake: the poster sets its
//! bits, has a full fence, and looks whether the reader sleeps; the reader says so, has a full
//! fence, and looks at the summary. At least one sees the other. A bit is set before its summary
//! and the summary is cleared before its bits are read (Release to Acquire), so a bit that is set
//! while the board is read is found by this reading or stands in the summary for the next.
//! `verify/tests/loom_board.rs` runs this file under loom.

use crate::sync::Ordering::{self, Acquire, Relaxed, Release};

/// Words that both sides change by atomic operations.
pub(crate) trait Words {
    /// The words of the bits.
    const BITS: usize;

    fn load(&self, at: Place, ordering: Ordering) -> u32;
    fn store(&self, at: Place, value: u32, ordering: Ordering);
    fn swap(&self, at: Place, value: u32, ordering: Ordering) -> u32;
    fn set(&self, at: Place, bits: u32, ordering: Ordering);
    /// Changes 1 to 0; whether it was 1.
    fn lower(&self, at: Place, ordering: Ordering) -> bool;
    fn fence(&self);
}

/// A word of a board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// 1 while the reader sleeps, or is about to.
    Sleeping,
    /// A bit for each word of bits that has any.
    Summary(usize),
    /// A bit for each domain.
    Bits(usize),
}

/// A board; see the [module](self).
#[derive(Clone, Debug)]
pub(crate) struct Board<W>(pub(crate) W);

impl<W: Words> Board<W> {
    /// Rings a domain's doorbell. True where the reader sleeps and must be woken, by this caller
    /// alone.
    pub(crate) fn post(&self, domain: u16) -> bool {
        let word = usize::from(domain) / 32;
        if word >= W::BITS {
            return false;
        }
        // Release: pairs with the Acquire in `take`: the ring's indices were stored before.
        self.0.set(Place::Bits(word), 1 << (domain % 32), Release);
        self.0.set(Place::Summary(word / 32), 1 << (word % 32), Release);
        // Pairs with the fence in `sleep`.
        self.0.fence();
        self.0.load(Place::Sleeping, Relaxed) != 0 && self.0.lower(Place::Sleeping, Relaxed)
    }

    /// Hears all doorbells that have been rung, each once.
    pub(crate) fn take(&self, mut hear: impl FnMut(u16)) {
        for group in 0..W::BITS.div_ceil(32) {
            if self.0.load(Place::Summary(group), Relaxed) == 0 {
                continue;
            }
            // Acquire: pairs with the Releases in `post`.
            let mut words = self.0.swap(Place::Summary(group), 0, Acquire);
            while let Some(word) = pop(&mut words).map(|word| group * 32 + word) {
                if word >= W::BITS {
                    break;
                }
                let mut bits = self.0.swap(Place::Bits(word), 0, Acquire);
                while let Some(domain) =
                    pop(&mut bits).and_then(|bit| (word * 32 + bit).try_into().ok())
                {
                    hear(domain);
                }
            }
        }
    }

    /// Whether a doorbell may have been rung.
    pub(crate) fn has_news(&self) -> bool {
        (0..W::BITS.div_ceil(32)).any(|group| self.0.load(Place::Summary(group), Relaxed) != 0)
    }

    /// The reader is about to sleep. False where it must not: there is something to hear.
    pub(crate) fn sleep(&self) -> bool {
        self.0.store(Place::Sleeping, 1, Relaxed);
        // Pairs with the fence in `post`.
        self.0.fence();
        let quiet = !self.has_news();
        if !quiet {
            self.awake();
        }
        quiet
    }

    /// The reader is awake.
    pub(crate) fn awake(&self) {
        self.0.store(Place::Sleeping, 0, Relaxed);
    }
}

/// Takes the lowest bit that is set.
fn pop(bits: &mut u32) -> Option<usize> {
    let lowest = (*bits != 0).then(|| bits.trailing_zeros());
    *bits &= bits.wrapping_sub(1);
    lowest.map(|bit| bit as usize)
}
