//! The protocol as a client speaks it, without a client library between the clock and the socket.
//!
//! A round trip is one `send` and one `recv`, a window of requests likewise: bytes are encoded
//! into one buffer and answers are read where they lie.

use std::{
    io::{self, Write},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    path::Path,
    time::Duration,
};

use myriad_ring::v1::{HEADER_LEN, Header, Op, PAYLOAD_MAX};
use rustix::net::{RecvFlags, recv};

use super::Error;

/// How long an answer may take before the daemon counts as stuck.
const PATIENCE: Duration = Duration::from_secs(300);
/// Room for answers at first; it grows where one answer needs more.
const ROOM: usize = 16 * 1024;
/// Where less than this is left behind what is there, that moves to the front.
const ROOM_LEFT: usize = 8 * 1024;

/// A connection to a daemon.
pub struct Wire {
    stream: UnixStream,
    out: Out,
    input: Input,
}

/// Requests to be sent.
#[derive(Debug, Default)]
pub struct Out {
    bytes: Vec<u8>,
    req_id: u32,
}

/// What has come.
#[derive(Debug, Default)]
struct Input {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
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
        Ok(Wire { stream, out: Out::default(), input: Input::default() })
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
        self.input.events
    }

    /// What the next [`Wire::flush`] sends.
    pub fn out(&mut self) -> &mut Out {
        &mut self.out
    }

    /// Adds a request, as [`Out::push`] does.
    pub fn push(&mut self, op: Op, tx_id: u32, parts: &[&[u8]]) {
        self.out.push(op, tx_id, parts);
    }

    /// Sends what was pushed.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn flush(&mut self) -> Result<(), Error> {
        if !self.out.bytes.is_empty() {
            self.stream.write_all(&self.out.bytes).map_err(Error::Io)?;
            self.out.bytes.clear();
        }
        Ok(())
    }

    /// Whether the next reply is here already, so that reading it won't block. Counts and
    /// drops the events before it.
    pub fn has_reply(&mut self) -> bool {
        self.input.has_reply()
    }

    /// The next reply, in the order of the requests.
    ///
    /// # Errors
    /// [`Error::Io`], also when the daemon has closed the connection.
    pub fn reply(&mut self) -> Result<Reply<'_>, Error> {
        while !self.has_reply() {
            self.fill(RecvFlags::empty())?;
        }
        self.input.take().ok_or(Error::Garbage)
    }

    /// The next reply, if it is here, and where to put requests meanwhile.
    pub fn reply_here(&mut self) -> Option<(Reply<'_>, &mut Out)> {
        if !self.has_reply() {
            return None;
        }
        Some((self.input.take()?, &mut self.out))
    }

    /// Reads what has come, without waiting.
    ///
    /// # Errors
    /// [`Error::Io`], also when the daemon has closed the connection.
    pub fn fill_here(&mut self) -> Result<(), Error> {
        match self.fill(RecvFlags::DONTWAIT) {
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            done => done,
        }
    }

    /// Waits until so many events have been read, counted from the connection's begin.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Garbage`] for a reply where an event was to come.
    pub fn wait_for_events(&mut self, count: u64) -> Result<(), Error> {
        loop {
            let reply_is_next = self.has_reply();
            if self.input.events >= count {
                return Ok(());
            }
            if reply_is_next {
                return Err(Error::Garbage);
            }
            self.fill(RecvFlags::empty())?;
        }
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

    fn fill(&mut self, flags: RecvFlags) -> Result<(), Error> {
        let free = self.input.room();
        let count = recv(&self.stream, free, flags).map_err(|e| Error::Io(e.into()))?.0;
        self.input.end += count;
        if count == 0 {
            return Err(Error::Io(io::ErrorKind::UnexpectedEof.into()));
        }
        Ok(())
    }
}

impl AsFd for Wire {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

impl Out {
    /// Adds a request. `parts` are put together as they are: a string's NUL is the caller's.
    pub fn push(&mut self, op: Op, tx_id: u32, parts: &[&[u8]]) {
        self.req_id = self.req_id.wrapping_add(1);
        let len = parts.iter().map(|p| p.len()).sum::<usize>();
        debug_assert!(len <= PAYLOAD_MAX);
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        let header = Header { op: op as u32, req_id: self.req_id, tx_id, len };
        self.bytes.extend_from_slice(&header.to_bytes());
        parts.iter().for_each(|part| self.bytes.extend_from_slice(part));
    }
}

impl Input {
    fn has_reply(&mut self) -> bool {
        while let Some((header, end)) = self.message() {
            if header.op != Op::WatchEvent as u32 {
                return true;
            }
            self.events += 1;
            self.start = end;
        }
        false
    }

    fn take(&mut self) -> Option<Reply<'_>> {
        let (header, end) = self.message()?;
        let payload = self.start + HEADER_LEN..end;
        self.start = end;
        Some(Reply { op: header.op, payload: self.buffer.get(payload)? })
    }

    /// The header of the message at hand and where it ends, if it is here as a whole.
    fn message(&self) -> Option<(Header, usize)> {
        let rest = self.buffer.get(self.start..self.end)?;
        let header = Header::from_bytes(*rest.first_chunk::<HEADER_LEN>()?);
        let len = HEADER_LEN + usize::try_from(header.len).ok()?;
        (rest.len() >= len).then_some((header, self.start + len))
    }

    /// Where more can be read into.
    fn room(&mut self) -> &mut [u8] {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.buffer.len() - self.end < ROOM_LEFT {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.buffer.len() - self.end < ROOM_LEFT {
            let grown = (2 * self.buffer.len()).max(ROOM);
            self.buffer.resize(grown, 0);
        }
        self.buffer.get_mut(self.end..).unwrap_or_default()
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
