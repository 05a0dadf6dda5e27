//! A connection that many threads may use at once, without a thread of its own.
//!
//! Whoever waits for a message and finds nobody reading reads: one message at a time, for all. A
//! reply goes to the thread that asked, an event into the queue, and then all waiters look again.
//!
//! Invariants:
//! 1. At most one thread reads: the one that has taken `State::incoming`.
//! 2. At most one request is under way: its thread holds `asking`. So a reply needs no id, and
//!    the order in which locks are taken is `asking`, `state`.
//! 3. The descriptor to poll is readable only if an event waits or something comes that is no
//!    reply: while a request is under way the connection is not listened to. Programs poll it in
//!    one thread and then ask for an event *with* waiting (`event`), while others make
//!    requests.
//! 4. After an error that leaves the stream between two messages nothing is sent or read any more.
//!    The descriptor to poll tells of it once: until somebody has asked for an event.

use std::{ffi::c_int, os::fd::AsFd};

use myriad_ring::{
    client::{Error, Incoming, Message, Stream, places, strings},
    v1::Op,
};

use super::{
    events::Events,
    restrict::Registration,
    wire::{self, Bytes},
};
use crate::{
    number,
    poll::Poll,
    sync::{Change, Locked},
};

/// `struct xs_handle`.
#[derive(Debug)]
pub struct Handle {
    /// First, so that it is taken back before the connection is closed.
    _registration: Registration,
    stream: Stream,
    asking: Locked<()>,
    state: Locked<State>,
    /// Something in `state` has changed.
    changed: Change,
    /// Whether events of a watch go with it.
    filters: bool,
}

const _: () = {
    const fn is_shared_among_threads<T: Send + Sync>() {}
    is_shared_among_threads::<Handle>();
};

#[derive(Debug)]
struct State {
    /// What has come of a message; none while a thread reads.
    incoming: Option<Incoming>,
    is_asking: bool,
    reply: Option<Message>,
    events: Events,
    /// The connection is of no use any more.
    has_ended: bool,
    poll: Option<Poll>,
}

impl Handle {
    /// Connects to the first of the places where a daemon may be that answers.
    pub(super) fn open(filters: bool) -> Result<Box<Handle>, c_int> {
        let [first, second] = places();
        let registration = Registration::new();
        let stream = Stream::open(first).or_else(|_| Stream::open(second));
        let stream = stream.map_err(|error| number::of(&error))?;
        let state = State {
            incoming: Some(Incoming::default()),
            is_asking: false,
            reply: None,
            events: Events::default(),
            has_ended: false,
            poll: None,
        };
        registration.watch(stream.as_fd());
        Ok(Box::new(Handle {
            _registration: registration,
            stream,
            asking: Locked::new(()),
            state: Locked::new(state),
            changed: Change::default(),
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
        self.begin()?;
        let reply = match wire::send(&self.stream, &message) {
            Ok(()) => self.receive(true, |state| state.reply.take()),
            Err(error) => {
                self.end(&mut self.state.lock());
                Err(number::system(&error))
            }
        };
        let mut state = self.state.lock();
        state.is_asking = false;
        self.listen(&state, true);
        let reply = reply?;
        if reply.header.op == Op::Error as u32 {
            let name = strings(&reply.payload).next().unwrap_or_default();
            let errno = myriad_core::Errno::from_name(name);
            return Err(errno.map_or(libc::EINVAL, number::named));
        }
        if reply.header.op != op as u32 {
            self.end(&mut state);
            return Err(libc::EBADF);
        }
        Ok(reply.payload)
    }

    /// The next event; EAGAIN where there is none and the caller doesn't wait.
    pub(super) fn event(&self, waits: bool) -> Result<Vec<u8>, c_int> {
        let event = self.receive(waits, |state| {
            let event = state.events.pop()?;
            state.settle();
            Some(event)
        });
        let state = self.state.lock();
        if event.is_err() && state.has_ended {
            // It has been told.
            if let Some(poll) = &state.poll {
                let _ = poll.remove(self.stream.as_fd());
            }
            return Err(libc::EINVAL);
        }
        event
    }

    /// Drops the events for which this holds.
    pub(super) fn drop_events(&self, is_gone: impl Fn(&[u8]) -> bool) {
        let mut state = self.state.lock();
        state.events.forget(is_gone);
        state.settle();
    }

    /// The descriptor to poll.
    pub(super) fn descriptor(&self) -> Result<c_int, c_int> {
        let mut state = self.state.lock();
        if state.poll.is_none() {
            let poll = Poll::new().and_then(|poll| {
                poll.add(self.stream.as_fd())?;
                Ok(poll)
            });
            state.poll = Some(poll.map_err(|error| number::system(&error))?);
            let listens = !state.is_asking;
            self.listen(&state, listens);
            state.settle();
        }
        state.poll.as_ref().map(Poll::number).ok_or(libc::EBADF)
    }

    /// A request is under way from here on.
    fn begin(&self) -> Result<(), c_int> {
        let mut state = self.state.lock();
        if state.has_ended {
            return Err(libc::EBADF);
        }
        state.is_asking = true;
        state.reply = None;
        self.listen(&state, false);
        Ok(())
    }

    fn listen(&self, state: &State, whether: bool) {
        if let Some(poll) = &state.poll {
            // Fails where the end was told, and then nothing is to be heard.
            let _ = poll.listen(self.stream.as_fd(), whether);
        }
    }

    /// Receives messages, or waits for who does, until `take` gives something.
    fn receive<T>(
        &self,
        waits: bool,
        mut take: impl FnMut(&mut State) -> Option<T>,
    ) -> Result<T, c_int> {
        let mut state = self.state.lock();
        // Ends with what is waited for, or the connection: each turn takes a message off it, or is
        // woken by who did.
        loop {
            if let Some(found) = take(&mut state) {
                return Ok(found);
            }
            if state.has_ended {
                return Err(libc::EBADF);
            }
            let Some(mut incoming) = state.incoming.take() else {
                if !waits {
                    return Err(libc::EAGAIN);
                }
                state = self.changed.wait(state);
                continue;
            };
            drop(state);
            let message = incoming.read(&mut Bytes { stream: &self.stream, waits });
            state = self.state.lock();
            state.incoming = Some(incoming);
            self.changed.tell();
            match message {
                Ok(message) => self.sort(&mut state, message),
                Err(Error::TimedOut) => return Err(libc::EAGAIN),
                Err(_) => self.end(&mut state),
            }
        }
    }

    fn sort(&self, state: &mut State, message: Message) {
        if message.header.op == Op::WatchEvent as u32 {
            let event = wire::closed(message.payload);
            if !event.is_some_and(|event| state.events.push(event)) {
                self.end(state);
            }
            state.settle();
        } else if state.is_asking && state.reply.is_none() {
            state.reply = Some(message);
        } else {
            self.end(state);
        }
    }

    fn end(&self, state: &mut State) {
        state.has_ended = true;
        // Whoever polls is to look.
        self.listen(state, true);
        self.changed.tell();
    }
}

impl State {
    /// After a change of the events: the bell says whether there are any.
    fn settle(&mut self) {
        let waits = !self.events.is_empty();
        if let Some(poll) = &mut self.poll {
            poll.ring(waits);
        }
    }
}
