//! New clients of the socket, spread over the workers.

use std::{io, time::Duration};

use rustix::{
    fd::OwnedFd,
    io::Errno,
    net::{SocketFlags, accept_with},
};
use tracing::warn;

use super::{
    mailbox::{Mailboxes, Message},
    poll::{Interest, Poll},
};
use crate::limits;

/// A socket at which clients arrive.
#[derive(Debug)]
pub(super) struct Listener {
    fd: OwnedFd,
    token: u64,
    /// No descriptors were left: when to try again.
    paused_until: Option<Duration>,
    /// That was logged, and no client has been accepted since.
    logged: bool,
}

impl Listener {
    pub(super) fn new(fd: OwnedFd, token: u64, poll: &Poll) -> io::Result<Listener> {
        poll.add(&fd, token, Interest::READ)?;
        Ok(Listener { fd, token, paused_until: None, logged: false })
    }

    /// The next client, if one waits. Where no descriptor is left, pauses: the socket would stay
    /// readable meanwhile.
    pub(super) fn accept(&mut self, poll: &Poll, now: Duration) -> Option<OwnedFd> {
        match accept_with(&self.fd, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
            Ok(socket) => {
                self.logged = false;
                return Some(socket);
            }
            // The client was gone before it was taken in.
            Err(Errno::AGAIN | Errno::INTR | Errno::CONNABORTED) => {}
            Err(error) => {
                if !std::mem::replace(&mut self.logged, true) {
                    warn!("can't accept a client: {error}; raise the limit of open files");
                }
                if poll.modify(&self.fd, self.token, Interest::NOTHING).is_ok() {
                    self.paused_until = Some(now.saturating_add(limits::ACCEPT_PAUSE));
                }
            }
        }
        None
    }

    /// When [`Listener::resume`] has something to do.
    pub(super) fn deadline(&self) -> Option<Duration> {
        self.paused_until
    }

    /// Listens again after a pause.
    pub(super) fn resume(&mut self, poll: &Poll, now: Duration) {
        if self.paused_until.is_some_and(|until| until <= now) {
            self.paused_until = None;
            // It fails only for lack of memory: then it is tried again.
            if poll.modify(&self.fd, self.token, Interest::READ).is_err() {
                self.paused_until = Some(now.saturating_add(limits::ACCEPT_PAUSE));
            }
        }
    }
}

/// The daemon's socket. One worker has it, and gives the clients to all in turn.
#[derive(Debug)]
pub(super) struct Acceptor {
    pub(super) listener: Listener,
    next_client: u64,
}

impl Acceptor {
    pub(super) fn new(listener: Listener) -> Acceptor {
        Acceptor { listener, next_client: 1 }
    }

    /// Takes clients in, up to a bound, and hands each to a worker.
    pub(super) fn accept(&mut self, mailboxes: &Mailboxes, poll: &Poll, now: Duration) {
        for _ in 0..limits::ACCEPTS_PER_SWEEP {
            let Some(socket) = self.listener.accept(poll, now) else { return };
            let number = self.next_client;
            self.next_client = number.wrapping_add(1);
            let worker = number.checked_rem(u64::from(mailboxes.count())).unwrap_or(0);
            let worker = u16::try_from(worker).unwrap_or(0);
            mailboxes.post(worker, Message::Client { socket, number });
        }
    }
}
