//! Rings that an earlier daemon has served, and whose pages machines give back.
//!
//! A page comes with whatever is in it: requests that nobody took, replies that nobody read, and
//! indices that count. So the worker's end of it begins at these indices, nothing is emptied, and
//! the domain is rung for, since it may have slept over the end of the daemon.

use myriad_core::{Caller, ConnId, DomId};
use myriad_ring::v1::connection::{Connection, Peer, Remains};
use rustix::fd::OwnedFd;

use super::{
    client::Client,
    link::{Keeping, SocketKeeping, SocketLink},
    mailbox::{Origin, RingOf},
    run::Worker,
};
use crate::recovery::{Former, interim, interim_socket};

impl Worker {
    /// Where what is kept of a domain's ring goes.
    pub(super) fn keeping(&self, domid: DomId) -> Option<Box<Keeping>> {
        let kept = self.shared.kept.as_ref()?;
        Keeping::of(kept, domid, self.shared.unique_id(domid).unwrap_or(0))
    }

    /// Where what is kept of a program's socket goes, where it outlives the daemon.
    pub(super) fn keeping_of(&self, peer: Peer, socket: &OwnedFd) -> Option<Box<SocketKeeping>> {
        let kept = self.shared.kept.as_ref()?;
        let places = self.shared.places.as_ref().filter(|_| matches!(peer, Peer::Socket(_)))?;
        SocketKeeping::of(kept, places.keep(socket))
    }

    /// A program's socket has outlived the daemon, and with it the program its end.
    pub(super) fn add_returned(&mut self, socket: OwnedFd, number: u32, remains: Remains) {
        let Some(kept) = &self.shared.kept else { return };
        let place = self.shared.places.as_ref().and_then(|places| places.again(number));
        let keeping = SocketKeeping::of(kept, place);
        let link = SocketLink::new(socket).with_keeping(keeping);
        let peer = Peer::Socket(RETURNED + u64::from(number));
        let client = |conn: Connection| Client::on_socket(conn.with_v2(), link);
        let Some(added) = self.add_client(peer, Caller::Control, client) else { return };
        let new = ConnId::new(self.id, added);
        self.shared.store.edit(|edit| {
            edit.move_watches(interim_socket(number), new);
            Ok(())
        });
        if let Some(client) = self.clients.get(added) {
            client.conn.resume(remains);
            client.conn.overrun(&self.shared.store, self.now);
        }
        self.clients.note_output(added);
        self.clients.note_busy(added);
    }

    /// The watches that a domain had under an earlier daemon become its connection's, which goes on
    /// where that one was; or they are dropped where it begins anew.
    pub(super) fn take_over(
        &mut self,
        domid: DomId,
        number: Option<u64>,
        former: Option<Option<Box<Former>>>,
    ) {
        let mut goes_on = number.filter(|_| former.is_some());
        let unique_id = self.shared.unique_id(domid);
        if let (Some(former), Some(number)) = (former, number)
            && let Some(client) = self.clients.get(number)
        {
            let former = former.filter(|former| Some(former.head.unique_id) == unique_id);
            // Its slot names it before its watches do; what an earlier daemon has begun is done.
            if !client.resume(former, &self.shared.store) {
                goes_on = None;
            }
        }
        let before = interim(domid);
        if self.shared.rings.get(domid) == Some(before) {
            let new = goes_on.map(|n| ConnId::new(self.id, n));
            self.shared.store.edit(|edit| {
                match new {
                    Some(new) => edit.move_watches(before, new),
                    None => edit.drop_watches(before),
                }
                Ok(())
            });
            self.shared.rings.ended(domid, before);
        }
        let Some(number) = goes_on else { return };
        if let Some(client) = self.clients.get(number) {
            client.conn.overrun(&self.shared.store, self.now);
        }
        self.clients.note_output(number);
        self.clients.note_busy(number);
    }

    /// Judges a ring on its way to its domain, which lives. None where there is nothing to begin:
    /// the domain has got another meanwhile, or is served on this very page, whose machine has
    /// come once more, and which goes on with that one's doorbell.
    pub(super) fn take_back(&mut self, domid: DomId, ring: RingOf) -> Option<RingOf> {
        let Origin::Returned { inode } = ring.origin else { return Some(ring) };
        if !self.shared.host.has_page(domid, inode) {
            return None;
        }
        let Some(number) = self.guests.get(domid).and_then(|guest| guest.client) else {
            return Some(ring);
        };
        let Some(link) = self.clients.get(number).and_then(|client| client.ring_mut()) else {
            return Some(ring);
        };
        ring.doorbell.ring(domid);
        link.set_doorbell(ring.doorbell);
        self.clients.note_busy(number);
        None
    }
}

/// Programs whose sockets have outlived a daemon are numbered from here on.
const RETURNED: u64 = 1 << 48;
