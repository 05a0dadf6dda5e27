//! The protocol as a client speaks it, without a client library between the clock and the socket.

use std::{
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use myriad_ring::v1::{HEADER_LEN, Header, Op, PAYLOAD_MAX};

use super::Error;

/// How long an answer may take before the daemon counts as stuck.
const PATIENCE: Duration = Duration::from_secs(300);
/// Bytes that one `read` may bring.
const CHUNK: usize = 64 * 1024;

/// A connection to a daemon.
pub struct Wire {
    stream: UnixStream,
    out: Vec<u8>,
    input: Vec<u8>,
    start: usize,
    req_id: u32,
    events: u64,
}

/// One answer; its payload lies in the connection's buffer.
#[derive(Clone, Copy, Debug)]
pub struct Reply<'a> {
    /// The operation, or ERROR.
    pub op: u32,
    /// What it says.
    pub payload: &'a [u8],
}

impl Wire {
    /// Connects to the socket at `path`.
    ///
    /// # Errors
    /// [`Error::Connect`] with the path.
    pub fn connect(path: &Path) -> Result<Wire, Error> {
        let stream = UnixStream::connect(path)
            .and_then(|s| s.set_read_timeout(Some(PATIENCE)).map(|()| s))
            .map_err(|source| Error::Connect { path: path.to_owned(), source })?;
        Ok(Wire { stream, out: Vec::new(), input: Vec::new(), start: 0, req_id: 0, events: 0 })
    }

    /// The process at the other end: the one that called `listen`.
    #[must_use]
    pub fn peer_pid(&self) -> Option<u32> {
        let credentials = rustix::net::sockopt::socket_peercred(&self.stream).ok()?;
        u32::try_from(credentials.pid.as_raw_nonzero().get()).ok()
    }

    /// Watch events read so far.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Adds a request to those that the next [`Wire::flush`] sends. `parts` are put together as
    /// they are: a string's NUL is the caller's.
    pub fn push(&mut self, op: Op, tx_id: u32, parts: &[&[u8]]) {
        self.req_id = self.req_id.wrapping_add(1);
        let len = parts.iter().map(|p| p.len()).sum::<usize>();
        debug_assert!(len <= PAYLOAD_MAX);
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        let header = Header { op: op as u32, req_id: self.req_id, tx_id, len };
        self.out.extend_from_slice(&header.to_bytes());
        parts.iter().for_each(|part| self.out.extend_from_slice(part));
    }

    /// Sends what was pushed.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn flush(&mut self) -> Result<(), Error> {
        self.stream.write_all(&self.out).map_err(Error::Io)?;
        self.out.clear();
        Ok(())
    }

    /// Whether the next reply is here already, so that reading it won't block. Counts and
    /// drops the events before it.
    pub fn has_reply(&mut self) -> bool {
        while let Some((header, end)) = self.message() {
            if header.op != Op::WatchEvent as u32 {
                return true;
            }
            self.events += 1;
            self.start = end;
        }
        false
    }

    /// The next reply, in the order of the requests.
    ///
    /// # Errors
    /// [`Error::Io`], also when the daemon has closed the connection.
    pub fn reply(&mut self) -> Result<Reply<'_>, Error> {
        while !self.has_reply() {
            self.fill()?;
        }
        let Some((header, end)) = self.message() else { return Err(Error::Garbage) };
        let start = self.start + HEADER_LEN;
        self.start = end;
        let payload = self.input.get(start..end).ok_or(Error::Garbage)?;
        Ok(Reply { op: header.op, payload })
    }

    /// Sends a request and waits for its reply's payload.
    ///
    /// # Errors
    /// [`Error::Refused`] for an ERROR reply, else as [`Wire::reply`].
    pub fn call(&mut self, op: Op, tx_id: u32, parts: &[&[u8]]) -> Result<&[u8], Error> {
        self.push(op, tx_id, parts);
        self.flush()?;
        self.reply()?.accepted(op)
    }

    /// A request of one string.
    ///
    /// # Errors
    /// As [`Wire::call`].
    pub fn ask(&mut self, op: Op, tx_id: u32, text: &str) -> Result<&[u8], Error> {
        self.call(op, tx_id, &[text.as_bytes(), b"\0"])
    }

    /// The header of the message at hand and where it ends, if it is here as a whole.
    fn message(&self) -> Option<(Header, usize)> {
        let rest = self.input.get(self.start..)?;
        let header = Header::from_bytes(*rest.first_chunk::<HEADER_LEN>()?);
        let len = HEADER_LEN + usize::try_from(header.len).ok()?;
        (rest.len() >= len).then_some((header, self.start + len))
    }

    fn fill(&mut self) -> Result<(), Error> {
        self.input.drain(..self.start);
        self.start = 0;
        let used = self.input.len();
        self.input.resize(used + CHUNK, 0);
        let free = self.input.get_mut(used..).unwrap_or_default();
        let count = self.stream.read(free).map_err(Error::Io)?;
        self.input.truncate(used + count);
        if count == 0 {
            return Err(Error::Io(io::ErrorKind::UnexpectedEof.into()));
        }
        Ok(())
    }
}

impl<'a> Reply<'a> {
    /// The payload of a reply to `op`.
    ///
    /// # Errors
    /// [`Error::Refused`] for an ERROR reply; [`Error::Garbage`] for one to something else.
    pub fn accepted(self, op: Op) -> Result<&'a [u8], Error> {
        if self.op == op as u32 {
            return Ok(self.payload);
        }
        if self.op != Op::Error as u32 {
            return Err(Error::Garbage);
        }
        let name = self.payload.strip_suffix(b"\0").unwrap_or(self.payload);
        Err(Error::Refused { op, name: String::from_utf8_lossy(name).into_owned() })
    }
}
