//! A mapped file as words: the one file of recovery with `unsafe`.
//!
//! # Why this is sound
//!
//! 1. **Every access is atomic and of 64 bits**, at a multiple of 8: so threads that touch one word
//!    at once don't race, whatever the protocols above get wrong.
//! 2. **No reference to mapped bytes** is made but to a single atomic for its access, which claims
//!    nothing about the value. A mapping of the same file elsewhere would be explained as another
//!    thread's atomic accesses; there is none, since the directory is locked.
//! 3. **Bounds**: each index is checked against the length that was mapped.
//! 4. **The memory stays mapped** as long as the [`Map`] lives, and the file isn't shortened: only
//!    we may (0600, locked), and we never do. Its blocks are allocated before they are
//!    touched, so that a full tmpfs is an error from `fallocate` and not a SIGBUS.
//!
//! # Synchronization
//! The orderings are those of the callers.
#![allow(unsafe_code)]

use std::{fs::File, io};

use memmap2::{MmapOptions, MmapRaw};

use super::words::{WORD, Words};
use crate::sync::{
    MappedU64,
    Ordering::{self, AcqRel, Acquire, Relaxed},
};

/// The first bytes of a file, shared with it. What is stored here is in the file, at once, and
/// stays when the process is killed.
#[derive(Debug)]
pub(crate) struct Map {
    memory: MmapRaw,
    words: usize,
}

impl Map {
    /// Maps so many bytes, a multiple of 8, of a file that has at least as many.
    pub(crate) fn of(file: &File, bytes: u64) -> io::Result<Map> {
        let len = usize::try_from(bytes).map_err(|_| io::ErrorKind::FileTooLarge)?;
        if file.metadata()?.len() < bytes {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let memory = MmapOptions::new().len(len).map_raw(file)?;
        Ok(Map { memory, words: len / WORD })
    }

    #[inline]
    fn word(&self, at: usize) -> Option<&MappedU64> {
        if at >= self.words {
            return None;
        }
        // SAFETY: `at` is below the number of words that were mapped, so that the pointer stays
        // within the mapping, which lives as long as `self`. It is aligned, since a mapping begins
        // at a page. All accesses are atomic and of this size: none is made but by this function.
        Some(unsafe { MappedU64::from_ptr(self.memory.as_mut_ptr().cast::<u64>().add(at)) })
    }
}

impl Words for Map {
    #[inline]
    fn load(&self, at: usize, ordering: Ordering) -> u64 {
        self.word(at).map_or(0, |word| word.load(ordering))
    }

    #[inline]
    fn store(&self, at: usize, value: u64, ordering: Ordering) {
        if let Some(word) = self.word(at) {
            word.store(value, ordering);
        }
    }

    #[inline]
    fn exchange(&self, at: usize, old: u64, new: u64) -> Result<u64, u64> {
        let Some(word) = self.word(at) else { return Err(0) };
        // AcqRel: pairs with those of other threads on the same word. Acquire: pairs with their
        // Release halves.
        word.compare_exchange(old, new, AcqRel, Acquire)
    }

    #[inline]
    fn get(&self, at: usize) -> u64 {
        self.load(at, Relaxed)
    }

    #[inline]
    fn put(&self, at: usize, value: u64) {
        self.store(at, value, Relaxed);
    }
}
