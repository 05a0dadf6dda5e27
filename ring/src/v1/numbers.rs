//! Numbers as C reads them.
//!
//! Clients reach the daemon with whatever they have always sent, and C xenstored reads it with
//! `atoi`, `strtol` and `strtoul`: blanks before the number are skipped, `atoi` ignores what
//! follows it, and a number that doesn't fit is cut, not refused. These functions give the same
//! answers, on bytes without a NUL.

/// `atoi`: the number at the start, 0 where there is none; cut to 32 bits as glibc does.
#[must_use]
pub(crate) fn atoi(text: &[u8]) -> i32 {
    low_word(strtol(text, Base::Ten).0).cast_signed()
}

/// The domain id of today's C (`parse_domid`): a decimal number and nothing behind it, or
/// nothing at all, which is 0. None where it is above 65535 or something follows.
#[must_use]
pub(crate) fn strict_domid(text: &[u8]) -> Option<u16> {
    let digits = scan(text, Base::Ten);
    if !digits.rest.is_empty() {
        return None;
    }
    // strtoul negates what it has read, and gives the largest number on overflow.
    let value = match (digits.magnitude, digits.negative) {
        (None, _) => u64::MAX,
        (Some(magnitude), true) => magnitude.wrapping_neg(),
        (Some(magnitude), false) => magnitude,
    };
    u16::try_from(value).ok()
}

/// The number of a permission entry: base 8, 10 or 16 by its prefix, nothing behind it, cut to
/// 32 bits. None where it is no number.
#[must_use]
pub(crate) fn perm_domid(text: &[u8]) -> Option<u32> {
    match strtol(text, Base::ByPrefix) {
        (value, []) if !text.is_empty() => Some(low_word(value)),
        _ => None,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Base {
    Ten,
    ByPrefix,
}

/// `strtol`: the number and what follows it; everything follows where there is no number.
fn strtol(text: &[u8], base: Base) -> (i64, &[u8]) {
    let digits = scan(text, base);
    let value = match (digits.magnitude.and_then(|m| i64::try_from(m).ok()), digits.negative) {
        (Some(value), false) => value,
        (Some(value), true) => -value,
        (None, false) => i64::MAX,
        (None, true) => i64::MIN,
    };
    (value, digits.rest)
}

struct Digits<'a> {
    negative: bool,
    /// None where it doesn't fit.
    magnitude: Option<u64>,
    rest: &'a [u8],
}

fn scan(text: &[u8], base: Base) -> Digits<'_> {
    let mut rest = text.trim_ascii_start();
    // C's isspace also counts the vertical tab.
    while let [0x0B, tail @ ..] = rest {
        rest = tail.trim_ascii_start();
    }
    let negative = rest.first() == Some(&b'-');
    if let [b'-' | b'+', tail @ ..] = rest {
        rest = tail;
    }
    let (radix, mut rest) = match rest {
        [b'0', b'x' | b'X', tail @ ..]
            if base == Base::ByPrefix && tail.first().is_some_and(u8::is_ascii_hexdigit) =>
        {
            (16, tail)
        }
        [b'0', ..] if base == Base::ByPrefix => (8, rest),
        _ => (10, rest),
    };
    let (mut magnitude, mut found) = (Some(0u64), false);
    while let [digit, tail @ ..] = rest {
        let Some(value) = char::from(*digit).to_digit(radix) else { break };
        magnitude = magnitude
            .and_then(|m| m.checked_mul(u64::from(radix)))
            .and_then(|m| m.checked_add(u64::from(value)));
        (rest, found) = (tail, true);
    }
    if found {
        Digits { negative, magnitude, rest }
    } else {
        Digits { negative: false, magnitude: Some(0), rest: text }
    }
}

fn low_word(value: i64) -> u32 {
    let [a, b, c, d, ..] = value.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn atoi_is_as_lenient_as_glibc() {
        let cases: &[(&str, i32)] = &[
            ("", 0),
            ("abc", 0),
            ("12", 12),
            (" \t\n\u{b}\u{c}\r+7x", 7),
            ("-1", -1),
            ("- 1", 0),
            ("+-1", 0),
            ("010", 10),
            ("0x10", 0),
            ("2147483648", i32::MIN),
            ("4294967295", -1),
            ("4294967296", 0),
            ("99999999999999999999", -1),
            ("-99999999999999999999", 0),
        ];
        for &(text, value) in cases {
            assert_eq!(atoi(text.as_bytes()), value, "{text:?}");
        }
    }

    #[test]
    fn permission_numbers_take_a_base_and_nothing_behind() {
        let cases: &[(&str, Option<u32>)] = &[
            ("", None),
            (" ", None),
            ("x", None),
            ("5", Some(5)),
            (" 5", Some(5)),
            ("5 ", None),
            ("010", Some(8)),
            ("08", None),
            ("0x1f", Some(31)),
            ("0x", None),
            ("-0X2", Some(0xFFFF_FFFE)),
            ("70000", Some(70_000)),
            ("4294967296", Some(0)),
            ("99999999999999999999", Some(0xFFFF_FFFF)),
        ];
        for &(text, value) in cases {
            assert_eq!(perm_domid(text.as_bytes()), value, "{text:?}");
        }
    }

    #[test]
    fn strict_ids_are_whole_and_small() {
        let cases: &[(&str, Option<u16>)] = &[
            ("", Some(0)),
            ("x", None),
            ("7", Some(7)),
            (" +7", Some(7)),
            ("7x", None),
            ("65535", Some(65_535)),
            ("65536", None),
            ("-1", None),
            ("-0", Some(0)),
            ("-18446744073709551615", Some(1)),
            ("18446744073709551616", None),
            (" ", None),
        ];
        for &(text, value) in cases {
            assert_eq!(strict_domid(text.as_bytes()), value, "{text:?}");
        }
    }
}
