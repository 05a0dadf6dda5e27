//! What is kept of a ring, so that the next daemon can go on with it.

use std::{cell::RefCell, sync::Arc};

use myriad_core::DomId;
use myriad_history::{
    limits::SLOT_INLINE_BYTES,
    recovery::{SlotError, SlotWriter, Slots},
};
use myriad_ring::{page::ServerEnd, v1::connection::Connection};
use tracing::warn;

use crate::recovery::SlotHead;

thread_local! {
    static CONTENT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
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
