//! A client's way to the daemon: a ring or a socket. Nothing here waits.

use std::{
    io::{ErrorKind, Read, Write},
    os::unix::net::UnixStream,
};

use myriad_ring::{
    page::guest::Client,
    v1::{Assembler, Header, Op, PAYLOAD_MAX},
};

/// A ring or a socket.
#[derive(Debug)]
pub(super) enum Line {
    Ring(Client),
    Socket(Socket),
}

/// A socket, with what waits to be sent.
#[derive(Debug)]
pub(super) struct Socket {
    stream: UnixStream,
    unsent: Vec<u8>,
    input: Assembler,
    next_id: u32,
}

impl Line {
    /// A client's end of a socket.
    pub(super) fn socket(stream: UnixStream) -> Line {
        Line::Socket(Socket { stream, unsent: Vec::new(), input: Assembler::default(), next_id: 0 })
    }

    /// Queues a request, and gives its id.
    pub(super) fn ask(&mut self, op: Op, tx_id: u32, payload: &[u8]) -> u32 {
        match self {
            Line::Ring(client) => client.ask(op, tx_id, payload),
            Line::Socket(socket) => {
                debug_assert!(payload.len() <= PAYLOAD_MAX);
                let (req_id, len) = (socket.next_id, u32::try_from(payload.len()).unwrap_or(0));
                socket.next_id = socket.next_id.wrapping_add(1);
                let header = Header { op: op as u32, req_id, tx_id, len };
                socket.unsent.extend_from_slice(&header.to_bytes());
                socket.unsent.extend_from_slice(payload);
                req_id
            }
        }
    }

    /// Moves what can be moved, both ways; whether anything was. A socket takes at most `portion`
    /// bytes at once.
    pub(super) fn pump(&mut self, portion: usize) -> Result<bool, String> {
        match self {
            Line::Ring(client) => client.pump().map_err(|error| error.to_string()),
            Line::Socket(socket) => socket.pump(portion),
        }
    }

    /// The next message that is whole.
    pub(super) fn message(&mut self) -> Option<(Header, Vec<u8>)> {
        match self {
            Line::Ring(client) => client.message(),
            Line::Socket(socket) => {
                let message = socket.input.message().ok().flatten()?;
                let message = (message.header, message.payload.to_vec());
                socket.input.take();
                Some(message)
            }
        }
    }

    /// Whether the daemon's doorbell is to be rung.
    pub(super) fn take_doorbell(&mut self) -> bool {
        match self {
            Line::Ring(client) => client.take_doorbell(),
            Line::Socket(_) => false,
        }
    }

    /// Whether it may go to sleep: who is on a ring, and sees nothing on it.
    pub(super) fn may_sleep(&mut self) -> Result<bool, String> {
        match self {
            Line::Ring(client) => Ok(!client.look_again().map_err(|error| error.to_string())?),
            Line::Socket(_) => Ok(false),
        }
    }
}

impl Socket {
    fn pump(&mut self, portion: usize) -> Result<bool, String> {
        let mut has_moved = false;
        let part = self.unsent.get(..portion).unwrap_or(&self.unsent);
        if !part.is_empty() {
            match self.stream.write(part) {
                Ok(count) => {
                    self.unsent.drain(..count);
                    has_moved = true;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(format!("its socket can't be written to: {error}")),
            }
        }
        let mut bytes = vec![0; portion.clamp(1, PORTION_MAX)];
        match self.stream.read(&mut bytes) {
            Ok(0) => return Err("its socket was closed".to_owned()),
            Ok(count) => {
                let bytes = bytes.get(..count).unwrap_or_default();
                if self.input.push(bytes) < count {
                    return Err("a message that is too long".to_owned());
                }
                has_moved = true;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(format!("its socket can't be read: {error}")),
        }
        Ok(has_moved)
    }
}

/// Less than an assembler has room for beside a message that is not whole.
const PORTION_MAX: usize = 4096;
