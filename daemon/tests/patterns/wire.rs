//! A stream to the daemon that counts the requests that go through it.
#![allow(dead_code)]

use std::{
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    path::Path,
};

use myriad_ring::{
    v1::{HEADER_LEN, Header},
    v2::{
        frame::{FRAME_HEAD, MORE},
        records::HELLO,
    },
};

use super::common::PATIENCE;

/// A socket, and what was sent.
#[derive(Debug)]
pub(crate) struct Counted {
    stream: UnixStream,
    pub(crate) sent: Sent,
}

/// What a client sends, message by message.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    /// Requests but HELLO.
    pub(crate) requests: u64,
    /// HELLOs.
    pub(crate) hellos: u64,
    /// Whether HELLO is the end of v1.
    is_heard: bool,
    /// What came of a message that isn't whole.
    part: Vec<u8>,
}

impl Sent {
    /// Nothing yet, by a client whose daemon has heard of v2 or not.
    pub(crate) fn to(is_heard: bool) -> Sent {
        Sent { is_heard, ..Sent::default() }
    }

    /// Takes bytes as they were sent.
    pub(crate) fn take(&mut self, bytes: &[u8]) {
        self.part.extend_from_slice(bytes);
        while self.one() {}
    }

    fn one(&mut self) -> bool {
        let is_v2 = self.is_heard && self.hellos > 0;
        let head = if is_v2 { FRAME_HEAD } else { HEADER_LEN };
        if self.part.len() < head {
            return false;
        }
        let header = Header::from_bytes(self.part[..HEADER_LEN].try_into().unwrap());
        let length = u32::from_le_bytes(self.part[..4].try_into().unwrap());
        let body = if is_v2 { length } else { header.len };
        let whole = head + usize::try_from(body).unwrap();
        if self.part.len() < whole {
            return false;
        }
        let flags = u16::from_le_bytes(self.part[6..8].try_into().unwrap());
        let is_hello = !is_v2 && header.op == HELLO;
        let is_part = is_v2 && flags & MORE != 0;
        self.hellos += u64::from(is_hello);
        self.requests += u64::from(!is_hello && !is_part);
        self.part.drain(..whole);
        true
    }
}

impl Counted {
    pub(crate) fn connect(path: &Path) -> Counted {
        let stream = UnixStream::connect(path).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Counted { stream, sent: Sent::to(true) }
    }
}

impl Read for Counted {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buf)
    }
}

impl Write for Counted {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let len = self.stream.write(buf)?;
        self.sent.take(&buf[..len]);
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
