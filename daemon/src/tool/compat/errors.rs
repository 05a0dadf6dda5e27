//! Errors as the C library words them: scripts have seen these texts for twenty years.

use std::io;

use myriad_core::Errno;
use myriad_ring::client::Error;
use rustix::io::Errno as Os;

/// The number that the system gives to an error.
pub(super) fn os_number(error: &Error) -> i32 {
    match (error.errno(), error) {
        (Some(errno), _) => number_of(errno),
        (None, Error::Unreachable { source, .. } | Error::Lost(source)) => {
            source.raw_os_error().unwrap_or_else(|| match source.kind() {
                io::ErrorKind::InvalidInput => Os::INVAL.raw_os_error(),
                _ => Os::BADF.raw_os_error(),
            })
        }
        _ => Os::BADF.raw_os_error(),
    }
}

/// The text of an error, as `strerror` gives it.
pub(super) fn os_text(error: &Error) -> String {
    let number = os_number(error);
    let text = io::Error::from_raw_os_error(number).to_string();
    text.strip_suffix(&format!(" (os error {number})")).map(String::from).unwrap_or(text)
}

fn number_of(errno: Errno) -> i32 {
    let os = match errno {
        Errno::EINVAL => Os::INVAL,
        Errno::EACCES => Os::ACCESS,
        Errno::EEXIST => Os::EXIST,
        Errno::EISDIR => Os::ISDIR,
        Errno::ENOENT => Os::NOENT,
        Errno::ENOMEM => Os::NOMEM,
        Errno::ENOSPC => Os::NOSPC,
        Errno::EIO => Os::IO,
        Errno::ENOTEMPTY => Os::NOTEMPTY,
        Errno::ENOSYS => Os::NOSYS,
        Errno::EROFS => Os::ROFS,
        Errno::EBUSY => Os::BUSY,
        Errno::EAGAIN => Os::AGAIN,
        Errno::EISCONN => Os::ISCONN,
        Errno::E2BIG => Os::TOOBIG,
        Errno::EPERM => Os::PERM,
    };
    os.raw_os_error()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_worded_as_the_c_library_words_them() {
        let refused =
            |errno| Error::Refused { op: myriad_ring::v1::Op::Read, subject: String::new(), errno };
        assert_eq!(os_text(&refused(Errno::ENOENT)), "No such file or directory");
        assert_eq!(os_text(&refused(Errno::E2BIG)), "Argument list too long");
        assert_eq!(os_text(&Error::Broken), "Bad file descriptor");
        assert_eq!(os_number(&refused(Errno::EINVAL)), 22);
    }
}
