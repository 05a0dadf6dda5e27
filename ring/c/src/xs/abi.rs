//! The functions of `libxenstore` on the tree, watches and transactions, as C calls them.
#![allow(unsafe_code, missing_docs, reason = "Xen's xenstore.h documents each function")]

use std::ffi::{c_char, c_int, c_uint, c_ulong};

use myriad_ring::{
    client::{Error, Request, Store, strings},
    v1::Op,
    v2::status,
};

use super::{
    handle::Handle,
    perms::{self, Permission},
};
use crate::{
    number,
    raw::{Array, Out, Text, array_for_free, export, set_errno, strings_for_free, text_for_free},
};

/// `XS_UNWATCH_FILTER`.
const UNWATCH_FILTER: c_ulong = 4;

export! {
    fn xs_open(flags: c_ulong) -> Option<Box<Handle>> {
        or_none(Handle::open(flags & UNWATCH_FILTER != 0))
    }

    fn xs_daemon_open() -> Option<Box<Handle>> {
        or_none(Handle::open(false))
    }

    fn xs_daemon_open_readonly() -> Option<Box<Handle>> {
        or_none(Handle::open(false))
    }

    fn xs_domain_open() -> Option<Box<Handle>> {
        or_none(Handle::open(false))
    }

    fn xs_close(handle: Option<Box<Handle>>) {
        drop(handle);
    }

    fn xs_daemon_close(handle: Option<Box<Handle>>) {
        drop(handle);
    }

    fn xs_daemon_destroy_postfork(handle: Option<Box<Handle>>) {
        // Closing descriptors is all that closing a handle does: the parent's stay open.
        drop(handle);
    }

    fn xs_directory(
        handle: Option<&Handle>,
        tx: u32,
        path: Text<'_>,
        count: Out<'_, c_uint>,
    ) -> *mut *mut c_char {
        let names = on(handle, |handle| {
            let names = Within { handle, tx }.list(needed(path)?).map_err(|error| of(&error))?;
            let closed = names.into_iter().flat_map(|name| [name.into_bytes(), vec![0]].concat());
            Ok(closed.collect::<Vec<u8>>())
        });
        names.map_or(std::ptr::null_mut(), |names| give_strings(&names, count))
    }

    fn xs_read(
        handle: Option<&Handle>,
        tx: u32,
        path: Text<'_>,
        size: Out<'_, c_uint>,
    ) -> *mut c_char {
        let value = on(handle, |handle| handle.ask(Op::Read, tx, &[needed(path)?, b"\0"]));
        value.map_or(std::ptr::null_mut(), |value| {
            size.map(|size| size.write(c_uint::try_from(value.len()).unwrap_or(c_uint::MAX)));
            text_for_free(&value)
        })
    }

    fn xs_write(
        handle: Option<&Handle>,
        tx: u32,
        path: Text<'_>,
        data: Array<'_, u8>,
        size: c_uint,
    ) -> bool {
        done(handle, |handle| {
            // SAFETY: by Xen's header, `data` has `size` bytes.
            let data = unsafe { data.of(count(size)) }.ok_or(libc::EINVAL)?;
            handle.ask(Op::Write, tx, &[needed(path)?, b"\0", data])
        })
    }

    fn xs_mkdir(handle: Option<&Handle>, tx: u32, path: Text<'_>) -> bool {
        done(handle, |handle| handle.ask(Op::Mkdir, tx, &[needed(path)?, b"\0"]))
    }

    fn xs_rm(handle: Option<&Handle>, tx: u32, path: Text<'_>) -> bool {
        done(handle, |handle| handle.ask(Op::Rm, tx, &[needed(path)?, b"\0"]))
    }

    fn xs_restrict(_handle: Option<&Handle>, _domid: c_uint) -> bool {
        fail(libc::ENOSYS, false)
    }

    fn xs_get_permissions(
        handle: Option<&Handle>,
        tx: u32,
        path: Text<'_>,
        count: Out<'_, c_uint>,
    ) -> *mut Permission {
        let perms = on(handle, |handle| {
            let text = handle.ask(Op::GetPerms, tx, &[needed(path)?, b"\0"])?;
            perms::from_text(strings(&text))
        });
        perms.map_or(std::ptr::null_mut(), |perms| {
            count.map(|count| count.write(c_uint::try_from(perms.len()).unwrap_or(c_uint::MAX)));
            array_for_free(&perms)
        })
    }

    fn xs_set_permissions(
        handle: Option<&Handle>,
        tx: u32,
        path: Text<'_>,
        perms: Array<'_, Permission>,
        size: c_uint,
    ) -> bool {
        done(handle, |handle| {
            // SAFETY: by Xen's header, `perms` has `size` elements.
            let perms = unsafe { perms.of(count(size)) }.ok_or(libc::EINVAL)?;
            handle.ask(Op::SetPerms, tx, &[needed(path)?, b"\0", &perms::to_text(perms)?])
        })
    }

    fn xs_watch(handle: Option<&Handle>, path: Text<'_>, token: Text<'_>) -> bool {
        let parts = |handle: &Handle| {
            handle.ask(Op::Watch, 0, &[needed(path)?, b"\0", needed(token)?, b"\0"])
        };
        done(handle, parts)
    }

    fn xs_unwatch(handle: Option<&Handle>, path: Text<'_>, token: Text<'_>) -> bool {
        done(handle, |handle| {
            let (path, token) = (needed(path)?, needed(token)?);
            let gone = handle.ask(Op::Unwatch, 0, &[path, b"\0", token, b"\0"]);
            if handle.filters() {
                handle.drop_events(|event| {
                    let mut strings = strings(event);
                    let is_below = strings.next().is_some_and(|event| is_below(path, event));
                    is_below && strings.next() == Some(token)
                });
            }
            gone
        })
    }

    fn xs_fileno(handle: Option<&Handle>) -> c_int {
        on(handle, Handle::descriptor).unwrap_or(-1)
    }

    fn xs_check_watch(handle: Option<&Handle>) -> *mut *mut c_char {
        let event = on(handle, |handle| handle.event(false));
        event.map_or(std::ptr::null_mut(), |event| give_strings(&event, None))
    }

    fn xs_read_watch(handle: Option<&Handle>, count: Out<'_, c_uint>) -> *mut *mut c_char {
        let event = on(handle, |handle| handle.event(true));
        event.map_or(std::ptr::null_mut(), |event| give_strings(&event, count))
    }

    fn xs_transaction_start(handle: Option<&Handle>) -> u32 {
        let id = on(handle, |handle| {
            let reply = handle.ask(Op::TransactionStart, 0, &[b"\0"])?;
            number_in(&reply).filter(|&id| id != 0).ok_or(libc::EINVAL)
        });
        id.unwrap_or(0)
    }

    fn xs_transaction_end(handle: Option<&Handle>, tx: u32, aborts: bool) -> bool {
        let how: &[u8] = if aborts { b"F\0" } else { b"T\0" };
        done(handle, |handle| handle.ask(Op::TransactionEnd, tx, &[how]))
    }

    fn xs_path_is_subpath(parent: Text<'_>, child: Text<'_>) -> bool {
        let (Some(parent), Some(child)) = (parent.bytes(), child.bytes()) else { return false };
        is_below(parent, child)
    }
}

/// A handle and one of its transactions, for what the client knows to do with any such.
struct Within<'a> {
    handle: &'a Handle,
    tx: u32,
}

impl Store for Within<'_> {
    fn request(&mut self, request: &Request) -> Result<Vec<u8>, Error> {
        let (op, payload) = (request.op(), request.payload()?);
        self.handle.ask(op, self.tx, &[payload]).map_err(|number| {
            let errno = u32::try_from(number).ok().and_then(status::errno);
            match errno {
                Some(errno) => Error::Refused { op, subject: request.subject(), errno },
                None => Error::Lost(std::io::Error::from_raw_os_error(number)),
            }
        })
    }
}

fn of(error: &Error) -> c_int {
    match error {
        Error::Lost(source) => number::system(source),
        other => number::of(other),
    }
}

/// Calls with a handle, if there is one. `errno` says why it fails, and is 0 where it doesn't: so
/// Xen's library leaves it, and there are programs that look (its own `test-xenstore` among them).
pub(super) fn on<T>(
    handle: Option<&Handle>,
    call: impl FnOnce(&Handle) -> Result<T, c_int>,
) -> Option<T> {
    let called = handle.ok_or(libc::EINVAL).and_then(call);
    set_errno(called.as_ref().err().copied().unwrap_or(0));
    called.ok()
}

/// The same where the reply says no more than that it was done.
pub(super) fn done(
    handle: Option<&Handle>,
    call: impl FnOnce(&Handle) -> Result<Vec<u8>, c_int>,
) -> bool {
    on(handle, call).is_some()
}

pub(super) fn fail<T>(number: c_int, result: T) -> T {
    set_errno(number);
    result
}

pub(super) fn or_none(handle: Result<Box<Handle>, c_int>) -> Option<Box<Handle>> {
    handle.map_err(set_errno).ok()
}

/// A string that has to be there.
pub(super) fn needed(text: Text<'_>) -> Result<&[u8], c_int> {
    text.bytes().ok_or(libc::EINVAL)
}

/// A reply's number.
pub(super) fn number_in(reply: &[u8]) -> Option<u32> {
    std::str::from_utf8(strings(reply).next()?).ok()?.parse().ok()
}

pub(super) fn count(number: c_uint) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Gives strings that are closed by a NUL each.
pub(super) fn give_strings(strings: &[u8], place: Out<'_, c_uint>) -> *mut *mut c_char {
    let (block, found) = strings_for_free(strings);
    if block.is_null() {
        return fail(libc::ENOMEM, block);
    }
    place.map(|place| place.write(c_uint::try_from(found).unwrap_or(c_uint::MAX)));
    block
}

/// Whether a path is another or below it, by their bytes alone.
fn is_below(parent: &[u8], child: &[u8]) -> bool {
    child.strip_prefix(parent).is_some_and(|rest| matches!(rest, [] | [b'/', ..]))
}
