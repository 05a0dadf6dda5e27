//! One client: its connection and its socket.

use std::io;

use myriad_core::Store;
use myriad_ring::v1::connection::Connection;
use rustix::{fd::OwnedFd, io::Errno};

use super::{
    blame::Blame,
    poll::{Interest, Poll},
    send::{Sent, send},
};

/// A connection with its socket.
pub(super) struct Client {
    pub(super) conn: Connection,
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
    /// Whether it stands in the worker's lists of the same names.
    pub(super) dirty: bool,
    pub(super) busy: bool,
    pub(super) tended: bool,
    /// Its next request has to wait: it is a guest that is held back, or waits until others are.
    pub(super) paused: bool,
    /// Whose fault its failures are.
    pub(super) blame: Option<Box<Blame>>,
}

impl Client {
    pub(super) fn new(conn: Connection, socket: OwnedFd) -> Client {
        Client {
            conn,
            socket,
            interest: Interest::READ,
            carry: Vec::new(),
            ended: false,
            mute: false,
            gone: false,
            blocked: false,
            dirty: false,
            busy: false,
            tended: false,
            paused: false,
            blame: None,
        }
    }

    pub(super) fn add_to(&self, poll: &Poll, number: u64) -> io::Result<()> {
        poll.add(&self.socket, number, self.interest)
    }

    /// Gives the connection what there is to give: first what it had no room for, then what the
    /// socket has, in one read. Whether it was given anything.
    pub(super) fn read(&mut self, scratch: &mut [u8]) -> bool {
        if self.refill() {
            return true;
        }
        if self.ended || !self.carry.is_empty() || !self.conn.wants_input() {
            return false;
        }
        match rustix::io::read(&self.socket, &mut *scratch) {
            Ok(0) => self.ended = true,
            Ok(count) => {
                let bytes = scratch.get(..count).unwrap_or_default();
                let taken = self.conn.input(bytes);
                self.carry.extend_from_slice(bytes.get(taken..).unwrap_or_default());
                return true;
            }
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_) => self.ended = true,
        }
        false
    }

    /// Gives the connection what it had no room for. Whether there was any.
    pub(super) fn refill(&mut self) -> bool {
        if self.carry.is_empty() {
            return false;
        }
        let taken = self.conn.input(&self.carry);
        self.carry.drain(..taken);
        if self.carry.is_empty() {
            self.carry = Vec::new();
        }
        taken > 0
    }

    /// Whether nothing more will come, and nothing that came waits.
    pub(super) fn has_ended(&self) -> bool {
        self.ended && self.carry.is_empty()
    }

    /// Whether there is something to send, and the socket isn't known to be full.
    pub(super) fn can_send(&self) -> bool {
        !self.blocked && self.conn.has_output()
    }

    /// The socket has room again.
    pub(super) fn unblock(&mut self) {
        self.blocked = false;
    }

    /// Sends what the socket takes.
    pub(super) fn send(&mut self, store: &Store) {
        let sent = if self.mute { Sent::Closed } else { send(&self.socket, &mut self.conn, store) };
        self.blocked = sent == Sent::Blocked;
        if sent == Sent::Closed {
            self.mute = true;
            let unsent = self.conn.unsent().map(<[u8]>::len).sum();
            self.conn.advance(unsent, store);
        }
    }

    /// The client has hung up. What it sent before is executed all the same, and nothing sent.
    pub(super) fn hang_up(&mut self, poll: &Poll) -> io::Result<()> {
        if !self.gone {
            poll.remove(&self.socket)?;
            self.interest = Interest::NOTHING;
        }
        (self.mute, self.gone, self.blocked) = (true, true, false);
        Ok(())
    }

    /// Whether it has hung up, and what it sent before is still to be read and can be.
    pub(super) fn left_something(&self) -> bool {
        self.gone && !self.ended && self.conn.wants_input()
    }

    /// The domain was introduced again. False where the client must go: it would get the rest of
    /// a message whose beginning it has.
    pub(super) fn reset(&mut self, store: &Store) -> bool {
        let whole = !self.conn.has_output();
        self.conn.reset(store);
        self.carry = Vec::new();
        whole
    }

    /// Waits for what can be used, and for nothing else. Where more requests wait already,
    /// reading is left as it is: the next sweep comes anyhow.
    pub(super) fn update_interest(&mut self, poll: &Poll, number: u64) -> io::Result<()> {
        let wants = !self.ended && !self.paused && self.carry.is_empty() && self.conn.wants_input();
        if self.gone {
            return Ok(());
        }
        let read = if self.busy { self.interest.read } else { wants };
        let interest = Interest { read, write: self.blocked };
        if interest != self.interest {
            poll.modify(&self.socket, number, interest)?;
            self.interest = interest;
        }
        Ok(())
    }

    /// Whether nothing of it is read: it is over a limit, or waits for an answer.
    pub(super) fn is_deaf(&self) -> bool {
        !self.interest.read
    }
}
