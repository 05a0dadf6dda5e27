//! Memory that is mapped from a device of Xen's.
//!
//! A [`Mapped`] is memory that others write to at any time: a guest, or the hypervisor. It gives
//! out its address and nothing else, no reference. A [`Buffer`] is memory of the kernel's that
//! only hypercalls touch, and these only while they borrow it: it can be read as a slice.
#![allow(unsafe_code, reason = "mmap has no safe form")]

use std::{ptr, ptr::NonNull};

use rustix::{
    fd::AsFd,
    io::Errno,
    mm::{MapFlags, ProtFlags, mmap, munmap},
};

use super::limits::PAGE_BYTES;

/// Pages of a device, readable and writable, unmapped when this is dropped.
#[derive(Debug)]
pub struct Mapped {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: a mapping belongs to the process, not to a thread of it, and its address can be used, and
// be unmapped, on any; who dereferences it answers for that.
unsafe impl Send for Mapped {}

impl Mapped {
    /// Maps `pages` whole pages of a device.
    pub(super) fn new(device: impl AsFd, offset: u64, pages: usize) -> Result<Mapped, Errno> {
        let len = pages.checked_mul(PAGE_BYTES).ok_or(Errno::NOMEM)?;
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the kernel chooses a place where nothing is, so no memory in use changes.
        let start =
            unsafe { mmap(ptr::null_mut(), len, access, MapFlags::SHARED, device, offset) }?;
        let start = NonNull::new(start.cast()).ok_or(Errno::FAULT)?;
        Ok(Mapped { start, len })
    }

    /// Where it begins, at the beginning of a page. Valid for reads and writes of
    /// [`Mapped::len`] bytes until this is dropped; whoever is on the other side writes to it at
    /// any time, so only volatile or atomic accesses are sound.
    #[must_use]
    pub fn start(&self) -> NonNull<u8> {
        self.start
    }

    /// Its bytes: whole pages.
    #[expect(clippy::len_without_is_empty, reason = "it never is")]
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// The number at an offset that is a multiple of four, as it is at this moment. For
    /// diagnosis: two calls need not agree.
    #[must_use]
    pub fn peek(&self, offset: usize) -> Option<u32> {
        let within = offset.is_multiple_of(4) && offset.checked_add(4)? <= self.len;
        // SAFETY: it lies within the mapping and is aligned, since mappings begin at a page; the
        // read is volatile, and any bytes are a number.
        within.then(|| unsafe { self.start.as_ptr().add(offset).cast::<u32>().read_volatile() })
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: the whole of what `new` mapped, once. Users of `start` answer for having ended.
        let unmapped = unsafe { munmap(self.start.as_ptr().cast(), self.len) };
        debug_assert!(unmapped.is_ok(), "a mapping of ours can be unmapped");
    }
}

/// Memory for a hypercall's arguments and results, which the kernel keeps in its place.
#[derive(Debug)]
pub(super) struct Buffer {
    mapped: Mapped,
}

impl Buffer {
    /// New pages of `/dev/xen/hypercall`, whose memory no other has.
    pub(super) fn new(hypercall_device: impl AsFd, pages: usize) -> Result<Buffer, Errno> {
        let mapped = Mapped::new(hypercall_device, 0, pages)?;
        Ok(Buffer { mapped })
    }

    /// Its address, for a hypercall that runs while this is borrowed.
    pub(super) fn address(&mut self) -> u64 {
        self.mapped.start.as_ptr() as u64
    }

    pub(super) fn bytes(&self) -> &[u8] {
        // SAFETY: mapped for as long as this lives, and the device gives zeroed pages that nobody
        // else has. Hypercalls write there, but only while they borrow the buffer exclusively.
        unsafe { std::slice::from_raw_parts(self.mapped.start.as_ptr(), self.mapped.len) }
    }

    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `bytes`, and borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.mapped.start.as_ptr(), self.mapped.len) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::{
        fs::{MemfdFlags, ftruncate, memfd_create},
        io::pwrite,
    };

    #[test]
    fn pages_are_seen_from_both_sides_until_they_are_dropped() {
        let file = memfd_create("pages", MemfdFlags::CLOEXEC).unwrap();
        ftruncate(&file, 2 * PAGE_BYTES as u64).unwrap();
        let mapped = Mapped::new(&file, PAGE_BYTES as u64, 1).unwrap();
        pwrite(&file, &7_u32.to_ne_bytes(), PAGE_BYTES as u64 + 2060).unwrap();
        assert_eq!(mapped.len(), PAGE_BYTES);
        assert_eq!(mapped.peek(2060), Some(7));
        assert_eq!(mapped.peek(0), Some(0));
        assert_eq!([mapped.peek(4096), mapped.peek(4093), mapped.peek(2)], [None; 3]);
        let place = format!("{:x}-", mapped.start().as_ptr() as usize);
        let maps = || std::fs::read_to_string("/proc/self/maps").unwrap();
        assert!(maps().contains(&place));
        drop(mapped);
        assert!(!maps().lines().any(|line| line.starts_with(&place) && line.contains("pages")));
    }

    #[test]
    fn a_buffer_keeps_what_is_written_to_it() {
        let file = memfd_create("buffer", MemfdFlags::CLOEXEC).unwrap();
        ftruncate(&file, PAGE_BYTES as u64).unwrap();
        let mut buffer = Buffer::new(&file, 1).unwrap();
        buffer.bytes_mut()[..3].copy_from_slice(b"xen");
        assert_eq!((&buffer.bytes()[..4], buffer.bytes().len()), (&b"xen\0"[..], PAGE_BYTES));
        assert_eq!(buffer.address() % PAGE_BYTES as u64, 0);
    }

    #[test]
    fn what_cannot_be_mapped_is_an_error() {
        let file = std::fs::File::open("/proc/self/status").unwrap();
        assert!(Mapped::new(&file, 0, 1).is_err());
        assert_eq!(Mapped::new(&file, 0, usize::MAX).unwrap_err(), Errno::NOMEM);
    }
}
