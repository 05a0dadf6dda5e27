//! One client's connection to one server: raw messages of protocol v1.
//!
//! Nothing is interpreted but the length, so that a server that answers nonsense is shown as it is.

use std::{
    io::{ErrorKind, Read, Write},
    os::unix::net::UnixStream,
    path::Path,
};

use myriad_ring::v1::{HEADER_LEN, Header};

use super::{
    limits::{PATIENCE, READ_BYTES},
    who,
};

/// A message as it went over the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The header's operation.
    pub op: u32,
    /// The header's request id.
    pub req_id: u32,
    /// The header's transaction id.
    pub tx_id: u32,
    /// What followed the header.
    pub payload: Vec<u8>,
}

/// What a client got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// A message.
    Message(Message),
    /// The server closed the connection.
    Closed,
}

/// Why a run can't go on, apart from an answer that is wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// the server can't be reached
    #[error("the server on {path} can't be reached: {source}")]
    Connect {
        /// Its socket.
        path: String,
        /// The system's word.
        source: std::io::Error,
    },
    /// the server did not answer
    #[error(
        "no answer from the {side} server to client {} within {PATIENCE:?}",
        who::name(*.client)
    )]
    Silent {
        /// Which of the two.
        side: &'static str,
        /// The client that waited.
        client: usize,
    },
    /// the socket failed
    #[error("the socket of the {side} server failed: {source}")]
    Io {
        /// Which of the two.
        side: &'static str,
        /// The system's word.
        source: std::io::Error,
    },
    /// the indices of a ring are impossible
    #[error("a server has stored impossible indices into a guest's ring")]
    Liar,
}

/// A connection.
#[derive(Debug)]
pub struct Link {
    stream: UnixStream,
    buffer: Vec<u8>,
    taken: usize,
    side: &'static str,
    client: usize,
}

impl Link {
    /// Connects `client` to the server on `path`. `side` names the server in errors.
    ///
    /// # Errors
    /// [`WireError::Connect`].
    pub fn connect(path: &Path, side: &'static str, client: usize) -> Result<Link, WireError> {
        let connect = || -> std::io::Result<UnixStream> {
            let stream = UnixStream::connect(path)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            Ok(stream)
        };
        let stream = connect()
            .map_err(|source| WireError::Connect { path: path.display().to_string(), source })?;
        Ok(Link { stream, buffer: Vec::new(), taken: 0, side, client })
    }

    /// Sends bytes in so many writes. A server that has closed the connection is no error here:
    /// [`Link::receive`] tells.
    ///
    /// # Errors
    /// [`WireError::Silent`] if the server takes no more, [`WireError::Io`].
    pub fn send(&mut self, bytes: &[u8], pieces: usize) -> Result<(), WireError> {
        let piece = bytes.len().div_ceil(pieces.max(1)).max(1);
        for part in bytes.chunks(piece) {
            match self.stream.write_all(part) {
                Ok(()) => {}
                Err(e) if is_closed(&e) => return Ok(()),
                Err(e) => return Err(self.failed(e)),
            }
        }
        Ok(())
    }

    /// Waits for the next message, or the end of the connection.
    ///
    /// # Errors
    /// [`WireError::Silent`], [`WireError::Io`].
    pub fn receive(&mut self) -> Result<Incoming, WireError> {
        loop {
            if let Some(message) = self.take() {
                return Ok(Incoming::Message(message));
            }
            self.buffer.drain(..self.taken);
            self.taken = 0;
            let mut chunk = [0; READ_BYTES];
            match self.stream.read(&mut chunk) {
                Ok(0) => return Ok(Incoming::Closed),
                Ok(n) => self.buffer.extend_from_slice(chunk.get(..n).unwrap_or_default()),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) if is_closed(&e) => return Ok(Incoming::Closed),
                Err(e) => return Err(self.failed(e)),
            }
        }
    }

    fn take(&mut self) -> Option<Message> {
        let rest = self.buffer.get(self.taken..)?;
        let (head, rest) = rest.split_first_chunk::<HEADER_LEN>()?;
        let header = Header::from_bytes(*head);
        let length = usize::try_from(header.len).ok()?;
        let payload = rest.get(..length)?.to_vec();
        self.taken += HEADER_LEN + length;
        Some(Message { op: header.op, req_id: header.req_id, tx_id: header.tx_id, payload })
    }

    fn failed(&self, source: std::io::Error) -> WireError {
        match source.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                WireError::Silent { side: self.side, client: self.client }
            }
            _ => WireError::Io { side: self.side, source },
        }
    }
}

/// A request's bytes.
#[must_use]
pub fn encode(op: u32, req_id: u32, tx_id: u32, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    let mut bytes = Header { op, req_id, tx_id, len }.to_bytes().to_vec();
    bytes.extend_from_slice(payload);
    bytes
}

fn is_closed(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset)
}
