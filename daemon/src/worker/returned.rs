//! Rings that an earlier daemon has served, and whose pages machines give back.
//!
//! A page comes with whatever is in it: requests that nobody took, replies that nobody read, and
//! indices that count. So the worker's end of it begins at these indices, nothing is emptied, and
//! the domain is rung for, since it may have slept over the end of the daemon.

use myriad_core::DomId;

use super::{
    mailbox::{Origin, RingOf},
    run::Worker,
};

impl Worker {
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
