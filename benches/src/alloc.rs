//! The global allocator of the benches, and a wrapper that counts.
//!
//! Counts are kept per thread: what a committing thread allocates is counted apart from what a
//! reclaiming thread frees, and counting costs no atomic operation.
//!
//! The only module of this package with `unsafe`: `GlobalAlloc` can't be implemented without.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;

/// The allocator that serves: the system's, or the one asked for by feature.
#[cfg(not(any(feature = "mimalloc", feature = "jemalloc")))]
pub type Backing = std::alloc::System;
/// The allocator that serves: the system's, or the one asked for by feature.
#[cfg(feature = "mimalloc")]
pub type Backing = mimalloc::MiMalloc;
/// The allocator that serves: the system's, or the one asked for by feature.
#[cfg(all(feature = "jemalloc", not(feature = "mimalloc")))]
pub type Backing = tikv_jemallocator::Jemalloc;

/// The one to put into a `#[global_allocator]`.
#[cfg(not(any(feature = "mimalloc", feature = "jemalloc")))]
pub const BACKING: Backing = std::alloc::System;
/// The one to put into a `#[global_allocator]`.
#[cfg(feature = "mimalloc")]
pub const BACKING: Backing = mimalloc::MiMalloc;
/// The one to put into a `#[global_allocator]`.
#[cfg(all(feature = "jemalloc", not(feature = "mimalloc")))]
pub const BACKING: Backing = tikv_jemallocator::Jemalloc;

/// Its name, for reports.
pub const NAME: &str = if cfg!(feature = "mimalloc") {
    "mimalloc"
} else if cfg!(feature = "jemalloc") {
    "jemalloc"
} else {
    "system"
};

/// What one thread has allocated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls of `alloc`, `alloc_zeroed` and `realloc`.
    pub allocations: u64,
    /// Bytes asked for by them.
    pub bytes: u64,
}

impl Counts {
    /// What the calling thread has allocated since it started; all 0 where the global allocator
    /// isn't a [`Counting`] one.
    #[must_use]
    pub fn of_this_thread() -> Counts {
        COUNTS.try_with(Cell::get).unwrap_or_default()
    }

    /// What came since an earlier look.
    #[must_use]
    pub fn since(self, earlier: Counts) -> Counts {
        Counts {
            allocations: self.allocations.wrapping_sub(earlier.allocations),
            bytes: self.bytes.wrapping_sub(earlier.bytes),
        }
    }
}

/// Counts, and passes on to the allocator inside.
#[derive(Debug)]
pub struct Counting<A>(pub A);

// SAFETY: every method passes its arguments unchanged to the allocator inside and returns what
// that returned, so that allocator's guarantees are ours; `note` neither allocates (a `const`
// thread-local of a type without `Drop` needs no registration) nor unwinds.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Counting<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: our caller keeps `alloc`'s contract, which is the one of the callee.
        unsafe { self.0.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: `block` came from the allocator inside, with this layout.
        unsafe { self.0.dealloc(block, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: our caller keeps `alloc_zeroed`'s contract, which is the one of the callee.
        unsafe { self.0.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(size);
        // SAFETY: `block` came from the allocator inside, with this layout, and our caller keeps
        // `realloc`'s contract for `size`.
        unsafe { self.0.realloc(block, layout, size) }
    }
}

fn note(bytes: usize) {
    // Fails only while the thread ends; what it allocates then is nobody's figure.
    let _ = COUNTS.try_with(|counts| {
        let before = counts.get();
        counts.set(Counts {
            allocations: before.allocations.wrapping_add(1),
            bytes: before.bytes.wrapping_add(bytes as u64),
        });
    });
}

thread_local! {
    static COUNTS: Cell<Counts> = const { Cell::new(Counts { allocations: 0, bytes: 0 }) };
}

#[cfg(test)]
mod tests {
    use super::{Counting, Counts};
    use std::alloc::{GlobalAlloc, Layout, System};

    #[test]
    fn counts_calls_and_bytes() {
        let counting = Counting(System);
        let layout = Layout::from_size_align(48, 8).unwrap();
        let before = Counts::of_this_thread();
        // SAFETY: the layout isn't of size 0, and the block is freed with what it has become.
        unsafe {
            let block = counting.alloc(layout);
            let block = counting.realloc(block, layout, 96);
            counting.dealloc(block, Layout::from_size_align(96, 8).unwrap());
        }
        let made = Counts::of_this_thread().since(before);
        assert_eq!(made, Counts { allocations: 2, bytes: 144 });
    }
}
