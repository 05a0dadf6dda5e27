//! A domain's ring.

use myriad_core::{DomId, Store};
use myriad_ring::{
    page::{BadIndex, Scratch, ServerEnd},
    v1::connection::{Connection, Failure},
};

use crate::worker::doorbell::Doorbell;

/// A ring, and who rings when it has moved. There is nothing to wait for: a domain rings too.
pub(in crate::worker) struct RingLink {
    end: ServerEnd,
    domid: DomId,
    doorbell: Doorbell,
    /// The ring was full when there was more to send: the guest rings when it has made room.
    blocked: bool,
    /// Something has moved since the guest's doorbell was thought of.
    moved: bool,
    deaf: bool,
}

impl RingLink {
    pub(in crate::worker) fn new(end: ServerEnd, domid: DomId, doorbell: Doorbell) -> RingLink {
        RingLink { end, domid, doorbell, blocked: false, moved: true, deaf: false }
    }

    pub(in crate::worker) fn doorbell(&self) -> &Doorbell {
        &self.doorbell
    }

    pub(in crate::worker) fn set_doorbell(&mut self, doorbell: Doorbell) {
        self.doorbell = doorbell;
    }

    /// The event channel that the page names.
    pub(in crate::worker) fn event_channel(&self) -> Option<u32> {
        self.end.event_channel()
    }

    /// Moves what the domain has sent into the connection, as far as there is room. Whether there
    /// was any.
    pub(in crate::worker) fn read(
        &mut self,
        conn: &mut Connection,
        scratch: &mut Scratch,
        store: &Store,
    ) -> bool {
        // Who rings may have made room.
        self.blocked = false;
        if self.end.wants_reconnect() {
            conn.reset(store);
            self.end.reconnect();
            self.moved = true;
        }
        if !conn.wants_input() {
            return false;
        }
        match self.end.receive(scratch, |bytes| conn.input(bytes)) {
            Ok(0) => false,
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

    /// Whether the ring or its doorbell has to be looked after.
    pub(in crate::worker) fn can_send(&self, conn: &Connection) -> bool {
        self.moved || (!self.blocked && conn.has_output())
    }

    pub(in crate::worker) fn is_blocked(&self) -> bool {
        self.blocked
    }

    pub(in crate::worker) fn unblock(&mut self) {
        self.blocked = false;
    }

    /// Puts as much into the ring as there is room for, and rings if anything has moved. Whether
    /// it has put anything.
    pub(in crate::worker) fn send(&mut self, conn: &mut Connection, store: &Store) -> bool {
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
        if self.end.take_doorbell() {
            self.doorbell.ring(self.domid);
        }
        has_sent
    }

    /// Whether there is more to do than the last doorbell has said: a guest need not ring for what
    /// it adds while it sees us at work.
    pub(in crate::worker) fn left_something(
        &mut self,
        conn: &mut Connection,
        store: &Store,
    ) -> bool {
        let wants = conn.wants_input() && !self.deaf;
        let found = self.end.look_again(wants, self.blocked);
        or_failed(found, conn, store)
    }

    /// The same for one whose doorbell was rung, or who is looked at again.
    pub(in crate::worker) fn calls(&mut self, conn: &mut Connection, store: &Store) -> bool {
        let wants = conn.wants_input() && !self.deaf;
        let found = self.end.finds(wants, self.blocked);
        or_failed(found, conn, store)
    }

    pub(in crate::worker) fn fail(&mut self, failure: Failure) {
        if self.end.failure().is_none() {
            self.end.fail(failure);
        }
    }

    /// INTRODUCE, again: the ring begins anew.
    pub(in crate::worker) fn introduce(&mut self) {
        self.end.introduce();
        (self.blocked, self.moved) = (false, true);
    }

    pub(in crate::worker) fn note_deaf(&mut self, deaf: bool) {
        self.deaf = deaf;
    }

    pub(in crate::worker) fn is_deaf(&self) -> bool {
        self.deaf
    }
}

/// What was found; a ring whose indices are wrong is one that has to be given up.
fn or_failed(found: Result<bool, BadIndex>, conn: &mut Connection, store: &Store) -> bool {
    found.unwrap_or_else(|_| {
        conn.fail(store, Failure::RingIndex);
        true
    })
}
