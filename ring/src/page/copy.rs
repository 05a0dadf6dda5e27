//! How bytes are moved between shared memory and ours.
//!
//! # Synchronization
//! Bytes of shared memory are relaxed atomics, ordered by the indices around them; `raw.rs` argues
//! why that is sound.
#![allow(unsafe_code)]

use std::ptr::NonNull;

#[cfg(not(all(target_arch = "x86_64", not(miri))))]
use crate::sync::{AtomicU8, Ordering};

/// Moves each byte once: sixteen at a time, and what is left one by one.
///
/// # Safety
/// `len` bytes can be loaded from `from` on, and stored from `to` on.
#[cfg(all(target_arch = "x86_64", not(miri)))]
pub(super) unsafe fn copy<const OUT: bool>(from: NonNull<u8>, to: NonNull<u8>, len: usize) {
    // SAFETY: it touches these bytes, and the registers that it names.
    unsafe {
        std::arch::asm!(
            "sub {n}, 16",
            "jb 3f",
            "2: movdqu {x}, [{from} + {at}]",
            "movdqu [{to} + {at}], {x}",
            "add {at}, 16",
            "sub {n}, 16",
            "jae 2b",
            "3: add {n}, 16",
            "jz 5f",
            "4: mov {b}, [{from} + {at}]",
            "mov [{to} + {at}], {b}",
            "inc {at}",
            "dec {n}",
            "jnz 4b",
            "5:",
            from = in(reg) from.as_ptr(), to = in(reg) to.as_ptr(),
            n = inout(reg) len => _, at = inout(reg) 0_usize => _,
            b = out(reg_byte) _, x = out(xmm_reg) _,
            options(nostack),
        );
    }
}

/// The same in Rust: bytes of the page, which are on the side of `from` if `OUT`, by atomics.
///
/// # Safety
/// As above; the bytes of the page are accessed by 8-bit atomics alone, and the others by us.
#[cfg(not(all(target_arch = "x86_64", not(miri))))]
pub(super) unsafe fn copy<const OUT: bool>(from: NonNull<u8>, to: NonNull<u8>, len: usize) {
    for n in 0..len {
        // SAFETY: `n` is below `len`, and the rest is the caller's promise.
        unsafe {
            let (from, to) = (from.add(n), to.add(n));
            if OUT {
                to.write(AtomicU8::from_ptr(from.as_ptr()).load(Ordering::Relaxed));
            } else {
                AtomicU8::from_ptr(to.as_ptr()).store(from.read(), Ordering::Relaxed);
            }
        }
    }
}
