//! Permission letters and entries, as clients write them.

use crate::{domain::DomId, error::Error};

/// What an entry allows: the letter before the domain id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
pub enum Access {
    /// `n`: nothing.
    #[default]
    None = 0,
    /// `r`: read and list.
    Read = 1,
    /// `w`: write, create below, remove.
    Write = 2,
    /// `b`: both.
    Both = 3,
}

impl Access {
    /// The letter of the protocol.
    #[must_use]
    pub fn letter(self) -> char {
        match self {
            Access::None => 'n',
            Access::Read => 'r',
            Access::Write => 'w',
            Access::Both => 'b',
        }
    }

    /// The access of a letter.
    #[must_use]
    pub fn from_letter(letter: u8) -> Option<Access> {
        Some(match letter {
            b'n' => Access::None,
            b'r' => Access::Read,
            b'w' => Access::Write,
            b'b' => Access::Both,
            _ => return None,
        })
    }

    pub(crate) fn from_bits(bits: u8) -> Access {
        match bits & 3 {
            0 => Access::None,
            1 => Access::Read,
            2 => Access::Write,
            _ => Access::Both,
        }
    }

    /// Whether `self` includes all of `wanted`.
    #[must_use]
    pub fn includes(self, wanted: Access) -> bool {
        (self as u8) & (wanted as u8) == wanted as u8
    }
}

/// One permission entry as a client names it: a letter and a domain id.
///
/// The first entry of a list is the owner, and its letter is the default for everyone who isn't
/// listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Perm {
    /// What it allows.
    pub access: Access,
    /// To whom.
    pub domid: DomId,
}

impl Perm {
    /// Reads an entry such as `r12`, as C's `xenstore_strings_to_perms` does: a letter, then a
    /// decimal number.
    ///
    /// ```
    /// # use myriad_core::{Access, DomId, Perm};
    /// let perm = Perm::parse(b"r12")?;
    /// assert_eq!(perm, Perm { access: Access::Read, domid: DomId(12) });
    /// assert!(Perm::parse(b"x12").is_err());
    /// # Ok::<(), myriad_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidValue`] for another letter, no number, or one that is no domain id.
    pub fn parse(text: &[u8]) -> Result<Perm, Error> {
        let bad = Error::InvalidValue("a permission is one of r, w, b, n and a domain id");
        let Some((&letter, digits)) = text.split_first() else { return Err(bad) };
        let access = Access::from_letter(letter).ok_or(bad.clone())?;
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return Err(bad);
        }
        let number: u16 =
            std::str::from_utf8(digits).ok().and_then(|d| d.parse().ok()).ok_or(bad)?;
        Ok(Perm { access, domid: DomId(number) })
    }
}

impl std::fmt::Display for Perm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.access.letter(), self.domid)
    }
}
