//! Shared memory of other shapes than the page: words alone, or words and bytes behind them.
//!
//! # Synchronization
//! As in `raw.rs`: accesses have the orderings that their callers name, and bytes are relaxed.
#![allow(unsafe_code)]

use std::{ptr::NonNull, sync::Arc};

use super::{copy::copy, layout::PAGE_SIZE, raw::Mapping};
use crate::sync::{AtomicU32, Ordering};

/// A page of words, changed by atomic operations from both sides: what doorbells are made of.
#[derive(Clone, Debug)]
pub(crate) struct Memory(Arc<Mapping>);

impl Memory {
    /// All of a mapping, as words. It must not be used as a [`Page`](super::Page) as well.
    pub(crate) fn new(mapping: Mapping) -> Memory {
        Memory(Arc::new(mapping))
    }

    pub(crate) fn load(&self, at: usize, ordering: Ordering) -> u32 {
        self.word(at).map_or(0, |word| word.load(ordering))
    }

    pub(crate) fn store(&self, at: usize, value: u32, ordering: Ordering) {
        if let Some(word) = self.word(at) {
            word.store(value, ordering);
        }
    }

    pub(crate) fn swap(&self, at: usize, value: u32, ordering: Ordering) -> u32 {
        self.word(at).map_or(0, |word| word.swap(value, ordering))
    }

    pub(crate) fn set(&self, at: usize, bits: u32, ordering: Ordering) {
        if let Some(word) = self.word(at) {
            word.fetch_or(bits, ordering);
        }
    }

    /// Changes 1 to 0; whether it was 1.
    pub(crate) fn lower(&self, at: usize, ordering: Ordering) -> bool {
        let lowered = |word: &AtomicU32| word.compare_exchange(1, 0, ordering, Ordering::Relaxed);
        self.word(at).is_some_and(|word| lowered(word).is_ok())
    }

    /// A word by its number; none beyond the page's end.
    fn word(&self, at: usize) -> Option<&AtomicU32> {
        if at >= PAGE_SIZE / size_of::<u32>() {
            return None;
        }
        // SAFETY: the word lies in the page, which is mapped while `self` lives, is aligned since
        // the page is, and is accessed by 32-bit atomics alone: there are no rings here.
        Some(unsafe { AtomicU32::from_ptr(self.0.base.cast::<u32>().add(at).as_ptr()) })
    }
}

/// A page of words, and bytes behind it up to the mapping's end.
#[derive(Clone, Debug)]
pub(crate) struct Region(Memory);

impl Region {
    /// All of a mapping. It must be used as nothing else besides.
    pub(crate) fn new(mapping: Mapping) -> Region {
        Region(Memory::new(mapping))
    }

    /// Reads a word by its number.
    pub(crate) fn load(&self, at: usize, ordering: Ordering) -> u32 {
        self.0.load(at, ordering)
    }

    /// Writes a word.
    pub(crate) fn store(&self, at: usize, value: u32, ordering: Ordering) {
        self.0.store(at, value, ordering);
    }

    /// Copies bytes out, each read once, from `at` bytes behind the words on. What lies beyond the
    /// end is left out.
    pub(crate) fn copy_out(&self, at: usize, to: &mut [u8]) {
        let (base, room) = self.bytes(at, to.len());
        if let (Some(base), Some(to)) = (base, to.get_mut(..room)) {
            // SAFETY: from `base` to the mapping's end there are `room` bytes or more, which are
            // mapped while `self` lives. `to` is as long, and ours: no `&mut` leads to the mapping.
            unsafe { copy::<true>(base, NonNull::from(to).cast(), room) };
        }
    }

    /// Copies bytes in, each written once, likewise.
    pub(crate) fn copy_in(&self, at: usize, from: &[u8]) {
        let (base, room) = self.bytes(at, from.len());
        if let (Some(base), Some(from)) = (base, from.get(..room)) {
            // SAFETY: as in `copy_out`.
            unsafe { copy::<false>(NonNull::from(from).cast(), base, room) };
        }
    }

    /// Where a byte behind the words lies, and how many of `wanted` there are from there on.
    fn bytes(&self, at: usize, wanted: usize) -> (Option<NonNull<u8>>, usize) {
        let mapping = &self.0.0;
        let offset = PAGE_SIZE.saturating_add(at);
        let room = mapping.len.saturating_sub(offset).min(wanted);
        // SAFETY: with a byte of room, `offset` lies within the mapping, and behind its words.
        let base = (room > 0).then(|| unsafe { mapping.base.add(offset) });
        (base, room)
    }
}
