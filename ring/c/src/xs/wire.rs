//! Messages of protocol v1 into a connection, and its bytes out of it, by a shared reference.

use std::{
    ffi::c_int,
    io::{self, Write},
    net::Shutdown,
};

use myriad_ring::{
    client::{Error, Incoming, Message, Stream},
    v1::{HEADER_LEN, Header, Op, PAYLOAD_MAX},
};
use rustix::{
    event::{PollFd, PollFlags, Timespec},
    net::SendFlags,
};

use super::exchange::{Read, Source};

/// A request, as it is sent.
pub(super) fn message(op: Op, tx_id: u32, parts: &[&[u8]]) -> Result<Vec<u8>, c_int> {
    let len = parts.iter().fold(0_usize, |len, part| len.saturating_add(part.len()));
    let too_long = libc::E2BIG;
    if len > PAYLOAD_MAX {
        return Err(too_long);
    }
    let header =
        Header { op: op as u32, req_id: 0, tx_id, len: u32::try_from(len).map_err(|_| too_long)? };
    let mut message = Vec::with_capacity(HEADER_LEN.saturating_add(len));
    message.extend_from_slice(&header.to_bytes());
    parts.iter().for_each(|part| message.extend_from_slice(part));
    Ok(message)
}

/// Sends all of a request.
pub(super) fn send(stream: &Stream, message: &[u8]) -> io::Result<()> {
    let mut rest = message;
    // Ends: each turn sends something, fails, or was interrupted by a signal.
    while !rest.is_empty() {
        let sent = match stream {
            Stream::Socket(socket) => {
                rustix::net::send(socket, rest, SendFlags::NOSIGNAL).map_err(io::Error::from)
            }
            Stream::Device(device) => (&mut &*device).write(rest),
            _ => return Err(io::ErrorKind::Unsupported.into()),
        };
        match sent {
            Ok(sent) => rest = rest.get(sent..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// An event's strings, each closed, of which there are two at least.
pub(super) fn closed(mut payload: Vec<u8>) -> Option<Vec<u8>> {
    if payload.last() != Some(&0) {
        payload.push(0);
    }
    (payload.iter().filter(|&&byte| byte == 0).count() >= 2).then_some(payload)
}

/// A connection, as messages come from it.
#[derive(Debug)]
pub(super) struct Connection(pub(super) Stream);

impl Source for Connection {
    type Partial = Incoming;
    type Message = Message;

    fn read(&self, partial: &mut Incoming, waits: bool) -> Read<Message> {
        match partial.read(&mut Bytes { stream: &self.0, waits }) {
            Ok(message) => Read::Message(message),
            Err(Error::TimedOut) if !waits => Read::Nothing,
            Err(_) => Read::End,
        }
    }

    fn shut(&self) {
        if let Stream::Socket(socket) = &self.0 {
            // One that the daemon has ended needs no more.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

/// The connection's bytes, with or without waiting for them. One thread at a time reads.
struct Bytes<'a> {
    stream: &'a Stream,
    waits: bool,
}

impl io::Read for Bytes<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if !self.waits {
            let mut fds = [PollFd::new(self.stream, PollFlags::IN)];
            let now = Timespec { tv_sec: 0, tv_nsec: 0 };
            if rustix::event::poll(&mut fds, Some(&now))? == 0 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
        }
        match self.stream {
            Stream::Socket(socket) => (&mut &*socket).read(bytes),
            Stream::Device(device) => (&mut &*device).read(bytes),
            _ => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}
