//! One descriptor to poll for two things: bytes on a connection, and events that were read from it
//! already and wait in memory.
//!
//! Invariants:
//! 1. The descriptor is readable if the bell is rung, or the connection is listened to and has
//!    something.
//! 2. Nothing here reads the connection. Closing it takes it out of the set; forgetting it in a
//!    child after fork() would take it out of the parent's set too, so nothing does when dropped.

use std::io;

use rustix::{
    event::{
        EventfdFlags,
        epoll::{self, CreateFlags, EventData, EventFlags},
        eventfd,
    },
    fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
};

/// The descriptor and its bell.
#[derive(Debug)]
pub(crate) struct Poll {
    both: OwnedFd,
    bell: OwnedFd,
    is_rung: bool,
}

impl Poll {
    /// Hears of nothing yet.
    pub(crate) fn new() -> io::Result<Poll> {
        let both = epoll::create(CreateFlags::CLOEXEC)?;
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        epoll::add(&both, &bell, EventData::new_u64(0), EventFlags::IN)?;
        Ok(Poll { both, bell, is_rung: false })
    }

    /// Its number.
    pub(crate) fn number(&self) -> i32 {
        self.both.as_fd().as_raw_fd()
    }

    /// Adds a connection, and listens to it.
    pub(crate) fn add(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        Ok(epoll::add(&self.both, fd, EventData::new_u64(1), EventFlags::IN)?)
    }

    /// Listens to the connection, or to its end alone.
    pub(crate) fn listen(&self, fd: BorrowedFd<'_>, whether: bool) -> io::Result<()> {
        let what = if whether { EventFlags::IN } else { EventFlags::empty() };
        Ok(epoll::modify(&self.both, fd, EventData::new_u64(1), what)?)
    }

    /// Forgets the connection.
    pub(crate) fn remove(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        Ok(epoll::delete(&self.both, fd)?)
    }

    /// Rings the bell, or stills it.
    pub(crate) fn ring(&mut self, whether: bool) {
        if whether == self.is_rung {
            return;
        }
        self.is_rung = whether;
        // Neither can fail: the bell counts one at most, and has one when it is read.
        let _ = if whether {
            rustix::io::write(&self.bell, &1_u64.to_ne_bytes())
        } else {
            rustix::io::read(&self.bell, &mut [0; 8])
        };
    }
}
