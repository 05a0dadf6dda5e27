//! The border with C: the macro that exports functions, what C hands over, and what it gets.
//!
//! A type here that holds a pointer of C's has no constructor: a value of it can only have come
//! through an exported function's argument. What C promises about it is in the header, and the
//! `SAFETY` comments say which of these promises they rely on. All of them are promises of every C
//! library: strings end with a NUL, arrays have as many elements as is said, and all stays as it is
//! until the call returns.
#![allow(unsafe_code)]

use std::{
    ffi::{CStr, c_char, c_int},
    marker::PhantomData,
    mem::{MaybeUninit, size_of},
    os::fd::BorrowedFd,
    panic::{AssertUnwindSafe, catch_unwind},
    ptr,
};

/// Exports functions to C under their names. Where one panics, which is a mistake in this library,
/// it gives what [`Given`] says.
macro_rules! export {
    ($(
        $(#[$meta:meta])*
        fn $name:ident($($arg:ident: $type:ty),* $(,)?) $(-> $back:ty)? $body:block
    )*) => {$(
        $(#[$meta])*
        #[allow(unsafe_code, reason = "the attribute")]
        // SAFETY: the name begins as this library's do, and means the same wherever it is linked.
        #[unsafe(no_mangle)]
        pub extern "C" fn $name($($arg: $type),*) $(-> $back)? {
            $crate::raw::guarded(move || $body)
        }
    )*};
}
pub(crate) use export;

/// What a function gives where it has failed by a mistake of this library.
pub(crate) trait Given {
    fn fault() -> Self;
}

macro_rules! given {
    ($($type:ty $(, $generic:ident)?: $fault:expr;)*) => {$(
        impl$(<$generic>)? Given for $type {
            fn fault() -> $type {
                $fault
            }
        }
    )*};
}

given! {
    (): ();
    bool: false;
    c_int: -libc::ENOTRECOVERABLE;
    u32: 0;
    *mut T, T: ptr::null_mut();
    *const T, T: ptr::null();
    Option<Box<T>>, T: None;
}

/// Runs the body of an exported function.
pub(crate) fn guarded<T: Given>(body: impl FnOnce() -> T) -> T {
    // What the body was changing is a client, which refuses to go on after a request that it has
    // not seen the end of, or a handle's state, which is changed in single steps.
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|_| {
        set_errno(libc::ENOTRECOVERABLE);
        T::fault()
    })
}

/// Where C wants a result; NULL where it wants none.
pub type Out<'a, T> = Option<&'a mut MaybeUninit<T>>;

/// A string of C's, or NULL.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct Text<'a>(*const c_char, PhantomData<&'a CStr>);

impl<'a> Text<'a> {
    /// Its bytes, without the NUL.
    pub(crate) fn bytes(self) -> Option<&'a [u8]> {
        // SAFETY: not NULL, so by the header a string, which stays until the call returns: 'a ends
        // there, since exported functions name no other lifetime.
        (!self.0.is_null()).then(|| unsafe { CStr::from_ptr(self.0) }.to_bytes())
    }
}

impl<'a> Text<'a> {
    /// `count` strings, of which the next begins behind the NUL of the one before.
    ///
    /// # Safety
    /// So many lie there, or it is NULL.
    pub(crate) unsafe fn and_behind(self, count: usize) -> Option<Vec<&'a [u8]>> {
        let (mut all, mut next) = (Vec::new(), self);
        for _ in 0..count {
            let text = next.bytes()?;
            // SAFETY: what lies behind the NUL is the beginning of the next string, or right behind
            // the last one, which isn't read.
            next.0 = unsafe { next.0.add(text.len()).add(1) };
            all.push(text);
        }
        Some(all)
    }
}

/// Where C wants an array, or NULL.
#[derive(Debug)]
#[repr(transparent)]
pub struct OutArray<'a, T>(*mut T, PhantomData<&'a mut [T]>);

impl<T: Copy> OutArray<'_, T> {
    /// Fills it in; not NULL, unless there is nothing to be written.
    ///
    /// # Safety
    /// There is room for as many.
    pub(crate) unsafe fn write(self, values: &[T]) -> bool {
        if values.is_empty() || self.0.is_null() {
            return values.is_empty();
        }
        // SAFETY: there is room, and Rust has made `values` itself.
        unsafe { ptr::copy_nonoverlapping(values.as_ptr(), self.0, values.len()) };
        true
    }
}

/// The beginning of an array of C's, or NULL.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct Array<'a, T>(*const T, PhantomData<&'a [T]>);

impl<'a, T> Array<'a, T> {
    /// The array of `count` elements. NULL is an empty one, or else none.
    ///
    /// # Safety
    /// `count` is what C has said of this array.
    pub(crate) unsafe fn of(self, count: usize) -> Option<&'a [T]> {
        if count == 0 {
            return Some(&[]);
        }
        let bytes = count.checked_mul(size_of::<T>()).and_then(|n| isize::try_from(n).ok());
        if self.0.is_null() || bytes.is_none() {
            return None;
        }
        // SAFETY: not NULL, and by the header `count` elements that stay until the call returns;
        // they are no larger than an object may be.
        Some(unsafe { std::slice::from_raw_parts(self.0, count) })
    }
}

/// `struct myriad_step`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Step<'a> {
    pub(crate) kind: u16,
    pub(crate) reserved0: u16,
    pub(crate) reserved1: u32,
    pub(crate) path: Text<'a>,
    value: Array<'a, u8>,
    value_size: usize,
    pub(crate) stamp: u64,
}

impl<'a> Step<'a> {
    /// Its value, where it can be one.
    pub(crate) fn value(&self) -> Option<&'a [u8]> {
        // SAFETY: the two fields are private, so C has filled them in together.
        unsafe { self.value.of(self.value_size) }
    }
}

/// Sets this thread's `errno`.
pub(crate) fn set_errno(number: c_int) {
    // SAFETY: the C library gives the place of this thread's errno.
    unsafe { *libc::__errno_location() = number };
}

/// Bytes and a NUL, for C to `free`; NULL where there is no memory.
pub(crate) fn text_for_free(bytes: &[u8]) -> *mut c_char {
    // SAFETY: any size may be asked for.
    let block = unsafe { libc::malloc(bytes.len().saturating_add(1)) }.cast::<u8>();
    if !block.is_null() {
        // SAFETY: the block has room for the bytes and one more, and nobody else knows it.
        unsafe {
            ptr::copy_nonoverlapping(bytes.as_ptr(), block, bytes.len());
            block.add(bytes.len()).write(0);
        }
    }
    block.cast()
}

/// An array of pointers to strings, and the strings, in one block for C to `free`, and how many.
/// `strings` are closed by a NUL each; NULL where there is no memory.
pub(crate) fn strings_for_free(strings: &[u8]) -> (*mut *mut c_char, usize) {
    let count = strings.iter().filter(|&&byte| byte == 0).count();
    let table = count.saturating_mul(size_of::<*mut c_char>());
    // At least a byte: NULL is for failures.
    let size = table.saturating_add(strings.len()).max(1);
    // SAFETY: any size may be asked for.
    let block = unsafe { libc::malloc(size) }.cast::<u8>();
    if block.is_null() {
        return (ptr::null_mut(), 0);
    }
    let pointers = block.cast::<*mut c_char>();
    // SAFETY: the block has room for the table and behind it the strings, nobody else knows it, and
    // memory of malloc is aligned for pointers.
    unsafe {
        let text = block.add(table);
        ptr::copy_nonoverlapping(strings.as_ptr(), text, strings.len());
        let mut start = 0;
        let ends = strings.iter().enumerate().filter(|(_, byte)| **byte == 0);
        for (at, (end, _)) in ends.enumerate() {
            pointers.add(at).write(text.add(start).cast());
            start = end + 1;
        }
    }
    (pointers, count)
}

/// An array of plain values for C to `free`; NULL where there is no memory.
pub(crate) fn array_for_free<T: Copy>(values: &[T]) -> *mut T {
    // SAFETY: any size may be asked for.
    let block = unsafe { libc::malloc(size_of_val(values).max(1)) }.cast::<T>();
    if !block.is_null() {
        // SAFETY: the block has room for all of them, is aligned for any plain value, and nobody
        // else knows it.
        unsafe { ptr::copy_nonoverlapping(values.as_ptr(), block, values.len()) };
    }
    block
}

/// Writes all bytes to a descriptor of C's.
pub(crate) fn write_all(fd: c_int, mut bytes: &[u8]) -> Result<(), c_int> {
    if fd < 0 {
        return Err(libc::EBADF);
    }
    // SAFETY: who gives a descriptor keeps it open until the call returns; one that isn't open is
    // an error of the system call.
    let fd = unsafe { BorrowedFd::borrow_raw(fd) };
    // Ends: each turn writes something, fails, or was interrupted by a signal.
    while !bytes.is_empty() {
        match rustix::io::write(fd, bytes) {
            Ok(0) => return Err(libc::EIO),
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.raw_os_error()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
