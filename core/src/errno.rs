//! The error names of the protocol, and the one place where errors become them.
//!
//! A client turns any name that it doesn't know into `EINVAL` (Xen's `tools/libs/store/xs.c`),
//! so no other name is ever sent.

use crate::error::Error;

/// An error as the protocol names it (`xen/include/public/io/xs_wire.h`, `xsd_errors`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Errno {
    EINVAL,
    EACCES,
    EEXIST,
    EISDIR,
    ENOENT,
    ENOMEM,
    ENOSPC,
    EIO,
    ENOTEMPTY,
    ENOSYS,
    EROFS,
    EBUSY,
    EAGAIN,
    EISCONN,
    E2BIG,
    EPERM,
}

impl Errno {
    /// Every name, in the order of the public header.
    pub const ALL: [Errno; 16] = [
        Errno::EINVAL,
        Errno::EACCES,
        Errno::EEXIST,
        Errno::EISDIR,
        Errno::ENOENT,
        Errno::ENOMEM,
        Errno::ENOSPC,
        Errno::EIO,
        Errno::ENOTEMPTY,
        Errno::ENOSYS,
        Errno::EROFS,
        Errno::EBUSY,
        Errno::EAGAIN,
        Errno::EISCONN,
        Errno::E2BIG,
        Errno::EPERM,
    ];

    /// The name as it stands in an ERROR reply, without the closing NUL.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Errno::EINVAL => "EINVAL",
            Errno::EACCES => "EACCES",
            Errno::EEXIST => "EEXIST",
            Errno::EISDIR => "EISDIR",
            Errno::ENOENT => "ENOENT",
            Errno::ENOMEM => "ENOMEM",
            Errno::ENOSPC => "ENOSPC",
            Errno::EIO => "EIO",
            Errno::ENOTEMPTY => "ENOTEMPTY",
            Errno::ENOSYS => "ENOSYS",
            Errno::EROFS => "EROFS",
            Errno::EBUSY => "EBUSY",
            Errno::EAGAIN => "EAGAIN",
            Errno::EISCONN => "EISCONN",
            Errno::E2BIG => "E2BIG",
            Errno::EPERM => "EPERM",
        }
    }

    /// The error of a name, where it is one of the protocol's.
    ///
    /// ```
    /// # use myriad_core::Errno;
    /// assert_eq!(Errno::from_name(b"EAGAIN"), Some(Errno::EAGAIN));
    /// assert_eq!(Errno::from_name(b"EDOM"), None);
    /// ```
    #[must_use]
    pub fn from_name(name: &[u8]) -> Option<Errno> {
        Errno::ALL.into_iter().find(|e| e.name().as_bytes() == name)
    }
}

impl From<&Error> for Errno {
    fn from(error: &Error) -> Errno {
        match error {
            Error::InvalidPath | Error::InvalidValue(_) | Error::RemoveRoot => Errno::EINVAL,
            Error::NotFound | Error::UnknownDomain(_) => Errno::ENOENT,
            Error::AccessDenied => Errno::EACCES,
            Error::OwnerChange => Errno::EPERM,
            Error::ReadOnly => Errno::EROFS,
            Error::Exists => Errno::EEXIST,
            Error::Busy => Errno::EBUSY,
            Error::TooBig => Errno::E2BIG,
            Error::Conflict => Errno::EAGAIN,
            Error::Poisoned => Errno::ENOMEM,
            Error::Quota(_) => Errno::ENOSPC,
            Error::OutOfMemory(_) => Errno::ENOMEM,
        }
    }
}
