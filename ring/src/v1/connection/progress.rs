//! What a connection's step came to, and the state it leaves.

use myriad_core::Quota;

use crate::v1::{connection::ticket::Ticket, header::Header};

/// What [`crate::v1::Connection::step`] came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// No request is complete: more input is needed.
    Idle,
    /// A request was executed. Deliver the events up to this publication, then call
    /// [`crate::v1::Connection::release`].
    Held {
        /// The publication.
        seq: u64,
    },
    /// A CONTROL command waits for [`crate::v1::Connection::answer`].
    Waiting,
    /// The client is over a limit: its requests wait until it is below it.
    Stalled,
    /// The connection is dead: close the socket, or disable the ring, whose domain stays known.
    /// (Of a socket's client, what is queued for it may be sent before.)
    Failed(Failure),
}

/// Why a connection is dead, as the ring page's error field has it (`xs_wire.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Failure {
    /// Its event channel can't be used (`XENSTORE_ERROR_COMM`).
    Communication = 1,
    /// Its indices are impossible (`XENSTORE_ERROR_RINGIDX`).
    RingIndex = 2,
    /// It broke the protocol (`XENSTORE_ERROR_PROTO`).
    Protocol = 3,
}

impl Failure {
    /// The number for the ring page.
    #[must_use]
    pub fn number(self) -> u32 {
        self as u32
    }
}

#[derive(Debug)]
pub(crate) enum State {
    Open,
    Held(Held),
    Waiting(Header, Option<Ticket>),
    Failed(Failure),
}

/// An answer that is not queued yet.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) seq: u64,
    /// The replies to other requests of the same publication, which come before this one.
    pub(crate) early: Vec<Early>,
    pub(crate) reply: Vec<u8>,
    pub(crate) ticket: Option<Ticket>,
    pub(crate) first_event: Option<Box<FirstEvent>>,
}

/// A reply that leaves between the events of its publication.
#[derive(Debug)]
pub(crate) struct Early {
    pub(crate) bytes: Vec<u8>,
    /// How many of the publication's events come before it; `MAX`: all.
    pub(crate) fires: usize,
}

/// What a new watch fires after the reply of its WATCH.
#[derive(Debug)]
pub(crate) struct FirstEvent {
    pub(crate) path: Vec<u8>,
    pub(crate) token: Vec<u8>,
}

/// The limit that keeps a client from being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    Quota(Quota),
    /// A privileged client doesn't read what it is sent.
    Output,
}
