//! The page as memory. (`copy.rs` moves its bytes, `region.rs` has memory of other shapes.)
//!
//! # Why this is sound
//!
//! The other party is another domain, process or thread, and follows no rule. Rust's memory model
//! speaks of threads of one program, and calls an unsynchronised access to what another thread
//! writes undefined, unless both accesses are atomic and of the same size. Therefore:
//!
//! 1. **Every access is atomic**, of one size for each location: bytes of the rings by
//!    `AtomicU8`, words by [`AtomicU32`]; the two never overlap. So whatever runs on the other
//!    side of the mapping is explained by *some* program of atomic accesses, as the guidelines ask
//!    for memory shared with untrusted parties (rust-lang/unsafe-code-guidelines #152 and #607; the
//!    same answer as in crosvm and vm-memory, whose volatile accesses are the older form of it).
//!    Wider atomics on the rings would race in mixed sizes, which the model has no words for. On
//!    x86-64 bytes are moved by assembly, sixteen at a time, and to the model this is one such
//!    program too: x86 makes each byte of a wide access one that was stored there, and the compiler
//!    takes the block for code that may do any atomic access to the page.
//! 2. **No reference to shared bytes** is made, but the one to a single atomic for the moment of
//!    its access, which is how the standard library takes it. Atomics are `UnsafeCell`s: such a
//!    reference claims nothing about the value. No slice, no `DomainInterface`.
//! 3. **Each byte is read once** per transfer, into memory of our own, and judged there: no value
//!    is fetched a second time after it was checked (XSA-155). The compiler may not repeat an
//!    atomic load.
//! 4. **Bounds come from us.** An offset is a constant or was masked by the ring's size; indices
//!    from the page only ever reach this file as checked spans, and it checks the spans again.
//! 5. **The memory stays mapped** as long as the [`Mapping`] lives, which every [`Page`] holds.
//!
//! By atomics of Rust, where there is no assembly, a byte costs 0.25 ns, and five instructions.
//!
//! # Synchronization
//! Accesses here have the orderings that their callers name; bytes are relaxed, and ordered by the
//! indices around them (`end.rs`).
#![allow(unsafe_code)]

use std::{fmt, io, os::fd::AsFd, ptr::NonNull, sync::Arc};

use rustix::mm::{MapFlags, ProtFlags};

use super::{
    copy::copy,
    layout::{Lane, PAGE_SIZE, RING_SIZE, Word},
    shared::Shared,
};
use crate::sync::{AtomicU32, Ordering, fence};

/// A page that another party may write at any time, for as long as the value lives.
///
/// It is what a backend makes: of a memfd, of `/dev/xen/gntdev`, of `/proc/xen/xsd_kva`, of
/// `/dev/xen/privcmd`.
pub struct Mapping {
    pub(super) base: NonNull<u8>,
    /// Bytes: a page, or more.
    pub(super) len: usize,
    release: Option<Box<dyn FnOnce(NonNull<u8>) + Send>>,
}

/// A handle on a mapped page. Clones share the mapping; the last one to be dropped releases it.
///
/// It can be sent to and used in any thread: nothing is promised of what others see in between.
#[derive(Clone, Debug)]
pub struct Page(Arc<Mapping>);

impl Mapping {
    /// Maps one page of a file or device, shared, for reading and writing, from byte `offset` of
    /// it, a multiple of 4096.
    ///
    /// A file that becomes shorter afterwards kills the process with SIGBUS when the page is
    /// touched: take only what can't shrink ([`Memfd::from_peer`](super::Memfd::from_peer) asks
    /// for a seal).
    ///
    /// # Errors
    /// The system's. Nothing is mapped then.
    pub fn of(file: impl AsFd, offset: u64) -> io::Result<Mapping> {
        Mapping::of_len(file, offset, PAGE_SIZE)
    }

    /// The same for so many bytes, one page or more.
    pub(crate) fn of_len(file: impl AsFd, offset: u64, len: usize) -> io::Result<Mapping> {
        if len < PAGE_SIZE {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let (prot, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED);
        // SAFETY: the kernel chooses a range that nothing of this process lies in, so no reference
        // points there. What others hold of the same file lies elsewhere in our address space, and
        // whoever made a reference of that has promised that nobody writes it.
        let base = unsafe {
            rustix::mm::mmap(std::ptr::null_mut(), len, prot, flags, file.as_fd(), offset)
        }?;
        let base = NonNull::new(base.cast()).ok_or(io::ErrorKind::AddrNotAvailable)?;
        let unmap = move |base: NonNull<u8>| {
            // SAFETY: it was mapped above with this length, and `Mapping` gives it up once.
            let unmapped = unsafe { rustix::mm::munmap(base.as_ptr().cast(), len) };
            debug_assert_eq!(unmapped, Ok(()), "what we have mapped");
        };
        // SAFETY: `base` is what the kernel has just mapped for us, a page at least, and `unmap`
        // ends it.
        let mut mapping = unsafe { Mapping::from_raw(base, Box::new(unmap)) };
        mapping.len = len;
        Ok(mapping)
    }

    /// A page that was mapped otherwise. `release` is called once, when nobody uses it any more.
    ///
    /// # Safety
    /// The 4096 bytes from `base`, a multiple of 4, must be mapped for reading and writing until
    /// `release` is called, in any thread. Nothing in this process may have a reference to any of
    /// them, or access them but by atomics: bytes of the rings as bytes, words as 32 bits.
    #[must_use]
    pub unsafe fn from_raw(
        base: NonNull<u8>,
        release: Box<dyn FnOnce(NonNull<u8>) + Send>,
    ) -> Mapping {
        debug_assert!(base.cast::<u32>().is_aligned());
        Mapping { base, len: PAGE_SIZE, release: Some(release) }
    }

    /// Does something else after the page was released, such as telling `/dev/xen/gntdev` that
    /// the grant isn't used any more.
    #[must_use]
    pub fn and_then(mut self, last: impl FnOnce() + Send + 'static) -> Mapping {
        if let Some(first) = self.release.take() {
            self.release = Some(Box::new(move |base| {
                first(base);
                last();
            }));
        }
        self
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        if let Some(release) = self.release.take() {
            release(self.base);
        }
    }
}

impl fmt::Debug for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Mapping").field(&self.base).finish()
    }
}

// SAFETY: `from_raw` asks for memory that any thread may use, and a `release` that any may call.
unsafe impl Send for Mapping {}

// SAFETY: through `&Mapping` the page is accessed by atomics alone, and `release`, which need not
// be `Sync`, isn't touched at all.
unsafe impl Sync for Mapping {}

impl Page {
    /// A handle on a mapping.
    #[must_use]
    pub fn new(mapping: Mapping) -> Page {
        Page(Arc::new(mapping))
    }

    /// Where byte `at` of a ring lies; none beyond its end.
    fn byte(&self, lane: Lane, at: usize) -> Option<NonNull<u8>> {
        const { assert!(Lane::Responses.offset() + RING_SIZE as usize <= PAGE_SIZE) };
        if at >= RING_SIZE as usize {
            return None;
        }
        // SAFETY: `at` lies within the ring, and the rings within the 4096 bytes of the mapping.
        Some(unsafe { self.0.base.add(lane.offset() + at) })
    }

    fn word(&self, word: Word) -> *mut u32 {
        const { assert!(Word::EventChannel.offset() + size_of::<u32>() <= PAGE_SIZE) };
        // SAFETY: every word lies within the 4096 bytes of the mapping: `evtchn_port` is the last.
        unsafe { self.0.base.add(word.offset()) }.cast().as_ptr()
    }
}

impl Shared for Page {
    const SIZE: u32 = RING_SIZE;

    fn load(&self, word: Word, ordering: Ordering) -> u32 {
        // SAFETY: the word is mapped while `self` lives, aligned since the page is and its offset
        // is a multiple of 4, and accessed by 32-bit atomics alone.
        unsafe { AtomicU32::from_ptr(self.word(word)) }.load(ordering)
    }

    fn store(&self, word: Word, value: u32, ordering: Ordering) {
        // SAFETY: as in `load`.
        unsafe { AtomicU32::from_ptr(self.word(word)) }.store(value, ordering);
    }

    fn copy_out(&self, lane: Lane, at: usize, to: &mut [u8]) {
        let room = (RING_SIZE as usize).saturating_sub(at).min(to.len());
        if let (Some(base), Some(to)) = (self.byte(lane, at), to.get_mut(..room)) {
            // SAFETY: from here to the ring's end there are `room` bytes or more, which are mapped
            // while `self` lives. `to` is as long, and ours: no `&mut` leads to the page.
            unsafe { copy::<true>(base, NonNull::from(to).cast(), room) };
        }
    }

    fn copy_in(&self, lane: Lane, at: usize, from: &[u8]) {
        let room = (RING_SIZE as usize).saturating_sub(at).min(from.len());
        if let (Some(base), Some(from)) = (self.byte(lane, at), from.get(..room)) {
            // SAFETY: as in `copy_out`.
            unsafe { copy::<false>(NonNull::from(from).cast(), base, room) };
        }
    }

    fn fence(&self) {
        fence(Ordering::SeqCst); // Pairs with the other side's fence of this kind.
    }

    fn pause(&self) {
        std::hint::spin_loop();
    }
}
