//! A client's socket.

use std::io;

use myriad_core::Store;
use myriad_ring::v1::connection::Connection;
use rustix::{fd::OwnedFd, io::Errno, net::Shutdown};

use super::SocketKeeping;

use crate::worker::{
    poll::{Interest, Poll},
    send::{Sent, send},
};

/// A socket, and how far reading and sending have come.
pub(in crate::worker) struct SocketLink {
    socket: OwnedFd,
    interest: Interest,
    /// Bytes that were read when the connection had no room for them.
    carry: Vec<u8>,
    /// The client has sent its last byte.
    ended: bool,
    /// The client will never read again: what there is to send goes nowhere.
    mute: bool,
    /// It has hung up, so that the socket isn't waited for any more: what it sent before is.
    gone: bool,
    /// The last send found the socket full.
    blocked: bool,
    /// What is kept of it where its socket outlives the daemon.
    keeping: Option<Box<SocketKeeping>>,
}

impl SocketLink {
    pub(in crate::worker) fn new(socket: OwnedFd) -> SocketLink {
        SocketLink {
            socket,
            interest: Interest::READ,
            carry: Vec::new(),
            ended: false,
            mute: false,
            gone: false,
            blocked: false,
            keeping: None,
        }
    }

    /// The socket outlives the daemon.
    pub(in crate::worker) fn with_keeping(
        mut self,
        keeping: Option<Box<SocketKeeping>>,
    ) -> SocketLink {
        self.keeping = keeping;
        self
    }

    /// The client is no more, and nothing of it is kept.
    pub(in crate::worker) fn end(&mut self) {
        if let Some(keeping) = self.keeping.take() {
            // Others have this socket too: it ends for all of them.
            let _ = rustix::net::shutdown(&self.socket, Shutdown::Both);
            keeping.end();
        }
    }

    /// Whether nothing is under way, so that a daemon that comes back can go on with it. (What a
    /// connection has for v2 isn't kept.)
    fn is_quiet(&self, conn: &Connection) -> bool {
        let waits = conn.has_output() || conn.is_waiting() || conn.requests_waiting() > 0;
        self.carry.is_empty() && !waits && !conn.is_v2()
    }

    pub(in crate::worker) fn add_to(&self, poll: &Poll, number: u64) -> io::Result<()> {
        poll.add(&self.socket, number, self.interest)
    }

    /// Gives the connection what there is to give: first what it had no room for, then what the
    /// socket has, in one read. Whether it was given anything.
    pub(in crate::worker) fn read(&mut self, conn: &mut Connection, scratch: &mut [u8]) -> bool {
        if self.refill(conn) {
            return true;
        }
        if self.ended || !self.carry.is_empty() || !conn.wants_input() {
            return false;
        }
        if let Some(keeping) = &mut self.keeping {
            keeping.busy();
        }
        match rustix::io::read(&self.socket, &mut *scratch) {
            Ok(0) => self.ended = true,
            Ok(count) => {
                let bytes = scratch.get(..count).unwrap_or_default();
                let taken = conn.input(bytes);
                self.carry.extend_from_slice(bytes.get(taken..).unwrap_or_default());
                return true;
            }
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_) => self.ended = true,
        }
        false
    }

    /// Gives the connection what it had no room for. Whether there was any.
    pub(in crate::worker) fn refill(&mut self, conn: &mut Connection) -> bool {
        if self.carry.is_empty() {
            return false;
        }
        let taken = conn.input(&self.carry);
        self.carry.drain(..taken);
        if self.carry.is_empty() {
            self.carry = Vec::new();
        }
        taken > 0
    }

    pub(in crate::worker) fn has_ended(&self) -> bool {
        self.ended && self.carry.is_empty()
    }

    /// Whether there is something to send, and the socket isn't known to be full.
    pub(in crate::worker) fn can_send(&self, conn: &Connection) -> bool {
        !self.blocked && conn.has_output()
    }

    pub(in crate::worker) fn unblock(&mut self) {
        self.blocked = false;
    }

    /// It was found full.
    pub(super) fn block(&mut self) {
        self.blocked = true;
    }

    pub(super) fn fd(&self) -> &OwnedFd {
        &self.socket
    }

    /// Sends what the socket takes.
    pub(in crate::worker) fn send(&mut self, conn: &mut Connection, store: &Store) {
        if let Some(keeping) = &mut self.keeping {
            keeping.busy();
        }
        let sent = if self.mute { Sent::Closed } else { send(&self.socket, conn, store) };
        self.blocked = sent == Sent::Blocked;
        if sent == Sent::Closed {
            self.mute = true;
            let unsent = conn.unsent().map(<[u8]>::len).sum();
            conn.advance(unsent, store);
        }
    }

    pub(in crate::worker) fn hang_up(&mut self, poll: &Poll) -> io::Result<()> {
        if !self.gone {
            poll.remove(&self.socket)?;
            self.interest = Interest::NOTHING;
        }
        (self.mute, self.gone, self.blocked) = (true, true, false);
        Ok(())
    }

    /// Whether it has hung up, and what it sent before is still to be read and can be.
    pub(in crate::worker) fn left_something(&self, conn: &Connection) -> bool {
        self.gone && !self.ended && conn.wants_input()
    }

    pub(in crate::worker) fn reset(&mut self) {
        self.carry = Vec::new();
    }

    pub(in crate::worker) fn update_interest(
        &mut self,
        conn: &Connection,
        (busy, paused): (bool, bool),
        poll: &Poll,
        number: u64,
    ) -> io::Result<()> {
        if self.is_quiet(conn)
            && let Some(keeping) = &mut self.keeping
        {
            keeping.idle(conn);
        }
        let wants = !self.ended && !paused && self.carry.is_empty() && conn.wants_input();
        if self.gone {
            return Ok(());
        }
        let read = if busy { self.interest.read } else { wants };
        self.set_interest(Interest { read, write: self.blocked }, poll, number)
    }

    pub(super) fn set_interest(
        &mut self,
        interest: Interest,
        poll: &Poll,
        number: u64,
    ) -> io::Result<()> {
        if interest != self.interest {
            poll.modify(&self.socket, number, interest)?;
            self.interest = interest;
        }
        Ok(())
    }

    pub(in crate::worker) fn is_deaf(&self) -> bool {
        !self.interest.read
    }
}
