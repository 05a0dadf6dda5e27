//! The one setting of glibc's allocator that the store wants.
//!
//! glibc keeps freed chunks of up to 128 bytes in fast bins, and merges all of these whenever a
//! chunk of 1 KiB or more is asked for. A commit frees many small things and asks for one of 4 KiB
//! (a block of the tree), so each would pay for that sweep. Without fast bins a commit takes a
//! tenth to a fifth less time (benches/BENCHMARKS.md).
#![allow(unsafe_code, reason = "mallopt has no safe form")]

/// Turns the fast bins off. To be called first of all; without glibc it does nothing.
pub fn settle() {
    #[cfg(target_env = "gnu")]
    // SAFETY: mallopt takes two numbers, keeps no pointer, and locks what it changes.
    let _ = unsafe { libc::mallopt(libc::M_MXFAST, 0) };
}
