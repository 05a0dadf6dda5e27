//! Permissions as `struct xs_permissions` and as text.

use std::ffi::{c_int, c_uint};

use myriad_core::{Access, Perm};

/// `struct xs_permissions`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Permission {
    /// The domain.
    pub(super) id: c_uint,
    /// `XS_PERM_READ`, `XS_PERM_WRITE`.
    pub(super) perms: c_uint,
}

const READ: c_uint = 1;
const WRITE: c_uint = 2;

/// As a request has it: a letter, a number, and a NUL.
pub(super) fn to_text(all: &[Permission]) -> Result<Vec<u8>, c_int> {
    let mut text = Vec::new();
    for one in all {
        // Other bits are the daemon's own.
        let letter = match one.perms {
            0 => 'n',
            READ => 'r',
            WRITE => 'w',
            3 => 'b',
            _ => return Err(libc::EINVAL),
        };
        text.extend_from_slice(format!("{letter}{}\0", one.id).as_bytes());
    }
    Ok(text)
}

/// Of strings that are closed by a NUL each.
pub(super) fn from_text<'a>(
    strings: impl Iterator<Item = &'a [u8]>,
) -> Result<Vec<Permission>, c_int> {
    let one = |text: &[u8]| {
        let perm = Perm::parse(text).map_err(|_| libc::EINVAL)?;
        let perms = match perm.access {
            Access::None => 0,
            Access::Read => READ,
            Access::Write => WRITE,
            Access::Both => READ | WRITE,
        };
        Ok(Permission { id: perm.domid.0.into(), perms })
    };
    strings.map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        let all = [0, 1, 2, 3].map(|perms| Permission { id: 7 + perms, perms });
        let text = to_text(&all).unwrap();
        assert_eq!(text, b"n7\0r8\0w9\0b10\0");
        let strings = myriad_ring::client::strings(&text);
        assert_eq!(from_text(strings).unwrap(), all);
        assert!(to_text(&[Permission { id: 1, perms: 8 }]).is_err());
        assert!(from_text([&b"x1"[..]].into_iter()).is_err());
    }
}
