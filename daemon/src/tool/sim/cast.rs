//! Who a simulated guest is: what differs between guests, put into the templates of the scripts.
//!
//! The same domain id and seed give the same guest.

use std::fmt::Write;

use super::script::Spot;

/// Who a guest is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cast {
    pub(super) domid: u16,
    mixed: u64,
}

impl Cast {
    /// The guest of a domain id.
    pub(super) fn new(domid: u16, seed: u64) -> Cast {
        Cast { domid, mixed: mix(seed ^ u64::from(domid) << 32) }
    }

    /// The template with what this guest is:
    ///
    /// | | |
    /// |---|---|
    /// | `$N`, `$H` | domain id, home |
    /// | `$U`, `$M` | uuid, name |
    /// | `$A`, `$T` | hardware address, memory in KiB |
    /// | `$b`, `$i`, `$c` | the backends of disk, network and console |
    /// | `$g` | a grant reference |
    pub(super) fn render(&self, template: &str) -> Vec<u8> {
        let mut out = String::with_capacity(template.len() + ROOM);
        let mut pieces = template.split('$');
        out.push_str(pieces.next().unwrap_or_default());
        for piece in pieces {
            let mut rest = piece.chars();
            // Writing to a string can't fail.
            let _ = self.push(&mut out, rest.next());
            out.push_str(rest.as_str());
        }
        out.into_bytes()
    }

    fn push(&self, out: &mut String, letter: Option<char>) -> std::fmt::Result {
        let n = self.domid;
        match letter {
            Some('N') => write!(out, "{n}"),
            Some('H') => write!(out, "/local/domain/{n}"),
            Some('U') => {
                let [a, b, c, d, e, f, g, h] = self.mixed.to_be_bytes();
                write!(out, "{a:02x}{b:02x}{c:02x}{d:02x}-{e:02x}{f:02x}-4{g:02x}0-8{h:02x}0")?;
                write!(out, "-{n:012x}")
            }
            Some('M') => write!(out, "sim-{n}"),
            Some('A') => write!(out, "00:16:3e:{:02x}:{:02x}:{:02x}", n >> 8, n & 0xFF, 1),
            // 128 MiB to 2 GiB.
            Some('T') => write!(out, "{}", 131_072 * (1 + self.mixed % 16)),
            Some('b') => write!(out, "/local/domain/0/backend/vbd/{n}/51712"),
            Some('i') => write!(out, "/local/domain/0/backend/vif/{n}/0"),
            Some('c') => write!(out, "/local/domain/0/backend/console/{n}/1"),
            Some('g') => write!(out, "{}", 8 + self.mixed % 500),
            letter => {
                debug_assert!(false, "a template with ${letter:?}");
                Ok(())
            }
        }
    }
}

/// The token of a watch: like the kernel pointer that Linux takes.
pub(super) fn token(domid: u16, spot: Spot) -> String {
    format!("{:X}", token_number(domid, spot))
}

/// The same as the number that v2 has.
pub(super) fn token_number(domid: u16, spot: Spot) -> u64 {
    TOKENS + (u64::from(domid) << 4 | u64::from(spot.number())) * STRIDE
}

/// Whose watch a token is of: the domain, and what is watched.
pub(super) fn of_token(token: &str) -> Option<(u16, Spot)> {
    let offset = u64::from_str_radix(token, 16).ok()?.checked_sub(TOKENS)?;
    let number = (offset % STRIDE == 0).then_some(offset / STRIDE)?;
    let spot = Spot::of_number(u8::try_from(number & 0xF).ok()?)?;
    Some((u16::try_from(number >> 4).ok()?, spot))
}

/// Spreads the bits of a number over all of it (splitmix64's finish).
pub(super) fn mix(seed: u64) -> u64 {
    let mut x = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    x = (x ^ x >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ x >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ x >> 31
}

/// Bytes by which most templates grow.
const ROOM: usize = 48;
/// The first token.
const TOKENS: u64 = 0xFFFF_8880_0000_0000;
/// Between tokens.
const STRIDE: u64 = 0x40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_become_texts() {
        let cast = Cast::new(7, 1);
        assert_eq!(cast.render("$H/name\0$M"), b"/local/domain/7/name\0sim-7");
        assert_eq!(cast.render("$b"), b"/local/domain/0/backend/vbd/7/51712");
        assert_eq!(cast.render("plain"), b"plain");
        assert_eq!(cast.render("$U").len(), 36);
        assert_eq!(cast.render("$U"), Cast::new(7, 1).render("$U"));
        assert_ne!(cast.render("$U"), Cast::new(7, 2).render("$U"));
        assert_ne!(cast.render("$U"), Cast::new(8, 1).render("$U"));
    }

    #[test]
    fn a_token_names_its_watch() {
        for number in 0..10 {
            let spot = Spot::of_number(number).unwrap();
            for domid in [0, 1, 32_751] {
                assert_eq!(of_token(&token(domid, spot)), Some((domid, spot)));
            }
        }
        assert_eq!(token(0, Spot::Devices), "FFFF888000000000");
        for foreign in ["", "x", "FFFF888000000001", "FFFF887FFFFFFFC0", "FFFF8880000003C0"] {
            assert_eq!(of_token(foreign), None, "{foreign}");
        }
    }
}
