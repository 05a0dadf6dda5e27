//! Values as printable text, and back, in the form of the xenstore clients.
//!
//! Invariant: `unquote(quote(v)) == v` for every `v`.

/// A value as printable ASCII: `\t \n \r \\` by letter, bytes below 8 as three octal digits,
/// other unprintable ones as `\xhh`.
pub(crate) fn quote(value: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(value.len());
    for &byte in value {
        match byte {
            b'\t' => text.extend(b"\\t"),
            b'\n' => text.extend(b"\\n"),
            b'\r' => text.extend(b"\\r"),
            b'\\' => text.extend(b"\\\\"),
            b' '..=b'~' => text.push(byte),
            0..=7 => text.extend(format!("\\{byte:03o}").bytes()),
            _ => text.extend(format!("\\x{byte:02x}").bytes()),
        }
    }
    text
}

/// What a text stands for: [`quote`] undone. A backslash before any other byte is dropped, and
/// one at the end stands for NUL.
pub(crate) fn unquote(text: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            value.push(byte);
            continue;
        }
        let Some((&letter, after)) = rest.split_first() else {
            value.push(0);
            break;
        };
        let (byte, used) = match letter {
            b't' => (b'\t', 1),
            b'n' => (b'\n', 1),
            b'r' => (b'\r', 1),
            b'x' => scan(after, 2, 16).map_or((b'x', 1), |(byte, n)| (byte, n + 1)),
            b'0'..=b'7' => scan(rest, 3, 8).unwrap_or((letter, 1)),
            other => (other, 1),
        };
        value.push(byte);
        rest = rest.get(used..).unwrap_or_default();
    }
    value
}

/// Reads a number as C's `sscanf` does with `%2x` or `%3o`: blanks, a sign, `0x`, digits; at most
/// `width` bytes after the blanks. Gives its low byte and the bytes used; nothing without digits.
fn scan(text: &[u8], width: usize, radix: u32) -> Option<(u8, usize)> {
    let blanks = text.iter().take_while(|b| matches!(b, b' ' | 9..=13)).count();
    let field = text.get(blanks..)?;
    let field = field.get(..width).unwrap_or(field);
    let mut used = 0;
    let negative = field.first() == Some(&b'-');
    if matches!(field.first(), Some(b'+' | b'-')) {
        used += 1;
    }
    let mut digits = 0;
    if field.get(used) == Some(&b'0') {
        (used, digits) = (used + 1, 1);
        if radix == 16 && matches!(field.get(used), Some(b'x' | b'X')) {
            used += 1;
        }
    }
    let mut number: u32 = 0;
    while let Some(digit) = field.get(used).and_then(|&b| char::from(b).to_digit(radix)) {
        number = number * radix + digit;
        (used, digits) = (used + 1, digits + 1);
    }
    let number = if negative { number.wrapping_neg() } else { number };
    let [low, ..] = number.to_le_bytes();
    (digits > 0).then_some((low, blanks + used))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_survives_quoting() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(unquote(&quote(&all)), all);
        assert!(quote(&all).iter().all(|b| (b' '..=b'~').contains(b)));
        for pair in all.iter().flat_map(|&a| [[a, b'0'], [a, b'f'], [a, b'\\'], [a, 0]]) {
            assert_eq!(unquote(&quote(&pair)), pair);
        }
    }

    #[test]
    fn odd_escapes_give_what_the_xenstore_clients_give() {
        let table: [(&[u8], &[u8]); 24] = [
            (b"\\x0x", b"\0"),
            (b"\\x0xf", b"\0f"),
            (b"\\x+f", b"\x0f"),
            (b"\\x-1", b"\xff"),
            (b"\\x 1f", b"\x1f"),
            (b"\\x\t\n3c", b"\x3c"),
            (b"\\x+", b"x+"),
            (b"\\x", b"x"),
            (b"\\xg", b"xg"),
            (b"a\\", b"a\0"),
            (b"\\08", b"\x008"),
            (b"\\777", b"\xff"),
            (b"\\q", b"q"),
            (b"\\x0", b"\0"),
            (b"\\00", b"\0"),
            (b"\\x+0x1", b"\0x1"),
            (b"\\x-0", b"\0"),
            (b"\\x--", b"x--"),
            (b"\\x0X1", b"\x001"),
            (b"\\8", b"8"),
            (b"\\x1g", b"\x01g"),
            (b"\\9a", b"9a"),
            (b"\\n\\t\\r\\\\", b"\n\t\r\\"),
            (b"\x80\xff", b"\x80\xff"),
        ];
        for (text, value) in table {
            assert_eq!(unquote(text), value, "{}", text.escape_ascii());
        }
    }
}
