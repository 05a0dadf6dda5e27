//! What is kept of a ring, so that the next daemon can go on with it.

use std::{cell::RefCell, sync::Arc};

use myriad_core::DomId;
use myriad_history::{
    limits::SLOT_INLINE_BYTES,
    recovery::{SlotError, SlotWriter, Slots},
};
use myriad_ring::{
    page::{Indices, ServerEnd},
    v1::connection::Connection,
};
use tracing::warn;

use crate::{recovery::SlotHead, stored::Place};

thread_local! {
    static CONTENT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A socket that systemd keeps, and whether its slot says that its client has nothing under way.
pub(in crate::worker) struct SocketKeeping {
    slot: SlotWriter,
    is_idle: bool,
    /// Given back with the socket.
    _place: Place,
}

impl SocketKeeping {
    /// Has a client's socket kept; none where that isn't offered.
    pub(in crate::worker) fn of(
        slots: &Arc<Slots>,
        place: Option<Place>,
    ) -> Option<Box<SocketKeeping>> {
        let place = place?;
        let slot = slots.writer(place.slot()).ok()?;
        Some(Box::new(SocketKeeping { slot, is_idle: false, _place: place }))
    }

    /// Something is about to be read or sent: from now on a crash leaves the client in doubt.
    pub(super) fn busy(&mut self) {
        if self.is_idle {
            self.is_idle = false;
            self.say(&[]);
        }
    }

    /// All that the client asked for is answered and sent.
    pub(super) fn idle(&mut self, conn: &Connection) {
        if !self.is_idle {
            self.is_idle = true;
            let nowhere = Indices::default();
            let head = SlotHead { unique_id: 0, conn: conn.id(), before: nowhere, after: nowhere };
            let mut content = Vec::new();
            head.keep(conn, &mut content);
            self.say(&content);
        }
    }

    fn say(&mut self, content: &[u8]) {
        let inline = content.len().min(SLOT_INLINE_BYTES);
        let (inline, overflow) = content.split_at_checked(inline).unwrap_or_default();
        if let Err(error) = self.slot.write(inline, overflow) {
            warn!("a client would not survive a crash: {error}");
        }
    }

    /// The client is no more.
    pub(super) fn end(self) {
        if let Err(error) = self.slot.free() {
            warn!("what was kept of a client stays: {error}");
        }
    }
}

/// A ring's slot.
pub(in crate::worker) struct Keeping {
    slot: SlotWriter,
    unique_id: u64,
    /// What it says was executed, if it says anything yet.
    executed: u64,
}

impl Keeping {
    /// Takes the slot of a domain; none, with a word in the log, where it can't be had: then a
    /// crash loses the ring.
    pub(in crate::worker) fn of(
        slots: &Arc<Slots>,
        domid: DomId,
        unique_id: u64,
    ) -> Option<Box<Keeping>> {
        match slots.writer(domid.0.into()) {
            Ok(slot) => Some(Box::new(Keeping { slot, unique_id, executed: NOTHING })),
            Err(error) => {
                warn!("the ring of domain {domid} would not survive a crash: {error}");
                None
            }
        }
    }

    /// Whether it says all that was executed.
    pub(super) fn knows(&self, conn: &Connection) -> bool {
        self.executed == conn.executed()
    }

    /// Keeps what is about to be: the indices come after.
    pub(super) fn keep(&mut self, end: &ServerEnd, conn: &Connection) -> Result<(), SlotError> {
        let (before, after) = (end.indices(), end.intended());
        let head = SlotHead { unique_id: self.unique_id, conn: conn.id(), before, after };
        CONTENT.with_borrow_mut(|content| {
            content.clear();
            head.keep(conn, content);
            let inline = content.len().min(SLOT_INLINE_BYTES);
            let (inline, overflow) = content.split_at_checked(inline).unwrap_or_default();
            self.slot.write(inline, overflow)
        })?;
        self.executed = conn.executed();
        Ok(())
    }

    /// The ring is no more.
    pub(super) fn end(self) {
        let domid = self.slot.slot();
        if let Err(error) = self.slot.free() {
            warn!("what was kept of the ring of domain {domid} stays: {error}");
        }
    }
}

const NOTHING: u64 = u64::MAX;
