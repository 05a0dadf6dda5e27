//! Waiting for many descriptors at once.

use std::{io, time::Duration};

use rustix::{
    buffer::spare_capacity,
    event::Timespec,
    event::epoll::{self, CreateFlags, Event, EventData, EventFlags},
    fd::{AsFd, OwnedFd},
    io::Errno,
};

use crate::limits;

/// A set of descriptors to wait for. Level-triggered, but for doorbells.
#[derive(Debug)]
pub(super) struct Poll {
    epoll: OwnedFd,
}

/// What one wait reported. It stays on the thread that waits.
pub(super) struct Batch {
    events: Vec<Event>,
}

/// What a descriptor is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Interest {
    pub(super) read: bool,
    pub(super) write: bool,
}

/// What happened to the descriptor that was added with `token`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ready {
    pub(super) token: u64,
    pub(super) readable: bool,
    pub(super) writable: bool,
    /// Both ways are closed, or it failed.
    pub(super) hung_up: bool,
}

impl Interest {
    pub(super) const READ: Interest = Interest { read: true, write: false };
    /// Only whether it has hung up.
    pub(super) const NOTHING: Interest = Interest { read: false, write: false };

    fn flags(self) -> EventFlags {
        let mut flags = EventFlags::empty();
        flags.set(EventFlags::IN, self.read);
        flags.set(EventFlags::OUT, self.write);
        flags
    }
}

impl Poll {
    pub(super) fn new() -> io::Result<Poll> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        Ok(Poll { epoll })
    }

    pub(super) fn add(&self, fd: impl AsFd, token: u64, interest: Interest) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, fd, EventData::new_u64(token), interest.flags())?)
    }

    /// Adds a doorbell: each ring is one event, and nobody needs to read it.
    pub(super) fn add_bell(&self, fd: impl AsFd, token: u64) -> io::Result<()> {
        let flags = EventFlags::IN | EventFlags::ET;
        Ok(epoll::add(&self.epoll, fd, EventData::new_u64(token), flags)?)
    }

    pub(super) fn modify(&self, fd: impl AsFd, token: u64, interest: Interest) -> io::Result<()> {
        Ok(epoll::modify(&self.epoll, fd, EventData::new_u64(token), interest.flags())?)
    }

    pub(super) fn remove(&self, fd: impl AsFd) -> io::Result<()> {
        Ok(epoll::delete(&self.epoll, fd)?)
    }

    /// Waits until something is ready, for at most `timeout`.
    pub(super) fn wait(&self, timeout: Option<Duration>, batch: &mut Batch) -> io::Result<()> {
        let timeout = timeout.map(|t| Timespec::try_from(t).unwrap_or(FOR_EVER));
        batch.events.clear();
        match epoll::wait(&self.epoll, spare_capacity(&mut batch.events), timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

impl Batch {
    pub(super) fn new() -> Batch {
        Batch { events: Vec::with_capacity(limits::EVENTS_PER_SWEEP) }
    }

    /// Whether nothing was reported.
    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Forgets what the last wait reported.
    pub(super) fn clear(&mut self) {
        self.events.clear();
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Ready> {
        self.events.iter().map(Ready::of)
    }
}

impl Ready {
    fn of(event: &Event) -> Ready {
        let flags = event.flags;
        // What hung up or failed is found out by reading and writing it.
        let hung_up = flags.intersects(EventFlags::HUP | EventFlags::ERR);
        Ready {
            token: event.data.u64(),
            readable: hung_up || flags.contains(EventFlags::IN),
            writable: hung_up || flags.contains(EventFlags::OUT),
            hung_up,
        }
    }
}

/// Longer than any timeout that is asked for.
const FOR_EVER: Timespec = Timespec { tv_sec: i32::MAX as i64, tv_nsec: 0 };

#[cfg(test)]
mod tests {
    use super::*;
    use std::{io::Write, os::unix::net::UnixStream};

    fn wait(poll: &Poll, timeout: Option<Duration>) -> Vec<Ready> {
        let mut batch = Batch::new();
        poll.wait(timeout, &mut batch).unwrap();
        batch.iter().collect()
    }

    #[test]
    fn a_socket_is_ready_when_there_is_something_to_do() {
        let (mut there, here) = UnixStream::pair().unwrap();
        let poll = Poll::new().unwrap();
        poll.add(&here, 7, Interest::READ).unwrap();
        assert_eq!(wait(&poll, Some(Duration::ZERO)), []);
        there.write_all(b"x").unwrap();
        let expected = Ready { token: 7, readable: true, writable: false, hung_up: false };
        assert_eq!(wait(&poll, None), [expected]);
        poll.modify(&here, 8, Interest { read: false, write: true }).unwrap();
        let expected = Ready { token: 8, readable: false, writable: true, hung_up: false };
        assert_eq!(wait(&poll, None), [expected]);
        drop(there);
        let expected = Ready { token: 8, readable: true, writable: true, hung_up: true };
        assert_eq!(wait(&poll, None), [expected]);
    }
}
