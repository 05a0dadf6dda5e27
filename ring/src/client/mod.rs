//! A blocking client of protocol v1, and of v2 where the daemon has it, over any stream.
//!
//! ```no_run
//! use myriad_ring::client::{Client, Store};
//!
//! let mut client = Client::connect()?;
//! client.write("/tool/example", "1")?;
//! assert_eq!(client.read("/tool/example")?, b"1");
//! for name in client.list("/local/domain")? {
//!     println!("{name}");
//! }
//! let name = client.transact(|tx| {
//!     let name = tx.read("/local/domain/0/name")?;
//!     tx.write("/tool/example", &name)?;
//!     Ok(name)
//! })?;
//! # Ok::<(), myriad_ring::client::Error>(())
//! ```
//!
//! Invariants:
//! - One request is under way at a time; its reply is known by `req_id`.
//! - Events that arrive before a reply are queued, at most [`limits::MAX_QUEUED_EVENTS`]; past
//!   that they're dropped and the loss is reported, never silent.
//! - What the daemon sends is an allegation: its lengths are checked before anything is kept.
//! - After an error that leaves the stream between two messages the client refuses to go on
//!   ([`Error::Broken`]).

mod admin;
mod endpoint;
mod error;
mod follower;
pub mod limits;
mod request;
mod rings;
mod store;
#[cfg(test)]
mod tests;
mod transaction;
mod v2;
mod watch;
mod wire;

use std::{
    collections::VecDeque,
    io::{Read, Write},
    path::Path,
};

use myriad_core::Errno;

pub use endpoint::{DEFAULT_RUNDIR, DEVICE, OLD_DEVICE, Stream, places};
pub use error::Error;
pub use follower::Follower;
pub use request::Request;
pub use rings::RingStream;
pub use store::Store;
pub use transaction::Transaction;
pub use v2::{
    BadPlace, Changed, Child, Commit, Committed, Entry, Kept, LogPage, Match, News, Node,
    PastChild, Place, Snapshot, Stamps, Told, Wanted, Was, When,
};
pub use watch::Event;
pub use wire::{Incoming, Message, strings};

use crate::v1::{Header, Op};

/// A connection to xenstored.
///
/// Its operations on the tree come from [`Store`]; those on domains, quotas and the daemon itself
/// are methods, and need a privileged connection: the control domain's ring, or the socket.
#[derive(Debug)]
pub struct Client<S> {
    stream: S,
    incoming: wire::Incoming,
    last_id: u32,
    broken: bool,
    events: VecDeque<Event>,
    events_lost: u64,
    /// What it has for v2, where that was agreed upon.
    v2: Option<Box<v2::V2>>,
}

impl Client<Stream> {
    /// Connects to where [`places`] says that the daemon is.
    ///
    /// # Errors
    /// [`Error::Unreachable`].
    pub fn connect() -> Result<Client<Stream>, Error> {
        Stream::open_default().map(Client::new)
    }

    /// Connects to a socket, or opens a device.
    ///
    /// # Errors
    /// [`Error::Unreachable`].
    pub fn connect_to(path: impl AsRef<Path>) -> Result<Client<Stream>, Error> {
        Stream::open(path).map(Client::new)
    }
}

impl<S> Client<S> {
    /// A client over a stream that is open.
    pub fn new(stream: S) -> Client<S> {
        Client {
            stream,
            incoming: wire::Incoming::default(),
            last_id: 0,
            broken: false,
            events: VecDeque::new(),
            events_lost: 0,
            v2: None,
        }
    }

    /// The stream, to poll it or to set its timeouts. Whoever reads or writes it breaks the
    /// client.
    pub fn stream(&self) -> &S {
        &self.stream
    }
}

impl<S: Read + Write> Client<S> {
    /// Sends a request outside transactions and gives the reply's payload.
    ///
    /// # Errors
    /// [`Error::Refused`] where the daemon says so; [`Error::Nul`] and [`Error::TooLong`] with
    /// nothing sent; [`Error::Lost`], [`Error::Broken`] and [`Error::Protocol`] for a broken
    /// connection.
    pub fn send(&mut self, request: &Request) -> Result<Vec<u8>, Error> {
        self.send_in(request, 0)
    }

    /// Sends any message, valid or not, and gives the reply as it comes, an ERROR too. For tests
    /// and for operations that this client doesn't know.
    ///
    /// ```no_run
    /// # use myriad_ring::{client::Client, v1::Op};
    /// # let mut client = Client::connect()?;
    /// let reply = client.raw(99, 0, b"")?;
    /// assert_eq!(reply.header.op, Op::Error as u32);
    /// assert_eq!(reply.payload, b"ENOSYS\0");
    /// # Ok::<(), myriad_ring::client::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Lost`], [`Error::Broken`], [`Error::Protocol`]; [`Error::TimedOut`] where the
    /// stream has a timeout: the reply may still come, so the client is broken then.
    pub fn raw(&mut self, op: u32, tx_id: u32, payload: &[u8]) -> Result<Message, Error> {
        if self.broken {
            return Err(Error::Broken);
        }
        let len = u32::try_from(payload.len())
            .map_err(|_| Error::Protocol("a request of over 4 GiB can't be framed"))?;
        self.last_id = self.last_id.wrapping_add(1);
        let req_id = self.last_id;
        let header = Header { op, req_id, tx_id, len };
        let reply = if self.v2.is_some() {
            self.raw_within(header, payload)?
        } else {
            self.broken = true;
            wire::send(&mut self.stream, header, payload)?;
            self.reply()?
        };
        self.broken = true;
        if reply.header.req_id != req_id {
            return Err(Error::Protocol("a reply to a request that was not made"));
        }
        self.broken = false;
        Ok(reply)
    }

    fn send_in(&mut self, request: &Request, tx_id: u32) -> Result<Vec<u8>, Error> {
        let op = request.op();
        let reply = self.raw(op as u32, tx_id, request.payload()?)?;
        if reply.header.op == op as u32 {
            return Ok(reply.payload);
        }
        if reply.header.op != Op::Error as u32 {
            self.broken = true;
            return Err(Error::Protocol("a reply of another type than its request"));
        }
        let name = wire::strings(&reply.payload).next().unwrap_or_default();
        let errno = Errno::from_name(name).unwrap_or(Errno::EINVAL);
        Err(Error::Refused { op, subject: request.subject(), errno })
    }

    /// Receives until a message comes that is no event.
    fn reply(&mut self) -> Result<Message, Error> {
        loop {
            let message = self.incoming.read(&mut self.stream)?;
            if message.header.op != Op::WatchEvent as u32 {
                return Ok(message);
            }
            self.queue(Event::from_payload(&message.payload)?);
        }
    }
}
