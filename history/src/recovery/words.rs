//! Memory as words of 64 bits: all that the protocols of journal and slots know of a file.
//!
//! Production's is a mapped file ([`Map`](super::map::Map)); the crash tests' records every store;
//! the models' has loom's atomics, and finds who touches a word that another is writing.
//!
//! # Synchronization
//! A word is either one of *state*, by which threads meet (`load`, `store`, `exchange`), or of
//! *data* (`get`, `put`), which are relaxed: their order comes from the states around them.

use crate::sync::Ordering;

/// Words of a file, by their number. Beyond the end nothing is stored, and all is 0.
pub(crate) trait Words {
    /// Reads a state.
    fn load(&self, at: usize, ordering: Ordering) -> u64;

    /// Writes a state.
    fn store(&self, at: usize, value: u64, ordering: Ordering);

    /// Changes a state from `old` to `new`, with AcqRel; else gives, with Acquire, what it is.
    fn exchange(&self, at: usize, old: u64, new: u64) -> Result<u64, u64>;

    /// Reads data.
    fn get(&self, at: usize) -> u64;

    /// Writes data.
    fn put(&self, at: usize, value: u64);
}

/// Puts parts, one after another, into the words from `at` on. What is left of the last is 0.
pub(crate) fn put_parts(words: &impl Words, mut at: usize, parts: &[&[u8]]) {
    // The bytes that don't fill a word yet, and how many bits they are.
    let (mut held, mut bits) = (0_u64, 0_u32);
    for part in parts {
        let (chunks, rest) = part.as_chunks::<WORD>();
        for chunk in chunks {
            let word = u64::from_le_bytes(*chunk);
            words.put(at, held | word << bits);
            at += 1;
            held = word >> 1 >> (u64::BITS - 1 - bits); // In two: 64 at once is no shift.
        }
        for byte in rest {
            held |= u64::from(*byte) << bits;
            bits += u8::BITS;
            if bits == u64::BITS {
                words.put(at, held);
                at += 1;
                (held, bits) = (0, 0);
            }
        }
    }
    if bits > 0 {
        words.put(at, held);
    }
}

/// The bytes that [`put_parts`] has put.
pub(crate) fn get_bytes(words: &impl Words, at: usize, len: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = Vec::with_capacity(len.next_multiple_of(WORD));
    for word in 0..len.div_ceil(WORD) {
        bytes.extend_from_slice(&words.get(at + word).to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// Bytes of a word.
pub(crate) const WORD: usize = size_of::<u64>();

/// A number of words or bytes as an index. (There is no target whose `usize` is shorter.)
pub(crate) fn index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
