//! A client's way to the daemon: a socket, in v1 or in v2, or a guest's ring on a machine of its
//! own.

use std::{
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Instant,
};

use myriad::sim::machine::Machine;
use myriad_core::DomId;
use myriad_ring::{
    page::{
        guest::{Client, Habits},
        layout::ERROR_NONE,
    },
    v1::{HEADER_LEN, Header, Op},
    v2::records::HELLO,
};

use super::{
    act::Ask,
    limits::{MOMENT, PATIENCE},
    speech::{Speech, hello},
};
use crate::oracle::wire::{self, Incoming, Message, encode};

/// Why a client can't go on; the run ends.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// the socket fails, or the daemon is silent
    #[error(transparent)]
    Wire(#[from] wire::WireError),
    /// the daemon has closed the connection
    #[error("the daemon has closed the connection of a client; its log says why")]
    Closed,
    /// v2 can't be spoken
    #[error("a client that speaks v2: {0}")]
    Speech(String),
    /// the ring can't be had
    #[error("the ring of domain {0}: {1}")]
    Machine(u16, String),
    /// the daemon has given the ring up, or doesn't answer on it
    #[error("domain {domid}: {what}")]
    Ring {
        /// Whose ring it is.
        domid: u16,
        /// What is wrong.
        what: &'static str,
    },
}

/// A way to the daemon.
#[derive(Debug)]
pub(super) enum Link {
    /// A socket, and where that is.
    Socket(wire::Link, PathBuf),
    /// A socket in v2, and where that is.
    New(UnixStream, Speech, PathBuf),
    /// A ring.
    Ring(Box<Ring>),
}

/// A guest's ring.
#[derive(Debug)]
pub(super) struct Ring {
    domid: u16,
    machine: Machine,
    client: Client,
}

impl Link {
    /// Connects to the daemon on a socket: 0 by that, a guest by its ring.
    ///
    /// # Errors
    /// [`LinkError`].
    pub(super) fn connect(socket: &Path, domid: u16) -> Result<Link, LinkError> {
        if domid == 0 {
            let link = wire::Link::connect(socket, "examined", 0)?;
            return Ok(Link::Socket(link, socket.to_owned()));
        }
        let failed = |error: &dyn std::fmt::Display| LinkError::Machine(domid, error.to_string());
        let machines = socket.with_file_name("sim").join("machines.socket");
        let mut machine = Machine::connect(&machines).map_err(|error| failed(&error))?;
        let (id, mut page) = (DomId(domid), None);
        machine.attach(id, id, |_, got| page = Some(got)).map_err(|error| failed(&error))?;
        let page = page.ok_or_else(|| failed(&"no page"))?;
        // Half of the guests ring always, the others only when they must.
        let habits = if domid % 2 == 1 { Habits::LINUX } else { Habits::default() };
        let client = Client::new(page, habits);
        Ok(Link::Ring(Box::new(Ring { domid, machine, client })))
    }

    /// Connects to the daemon on a socket, to speak v2.
    ///
    /// # Errors
    /// [`LinkError`].
    pub(super) fn connect_new(socket: &Path) -> Result<Link, LinkError> {
        let open = || -> io::Result<(UnixStream, Header)> {
            let mut stream = UnixStream::connect(socket)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.write_all(&hello())?;
            let mut head = [0; HEADER_LEN];
            stream.read_exact(&mut head)?;
            let header = Header::from_bytes(head);
            let length = usize::try_from(header.len).unwrap_or(0).min(HEADER_LEN * 4);
            stream.read_exact(&mut vec![0; length])?;
            Ok((stream, header))
        };
        let (stream, header) = open().map_err(|error| LinkError::Speech(error.to_string()))?;
        if header.op != HELLO {
            return Err(LinkError::Speech("the daemon has no v2".into()));
        }
        Ok(Link::New(stream, Speech::default(), socket.to_owned()))
    }

    /// A request's bytes; in a transaction it is `open`.
    pub(super) fn encode(&mut self, ask: &Ask, id: u32, open: u32) -> Vec<u8> {
        match self {
            Link::New(_, speech, _) => speech.ask(ask, id, open),
            _ => {
                let tx = if ask.tx { open } else { 0 };
                encode(ask.act.op() as u32, id, tx, &ask.act.payload())
            }
        }
    }

    /// The bytes of a request of v1 alone.
    pub(super) fn encode_old(&mut self, op: Op, id: u32, payload: &[u8]) -> Vec<u8> {
        match self {
            Link::New(_, speech, _) => speech.classic(op, id, payload),
            _ => encode(op as u32, id, 0, payload),
        }
    }

    /// Connects a socket anew; a ring stays.
    ///
    /// # Errors
    /// [`LinkError`].
    pub(super) fn reconnect(&mut self) -> Result<(), LinkError> {
        match self {
            Link::Socket(_, path) => *self = Link::connect(&path.clone(), 0)?,
            Link::New(_, _, path) => *self = Link::connect_new(&path.clone())?,
            Link::Ring(_) => {}
        }
        Ok(())
    }

    /// Sends requests, all of them before an answer is read.
    ///
    /// # Errors
    /// [`LinkError`].
    pub(super) fn send(&mut self, requests: Vec<u8>) -> Result<(), LinkError> {
        match self {
            Link::Socket(link, _) => Ok(link.send(&requests, 1)?),
            Link::New(stream, ..) => {
                stream.write_all(&requests).map_err(|error| LinkError::Speech(error.to_string()))
            }
            Link::Ring(ring) => {
                ring.client.push(requests);
                ring.pump()
            }
        }
    }

    /// Waits for the next message.
    ///
    /// # Errors
    /// [`LinkError`].
    pub(super) fn receive(&mut self) -> Result<Message, LinkError> {
        match self {
            Link::Socket(link, _) => match link.receive()? {
                Incoming::Message(message) => Ok(message),
                Incoming::Closed => Err(LinkError::Closed),
            },
            Link::New(stream, speech, _) => loop {
                let bad = |error: &dyn std::fmt::Display| LinkError::Speech(error.to_string());
                if let Some(message) = speech.message().map_err(|error| bad(&error))? {
                    return Ok(message);
                }
                let mut bytes = [0; 1 << 12];
                match stream.read(&mut bytes).map_err(|error| bad(&error))? {
                    0 => return Err(LinkError::Closed),
                    n => speech.push(bytes.get(..n).unwrap_or_default()),
                }
            },
            Link::Ring(ring) => ring.receive(),
        }
    }
}

impl Ring {
    fn receive(&mut self) -> Result<Message, LinkError> {
        let begin = Instant::now();
        loop {
            // First: what is found from here on is not told of any more.
            self.machine.bells().hear(|_| {});
            self.pump()?;
            if let Some((header, payload)) = self.client.message() {
                let (op, req_id, tx_id) = (header.op, header.req_id, header.tx_id);
                return Ok(Message { op, req_id, tx_id, payload });
            }
            if self.client.end().error() != ERROR_NONE {
                return Err(self.wrong("the daemon has given the ring up"));
            }
            if begin.elapsed() > PATIENCE {
                return Err(self.wrong("no answer"));
            }
            if !self.client.look_again().map_err(|_| self.liar())? {
                let slept = self.machine.sleep_beside(&[], Some(MOMENT));
                slept.map_err(|e| LinkError::Machine(self.domid, e.to_string()))?;
            }
        }
    }

    fn pump(&mut self) -> Result<(), LinkError> {
        self.client.pump().map_err(|_| self.liar())?;
        if self.client.take_doorbell() {
            let rung = self.machine.ring(DomId(self.domid));
            rung.map_err(|e| LinkError::Machine(self.domid, e.to_string()))?;
        }
        Ok(())
    }

    fn liar(&self) -> LinkError {
        self.wrong("the daemon has stored impossible indices into the ring")
    }

    fn wrong(&self, what: &'static str) -> LinkError {
        LinkError::Ring { domid: self.domid, what }
    }
}
