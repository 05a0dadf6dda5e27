//! Handles that a program gives up: `xentoolcore_restrict_all`, by which a device model loses its
//! access to the control domain's interfaces, must reach this library's connections too.
//!
//! Xen's `libxentoolcore` keeps a list of handles, each with a function that makes it useless
//! (`tools/include/xentoolcore_internal.h`). It's looked for in the process, not linked: programs
//! that don't use it don't need it. There is no restricting to one domain; the connection ends.
//!
//! Invariants:
//! 1. An entry is on the list from before its connection is opened until before it is closed.
//! 2. An entry stays where it is and is changed by the list's owner alone, under its lock, but for
//!    the descriptor, which has a lock of its own.
#![allow(unsafe_code)]

use std::{
    ffi::{CStr, c_int, c_void},
    os::fd::{AsRawFd, BorrowedFd},
    ptr,
};

use crate::sync::Locked;

/// `struct Xentoolcore__Active_Handle`, and what the function needs to know.
#[repr(C)]
struct Entry {
    restrict: extern "C" fn(*mut Entry, u16) -> c_int,
    links: [*mut c_void; 2],
    connection: Locked<Option<c_int>>,
}

type Change = extern "C" fn(*mut Entry);

/// An entry on the list, or none where there is no list.
#[derive(Debug)]
pub(super) struct Registration {
    entry: *mut Entry,
    remove: Option<Change>,
}

// SAFETY: the entry belongs to the registration; what is behind the pointer and changes is under
// locks, by invariant 2.
unsafe impl Send for Registration {}
// SAFETY: as above.
unsafe impl Sync for Registration {}

impl Registration {
    /// On the list from here on, with no connection yet.
    pub(super) fn new() -> Registration {
        let add = function(c"xentoolcore__register_active_handle");
        let remove = function(c"xentoolcore__deregister_active_handle");
        let (Some(add), Some(_)) = (add, remove) else {
            return Registration { entry: ptr::null_mut(), remove: None };
        };
        let links = [ptr::null_mut(); 2];
        let entry = Entry { restrict: make_useless, links, connection: Locked::new(None) };
        let entry = Box::into_raw(Box::new(entry));
        add(entry);
        Registration { entry, remove }
    }

    /// Its connection, which stays open until the registration is gone.
    pub(super) fn watch(&self, fd: BorrowedFd<'_>) {
        if !self.entry.is_null() {
            // SAFETY: the entry is there until `drop`; this field is shared under its lock alone.
            let connection = unsafe { &(*self.entry).connection };
            *connection.lock() = Some(fd.as_raw_fd());
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        if let Some(remove) = self.remove {
            remove(self.entry);
            // SAFETY: it came from a box, and the list has let go of it.
            drop(unsafe { Box::from_raw(self.entry) });
        }
    }
}

/// A function of `libxentoolcore`, where the process has it.
fn function(name: &CStr) -> Option<Change> {
    // SAFETY: the name is a string.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    // SAFETY: both functions of these names take an entry and give nothing; NULL is none.
    unsafe { std::mem::transmute::<*mut c_void, Option<Change>>(found) }
}

/// Puts /dev/null in the connection's place: a thread that uses it gets an error, and no other
/// descriptor can come to be meant.
extern "C" fn make_useless(entry: *mut Entry, _: u16) -> c_int {
    crate::raw::guarded(|| {
        // SAFETY: the list gives what was put on it, which is there as long as it is on it.
        let connection = unsafe { &(*entry).connection };
        let Some(fd) = *connection.lock() else { return 0 };
        // SAFETY: the path is a string; both descriptors are open, and the second stays the
        // handle's.
        unsafe {
            let null = libc::open(c"/dev/null".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC);
            if null < 0 {
                return -1;
            }
            let done = libc::dup3(null, fd, libc::O_CLOEXEC);
            libc::close(null);
            if done < 0 { -1 } else { 0 }
        }
    })
}
