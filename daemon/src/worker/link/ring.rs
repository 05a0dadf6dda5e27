//! A domain's ring.

use myriad_core::{DomId, Store};
use myriad_history::recovery::failpoint::{self, Point};
use myriad_ring::{
    page::{BadIndex, Scratch, ServerEnd},
    v1::connection::{Connection, Failure},
};
use tracing::warn;

use super::Keeping;
use crate::{limits, recovery::Former, worker::doorbell::Doorbell};

/// A ring, and who rings when it has moved. There is nothing to wait for: a domain rings too.
pub(in crate::worker) struct RingLink {
    pub(super) end: ServerEnd,
    pub(super) domid: DomId,
    pub(super) doorbell: Doorbell,
    /// The ring was full when there was more to send: the guest rings when it has made room.
    blocked: bool,
    /// Something has moved since the guest's doorbell was thought of.
    moved: bool,
    deaf: bool,
    /// Requests were done with since the ring was looked at: what its domain has added before it
    /// knew that, it has not rung for.
    unseen: bool,
    /// The page says that v2 is spoken.
    pub(super) speaks_v2: bool,
    /// What is kept of it for the next daemon.
    pub(super) keeping: Option<Box<Keeping>>,
}

impl RingLink {
    pub(in crate::worker) fn new(end: ServerEnd, domid: DomId, doorbell: Doorbell) -> RingLink {
        let (blocked, moved, deaf, unseen) = (false, true, false, false);
        let (speaks_v2, keeping) = (false, None);
        RingLink { end, domid, doorbell, blocked, moved, deaf, unseen, speaks_v2, keeping }
    }

    /// From now on what it is about to do is kept first.
    pub(in crate::worker) fn with_keeping(mut self, keeping: Option<Box<Keeping>>) -> RingLink {
        if keeping.is_some() {
            self.end = self.end.with_indices_put_off();
        }
        self.keeping = keeping;
        self
    }

    /// Goes on where an earlier daemon was; true where the page is as that one left it.
    pub(in crate::worker) fn resume(&mut self, former: &Former) -> bool {
        self.moved = true;
        self.end.resume(former.head.before, former.head.after)
    }

    /// Whether what was executed must be kept before the next request is, which changes something.
    pub(in crate::worker) fn must_keep(&self, conn: &Connection) -> bool {
        let keeping = self.keeping.as_ref().filter(|_| !conn.is_v2());
        keeping.is_some_and(|keeping| !keeping.knows(conn)) && conn.changes_next()
    }

    /// Whether as many answers wait as can be kept: no request is executed before some have left.
    pub(in crate::worker) fn is_clogged(&self, conn: &Connection) -> bool {
        self.keeps(conn) && conn.replies_waiting() >= limits::RING_REPLIES_KEPT
    }

    /// The ring is no more, and nothing of it is kept.
    pub(in crate::worker) fn end(&mut self) {
        if let Some(keeping) = self.keeping.take() {
            keeping.end();
        }
    }

    fn wants_input(&self, conn: &Connection) -> bool {
        let full = conn.requests_waiting() >= limits::RING_REQUESTS_KEPT;
        conn.wants_input() && !(full && self.keeps(conn))
    }

    /// Whether what waits has to fit into its slot. Of v2 nothing is kept but that it was v2.
    fn keeps(&self, conn: &Connection) -> bool {
        self.keeping.is_some() && !conn.is_v2()
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
            self.begin_anew(conn, store);
            self.end.reconnect();
            self.moved = true;
        }
        if !self.wants_input(conn) {
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
        if conn.speaks_v2() && !self.speaks_v2 {
            // Before the guest can know that it was agreed upon.
            self.speaks_v2 = true;
            self.end.begin_v2();
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
        if !self.keep(conn) {
            return has_sent;
        }
        self.moved = false;
        if self.end.take_doorbell() {
            self.doorbell.ring(self.domid);
        }
        has_sent
    }

    /// Keeps what the ring has come to, then lets the guest know of it. False while a request waits
    /// for its answer: it would have to be executed again.
    fn keep(&mut self, conn: &Connection) -> bool {
        if let Some(keeping) = &mut self.keeping {
            if conn.is_waiting() {
                return false;
            }
            if let Err(error) = keeping.keep(&self.end, conn) {
                warn!("the ring of domain {} would not survive a crash: {error}", self.domid);
                // It is served all the same: its indices are stored below, now and from now on.
                self.end();
            }
        }
        failpoint::hit(Point::RspProd);
        self.end.commit_responses();
        failpoint::hit(Point::RspProd);
        failpoint::hit(Point::ReqCons);
        self.unseen |= self.end.indices().taken != self.end.intended().taken;
        self.end.commit_requests();
        failpoint::hit(Point::ReqCons);
        true
    }

    /// Whether there is more to do than the last doorbell has said: a guest need not ring for what
    /// it adds while it sees us at work.
    pub(in crate::worker) fn left_something(
        &mut self,
        conn: &mut Connection,
        store: &Store,
    ) -> bool {
        let wants = self.wants_input(conn) && !self.deaf;
        let found = self.end.look_again(wants, self.blocked);
        or_failed(found, conn, store)
    }

    /// The same after a sending, which may have told the guest only now what was taken.
    pub(in crate::worker) fn was_added_to(&mut self, conn: &mut Connection, store: &Store) -> bool {
        std::mem::take(&mut self.unseen) && self.left_something(conn, store)
    }

    /// The same for one whose doorbell was rung, or who is looked at again.
    pub(in crate::worker) fn calls(&mut self, conn: &mut Connection, store: &Store) -> bool {
        let wants = self.wants_input(conn) && !self.deaf;
        let found = self.end.finds(wants, self.blocked);
        or_failed(found, conn, store)
    }

    pub(in crate::worker) fn fail(&mut self, failure: Failure) {
        if self.end.failure().is_none() {
            self.end.fail(failure);
        }
    }

    /// INTRODUCE, again: the ring begins anew, after [`RingLink::begin_anew`].
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::recovery::Kept;
    use myriad_core::{Caller, Config, ConnId};
    use myriad_history::recovery::{BootId, Directory, Slots};
    use myriad_ring::{
        page::{
            Memfd,
            guest::{GuestEnd, Habits},
        },
        v1::{connection::Peer, features::OFFERED},
    };

    #[test]
    fn what_a_guest_adds_before_it_knows_what_was_taken_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let directory = Directory::open(folder.path(), BootId::of_host().unwrap()).unwrap();
        let slots = Arc::new(Slots::create(&directory).unwrap());
        let kept = Kept { keeper: Arc::default(), slots, incarnation: 1 };
        let page = Memfd::create().unwrap().map().unwrap();
        let mut guest = GuestEnd::new(page.clone(), Habits::LINUX);
        let domid = DomId(5);
        let mut link = RingLink::new(ServerEnd::new(page, OFFERED), domid, Doorbell::None)
            .with_keeping(Keeping::of(&kept, domid, 77));
        let store = Store::new(&Config::default()).unwrap();
        let mut conn = Connection::new(ConnId::new(0, 1), Peer::Domain(domid), Caller::Control);

        guest.send(b"half a h").unwrap();
        assert!(guest.take_doorbell());
        assert!(link.read(&mut conn, &mut Scratch::default(), &store));
        assert!(!link.left_something(&mut conn, &store));
        guest.send(b"eader").unwrap();
        assert!(!guest.take_doorbell(), "Linux doesn't ring before it has seen what was taken");
        link.send(&mut conn, &store);
        assert!(link.was_added_to(&mut conn, &store), "so nobody else would find it");
        assert!(!link.was_added_to(&mut conn, &store), "once");

        // Where its slot can't be written any more it is served all the same.
        link.end();
        assert!(link.read(&mut conn, &mut Scratch::default(), &store));
        link.send(&mut conn, &store);
        assert_eq!(link.end.indices(), link.end.intended());
    }
}
