//! What the index protocol needs of shared memory, so that it runs over memory files and over
//! loom's model of one.

use super::places::Place;
use crate::{page::Lane, sync::Ordering};

/// Two rings and their words, which another party writes at will.
///
/// Nothing that is read here may be relied on, and nothing stays as it was read.
pub(crate) trait Words {
    /// Bytes of a ring: a power of two, and none of the memory's, but one that was agreed upon.
    fn size(&self, lane: Lane) -> u32;

    /// Reads a word.
    fn load(&self, place: Place, ordering: Ordering) -> u32;

    /// Writes a word.
    fn store(&self, place: Place, value: u32, ordering: Ordering);

    /// Copies bytes of a ring out, each read once, from `at` on. What lies beyond the ring's end
    /// is left out.
    fn copy_out(&self, lane: Lane, at: usize, to: &mut [u8]);

    /// Copies bytes into a ring, each written once, likewise.
    fn copy_in(&self, lane: Lane, at: usize, from: &[u8]);

    /// A full fence: what this side has stored before is visible before it loads what comes after.
    fn fence(&self);
}
