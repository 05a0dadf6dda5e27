//! A socket of the control domain that carries the requests of many guests' parties at once.
//!
//! It never blocks: what can't be written yet is kept, a request for each party at most.

use std::{
    collections::VecDeque,
    io::{self, Read, Write},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    path::Path,
};

use myriad_ring::v1::{Assembler, Header, Op};

use super::{actor::Request, wrong::SimError};

/// A connection and the requests under way on it.
#[derive(Debug)]
pub(super) struct Port {
    name: &'static str,
    stream: UnixStream,
    out: Vec<u8>,
    written: usize,
    chunk: Vec<u8>,
    /// How much of the chunk is in the assembler.
    taken: usize,
    input: Assembler,
    /// The ids of requests under way, and the guests that they are for.
    under_way: VecDeque<(u32, usize)>,
    next_id: u32,
}

/// A message of the daemon.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) op: u32,
    pub(super) payload: Vec<u8>,
    /// The guest whose request it answers; none for an event.
    pub(super) guest: Option<usize>,
}

impl Port {
    /// Connects to a daemon's socket.
    pub(super) fn connect(name: &'static str, path: &Path) -> Result<Port, SimError> {
        let open = || {
            let stream = UnixStream::connect(path)?;
            stream.set_nonblocking(true)?;
            Ok(stream)
        };
        let stream = open().map_err(|source| myriad_ring::client::Error::Unreachable {
            path: path.into(),
            source,
        })?;
        Ok(Port {
            name,
            stream,
            out: Vec::new(),
            written: 0,
            chunk: Vec::new(),
            taken: 0,
            input: Assembler::default(),
            under_way: VecDeque::new(),
            next_id: 0,
        })
    }

    /// Queues a request of a guest's party.
    pub(super) fn send(&mut self, guest: usize, request: &Request) {
        self.next_id = self.next_id.wrapping_add(1);
        let len = u32::try_from(request.payload.len()).unwrap_or(u32::MAX);
        let header = Header { op: request.op as u32, req_id: self.next_id, tx_id: request.tx, len };
        self.out.extend_from_slice(&header.to_bytes());
        self.out.extend_from_slice(&request.payload);
        self.under_way.push_back((self.next_id, guest));
    }

    /// Writes what is queued, as far as the daemon takes it.
    pub(super) fn flush(&mut self) -> Result<(), SimError> {
        while let Some(rest) = self.out.get(self.written..).filter(|rest| !rest.is_empty()) {
            match self.stream.write(rest) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.broken(error)),
            }
        }
        self.out.clear();
        self.written = 0;
        Ok(())
    }

    /// Whether it has more to write than the daemon took.
    pub(super) fn has_output(&self) -> bool {
        !self.out.is_empty()
    }

    /// The next message, if one is there.
    pub(super) fn receive(&mut self) -> Result<Option<Received>, SimError> {
        loop {
            let message = self.input.message().map_err(|e| self.broken(io::Error::other(e)))?;
            if let Some(message) = message {
                let (header, payload) = (message.header, message.payload.to_vec());
                self.input.take();
                return self.known(header, payload).map(Some);
            }
            let rest = self.chunk.get(self.taken..).unwrap_or_default();
            if !rest.is_empty() {
                self.taken += self.input.push(rest);
                continue;
            }
            self.chunk.resize(CHUNK, 0);
            self.taken = 0;
            let read = self.stream.read(&mut self.chunk);
            self.chunk.truncate(*read.as_ref().unwrap_or(&0));
            match read {
                Ok(0) => return Err(self.broken(io::ErrorKind::UnexpectedEof.into())),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.broken(error)),
            }
        }
    }

    /// Finds out whom a message is for.
    fn known(&mut self, header: Header, payload: Vec<u8>) -> Result<Received, SimError> {
        if header.op == Op::WatchEvent as u32 {
            return Ok(Received { op: header.op, payload, guest: None });
        }
        match self.under_way.pop_front() {
            Some((id, guest)) if id == header.req_id => {
                Ok(Received { op: header.op, payload, guest: Some(guest) })
            }
            _ => Err(self.broken(io::Error::other("a reply to another request than the first"))),
        }
    }

    fn broken(&self, error: io::Error) -> SimError {
        SimError::Broken(self.name, error)
    }
}

impl AsFd for Port {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// Bytes that one read may bring.
const CHUNK: usize = 64 << 10;
