//! A client that has agreed upon protocol v2.
//!
//! All that the client does in v1 it goes on to do: requests of v1 are carried by v2, and watches
//! are registered under numbers that stand for the caller's tokens. What v2 adds is in
//! [`Client::get`], [`Client::get_many`], [`Client::list_values`], [`Client::matches`],
//! [`Client::commit`], [`Client::snapshot`] and [`Client::ask`]; the first five work with a daemon
//! that speaks v1 alone, too, by transactions.
//! Invariants:
//! - One request is under way at a time; its answer is known by its id and operation.
//! - A number stands for one path and token as long as the watch is registered, and is not used
//!   for another afterwards: an event that was on its way is told apart.

mod commit;
mod feed;
mod history;
mod incoming;
mod nodes;
mod place;
mod refusals;
mod snapshots;

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    path::Path,
};

use myriad_core::Errno;

pub use commit::{Commit, Committed};
pub use feed::{Changed, News, Wanted};
pub use history::{Entry, Kept, LogPage, PastChild, Was, When};
pub use nodes::{Child, Node, Stamps, Told};
pub use place::{BadPlace, Place};
pub use snapshots::{Match, Snapshot};

use super::{Client, Error, Event, Stream, places, wire::Message};
use crate::{
    v1::{self, Header},
    v2::{
        self, answers,
        body::{Body, put},
        frame::{EVENT, REPLY},
        records::{ALL_LEVELS, HELLO, Hello, Registration, Removal, VERSION, Welcome},
        status,
    },
};
use incoming::Incoming;
use refusals::{as_refused, refused};

/// What a client has once both sides speak v2.
#[derive(Debug)]
pub(super) struct V2 {
    welcome: Welcome,
    incoming: Incoming,
    last_id: u64,
    last_number: u64,
    /// The numbers of watches, by path and token.
    numbers: BTreeMap<(Vec<u8>, Vec<u8>), u64>,
    /// The tokens of numbers.
    tokens: BTreeMap<u64, Vec<u8>>,
    /// The subscriptions.
    feeds: feed::Feeds,
}

impl V2 {
    /// Whether a message is whole that nobody has taken yet.
    pub(super) fn has_message(&self) -> bool {
        self.incoming.has_message()
    }
}

impl Client<Stream> {
    /// As [`Client::connect`], and agrees upon v2 where the daemon has it.
    ///
    /// # Errors
    /// As [`Client::connect_to_best`].
    pub fn connect_best() -> Result<Client<Stream>, Error> {
        let [first, second] = places();
        match Client::connect_to_best(first) {
            Err(Error::Unreachable { .. }) => Client::connect_to_best(second),
            other => other,
        }
    }

    /// Connects to a socket, or opens a device, and agrees upon v2 where the daemon has it. One
    /// that closes the connection for having been asked is connected to again. A device is not
    /// asked: behind it is the kernel's own connection, in v1, and the kernel hands on what a
    /// program writes there.
    ///
    /// # Errors
    /// [`Error::Unreachable`], and as [`Client::negotiate`].
    pub fn connect_to_best(path: impl AsRef<Path>) -> Result<Client<Stream>, Error> {
        let path = path.as_ref();
        let mut client = Client::connect_to(path)?;
        if let Stream::Device(_) = client.stream {
            return Ok(client);
        }
        match client.negotiate() {
            Ok(_) => Ok(client),
            Err(Error::Lost(_)) => Client::connect_to(path),
            Err(error) => Err(error),
        }
    }
}

impl<S: Read + Write> Client<S> {
    /// Asks the daemon for v2: whether both speak it from now on. A client that has watches or
    /// transactions is refused; so ask first.
    ///
    /// ```no_run
    /// # use myriad_ring::client::{Client, Commit};
    /// let mut client = Client::connect()?;
    /// client.negotiate()?;
    /// // One message, one commit; with an older daemon the same in a transaction.
    /// let vm = Commit::new().if_absent("/tool/a").write("/tool/a", "1").write("/tool/b", "2");
    /// client.commit(&vm)?;
    /// # Ok::<(), myriad_ring::client::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Client::raw`]. An older daemon may close the connection: [`Error::Lost`].
    pub fn negotiate(&mut self) -> Result<bool, Error> {
        if self.v2.is_some() {
            return Ok(true);
        }
        let mut payload = Vec::new();
        let hello =
            Hello { version: VERSION.into(), features: u32::MAX.into(), ..Hello::default() };
        put(&mut payload, &hello);
        let reply = self.raw(HELLO, 0, &payload)?;
        if reply.header.op != HELLO {
            return Ok(false);
        }
        let mut body = Body::new(&reply.payload);
        let welcome = body.record().and_then(|welcome: Welcome| body.end().map(|()| welcome));
        let Some(welcome) = welcome.ok().filter(|welcome| welcome.version.get() == VERSION) else {
            self.broken = true;
            return Err(Error::Protocol("a welcome to another protocol than was asked for"));
        };
        self.v2 = Some(Box::new(V2 {
            welcome,
            incoming: Incoming::default(),
            last_id: 0,
            last_number: 0,
            numbers: BTreeMap::new(),
            tokens: BTreeMap::new(),
            feeds: feed::Feeds::default(),
        }));
        Ok(true)
    }

    /// What the daemon has agreed to, once both speak v2.
    #[must_use]
    pub fn welcome(&self) -> Option<&Welcome> {
        self.v2.as_ref().map(|v2| &v2.welcome)
    }

    /// Sends a request of v2, and gives the body of its answer. Watches are better registered by
    /// [`Client::watch`], which knows their tokens again.
    ///
    /// # Errors
    /// [`Error::Declined`] where the daemon says so, or doesn't speak v2 (ENOSYS); [`Error::Lost`],
    /// [`Error::Broken`] and [`Error::Protocol`] for a broken connection.
    pub fn ask(&mut self, request: &v2::Request<'_>) -> Result<Vec<u8>, Error> {
        let op = request.op();
        if self.broken {
            return Err(Error::Broken);
        }
        let Some(v2) = &mut self.v2 else {
            let detail = "it speaks protocol v1 alone".into();
            return Err(Error::Declined { op, item: None, errno: Errno::ENOSYS, detail });
        };
        v2.last_id = v2.last_id.wrapping_add(1);
        let id = v2.last_id;
        self.broken = true;
        let bytes = request.encode(id);
        self.stream.write_all(&bytes).and_then(|()| self.stream.flush()).map_err(Error::Lost)?;
        loop {
            let Some(v2) = &mut self.v2 else { return Err(Error::Broken) };
            let (frame, body) = v2.incoming.read(&mut self.stream)?;
            if frame.flags.get() & EVENT != 0 {
                if let Some(event) = self.heard(frame.op.get(), &body)? {
                    self.queue(event);
                }
                continue;
            }
            let is_its = (frame.id.get(), frame.op.get()) == (id, op as u16);
            if !is_its || frame.flags.get() & REPLY == 0 {
                return Err(Error::Protocol("an answer to a request that was not made"));
            }
            if frame.status.get() == 0 {
                self.broken = false;
                return Ok(body);
            }
            let bad = |_| Error::Protocol("an error that says nothing");
            let failure = answers::failure(&body).map_err(bad)?;
            self.broken = false;
            let errno = status::errno(frame.status.get()).unwrap_or(Errno::EINVAL);
            return Err(Error::Declined { op, item: failure.item, errno, detail: failure.detail });
        }
    }

    /// A message of v1 within v2, and its reply.
    pub(super) fn raw_within(&mut self, header: Header, payload: &[u8]) -> Result<Message, Error> {
        let answer = self.ask(&v2::Request::Classic(header, payload))?;
        let Some((head, rest)) = answer.split_first_chunk() else {
            return Err(Error::Protocol("an answer of v1 without a header"));
        };
        Ok(Message { header: Header::from_bytes(*head), payload: rest.to_vec() })
    }

    /// Registers a watch in v2.
    pub(super) fn watch_within(
        &mut self,
        path: &[u8],
        token: &[u8],
        depth: Option<u32>,
    ) -> Result<(), Error> {
        let Some(v2) = &mut self.v2 else { return Err(Error::Broken) };
        let key = (path.to_vec(), token.to_vec());
        if v2.numbers.contains_key(&key) {
            return Err(refused(v1::Op::Watch, path, Errno::EEXIST));
        }
        v2.last_number = v2.last_number.wrapping_add(1);
        let number = v2.last_number;
        // Before the answer: its first event may come with it.
        v2.tokens.insert(number, token.to_vec());
        let depth = depth.unwrap_or(ALL_LEVELS).into();
        let watch = Registration { token: number.into(), depth, ..Registration::default() };
        let done = self.ask(&v2::Request::Watch(vec![(watch, path)]));
        let Some(v2) = &mut self.v2 else { return Err(Error::Broken) };
        if done.is_ok() {
            v2.numbers.insert(key, number);
        } else {
            v2.tokens.remove(&number);
        }
        done.map(drop).map_err(|error| as_refused(error, v1::Op::Watch, path))
    }

    /// Removes a watch in v2.
    pub(super) fn unwatch_within(&mut self, path: &[u8], token: &[u8]) -> Result<(), Error> {
        let Some(v2) = &mut self.v2 else { return Err(Error::Broken) };
        let key = (path.to_vec(), token.to_vec());
        let Some(number) = v2.numbers.get(&key).copied() else {
            return Err(refused(v1::Op::Unwatch, path, Errno::ENOENT));
        };
        let watch = Removal { token: number.into(), ..Removal::default() };
        let done = self.ask(&v2::Request::Unwatch(vec![(watch, path)]));
        done.map_err(|error| as_refused(error, v1::Op::Unwatch, path))?;
        let Some(v2) = &mut self.v2 else { return Err(Error::Broken) };
        v2.numbers.remove(&key);
        v2.tokens.remove(&number);
        Ok(())
    }

    /// All watches are gone.
    pub(super) fn forget_watches(&mut self) {
        if let Some(v2) = &mut self.v2 {
            v2.numbers.clear();
            v2.tokens.clear();
        }
    }

    /// The next event of v2, as it comes.
    pub(super) fn event_within(&mut self) -> Result<Event, Error> {
        loop {
            let Some(v2) = &mut self.v2 else { return Err(Error::Broken) };
            let (frame, body) = v2.incoming.read(&mut self.stream).inspect_err(|error| {
                self.broken = !matches!(error, Error::TimedOut);
            })?;
            self.broken = true;
            if frame.flags.get() & EVENT == 0 {
                return Err(Error::Protocol("an answer to a request that was not made"));
            }
            let event = self.heard(frame.op.get(), &body)?;
            self.broken = false;
            if let Some(event) = event {
                return Ok(event);
            }
        }
    }

    /// A watch's event; none of one that was removed meanwhile, and of what subscriptions tell.
    fn heard(&mut self, op: u16, body: &[u8]) -> Result<Option<Event>, Error> {
        if feed::is_feed(op) {
            return self.hear_news(body).map(|()| None);
        }
        let bad = |_| Error::Protocol("an event that is not a path and a token");
        let event = answers::event(body).map_err(bad)?;
        let tokens = self.v2.as_ref().map(|v2| &v2.tokens);
        let token = tokens.and_then(|tokens| tokens.get(&event.token)).cloned();
        Ok(token.map(|token| Event { path: event.path, token }))
    }
}
