//! Paths: checked once, then taken at their word.

use crate::error::Error;
use crate::limits::PATH_BYTES;

/// An absolute path of a node: `/`, or `/a/b` with components of `[A-Za-z0-9-_@]`.
///
/// No `//` and no `/` at the end but for the root (C's `is_valid_nodename`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Path<'a>(&'a str);

impl<'a> Path<'a> {
    /// The root.
    pub const ROOT: Path<'static> = Path("/");

    /// Checks a path.
    ///
    /// ```
    /// # use myriad_core::Path;
    /// let path = Path::new("/local/domain/7/name")?;
    /// assert_eq!(path.leaf(), "name");
    /// assert_eq!(path.parent().map(|p| p.as_str()), Some("/local/domain/7"));
    /// assert!(Path::new("/a//b").is_err() && Path::new("/a/").is_err());
    /// assert!(Path::new("a").is_err());
    /// # Ok::<(), myriad_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidPath`].
    pub fn new(text: &'a str) -> Result<Path<'a>, Error> {
        Path::from_bytes(text.as_bytes())
    }

    /// Checks a path that came as bytes.
    ///
    /// # Errors
    /// [`Error::InvalidPath`].
    pub fn from_bytes(bytes: &'a [u8]) -> Result<Path<'a>, Error> {
        if bytes.first() != Some(&b'/') || bytes.len() > PATH_BYTES {
            return Err(Error::InvalidPath);
        }
        // Nearly all are valid: to look at all of it costs less than to look for an end.
        let (mut valid, mut previous) = (true, 0);
        for &byte in bytes {
            valid &= is_path_byte(byte) & !((byte == b'/') & (previous == b'/'));
            previous = byte;
        }
        if !valid || (previous == b'/' && bytes.len() > 1) {
            return Err(Error::InvalidPath);
        }
        // Every allowed byte is ASCII.
        std::str::from_utf8(bytes).map(Path).map_err(|_| Error::InvalidPath)
    }

    /// For text that this crate built from checked parts.
    pub(crate) fn trusted(text: &'a str) -> Path<'a> {
        debug_assert!(Path::new(text).is_ok(), "{text}");
        Path(text)
    }

    /// Whether text that was once a checked path is `path` or an ancestor of it.
    pub(crate) fn trusted_prefix(text: &str, path: Path<'_>) -> bool {
        path.is_within(Path(text))
    }

    /// The text.
    #[must_use]
    pub fn as_str(self) -> &'a str {
        self.0
    }

    /// Whether it is `/`.
    #[must_use]
    pub fn is_root(self) -> bool {
        self.0.len() == 1
    }

    /// The components from the root down; none for the root itself.
    pub fn components(self) -> Components<'a> {
        Components { rest: self.0.get(1..).unwrap_or_default() }
    }

    /// The last component; empty for the root.
    #[must_use]
    pub fn leaf(self) -> &'a str {
        let at = self.0.bytes().rposition(|b| b == b'/').map_or(0, |at| at + 1);
        self.0.get(at..).unwrap_or_default()
    }

    /// The path one component shorter; nothing for the root.
    #[must_use]
    pub fn parent(self) -> Option<Path<'a>> {
        if self.is_root() {
            return None;
        }
        match parent_of(self.0)? {
            "" => Some(Path::ROOT),
            above => Some(Path(above)),
        }
    }

    /// Whether it is `other` or lies below it.
    #[must_use]
    pub fn is_within(self, other: Path<'_>) -> bool {
        other.is_root()
            || self.0.strip_prefix(other.0).is_some_and(|r| r.is_empty() || r.starts_with('/'))
    }
}

/// The components of a [`Path`], from the root down.
#[derive(Clone, Debug)]
pub struct Components<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Components<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        if self.rest.is_empty() {
            return None;
        }
        let (head, rest) = split_first(self.rest);
        self.rest = rest;
        Some(head)
    }
}

/// The first component of a relative path, and what follows it. A loop over bytes: components are
/// short, and the standard library's search is made for long texts.
#[inline]
pub(crate) fn split_first(path: &str) -> (&str, &str) {
    match path.bytes().position(|b| b == b'/') {
        Some(at) => (path.get(..at).unwrap_or_default(), path.get(at + 1..).unwrap_or_default()),
        None => (path, ""),
    }
}

/// A relative path without its last component, where it has more than one.
#[inline]
pub(crate) fn parent_of(path: &str) -> Option<&str> {
    path.get(..path.bytes().rposition(|b| b == b'/')?)
}

/// Whether a byte may stand in a path (C's `valid_chars`).
#[must_use]
pub fn is_path_byte(byte: u8) -> bool {
    let bits = PATH_BYTES_AT.get(usize::from(byte >> 6)).copied().unwrap_or(0);
    bits >> (byte & 63) & 1 != 0
}

/// One bit for each byte: whether it may stand in a path.
const PATH_BYTES_AT: [u64; 4] = [allowed(0), allowed(64), allowed(128), allowed(192)];

const fn allowed(first: u8) -> u64 {
    let (mut bits, mut n) = (0, 0);
    while n < 64 {
        let byte = first + n;
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'/' | b'_' | b'@') {
            bits |= 1 << n;
        }
        n += 1;
    }
    bits
}

impl std::fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}
