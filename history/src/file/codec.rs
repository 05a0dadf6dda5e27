//! Numbers and bytes as they lie in the file: little-endian, or in sevens of bits, low ones first.
//!
//! What is read is an allegation: each step of [`Take`] says `None` where it can't go on.

/// Appends a number in as few bytes as it takes, at most ten.
pub(crate) fn put(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push(low(n) | 0x80);
        n >>= 7;
    }
    out.push(low(n));
}

/// Appends bytes with their number before them.
pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// A difference that may go either way, small ones as small numbers.
pub(crate) fn zigzag(from: u64, to: u64) -> u64 {
    let up = to.wrapping_sub(from);
    (up << 1) ^ 0u64.wrapping_sub(up >> 63)
}

/// Where a difference leads.
pub(crate) fn unzigzag(from: u64, n: u64) -> u64 {
    from.wrapping_add((n >> 1) ^ 0u64.wrapping_sub(n & 1))
}

fn low(n: u64) -> u8 {
    n.to_le_bytes()[0] & 0x7f
}

/// Takes from the front of bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Take<'a>(pub(crate) &'a [u8]);

impl<'a> Take<'a> {
    pub(crate) fn bytes(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// A number that [`put`] wrote.
    pub(crate) fn number(&mut self) -> Option<u64> {
        let mut n = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            n |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(n);
            }
        }
        None
    }

    /// A number that must fit.
    pub(crate) fn small<T: TryFrom<u64>>(&mut self) -> Option<T> {
        T::try_from(self.number()?).ok()
    }

    /// Bytes that [`put_bytes`] wrote.
    pub(crate) fn counted(&mut self) -> Option<&'a [u8]> {
        let len = self.small()?;
        self.bytes(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        for n in [0, 1, 127, 128, 300, 1 << 35, u64::MAX - 1, u64::MAX] {
            let mut out = Vec::new();
            put(&mut out, n);
            assert_eq!(Take(&out).number(), Some(n));
            assert_eq!(Take(&out[..out.len() - 1]).number(), None);
            for m in [0, 5, n / 2, u64::MAX] {
                assert_eq!(unzigzag(n, zigzag(n, m)), m, "{n} {m}");
            }
        }
        assert_eq!((zigzag(5, 4), zigzag(5, 6), zigzag(5, 5)), (1, 2, 0));
    }
}
