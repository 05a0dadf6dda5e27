//! A program's rings in a memory file, and the socket that it asked for them on.
//!
//! What was to be sent up to and with the answer that grants the rings leaves by the socket, and
//! the file with it. From then on the socket carries bells, a byte each, in both directions, and
//! its end is the connection's. Invariants:
//!
//! 1. A ring that the worker has touched is in its list of those that it looks at (`programs.rs`),
//!    until it has said to the client that it sleeps, and looked once more.
//! 2. What the client has sent before its end is executed; what it writes afterwards is not.

use std::{
    io::{self, IoSlice},
    mem::MaybeUninit,
};

use myriad_core::Store;
use myriad_ring::{
    page::BadIndex,
    shm::ServerEnd,
    v1::connection::{Connection, Failure},
};
use rustix::{
    fd::{AsFd, OwnedFd},
    io::Errno,
    net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, send, sendmsg},
};

use super::SocketLink;
use crate::{
    limits,
    worker::poll::{Interest, Poll},
};

/// Rings that were made for a client, and the file that it gets.
pub(in crate::worker) type Granted = (ServerEnd, OwnedFd);

/// A program's rings.
pub(in crate::worker) struct SharedLink {
    socket: SocketLink,
    end: ServerEnd,
    /// The file, until it has left.
    file: Option<OwnedFd>,
    /// Bytes that still leave by the socket.
    left: usize,
    /// The ring was full when there was more to send: the client rings when it has made room.
    blocked: bool,
    /// Something was taken since the client's bell was thought of.
    moved: bool,
    deaf: bool,
    /// The client has hung up.
    gone: bool,
    /// And all that it had sent by then was taken.
    drained: bool,
    /// Why it is given up, to be told at the end.
    failure: Option<Failure>,
    /// Whether it stands in the worker's list.
    pub(in crate::worker) listed: bool,
}

impl SharedLink {
    /// `unsent`: bytes of answers and events up to and with the answer that grants the rings.
    pub(in crate::worker) fn new(socket: SocketLink, granted: Granted, unsent: usize) -> Self {
        let (end, file) = granted;
        SharedLink {
            socket,
            end,
            file: Some(file),
            left: unsent,
            blocked: false,
            moved: false,
            deaf: false,
            gone: false,
            drained: false,
            failure: None,
            listed: false,
        }
    }

    /// Takes the bells that the socket has. False where it has ended.
    pub(in crate::worker) fn hear(&mut self, scratch: &mut [u8]) -> bool {
        match rustix::io::read(self.socket.fd(), scratch) {
            Ok(0) => false,
            Ok(_) | Err(Errno::AGAIN | Errno::INTR) => true,
            Err(_) => false,
        }
    }

    /// Moves what the client has sent into the connection, as far as there is room. Whether there
    /// was any.
    pub(in crate::worker) fn read(
        &mut self,
        conn: &mut Connection,
        scratch: &mut [u8],
        store: &Store,
    ) -> bool {
        // Who rings may have made room.
        self.blocked = false;
        if self.left > 0 || !conn.wants_input() {
            return false;
        }
        match self.end.receive(scratch, |bytes| conn.input(bytes)) {
            Ok(0) => {
                self.drained = self.gone;
                false
            }
            Ok(_) => {
                self.moved = true;
                true
            }
            Err(_) => {
                conn.fail(store, Failure::RingIndex);
                false
            }
        }
    }

    /// Whether nothing more will come, and nothing that came waits.
    pub(in crate::worker) fn has_ended(&self) -> bool {
        self.gone && self.drained
    }

    /// Whether there is something to be done about sending.
    pub(in crate::worker) fn can_send(&self, conn: &Connection) -> bool {
        match self.left {
            0 => self.moved || (!self.blocked && conn.has_output()),
            _ => self.socket.can_send(conn),
        }
    }

    /// There may be room again.
    pub(in crate::worker) fn unblock(&mut self) {
        self.blocked = false;
        self.socket.unblock();
    }

    /// Puts as much into the ring as there is room for, and wakes the client if it sleeps for that.
    /// Whether it has sent anything.
    pub(in crate::worker) fn send(&mut self, conn: &mut Connection, store: &Store) -> bool {
        if self.gone {
            let unsent = unsent(conn);
            conn.advance(unsent, store);
            return true;
        }
        if self.left > 0 {
            self.hand_over(conn, store);
            if self.left > 0 {
                return true;
            }
        }
        let mut has_sent = false;
        while conn.has_output() {
            match self.end.send(conn.unsent()) {
                Ok(0) => {
                    self.blocked = true;
                    break;
                }
                Ok(count) => {
                    conn.advance(count, store);
                    has_sent = true;
                }
                Err(_) => conn.fail(store, Failure::RingIndex),
            }
        }
        self.moved = false;
        if self.end.take_bell() {
            // A socket that is full has bells enough, and one that has ended says so by itself.
            let _ = send(self.socket.fd(), &[0], SendFlags::NOSIGNAL | SendFlags::DONTWAIT);
        }
        has_sent
    }

    /// Sends what leaves by the socket, as far as that takes it, and the file with the first byte.
    fn hand_over(&mut self, conn: &mut Connection, store: &Store) {
        // Ends: each turn sends something, or is the last.
        while self.left > 0 {
            let mut pieces = [IoSlice::new(&[]); limits::PIECES_PER_WRITE];
            let (mut used, mut left) = (0, self.left);
            for (slot, piece) in pieces.iter_mut().zip(conn.unsent()) {
                let piece = piece.get(..left).unwrap_or(piece);
                left = left.saturating_sub(piece.len());
                *slot = IoSlice::new(piece);
                used += 1;
            }
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut control = SendAncillaryBuffer::new(&mut space);
            let file = self.file.as_ref().map(|file| [file.as_fd()]);
            if let Some(file) = &file {
                // There is room for one.
                control.push(SendAncillaryMessage::ScmRights(file));
            }
            let pieces = pieces.get(..used).unwrap_or_default();
            let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
            match sendmsg(self.socket.fd(), pieces, &mut control, flags) {
                Ok(count) => {
                    self.file = None;
                    self.left = self.left.saturating_sub(count);
                    conn.advance(count, store);
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return self.socket.block(),
                Err(_) => {
                    // The end of the socket will be told; until then nothing is sent.
                    (self.left, self.file, self.gone) = (0, None, true);
                }
            }
        }
    }

    /// The client has hung up. What it sent before is executed all the same, and nothing sent.
    pub(in crate::worker) fn hang_up(&mut self, poll: &Poll) -> io::Result<()> {
        self.end.close();
        (self.left, self.gone, self.blocked) = (0, true, false);
        self.socket.hang_up(poll)
    }

    /// Whether there is something to do that can be done, for who goes on looking.
    pub(in crate::worker) fn calls(&mut self, conn: &mut Connection, store: &Store) -> bool {
        if self.left > 0 || self.drained {
            return false;
        }
        let found = self.end.finds(conn.wants_input() && !self.deaf, self.blocked);
        or_failed(found, conn, store)
    }

    /// It is looked at from now on, and the client need not ring.
    pub(in crate::worker) fn awake(&self) {
        self.end.awake();
    }

    /// It isn't looked at any more until the client rings. Whether there is something to do.
    pub(in crate::worker) fn sleep(&mut self, conn: &mut Connection, store: &Store) -> bool {
        if self.left > 0 || self.gone {
            return false;
        }
        let found = self.end.look_again(conn.wants_input() && !self.deaf, self.blocked);
        or_failed(found, conn, store)
    }

    /// The connection has failed: why is told at the end.
    pub(in crate::worker) fn fail(&mut self, failure: Failure) {
        self.failure = Some(failure);
    }

    /// The client is no more.
    pub(in crate::worker) fn end(&mut self) {
        if let Some(failure) = self.failure {
            self.end.fail(failure);
        }
        self.socket.end();
    }

    /// The socket is always listened to: a byte is a bell.
    pub(in crate::worker) fn update_interest(
        &mut self,
        conn: &Connection,
        paused: bool,
        poll: &Poll,
        number: u64,
    ) -> io::Result<()> {
        self.deaf = paused || !conn.wants_input();
        if self.gone {
            return Ok(());
        }
        let write = self.left > 0 && !self.socket.can_send(conn);
        self.socket.set_interest(Interest { read: true, write }, poll, number)
    }

    /// One that has gone is looked at again when its answers have been dropped.
    pub(in crate::worker) fn is_deaf(&self) -> bool {
        self.deaf || self.gone
    }
}

/// Bytes that wait to be sent.
pub(in crate::worker) fn unsent(conn: &Connection) -> usize {
    conn.unsent().map(<[u8]>::len).sum()
}

/// What was found; rings whose indices are wrong are to be given up.
fn or_failed(found: Result<bool, BadIndex>, conn: &mut Connection, store: &Store) -> bool {
    found.unwrap_or_else(|_| {
        conn.fail(store, Failure::RingIndex);
        true
    })
}
