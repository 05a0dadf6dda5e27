//! Payloads as NUL-terminated strings.
//!
//! C counts NULs, not strings: what follows the last NUL is no string and is ignored
//! (`get_strings`), except where an operation takes one string and nothing else (`onearg`).

/// The strings of a payload, each without its NUL; what follows the last NUL is left out.
///
/// ```
/// # use myriad_ring::v1::strings;
/// let all: Vec<&[u8]> = strings(b"a\0\0bc\0tail").collect();
/// assert_eq!(all, [&b"a"[..], b"", b"bc"]);
/// ```
pub fn strings(payload: &[u8]) -> Strings<'_> {
    Strings { rest: payload }
}

/// The payload's only string: it must hold exactly one NUL, at its end.
#[must_use]
pub(crate) fn only_string(payload: &[u8]) -> Option<&[u8]> {
    let (string, rest) = split_string(payload)?;
    rest.is_empty().then_some(string)
}

/// Exactly `N` strings, whatever follows the last NUL.
#[must_use]
pub(crate) fn exactly<const N: usize>(payload: &[u8]) -> Option<[&[u8]; N]> {
    let mut all = strings(payload);
    let found = take(&mut all)?;
    all.next().is_none().then_some(found)
}

/// The first `N` strings, where there are that many.
#[must_use]
pub(crate) fn at_least<const N: usize>(payload: &[u8]) -> Option<[&[u8]; N]> {
    take(&mut strings(payload))
}

/// The first string, and all bytes behind its NUL.
#[must_use]
pub(crate) fn split_string(payload: &[u8]) -> Option<(&[u8], &[u8])> {
    let nul = payload.iter().position(|&byte| byte == 0)?;
    Some((payload.get(..nul)?, payload.get(nul.checked_add(1)?..)?))
}

/// See [`strings`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strings<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Strings<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (string, rest) = split_string(self.rest)?;
        self.rest = rest;
        Some(string)
    }
}

fn take<'a, const N: usize>(all: &mut Strings<'a>) -> Option<[&'a [u8]; N]> {
    let mut found: [&[u8]; N] = [&[]; N];
    for slot in &mut found {
        *slot = all.next()?;
    }
    Some(found)
}
