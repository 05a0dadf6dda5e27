//! Keys of an index as names of nodes: `/@index/<index>/<escaped key>`.
//!
//! Invariant: the escaping is injective (up to SHA-256), and gives only what a path may hold.

use sha2::{Digest, Sha256};

use super::limits::MAX_ESCAPED_KEY;

/// A key as a path's component: letters, digits and `-` stand for themselves, every other byte
/// is `_` and two hex digits; the empty key is `_`; one that would be over 200 bytes is `_s` and
/// its SHA-256 in hex. `_s` begins no escape, since `s` is no hex digit.
pub(crate) fn escape(key: &[u8]) -> String {
    if key.is_empty() {
        return "_".into();
    }
    let mut name = String::with_capacity(key.len());
    for &byte in key {
        if byte.is_ascii_alphanumeric() || byte == b'-' {
            name.push(char::from(byte));
        } else {
            name.push('_');
            push_hex(&mut name, byte);
        }
    }
    if name.len() <= MAX_ESCAPED_KEY {
        return name;
    }
    let mut name = String::from("_s");
    for byte in Sha256::digest(key) {
        push_hex(&mut name, byte);
    }
    name
}

/// The node whose children are the matches of a key.
pub(crate) fn node(index: &str, key: &[u8]) -> String {
    format!("/@index/{index}/{}", escape(key))
}

fn push_hex(text: &mut String, byte: u8) {
    for digit in [byte >> 4, byte & 15] {
        text.extend(char::from_digit(digit.into(), 16));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_become_names() {
        assert_eq!(escape(b"web-01"), "web-01");
        assert_eq!(escape(b""), "_");
        assert_eq!(escape(b"_"), "_5f");
        assert_eq!(escape(b"a b/\xff\0"), "a_20b_2f_ff_00");
        assert_eq!(node("domain-name", b"Domain-0"), "/@index/domain-name/Domain-0");
    }

    #[test]
    fn long_keys_go_by_their_hash() {
        assert_eq!(escape(&[b'a'; 200]), "a".repeat(200));
        let hashed = "_sa92efd82109373e58f9a2056dee01e807e216ce6075f7051207c0a9f7d666e50";
        assert_eq!(escape(&[b'a'; 201]), hashed);
        assert_eq!(escape(&[b'_'; 66]).len(), 198);
        assert!(escape(&[b'_'; 67]).starts_with("_s"));
    }

    #[test]
    fn names_are_valid_in_paths() {
        for byte in 0..=255 {
            assert!(escape(&[byte; 3]).bytes().all(myriad_core::is_path_byte));
        }
    }
}
