//! How C 4.17 reads payloads: strings, paths, numbers and permissions.
//!
//! Facts of `xenstored_core.c` and `xs_lib.c`. They serve the model and the generator; no server's
//! answer passes through.

use std::borrow::Cow;

use myriad_core::is_path_byte;

use super::limits::PATH_MAX;

/// The life of a domain: each has another. 0 is nobody's.
pub type Life = u32;

/// What was set for a domain that wasn't there: it is nobody's.
pub const NEVER: Life = 0;

/// Where a domain's relative paths begin.
#[must_use]
pub fn home(domid: u32) -> String {
    format!("/local/domain/{domid}")
}

/// A permission as it was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// One of `r`, `w`, `b`, `n`.
    pub letter: u8,
    /// The domain, as C keeps it: 32 bits, printed with a sign.
    pub domid: u32,
    /// Whose it is: the life of the domain that was there.
    pub life: Life,
}

/// The payload's only string: there is exactly one NUL, at the end.
#[must_use]
pub fn one_string(payload: &[u8]) -> Option<&[u8]> {
    let (last, text) = payload.split_last()?;
    (*last == 0 && !text.contains(&0)).then_some(text)
}

/// The first string, and what follows its NUL.
#[must_use]
pub fn split_first(payload: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = payload.iter().position(|b| *b == 0)?;
    Some((payload.get(..end)?, payload.get(end + 1..)?))
}

/// How many NULs there are.
#[must_use]
pub fn count(payload: &[u8]) -> usize {
    payload.iter().filter(|b| **b == 0).count()
}

/// The strings that end with a NUL; what follows the last one is dropped.
#[must_use]
pub fn strings(mut payload: &[u8]) -> Vec<&[u8]> {
    let mut all = Vec::new();
    while let Some((first, rest)) = split_first(payload) {
        all.push(first);
        payload = rest;
    }
    all
}

/// The absolute path of a node, if it is one; a relative one is that of domain `of`.
#[must_use]
pub fn node_path(path: &[u8], of: u32) -> Option<Cow<'_, str>> {
    let text = std::str::from_utf8(path).ok()?;
    let full = match path.first() {
        Some(b'/' | b'@') => Cow::Borrowed(text),
        _ => Cow::Owned(format!("{}/{text}", home(of))),
    };
    let valid = full.starts_with('/')
        && (full == "/" || !full.ends_with('/'))
        && !full.contains("//")
        && full.bytes().all(is_path_byte)
        && full.len() <= home_len(&full) + PATH_MAX;
    valid.then_some(full)
}

/// Whether it is one of the two special nodes that have permissions.
#[must_use]
pub fn is_special(path: &[u8]) -> bool {
    path == b"@introduceDomain" || path == b"@releaseDomain"
}

/// Bytes of a leading `/local/domain/N/`, which the limit on paths doesn't count.
#[must_use]
pub fn home_len(path: &str) -> usize {
    let number = |rest: &str| {
        let digits = rest.bytes().take(5).take_while(u8::is_ascii_digit).count();
        (digits > 0 && rest.as_bytes().get(digits) == Some(&b'/')).then_some(digits)
    };
    let digits = path.strip_prefix("/local/domain/").and_then(number);
    digits.map_or(0, |digits| "/local/domain//".len() + digits)
}

/// The path without its last component; of the root, the root.
#[must_use]
pub fn parent(path: &str) -> &str {
    match path.rfind('/') {
        None | Some(0) => "/",
        Some(at) => path.get(..at).unwrap_or("/"),
    }
}

/// The last component.
#[must_use]
pub fn leaf(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

/// C's `atoi`: blanks, a sign, digits up to the first other byte, cut to 32 bits.
#[must_use]
pub fn atoi(text: &[u8]) -> u32 {
    low_word(strtol(text, 10).0)
}

/// Whether it is nothing but up to five digits: a number that every server reads alike.
#[must_use]
pub fn is_plain_number(text: &[u8]) -> bool {
    (1..=5).contains(&text.len())
        && text.iter().all(u8::is_ascii_digit)
        && strtol(text, 10).0 <= i64::from(u16::MAX)
}

/// C's `strtol` with base 10, or 0 for "as it looks": the number, and how many bytes belong to it.
#[must_use]
pub fn strtol(text: &[u8], base: u32) -> (i64, usize) {
    let blank = |b: &&u8| matches!(b, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r');
    let mut at = text.iter().take_while(blank).count();
    let sign = text.get(at).copied();
    at += usize::from(matches!(sign, Some(b'+' | b'-')));
    let rest = text.get(at..).unwrap_or_default();
    let (radix, skip) = match rest {
        [b'0', b'x' | b'X', digit, ..] if base == 0 && digit.is_ascii_hexdigit() => (16, 2),
        [b'0', ..] if base == 0 => (8, 0),
        _ => (10, 0),
    };
    let mut value: i64 = 0;
    let mut used = 0;
    for byte in rest.get(skip..).unwrap_or_default() {
        let Some(digit) = char::from(*byte).to_digit(radix) else { break };
        value = value.saturating_mul(i64::from(radix)).saturating_add(i64::from(digit));
        used += 1;
    }
    if used == 0 {
        return (0, 0);
    }
    let signed = match (sign, value) {
        (Some(b'-'), i64::MAX) => i64::MIN,
        (Some(b'-'), _) => -value,
        _ => value,
    };
    (signed, at + skip + used)
}

/// Permissions as SET_PERMS has them after the path: each a letter and a number.
#[must_use]
pub fn parse_perms(rest: &[u8]) -> Option<Vec<Entry>> {
    let texts = strings(rest);
    let entry = |text: &&[u8]| {
        let (&letter, number) = text.split_first()?;
        let (domid, used) = strtol(number, 0);
        let valid = b"rwbn".contains(&letter) && !number.is_empty() && used == number.len();
        valid.then(|| Entry { letter, domid: low_word(domid), life: NEVER })
    };
    if texts.is_empty() { None } else { texts.iter().map(entry).collect() }
}

/// Permissions as GET_PERMS shows them.
#[must_use]
pub fn perms<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Vec<u8> {
    let mut text = Vec::new();
    for entry in entries {
        text.push(entry.letter);
        text.extend_from_slice(entry.domid.cast_signed().to_string().as_bytes());
        text.push(0);
    }
    text
}

fn low_word(value: i64) -> u32 {
    let [a, b, c, d, ..] = value.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_as_c_takes_them() {
        for good in ["/", "/a", "/a/b@-_9", "name", "/local/domain/7/x"] {
            assert!(node_path(good.as_bytes(), 0).is_some(), "{good}");
        }
        for bad in ["", "/a/", "//", "/a//b", "/a b", "@releaseDomain", "/\u{fc}", "a/"] {
            assert!(node_path(bad.as_bytes(), 0).is_none(), "{bad}");
        }
        assert_eq!(node_path(b"x", 0).unwrap(), "/local/domain/0/x");
        assert_eq!(node_path(b"x", 5).unwrap(), "/local/domain/5/x");
        let long = format!("/{}", "x".repeat(PATH_MAX));
        assert!(node_path(long.as_bytes(), 0).is_none());
        assert!(node_path(&long.as_bytes()[..PATH_MAX], 0).is_some());
        assert!(node_path(format!("/local/domain/7{long}").as_bytes(), 0).is_some());
    }

    #[test]
    fn numbers_as_c_reads_them() {
        for (text, value) in [
            ("7", 7),
            (" -1x", u32::MAX),
            ("abc", 0),
            ("", 0),
            ("4294967301", 5),
            ("+3", 3),
            ("-99999999999999999999", 0),
        ] {
            assert_eq!(atoi(text.as_bytes()), value, "{text:?}");
        }
        assert_eq!(strtol(b"0x1fg", 0), (31, 4));
        assert_eq!(strtol(b"010", 0), (8, 3));
        assert_eq!(strtol(b"0x", 0), (0, 1));
        assert_eq!(strtol(b"-", 10), (0, 0));
    }

    #[test]
    fn permissions_as_c_reads_them() {
        let set = parse_perms(b"n0\0r-1\0b0x10\0dropped").unwrap();
        assert_eq!(perms(&set), b"n0\0r-1\0b16\0");
        for bad in [b"".as_slice(), b"r\0", b"x5\0", b"r5x\0", b"n0\0\0", b"5\0"] {
            assert!(parse_perms(bad).is_none(), "{bad:?}");
        }
    }
}
