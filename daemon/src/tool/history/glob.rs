//! Patterns with `*` and `?`, over bytes.

/// Whether a pattern matches all of a text: `*` stands for any bytes, `?` for one, `[a-f]` and
/// `[!a-f]` for one of a set, and a backslash takes away the meaning of what follows.
///
/// Takes at most a number of steps that is the product of both lengths.
pub(crate) fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut from) = (0, 0);
    // After the last `*`: where the pattern goes on, and where the text was tried.
    let mut star: Option<(usize, usize)> = None;
    loop {
        let rest = pattern.get(at..).unwrap_or_default();
        let next = text.get(from);
        if rest.first() == Some(&b'*') {
            at += 1;
            star = Some((at, from));
            continue;
        }
        match (one(rest), next) {
            (Some((len, is)), Some(&byte)) if is(byte) => {
                (at, from) = (at + len, from + 1);
                continue;
            }
            (None, None) => return true,
            _ => {}
        }
        match &mut star {
            Some((after, tried)) if *tried < text.len() => {
                *tried += 1;
                (at, from) = (*after, *tried);
            }
            _ => return false,
        }
    }
}

/// The first item of a pattern: its bytes, and which bytes it matches. None at the end.
fn one(pattern: &[u8]) -> Option<(usize, Test<'_>)> {
    match pattern {
        [] => None,
        [b'?', ..] => Some((1, Box::new(|_| true))),
        [b'\\', byte, ..] => Some((2, Box::new(move |b| b == *byte))),
        [b'[', rest @ ..] => match set(rest) {
            Some((len, members, is_negated)) => {
                let is_member =
                    move |b| members.iter().any(|(from, to)| (*from..=*to).contains(&b));
                Some((len + 1, Box::new(move |b| is_member(b) != is_negated)))
            }
            None => Some((1, Box::new(|b| b == b'['))),
        },
        [byte, ..] => Some((1, Box::new(move |b| b == *byte))),
    }
}

type Test<'p> = Box<dyn Fn(u8) -> bool + 'p>;

type Ranges = Vec<(u8, u8)>;

/// What stands behind `[`, with its `]`: its length, its ranges, and whether it is negated.
fn set(text: &[u8]) -> Option<(usize, Ranges, bool)> {
    let is_negated = matches!(text.first(), Some(b'!' | b'^'));
    let begin = usize::from(is_negated);
    // A `]` that comes first is a member.
    let len = text.iter().skip(begin + 1).position(|b| *b == b']')? + begin + 1;
    let mut members = text.get(begin..len)?;
    let mut ranges = Vec::new();
    while let [from, rest @ ..] = members {
        (members, _) = match rest {
            [b'-', to, rest @ ..] => (rest, ranges.push((*from, *to))),
            rest => (rest, ranges.push((*from, *from))),
        };
    }
    Some((len + 1, ranges, is_negated))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_a_shell_s_do() {
        let table = [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "any/thing", true),
            ("a*c", "abbc", true),
            ("a*c", "abcd", false),
            ("a*b*c", "aXbXbXc", true),
            ("*ab", "aab", true),
            ("?", "a", true),
            ("?", "", false),
            ("??", "a", false),
            ("web-[0-9]", "web-7", true),
            ("web-[!0-9]", "web-7", false),
            ("[]]", "]", true),
            ("[a", "[a", true),
            (r"\*", "*", true),
            (r"\*", "a", false),
            (r"a\", r"a\", true),
            ("[a-]", "-", true),
        ];
        for (pattern, text, expected) in table {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn no_pattern_takes_for_ever() {
        let pattern = "*a".repeat(50) + "b";
        assert!(!matches(pattern.as_bytes(), &[b'a'; 4000]));
    }
}
