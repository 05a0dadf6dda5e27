//! Errors as numbers of errno.h.

use std::{ffi::c_int, io::ErrorKind};

use myriad_core::Errno;
use myriad_ring::{client::Error, v2::status};

/// The number of an error of the client.
pub(crate) fn of(error: &Error) -> c_int {
    match error {
        Error::Unreachable { source, .. } => system(source),
        Error::EventsLost(_) => libc::EOVERFLOW,
        Error::TimedOut => libc::ETIMEDOUT,
        Error::Lost(_) | Error::Broken => libc::ENOTCONN,
        Error::Protocol(_) => libc::EPROTO,
        Error::Unlistable { .. } => libc::EBUSY,
        other => other.errno().map_or(libc::EIO, named),
    }
}

/// The number of an error of the protocol: Xen's are Linux's.
pub(crate) fn named(errno: Errno) -> c_int {
    c_int::try_from(status::number(errno)).unwrap_or(libc::EIO)
}

/// The number of an error of the system; a path that is too long for a socket has none.
pub(crate) fn system(error: &std::io::Error) -> c_int {
    let other = if error.kind() == ErrorKind::InvalidInput { libc::EINVAL } else { libc::EIO };
    error.raw_os_error().unwrap_or(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xens_numbers_are_linuxs() {
        let numbers = [
            libc::EINVAL,
            libc::EACCES,
            libc::EEXIST,
            libc::EISDIR,
            libc::ENOENT,
            libc::ENOMEM,
            libc::ENOSPC,
            libc::EIO,
            libc::ENOTEMPTY,
            libc::ENOSYS,
            libc::EROFS,
            libc::EBUSY,
            libc::EAGAIN,
            libc::EISCONN,
            libc::E2BIG,
            libc::EPERM,
        ];
        assert_eq!(Errno::ALL.map(named), numbers);
    }
}
