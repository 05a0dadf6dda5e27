//! Watches and their events.

use std::io::{Read, Write};

use super::{Client, Error, Request, limits::MAX_QUEUED_EVENTS, wire};
use crate::v1::Op;

/// Something changed at or below a watched path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Event {
    /// What changed: relative if and only if the watch's path was.
    pub path: String,
    /// The token that the watch was registered with.
    pub token: Vec<u8>,
}

impl Event {
    pub(super) fn from_payload(payload: &[u8]) -> Result<Event, Error> {
        let bad = Error::Protocol("an event that is not a path and a token");
        let mut strings = wire::strings(payload);
        let (Some(path), Some(token)) = (strings.next(), strings.next()) else { return Err(bad) };
        let path = String::from_utf8(path.to_vec()).map_err(|_| bad)?;
        Ok(Event { path, token: token.to_vec() })
    }
}

impl<S: Read + Write> Client<S> {
    /// Registers a watch on a path and all below it; it fires once at once.
    ///
    /// ```no_run
    /// # use myriad_ring::client::Client;
    /// # let mut client = Client::connect()?;
    /// client.watch("/local/domain", "domains")?;
    /// loop {
    ///     let event = client.next_event()?;
    ///     println!("{} changed", event.path);
    /// #   break;
    /// }
    /// # Ok::<(), myriad_ring::client::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Refused`]: EEXIST for a path and token registered already, EINVAL for a path that
    /// is not one; and as [`Client::send`].
    pub fn watch(&mut self, path: impl AsRef<[u8]>, token: impl AsRef<[u8]>) -> Result<(), Error> {
        let (path, token) = (path.as_ref(), token.as_ref());
        if self.v2.is_some() {
            return self.watch_within(path, token, None);
        }
        self.send(&Request::new(Op::Watch).text(path).text(token)).map(drop)
    }

    /// Registers a watch on a path and `depth` levels below it (0: the path alone). Needs the
    /// server's feature WATCHDEPTH (4 in [`Client::features`]); a server without it answers EINVAL.
    ///
    /// # Errors
    /// As [`Client::watch`].
    pub fn watch_depth(
        &mut self,
        path: impl AsRef<[u8]>,
        token: impl AsRef<[u8]>,
        depth: u32,
    ) -> Result<(), Error> {
        let (path, token) = (path.as_ref(), token.as_ref());
        if self.v2.is_some() {
            return self.watch_within(path, token, Some(depth));
        }
        self.send(&Request::new(Op::Watch).text(path).text(token).number(depth)).map(drop)
    }

    /// Removes a watch. Events of it that are queued already stay queued.
    ///
    /// # Errors
    /// [`Error::Refused`] with ENOENT where there is no such watch; and as [`Client::send`].
    pub fn unwatch(
        &mut self,
        path: impl AsRef<[u8]>,
        token: impl AsRef<[u8]>,
    ) -> Result<(), Error> {
        let (path, token) = (path.as_ref(), token.as_ref());
        if self.v2.is_some() {
            return self.unwatch_within(path, token);
        }
        self.send(&Request::new(Op::Unwatch).text(path).text(token)).map(drop)
    }

    /// Drops all of this connection's watches and transactions.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub fn reset_watches(&mut self) -> Result<(), Error> {
        self.send(&Request::new(Op::ResetWatches).text(""))?;
        self.forget_watches();
        Ok(())
    }

    /// The next event: a queued one, else the next to come.
    ///
    /// # Errors
    /// [`Error::EventsLost`] once after the queue was full, in the place of the events that were
    /// dropped; [`Error::TimedOut`] where the stream has a timeout, and the call may be repeated;
    /// [`Error::Lost`], [`Error::Broken`], [`Error::Protocol`].
    pub fn next_event(&mut self) -> Result<Event, Error> {
        if let Some(event) = self.queued_event()? {
            return Ok(event);
        }
        if self.broken {
            return Err(Error::Broken);
        }
        if self.v2.is_some() {
            return self.event_within();
        }
        let message = match self.incoming.read(&mut self.stream) {
            Ok(message) if message.header.op == Op::WatchEvent as u32 => message,
            Ok(_) => {
                self.broken = true;
                return Err(Error::Protocol("a reply to a request that was not made"));
            }
            Err(error) => {
                self.broken = !matches!(error, Error::TimedOut);
                return Err(error);
            }
        };
        let event = Event::from_payload(&message.payload);
        self.broken = event.is_err();
        event
    }

    /// All events as they come, for ever: each is as [`Client::next_event`] gives it. Where a
    /// connection may be lost, and nothing is to be missed by that, there is
    /// [`Follower`](crate::client::Follower).
    ///
    /// ```no_run
    /// # use myriad_ring::client::Client;
    /// # let mut client = Client::connect()?;
    /// client.watch("/local/domain", "domains")?;
    /// for event in client.events() {
    ///     println!("{} changed", event?.path);
    /// }
    /// # Ok::<(), myriad_ring::client::Error>(())
    /// ```
    pub fn events(&mut self) -> impl Iterator<Item = Result<Event, Error>> + '_ {
        std::iter::from_fn(|| Some(self.next_event()))
    }

    /// An event that came together with replies, without reading from the stream.
    ///
    /// # Errors
    /// [`Error::EventsLost`], as [`Client::next_event`].
    pub fn queued_event(&mut self) -> Result<Option<Event>, Error> {
        if self.events.is_empty() && self.events_lost > 0 {
            return Err(Error::EventsLost(std::mem::take(&mut self.events_lost)));
        }
        Ok(self.events.pop_front())
    }

    /// Whether something has been read from the stream already that [`Client::next_event`] would
    /// give: who polls the stream asks this before, since the stream may have nothing more. (A
    /// watch that was removed meanwhile may have been all that it was about.)
    #[must_use]
    pub fn has_event(&self) -> bool {
        let came = self.v2.as_ref().is_some_and(|v2| v2.has_message());
        !self.events.is_empty() || self.events_lost > 0 || came
    }

    /// Keeps an event for later. Once one was dropped all are until the loss was reported, so
    /// that what is kept has no gap.
    pub(super) fn queue(&mut self, event: Event) {
        if self.events_lost > 0 || self.events.len() >= MAX_QUEUED_EVENTS {
            self.events_lost = self.events_lost.saturating_add(1);
        } else {
            self.events.push_back(event);
        }
    }
}
