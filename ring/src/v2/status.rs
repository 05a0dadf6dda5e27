//! Errors as numbers: those of Xen's `xen/include/public/errno.h`.

use myriad_core::Errno;

/// The number of an error.
#[must_use]
pub fn number(errno: Errno) -> u32 {
    match errno {
        Errno::EPERM => 1,
        Errno::ENOENT => 2,
        Errno::EIO => 5,
        Errno::E2BIG => 7,
        Errno::EAGAIN => 11,
        Errno::ENOMEM => 12,
        Errno::EACCES => 13,
        Errno::EBUSY => 16,
        Errno::EEXIST => 17,
        Errno::EISDIR => 21,
        Errno::EINVAL => 22,
        Errno::ENOSPC => 28,
        Errno::EROFS => 30,
        Errno::ENOSYS => 38,
        Errno::ENOTEMPTY => 39,
        Errno::EISCONN => 106,
    }
}

/// The error of a number, where it is one of the protocol's.
///
/// ```
/// # use myriad_core::Errno;
/// # use myriad_ring::v2::status;
/// assert_eq!(status::errno(11), Some(Errno::EAGAIN));
/// assert_eq!((status::errno(0), status::errno(99)), (None, None));
/// ```
#[must_use]
pub fn errno(status: u32) -> Option<Errno> {
    Errno::ALL.into_iter().find(|errno| number(*errno) == status)
}
