//! One client: its connection, and what links it to the outside.

use std::io;

use myriad_core::Store;
use myriad_ring::v1::connection::{Connection, Failure};

use super::{
    blame::Blame,
    link::{RingLink, SharedLink, SocketLink},
    poll::Poll,
    run::Scratch,
    turns::Turn,
};
use crate::recovery::Former;

/// A connection with its link.
pub(super) struct Client {
    pub(super) conn: Connection,
    pub(super) link: Link,
    /// Whether it stands in the worker's lists of the same names.
    pub(super) dirty: bool,
    pub(super) busy: bool,
    pub(super) tended: bool,
    /// Its next request has to wait: it is a guest that is held back, or waits until others are.
    pub(super) paused: bool,
    /// Whose fault its failures are.
    pub(super) blame: Option<Box<Blame>>,
    /// Its turns at a node where its transactions meet others'.
    pub(super) turn: Option<Box<Turn>>,
}

/// The ways to be reached.
pub(super) enum Link {
    Socket(SocketLink),
    Ring(RingLink),
    /// A socket's client goes on so.
    Shared(Box<SharedLink>),
}

impl Client {
    pub(super) fn on_socket(conn: Connection, socket: SocketLink) -> Client {
        Client::new(conn, Link::Socket(socket))
    }

    pub(super) fn on_ring(conn: Connection, ring: RingLink) -> Client {
        Client::new(conn, Link::Ring(ring))
    }

    fn new(conn: Connection, link: Link) -> Client {
        let (dirty, busy, tended, paused) = (false, false, false, false);
        Client { conn, link, dirty, busy, tended, paused, blame: None, turn: None }
    }

    pub(super) fn ring(&self) -> Option<&RingLink> {
        match &self.link {
            Link::Ring(ring) => Some(ring),
            _ => None,
        }
    }

    pub(super) fn ring_mut(&mut self) -> Option<&mut RingLink> {
        match &mut self.link {
            Link::Ring(ring) => Some(ring),
            _ => None,
        }
    }

    pub(super) fn add_to(&self, poll: &Poll, number: u64) -> io::Result<()> {
        match &self.link {
            Link::Socket(socket) => socket.add_to(poll, number),
            Link::Ring(_) | Link::Shared(_) => Ok(()),
        }
    }

    /// Gives the connection what there is to give, in one go. Whether it was given anything.
    pub(super) fn read(&mut self, scratch: &mut Scratch, store: &Store) -> bool {
        match &mut self.link {
            Link::Socket(socket) => socket.read(&mut self.conn, &mut scratch.socket),
            Link::Ring(ring) => ring.read(&mut self.conn, &mut scratch.ring, store),
            Link::Shared(rings) => rings.read(&mut self.conn, &mut scratch.socket, store),
        }
    }

    /// Gives the connection what it had no room for. Whether there was any.
    pub(super) fn refill(&mut self, scratch: &mut Scratch, store: &Store) -> bool {
        match &mut self.link {
            Link::Socket(socket) => socket.refill(&mut self.conn),
            // What there was no room for is still in the ring.
            Link::Ring(_) => false,
            // So are the rest of a long message, and further ones.
            Link::Shared(rings) => rings.read(&mut self.conn, &mut scratch.socket, store),
        }
    }

    /// Whether nothing more will come, and nothing that came waits. A ring has no end: its domain
    /// has.
    pub(super) fn has_ended(&self) -> bool {
        match &self.link {
            Link::Socket(socket) => socket.has_ended(),
            Link::Ring(_) => false,
            Link::Shared(rings) => rings.has_ended(),
        }
    }

    /// Whether what was executed must be kept, by sending, before the next request is executed.
    pub(super) fn must_keep(&self) -> bool {
        self.ring().is_some_and(|ring| ring.must_keep(&self.conn))
    }

    /// It is no more: nothing is kept of it.
    pub(super) fn end(&mut self) {
        match &mut self.link {
            Link::Socket(socket) => socket.end(),
            Link::Ring(ring) => ring.end(),
            Link::Shared(rings) => rings.end(),
        }
    }

    /// Whether no request may be executed before answers have left.
    pub(super) fn is_clogged(&self) -> bool {
        self.ring().is_some_and(|ring| ring.is_clogged(&self.conn))
    }

    /// A ring that an earlier daemon has served goes on where that one was. False where v2 was
    /// spoken there: nothing is left of that connection.
    pub(super) fn resume(&mut self, former: Option<Box<Former>>, store: &Store) -> bool {
        let Link::Ring(ring) = &mut self.link else { return true };
        if ring.spoke_v2() {
            self.conn.fail(store, Failure::Communication);
            ring.give_up_v2();
            return false;
        }
        // The page says that the guest has begun anew since.
        let spoke_v2 = former.as_ref().is_some_and(|former| former.remains.spoke_v2);
        if let Some(former) = former
            && ring.resume(&former)
            && !spoke_v2
        {
            self.conn.resume(former.remains);
        }
        self.send(store);
        !spoke_v2
    }

    /// Whether there is something to be done about sending.
    pub(super) fn can_send(&self) -> bool {
        match &self.link {
            Link::Socket(socket) => socket.can_send(&self.conn),
            Link::Ring(ring) => ring.can_send(&self.conn),
            Link::Shared(rings) => rings.can_send(&self.conn),
        }
    }

    /// There may be room again.
    pub(super) fn unblock(&mut self) {
        match &mut self.link {
            Link::Socket(socket) => socket.unblock(),
            Link::Ring(ring) => ring.unblock(),
            Link::Shared(rings) => rings.unblock(),
        }
    }

    /// Whether a domain's ring is full: older MiniOS doesn't ring when it has made room.
    pub(super) fn waits_for_room(&self) -> bool {
        self.ring().is_some_and(RingLink::is_blocked)
    }

    /// Sends what there is room for; whether there was any.
    pub(super) fn send(&mut self, store: &Store) -> bool {
        match &mut self.link {
            Link::Socket(socket) => {
                // One that is full is not tried again until the system says that it isn't.
                socket.send(&mut self.conn, store);
                true
            }
            Link::Ring(ring) => ring.send(&mut self.conn, store),
            Link::Shared(rings) => rings.send(&mut self.conn, store),
        }
    }

    /// The client has hung up. What it sent before is executed all the same, and nothing sent.
    pub(super) fn hang_up(&mut self, poll: &Poll) -> io::Result<()> {
        match &mut self.link {
            Link::Socket(socket) => socket.hang_up(poll),
            Link::Ring(_) => Ok(()),
            Link::Shared(rings) => rings.hang_up(poll),
        }
    }

    /// Whether there is more to be read, and nothing else will say so.
    pub(super) fn left_something(&mut self, store: &Store) -> bool {
        match &mut self.link {
            Link::Socket(socket) => socket.left_something(&self.conn),
            Link::Ring(ring) => ring.left_something(&mut self.conn, store),
            // It is looked at again before the worker sleeps.
            Link::Shared(rings) => rings.calls(&mut self.conn, store),
        }
    }

    /// Whether there is more to be read since something was sent, and nothing else will say so.
    pub(super) fn was_added_to(&mut self, store: &Store) -> bool {
        match &mut self.link {
            Link::Socket(_) => false,
            Link::Ring(ring) => ring.was_added_to(&mut self.conn, store),
            // What is given up goes at its next turn.
            Link::Shared(_) => self.conn.is_failed(),
        }
    }

    /// Whether there is something to do for a ring whose doorbell was rung, or that is looked at
    /// again.
    pub(super) fn calls(&mut self, store: &Store) -> bool {
        match &mut self.link {
            Link::Socket(_) => false,
            Link::Ring(ring) => ring.calls(&mut self.conn, store),
            Link::Shared(rings) => rings.calls(&mut self.conn, store),
        }
    }

    /// The connection has failed: true where the client has to go, which a domain never has.
    pub(super) fn fail(&mut self, failure: Failure) -> bool {
        match &mut self.link {
            Link::Socket(_) => true,
            Link::Ring(ring) => {
                ring.fail(failure);
                false
            }
            Link::Shared(rings) => {
                rings.fail(failure);
                true
            }
        }
    }

    /// The domain was introduced again. False where the client must go: it would get the rest of
    /// a message whose beginning it has, or speak v2 where v1 begins anew.
    pub(super) fn reset(&mut self, store: &Store) -> bool {
        let whole = !self.conn.has_output() && !self.conn.is_v2();
        match &mut self.link {
            Link::Socket(socket) => {
                self.conn.reset(store);
                socket.reset();
                whole
            }
            Link::Ring(ring) => {
                ring.begin_anew(&mut self.conn, store);
                ring.introduce();
                true
            }
            Link::Shared(_) => false,
        }
    }

    /// Waits for what can be used, and for nothing else. Where more requests wait already,
    /// reading is left as it is: the next sweep comes anyhow.
    pub(super) fn update_interest(&mut self, poll: &Poll, number: u64) -> io::Result<()> {
        match &mut self.link {
            Link::Socket(socket) => {
                let state = (self.busy, self.paused);
                socket.update_interest(&self.conn, state, poll, number)
            }
            Link::Ring(ring) => {
                let full = !self.conn.wants_input() || ring.is_clogged(&self.conn);
                ring.note_deaf(self.paused || full);
                Ok(())
            }
            Link::Shared(rings) => rings.update_interest(&self.conn, self.paused, poll, number),
        }
    }

    /// Whether nothing of it is read: it is over a limit, or waits for an answer.
    pub(super) fn is_deaf(&self) -> bool {
        match &self.link {
            Link::Socket(socket) => socket.is_deaf(),
            Link::Ring(ring) => ring.is_deaf(),
            Link::Shared(rings) => rings.is_deaf(),
        }
    }
}
