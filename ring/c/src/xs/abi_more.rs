//! The functions of `libxenstore` on domains, the daemon and its limits, and its helpers, as C
//! calls them.
#![allow(unsafe_code, missing_docs, reason = "Xen's xenstore.h documents each function")]

use std::{
    ffi::{CString, c_char, c_int, c_uint, c_ulong},
    os::unix::ffi::OsStringExt,
    sync::OnceLock,
};

use myriad_ring::{client::places, v1::Op};

use super::{
    abi::{count, done, fail, give_strings, needed, number_in, on},
    handle::Handle,
    perms::{self, Permission},
};
use crate::raw::{Array, Out, OutArray, Text, export, set_errno, text_for_free, write_all};

/// `XENSTORE_SERVER_FEATURE_WATCHDEPTH`.
const WATCHDEPTH: u32 = 4;

export! {
    fn xs_introduce_domain(
        handle: Option<&Handle>,
        domid: c_uint,
        frame: c_ulong,
        port: c_uint,
    ) -> bool {
        let about = format!("{domid}\0{frame}\0{port}\0");
        done(handle, |handle| handle.ask(Op::Introduce, 0, &[about.as_bytes()]))
    }

    fn xs_set_target(handle: Option<&Handle>, domid: c_uint, target: c_uint) -> bool {
        let about = format!("{domid}\0{target}\0");
        done(handle, |handle| handle.ask(Op::SetTarget, 0, &[about.as_bytes()]))
    }

    fn xs_resume_domain(handle: Option<&Handle>, domid: c_uint) -> bool {
        done(handle, |handle| of_domain(handle, Op::Resume, domid))
    }

    fn xs_release_domain(handle: Option<&Handle>, domid: c_uint) -> bool {
        done(handle, |handle| of_domain(handle, Op::Release, domid))
    }

    fn xs_is_domain_introduced(handle: Option<&Handle>, domid: c_uint) -> bool {
        let reply = on(handle, |handle| of_domain(handle, Op::IsDomainIntroduced, domid));
        reply.is_some_and(|reply| reply.first() == Some(&b'T'))
    }

    fn xs_get_domain_path(handle: Option<&Handle>, domid: c_uint) -> *mut c_char {
        give_text(on(handle, |handle| of_domain(handle, Op::GetDomainPath, domid)))
    }

    fn xs_control_command(
        handle: Option<&Handle>,
        command: Text<'_>,
        data: Array<'_, u8>,
        size: c_uint,
    ) -> *mut c_char {
        control(handle, command, data, size)
    }

    fn xs_debug_command(
        handle: Option<&Handle>,
        command: Text<'_>,
        data: Array<'_, u8>,
        size: c_uint,
    ) -> *mut c_char {
        control(handle, command, data, size)
    }

    fn xs_suspend_evtchn_port(domid: c_int) -> c_int {
        let path = format!("/local/domain/{domid}/device/suspend/event-channel\0");
        let port = Handle::open(false).and_then(|handle| {
            let value = handle.ask(Op::Read, 0, &[path.as_bytes()])?;
            number_in(&value).and_then(|port| c_int::try_from(port).ok()).ok_or(libc::EINVAL)
        });
        port.map_err(set_errno).unwrap_or(-1)
    }

    fn xs_get_features_supported(handle: Option<&Handle>, features: Out<'_, c_uint>) -> bool {
        put_number(on(handle, |handle| handle.ask(Op::GetFeature, 0, &[])), features)
    }

    fn xs_get_features_domain(
        handle: Option<&Handle>,
        domid: c_uint,
        features: Out<'_, c_uint>,
    ) -> bool {
        put_number(on(handle, |handle| of_domain(handle, Op::GetFeature, domid)), features)
    }

    fn xs_set_features_domain(handle: Option<&Handle>, domid: c_uint, features: c_uint) -> bool {
        let about = format!("{domid}\0{features}\0");
        done(handle, |handle| handle.ask(Op::SetFeature, 0, &[about.as_bytes()]))
    }

    fn xs_watch_depth(
        handle: Option<&Handle>,
        path: Text<'_>,
        token: Text<'_>,
        depth: c_uint,
    ) -> bool {
        done(handle, |handle| watch_depth(handle, path, token, depth))
    }

    fn xs_watch_try_depth(
        handle: Option<&Handle>,
        path: Text<'_>,
        token: Text<'_>,
        depth: c_uint,
    ) -> bool {
        done(handle, |handle| {
            watch_depth(handle, path, token, depth).or_else(|_| {
                handle.ask(Op::Watch, 0, &[needed(path)?, b"\0", needed(token)?, b"\0"])
            })
        })
    }

    fn xs_get_quota_names(handle: Option<&Handle>, count: Out<'_, c_uint>) -> *mut *mut c_char {
        let names = on(handle, |handle| handle.ask(Op::GetQuota, 0, &[]));
        names.map_or(std::ptr::null_mut(), |mut names| {
            names.retain(|&byte| byte != 0);
            names.iter_mut().filter(|byte| **byte == b' ').for_each(|byte| *byte = 0);
            names.push(0);
            give_strings(&names, count)
        })
    }

    fn xs_get_global_quota(
        handle: Option<&Handle>,
        quota: Text<'_>,
        value: Out<'_, c_uint>,
    ) -> bool {
        let reply =
            on(handle, |handle| handle.ask(Op::GetQuota, 0, &[needed(quota)?, b"\0"]));
        put_number(reply, value)
    }

    fn xs_set_global_quota(handle: Option<&Handle>, quota: Text<'_>, value: c_uint) -> bool {
        let value = format!("\0{value}\0");
        done(handle, |handle| handle.ask(Op::SetQuota, 0, &[needed(quota)?, value.as_bytes()]))
    }

    fn xs_get_domain_quota(
        handle: Option<&Handle>,
        domid: c_uint,
        quota: Text<'_>,
        value: Out<'_, c_uint>,
    ) -> bool {
        let domid = format!("{domid}\0");
        let reply = on(handle, |handle| {
            handle.ask(Op::GetQuota, 0, &[domid.as_bytes(), needed(quota)?, b"\0"])
        });
        put_number(reply, value)
    }

    fn xs_set_domain_quota(
        handle: Option<&Handle>,
        domid: c_uint,
        quota: Text<'_>,
        value: c_uint,
    ) -> bool {
        let (domid, value) = (format!("{domid}\0"), format!("\0{value}\0"));
        done(handle, |handle| {
            let parts = [domid.as_bytes(), needed(quota)?, value.as_bytes()];
            handle.ask(Op::SetQuota, 0, &parts)
        })
    }

    fn xs_daemon_rundir() -> *const c_char {
        static RUNDIR: OnceLock<CString> = OnceLock::new();
        let find = || {
            let set = std::env::var_os("XENSTORED_RUNDIR");
            let set = set.unwrap_or_else(|| myriad_ring::client::DEFAULT_RUNDIR.into());
            CString::new(set.into_vec()).unwrap_or_default()
        };
        RUNDIR.get_or_init(find).as_ptr()
    }

    fn xs_daemon_socket() -> *const c_char {
        socket()
    }

    fn xs_daemon_socket_ro() -> *const c_char {
        socket()
    }

    fn xs_strings_to_perms(
        perms: OutArray<'_, Permission>,
        size: c_uint,
        strings: Text<'_>,
    ) -> bool {
        // SAFETY: by Xen's header, so many strings lie there, one behind the other.
        let strings = unsafe { strings.and_behind(count(size)) };
        let read = strings.ok_or(libc::EINVAL).and_then(|all| perms::from_text(all.into_iter()));
        let written = read.and_then(|read| {
            // SAFETY: by Xen's header, `perms` has room for `size` elements, and no more are read.
            let has_room = unsafe { perms.write(&read) };
            has_room.then_some(()).ok_or(libc::EINVAL)
        });
        written.map_err(set_errno).is_ok()
    }

    fn xs_write_all(fd: c_int, data: Array<'_, u8>, size: c_uint) -> bool {
        // SAFETY: by Xen's header, `data` has `size` bytes.
        let Some(data) = (unsafe { data.of(count(size)) }) else {
            return fail(libc::EINVAL, false);
        };
        write_all(fd, data).map_err(set_errno).is_ok()
    }
}

fn of_domain(handle: &Handle, op: Op, domid: c_uint) -> Result<Vec<u8>, c_int> {
    handle.ask(op, 0, &[format!("{domid}\0").as_bytes()])
}

fn control(
    handle: Option<&Handle>,
    command: Text<'_>,
    data: Array<'_, u8>,
    size: c_uint,
) -> *mut c_char {
    give_text(on(handle, |handle| {
        // SAFETY: by Xen's header, `data` has `size` bytes.
        let data = unsafe { data.of(count(size)) }.ok_or(libc::EINVAL)?;
        handle.ask(Op::Control, 0, &[needed(command)?, b"\0", data])
    }))
}

/// A watch that hears of so many levels; only where the daemon says that it knows such.
fn watch_depth(
    handle: &Handle,
    path: Text<'_>,
    token: Text<'_>,
    depth: c_uint,
) -> Result<Vec<u8>, c_int> {
    let features = number_in(&handle.ask(Op::GetFeature, 0, &[])?).unwrap_or(0);
    if features & WATCHDEPTH == 0 {
        return Err(libc::ENOSYS);
    }
    let depth = format!("\0{depth}\0");
    handle.ask(Op::Watch, 0, &[needed(path)?, b"\0", needed(token)?, depth.as_bytes()])
}

/// The socket that a handle is opened to first.
fn socket() -> *const c_char {
    static SOCKET: OnceLock<CString> = OnceLock::new();
    let find = || {
        let [socket, _] = places();
        CString::new(socket.into_os_string().into_vec()).unwrap_or_default()
    };
    SOCKET.get_or_init(find).as_ptr()
}

fn give_text(reply: Option<Vec<u8>>) -> *mut c_char {
    reply.map_or(std::ptr::null_mut(), |reply| text_for_free(&reply))
}

fn put_number(reply: Option<Vec<u8>>, place: Out<'_, c_uint>) -> bool {
    match (reply.as_deref().map(number_in), place) {
        (Some(Some(number)), Some(place)) => {
            place.write(number);
            true
        }
        (None, _) => false,
        _ => fail(libc::EINVAL, false),
    }
}
