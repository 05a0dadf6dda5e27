//! A connection that many threads may use at once.
//!
//! Invariants:
//! 1. At most one request is under way: its thread holds `asking`. So a reply needs no id, and the
//!    order in which locks are taken is `asking`, then that of the `Exchange`.
//! 2. The descriptor to poll is readable only if an event waits or something comes that is no
//!    reply: while a request is under way the connection is not listened to. Programs poll it in
//!    one thread and then ask for an event *with* waiting (`event`), while others make requests.
//! 3. After an error that leaves the stream between two messages nothing is sent or read any more.
//!    The descriptor to poll tells of it once: until somebody has asked for an event.

use std::{
    ffi::c_int,
    os::fd::{AsFd, BorrowedFd},
};

use myriad_ring::{
    client::{Incoming, Message, Stream, places, strings},
    v1::Op,
};

use super::{
    events::Events,
    exchange::{Exchange, Sort, Stopped},
    restrict::Registration,
    wire::{self, Connection},
};
use crate::{number, poll::Poll, sync::Locked};

/// `struct xs_handle`.
#[derive(Debug)]
pub struct Handle {
    /// First, so that it is taken back before the connection is closed.
    _registration: Registration,
    exchange: Exchange<Connection, Sorted>,
    asking: Locked<()>,
    /// Whether events of a watch go with it.
    filters: bool,
}

const _: () = {
    const fn is_shared_among_threads<T: Send + Sync>() {}
    is_shared_among_threads::<Handle>();
};

/// What has come, and what there is to poll.
#[derive(Debug, Default)]
struct Sorted {
    is_asking: bool,
    reply: Option<Message>,
    events: Events,
    /// The connection has ended, and nobody who asked for an event was told yet.
    has_news_of_end: bool,
    poll: Option<Poll>,
}

impl Handle {
    /// Connects to the first of the places where a daemon may be that answers.
    pub(super) fn open(filters: bool) -> Result<Box<Handle>, c_int> {
        let [first, second] = places();
        let registration = Registration::new();
        let stream = Stream::open(first).or_else(|_| Stream::open(second));
        let stream = stream.map_err(|error| number::of(&error))?;
        registration.watch(stream.as_fd());
        Ok(Box::new(Handle {
            _registration: registration,
            exchange: Exchange::new(Connection(stream), Incoming::default(), Sorted::default()),
            asking: Locked::new(()),
            filters,
        }))
    }

    /// Whether events of a watch go with it.
    pub(super) fn filters(&self) -> bool {
        self.filters
    }

    /// Sends a request whose payload is these parts, and gives the reply's payload.
    pub(super) fn ask(&self, op: Op, tx: u32, parts: &[&[u8]]) -> Result<Vec<u8>, c_int> {
        let message = wire::message(op, tx, parts)?;
        let _turn = self.asking.lock();
        if self.exchange.has_ended() {
            return Err(libc::EBADF);
        }
        self.asks(true);
        let sent = wire::send(&self.exchange.source().0, &message);
        let reply = match sent {
            Ok(()) => self.exchange.receive(true, |sorted| sorted.reply.take()),
            Err(_) => {
                self.exchange.end();
                Err(Stopped::End)
            }
        };
        self.asks(false);
        let reply = reply
            .map_err(|_| sent.map_or_else(|error| number::system(&error), |()| libc::EBADF))?;
        if reply.header.op == Op::Error as u32 {
            let name = strings(&reply.payload).next().unwrap_or_default();
            let errno = myriad_core::Errno::from_name(name);
            return Err(errno.map_or(libc::EINVAL, number::named));
        }
        if reply.header.op != op as u32 {
            self.exchange.end();
            return Err(libc::EBADF);
        }
        Ok(reply.payload)
    }

    /// The next event; EAGAIN where there is none and the caller doesn't wait.
    pub(super) fn event(&self, waits: bool) -> Result<Vec<u8>, c_int> {
        let event = self.exchange.receive(waits, |sorted| {
            let event = sorted.events.pop()?;
            sorted.settle();
            Some(event)
        });
        event.map_err(|stopped| match stopped {
            Stopped::Nothing => libc::EAGAIN,
            Stopped::End => {
                self.exchange.with(|sorted| {
                    sorted.has_news_of_end = false;
                    sorted.settle();
                    if let Some(poll) = &sorted.poll {
                        let _ = poll.remove(self.fd());
                    }
                });
                libc::EINVAL
            }
        })
    }

    /// Drops the events for which this holds.
    pub(super) fn drop_events(&self, is_gone: impl Fn(&[u8]) -> bool) {
        self.exchange.with(|sorted| {
            sorted.events.forget(is_gone);
            sorted.settle();
        });
    }

    /// The descriptor to poll.
    pub(super) fn descriptor(&self) -> Result<c_int, c_int> {
        self.exchange.with(|sorted| {
            if let Some(poll) = &sorted.poll {
                return Ok(poll.number());
            }
            let poll = Poll::new().and_then(|poll| {
                poll.add(self.fd())?;
                poll.listen(self.fd(), !sorted.is_asking)?;
                Ok(poll)
            });
            let poll = poll.map_err(|error| number::system(&error))?;
            let number = sorted.poll.insert(poll).number();
            sorted.settle();
            Ok(number)
        })
    }

    /// A request is under way from here on, or not any more.
    fn asks(&self, whether: bool) {
        self.exchange.with(|sorted| {
            sorted.is_asking = whether;
            sorted.reply = None;
            if let Some(poll) = &sorted.poll {
                // Fails where the end was told, and then nothing is to be heard.
                let _ = poll.listen(self.fd(), !whether);
            }
        });
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.exchange.source().0.as_fd()
    }
}

impl Sort<Message> for Sorted {
    fn sort(&mut self, message: Message) -> bool {
        if message.header.op == Op::WatchEvent as u32 {
            let is_one = wire::closed(message.payload).is_some_and(|event| self.events.push(event));
            self.settle();
            is_one
        } else {
            let is_for_somebody = self.is_asking && self.reply.is_none();
            self.reply = Some(message);
            is_for_somebody
        }
    }

    fn end(&mut self) {
        self.has_news_of_end = true;
        self.settle();
    }
}

impl Sorted {
    /// The bell says whether something waits for who asks for an event.
    fn settle(&mut self) {
        let waits = !self.events.is_empty() || self.has_news_of_end;
        if let Some(poll) = &mut self.poll {
            poll.ring(waits);
        }
    }
}
