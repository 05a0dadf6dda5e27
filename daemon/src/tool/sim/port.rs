//! A socket of the control domain that carries the requests of many guests' parties at once, in
//! protocol v1 or v2.
//!
//! It never blocks: what can't be written yet is kept, a request for each party at most; and so is
//! what comes before the daemon has agreed upon v2.

mod frames;

use std::{
    collections::VecDeque,
    io::{self, Read, Write},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    path::Path,
};

use myriad_ring::{
    v1::{Assembler, Header, Op},
    v2::{
        body::put,
        records::{HELLO, Hello, VERSION},
    },
};

use self::frames::Frames;
use super::{
    actor::{Batch, Request},
    wrong::SimError,
};

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
    speech: Speech,
    /// The ids of requests under way, and the guests that they are for.
    under_way: VecDeque<(u32, usize)>,
    next_id: u32,
}

/// What is spoken.
#[derive(Debug)]
enum Speech {
    Old,
    /// HELLO was said; what is to be sent once there is an answer.
    Asked(Vec<u8>),
    New(Frames),
}

/// A message of the daemon; one of v2 as v1 would say it.
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
            speech: Speech::Old,
            under_way: VecDeque::new(),
            next_id: 0,
        })
    }

    /// Asks for v2, before anything else.
    pub(super) fn ask_for_v2(&mut self) {
        let mut payload = Vec::new();
        let hello =
            Hello { version: VERSION.into(), features: u32::MAX.into(), ..Hello::default() };
        put(&mut payload, &hello);
        let len = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        let header = Header { op: HELLO, req_id: 0, tx_id: 0, len };
        self.out.extend_from_slice(&header.to_bytes());
        self.out.extend_from_slice(&payload);
        self.speech = Speech::Asked(Vec::new());
    }

    /// Queues a request of a guest's party.
    pub(super) fn send(&mut self, guest: usize, request: &Request) {
        let id = self.next(guest);
        match &mut self.speech {
            Speech::Old => {
                let len = u32::try_from(request.payload.len()).unwrap_or(u32::MAX);
                let op = request.op as u32;
                let header = Header { op, req_id: id, tx_id: request.tx, len };
                self.out.extend_from_slice(&header.to_bytes());
                self.out.extend_from_slice(&request.payload);
            }
            Speech::Asked(later) => later.extend(frames::request(request, id)),
            Speech::New(_) => self.out.extend(frames::request(request, id)),
        }
    }

    /// Queues what v2 says at once.
    pub(super) fn send_batch(&mut self, guest: usize, batch: &Batch) {
        let bytes = frames::batch(batch, self.next(guest));
        match &mut self.speech {
            Speech::Asked(later) => later.extend(bytes),
            _ => self.out.extend(bytes),
        }
    }

    /// The id of the next request.
    fn next(&mut self, guest: usize) -> u32 {
        self.next_id = self.next_id.wrapping_add(1);
        self.under_way.push_back((self.next_id, guest));
        self.next_id
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
            if let Some(received) = self.message()? {
                return Ok(Some(received));
            }
            let rest = self.chunk.get(self.taken..).unwrap_or_default();
            if !rest.is_empty() {
                self.taken += match &mut self.speech {
                    Speech::New(frames) => {
                        frames.push(rest);
                        rest.len()
                    }
                    _ => self.input.push(rest),
                };
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

    /// A message of what was read.
    fn message(&mut self) -> Result<Option<Received>, SimError> {
        if let Speech::New(frames) = &mut self.speech {
            let Some(said) = frames.next().map_err(|e| SimError::Broken(self.name, e))? else {
                return Ok(None);
            };
            return self.known(said.id, said.op, said.payload).map(Some);
        }
        let message = self.input.message().map_err(|e| self.broken(io::Error::other(e)))?;
        let Some(message) = message else { return Ok(None) };
        let (header, payload) = (message.header, message.payload.to_vec());
        self.input.take();
        if let Speech::Asked(later) = &mut self.speech {
            if header.op != HELLO {
                let says = "v2 was agreed upon before, and is refused now: take --v1";
                return Err(self.broken(io::Error::other(says)));
            }
            self.out.append(later);
            self.speech = Speech::New(Frames::default());
            return self.message();
        }
        let id = (header.op != Op::WatchEvent as u32).then_some(header.req_id.into());
        self.known(id, header.op, payload).map(Some)
    }

    /// Finds out whom a message is for.
    fn known(&mut self, id: Option<u64>, op: u32, payload: Vec<u8>) -> Result<Received, SimError> {
        let Some(id) = id else { return Ok(Received { op, payload, guest: None }) };
        match self.under_way.pop_front() {
            Some((first, guest)) if u64::from(first) == id => {
                Ok(Received { op, payload, guest: Some(guest) })
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
