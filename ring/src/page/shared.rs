//! What the index protocol needs of a shared page, so that it runs over real pages and over
//! loom's model of a small one.

use super::layout::{Lane, Word};
use crate::sync::Ordering;

/// Two rings and their words, which another party writes at will.
///
/// Nothing that is read here may be relied on, and nothing stays as it was read.
pub(crate) trait Shared {
    /// Bytes of each ring: a power of two.
    const SIZE: u32;

    /// Reads a word.
    fn load(&self, word: Word, ordering: Ordering) -> u32;

    /// Writes a word.
    fn store(&self, word: Word, value: u32, ordering: Ordering);

    /// Copies bytes of a ring out of the page, each read once, from place `at` on. What lies
    /// beyond the ring's end is left out.
    fn copy_out(&self, lane: Lane, at: usize, to: &mut [u8]);

    /// Copies bytes into a ring, each written once, from place `at` on. What would lie beyond the
    /// ring's end is left out.
    fn copy_in(&self, lane: Lane, at: usize, from: &[u8]);

    /// A full fence: what this side has stored before is visible before it loads what comes after.
    fn fence(&self);

    /// Gives the other side a moment.
    fn pause(&self);
}
