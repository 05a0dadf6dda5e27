//! What happened: a number that differs where anything did, and the last of it in words.

use std::{collections::VecDeque, fmt};

use myriad_ring::v1::Header;

use super::limits::SHOWN;

/// What happened.
#[derive(Clone, Debug, Default)]
pub(super) struct Trace {
    hash: u64,
    last: VecDeque<(&'static str, u64, u64)>,
}

impl Trace {
    /// Something happened.
    pub(super) fn note(&mut self, what: &'static str, a: u64, b: u64) {
        for byte in what.bytes() {
            self.mix(byte.into());
        }
        self.mix(a);
        self.mix(b);
        if self.last.len() == SHOWN {
            self.last.pop_front();
        }
        self.last.push_back((what, a, b));
    }

    /// A client has got a message.
    pub(super) fn note_message(&mut self, header: Header, payload: &[u8]) {
        for byte in payload {
            self.mix((*byte).into());
        }
        self.mix(header.tx_id.into());
        self.note("gets", header.op.into(), header.req_id.into());
    }

    /// The number.
    pub(super) fn hash(&self) -> u64 {
        self.hash
    }

    fn mix(&mut self, word: u64) {
        self.hash = (self.hash.rotate_left(5) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.last.iter().try_for_each(|(what, a, b)| writeln!(f, "  {what} {a} {b}"))
    }
}
