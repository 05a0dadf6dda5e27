//! What the calls on history give to C.

use std::{ffi::c_char, mem::offset_of};

use myriad_ring::client::{self, Entry, LogPage, When};

use super::results::{Held, closed, hold, size};

/// `struct myriad_history_kept`.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct Kept {
    oldest: u64,
    oldest_time: u64,
    every: u64,
    newest: u64,
}

impl From<&client::Kept> for Kept {
    fn from(kept: &client::Kept) -> Kept {
        let client::Kept { oldest, oldest_time, every, newest } = *kept;
        Kept { oldest, oldest_time, every, newest }
    }
}

/// `struct myriad_logged`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Logged {
    generation: u64,
    time: u64,
    conn: u64,
    path: *const c_char,
    path_size: usize,
    domid: u16,
    kind: u16,
    reserved: u32,
}

/// `struct myriad_log`.
#[derive(Debug)]
#[repr(C)]
pub struct Changes {
    count: usize,
    changes: *const Logged,
    older: u64,
}

/// What `myriad_history_log` gives.
pub type Log = Held<Changes, (Vec<Logged>, Vec<Vec<u8>>)>;

pub(super) fn log(page: LogPage) -> Box<Log> {
    let mut keep = Vec::with_capacity(page.entries.len());
    let show = |entry: Entry| {
        let path = closed(entry.change.path.into_bytes());
        let logged = Logged {
            generation: entry.generation,
            time: entry.time,
            conn: entry.conn,
            path: path.as_ptr().cast(),
            path_size: size(&path),
            domid: entry.domid.0,
            kind: entry.change.kind,
            reserved: 0,
        };
        keep.push(path);
        logged
    };
    let all: Vec<Logged> = page.entries.into_iter().map(show).collect();
    let older = match page.older {
        Some(When::Generation(older)) => older,
        _ => 0,
    };
    hold(Changes { count: all.len(), changes: all.as_ptr(), older }, (all, keep))
}

// The layouts that `verify/tests/c/myriad.c` finds in the header.
#[cfg(target_pointer_width = "64")]
const _: () = {
    assert!(size_of::<Logged>() == 48 && offset_of!(Logged, domid) == 40);
    assert!(size_of::<Changes>() == 24 && offset_of!(Changes, older) == 16);
    assert!(size_of::<Kept>() == 32);
};
