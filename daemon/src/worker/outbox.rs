//! Bytes on their way to a client.

use rustix::{fd::AsFd, io::Errno};

use crate::limits;

/// What a client has still to be sent. An empty one owns no memory to speak of, so that ten
/// thousand idle connections cost none.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    bytes: Vec<u8>,
    /// Bytes at the front that are sent.
    sent: usize,
}

/// How far sending came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// Nothing is left.
    All,
    /// The client must read first.
    Blocked,
    /// The client is gone.
    Closed,
}

impl Outbox {
    /// Where to append messages.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Bytes that are not sent yet.
    pub(super) fn len(&self) -> usize {
        self.bytes.len().saturating_sub(self.sent)
    }

    /// Sends as much as the socket takes without waiting.
    pub(super) fn send(&mut self, socket: impl AsFd) -> Sent {
        loop {
            let rest = self.bytes.get(self.sent..).unwrap_or_default();
            if rest.is_empty() {
                self.clear();
                return Sent::All;
            }
            match rustix::io::write(&socket, rest) {
                Ok(count) => self.sent = self.sent.saturating_add(count),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    self.compact();
                    return Sent::Blocked;
                }
                Err(_) => return Sent::Closed,
            }
        }
    }

    fn clear(&mut self) {
        self.sent = 0;
        self.bytes.clear();
        if self.bytes.capacity() > limits::OUTPUT_KEPT {
            self.bytes = Vec::new();
        }
    }

    /// Moves what is left to the front once that costs less than what was sent already.
    fn compact(&mut self) {
        if self.sent > self.bytes.len() / 2 {
            self.bytes.drain(..self.sent);
            self.sent = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{io::Read, os::unix::net::UnixStream};

    #[test]
    fn everything_arrives_in_order_through_a_socket_that_blocks() {
        let (here, mut there) = UnixStream::pair().unwrap();
        here.set_nonblocking(true).unwrap();
        let all: Vec<u8> = (0..1_000_000u32).flat_map(u32::to_le_bytes).collect();
        let mut out = Outbox::default();
        out.buffer().extend_from_slice(&all);
        let (mut seen, mut piece) = (Vec::new(), [0; 65_536]);
        let mut blocked = 0;
        while out.send(&here) == Sent::Blocked {
            blocked += 1;
            let count = there.read(&mut piece).unwrap();
            seen.extend_from_slice(&piece[..count]);
        }
        assert_eq!((out.len(), out.bytes.capacity()), (0, 0));
        drop(here);
        there.read_to_end(&mut seen).unwrap();
        assert_eq!(seen, all);
        assert!(blocked > 1);
    }

    #[test]
    fn a_client_that_is_gone_is_noticed() {
        let (here, there) = UnixStream::pair().unwrap();
        drop(there);
        let mut out = Outbox::default();
        assert_eq!(out.send(&here), Sent::All);
        out.buffer().push(1);
        assert_eq!(out.send(&here), Sent::Closed);
    }
}
