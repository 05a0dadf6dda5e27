//! Index keys as path components: the rules of `/@index/<index>/<key>/<match>`.
//!
//! `A-Z`, `a-z`, `0-9` and `-` stand for themselves; every other byte is `_` and two lower-case
//! hex digits; the empty key is `_` alone. An escaped key of more than
//! [`INDEX_KEY_BYTES`] bytes is replaced by `_s` and the SHA-256 of the key in hex. No two keys
//! share a form: `_` is never followed by `s` otherwise, nor by nothing.

use std::borrow::Cow;

use sha2::{Digest, Sha256};

use crate::limits::INDEX_KEY_BYTES;

/// The escaped form of an index key.
///
/// ```
/// # use myriad_core::escape_key;
/// assert_eq!(escape_key(b"web-01"), "web-01");
/// assert_eq!(escape_key(b"a b_"), "a_20b_5f");
/// assert_eq!(escape_key(b""), "_");
/// ```
#[must_use]
pub fn escape(key: &[u8]) -> Cow<'_, str> {
    let literal = |b: &u8| b.is_ascii_alphanumeric() || *b == b'-';
    if key.is_empty() {
        return "_".into();
    }
    let literals = key.iter().take_while(|b| literal(b)).count();
    if literals == key.len()
        && literals <= INDEX_KEY_BYTES
        && let Ok(text) = std::str::from_utf8(key)
    {
        return text.into();
    }
    let length: usize = key.iter().map(|b| if literal(b) { 1 } else { 3 }).sum();
    if length > INDEX_KEY_BYTES {
        let mut hashed = String::from("_s");
        for byte in Sha256::digest(key) {
            push_hex(&mut hashed, byte);
        }
        return hashed.into();
    }
    let mut escaped = String::with_capacity(length);
    for byte in key {
        if literal(byte) {
            escaped.push(char::from(*byte));
        } else {
            escaped.push('_');
            push_hex(&mut escaped, *byte);
        }
    }
    escaped.into()
}

fn push_hex(text: &mut String, byte: u8) {
    for digit in [byte >> 4, byte & 15] {
        text.push(char::from(if digit < 10 { b'0' + digit } else { b'a' + digit - 10 }));
    }
}
