//! Messages in and out of a blocking stream.
//!
//! Invariant: a read that stops half-way (a timeout, a signal) keeps what has come; the next one
//! goes on where it stopped.

use std::io::{self, Read, Write};

use super::Error;
use crate::v1::{HEADER_LEN, Header, PAYLOAD_MAX};

/// A message from the daemon: a reply or an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its header, as it came.
    pub header: Header,
    /// Its payload, as it came.
    pub payload: Vec<u8>,
}

/// The message of protocol v1 that is being received, for clients that do their own sending.
#[derive(Debug, Default)]
pub struct Incoming {
    bytes: Vec<u8>,
}

impl Incoming {
    /// Reads until one message is whole, and nothing of the next one.
    ///
    /// # Errors
    /// [`Error::TimedOut`] where the stream would block: the next call goes on;
    /// [`Error::Lost`] at its end, [`Error::Protocol`] for a message that is too long.
    pub fn read(&mut self, stream: &mut impl Read) -> Result<Message, Error> {
        loop {
            let wanted = self.missing()?;
            if wanted == 0 {
                return self.take();
            }
            let mut chunk = [0; HEADER_LEN + PAYLOAD_MAX];
            let space = chunk.get_mut(..wanted).unwrap_or_default();
            match stream.read(space) {
                Ok(0) => return Err(Error::Lost(io::ErrorKind::UnexpectedEof.into())),
                Ok(n) => self.bytes.extend_from_slice(space.get(..n).unwrap_or_default()),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if is_timeout(&e) => return Err(Error::TimedOut),
                Err(e) => return Err(Error::Lost(e)),
            }
        }
    }

    /// Bytes that the message at hand still lacks; those of its header while that isn't whole.
    fn missing(&self) -> Result<usize, Error> {
        let Some(header) = self.header() else { return Ok(HEADER_LEN - self.bytes.len()) };
        match usize::try_from(header.len) {
            Ok(len) if len <= PAYLOAD_MAX => Ok(HEADER_LEN + len - self.bytes.len()),
            _ => Err(Error::Protocol("a message of over 4096 bytes")),
        }
    }

    fn header(&self) -> Option<Header> {
        self.bytes.first_chunk().map(|bytes| Header::from_bytes(*bytes))
    }

    fn take(&mut self) -> Result<Message, Error> {
        let header = self.header().ok_or(Error::Protocol("a message without a header"))?;
        let payload = self.bytes.split_off(HEADER_LEN);
        self.bytes.clear();
        Ok(Message { header, payload })
    }
}

/// Sends a message in one write where the stream allows it: `/dev/xen/xenbus` wants it so.
pub(super) fn send(stream: &mut impl Write, header: Header, payload: &[u8]) -> Result<(), Error> {
    let mut message = Vec::with_capacity(HEADER_LEN + payload.len());
    message.extend_from_slice(&header.to_bytes());
    message.extend_from_slice(payload);
    stream.write_all(&message).and_then(|()| stream.flush()).map_err(Error::Lost)
}

pub(super) fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// The strings of a payload, each closed by a NUL; bytes after the last NUL are one more.
///
/// ```
/// # use myriad_ring::client::strings;
/// assert_eq!(strings(b"n0\0r7\0").collect::<Vec<_>>(), [b"n0", b"r7"]);
/// ```
pub fn strings(payload: &[u8]) -> impl Iterator<Item = &[u8]> {
    let body = payload.strip_suffix(&[0]).unwrap_or(payload);
    let count = if payload.is_empty() { 0 } else { usize::MAX };
    body.split(|&byte| byte == 0).take(count)
}
