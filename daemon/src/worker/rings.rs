//! Which connection serves which domain.
//!
//! # Synchronization
//! A slot per domain id. What is in it is a number that publishes nothing: whoever reads an old
//! one names a connection that is gone.

use myriad_core::{ConnId, DomId};

use crate::sync::{AtomicU64, Ordering::Relaxed};

/// The connections of domains.
#[derive(Debug)]
pub(super) struct Rings(Box<[AtomicU64]>);

impl Rings {
    pub(super) fn new() -> Rings {
        Rings((0..DomId::SELF.0).map(|_| AtomicU64::new(NONE)).collect())
    }

    /// The connection of a domain.
    pub(super) fn get(&self, domid: DomId) -> Option<ConnId> {
        let conn = self.0.get(usize::from(domid.0))?.load(Relaxed);
        (conn != NONE).then_some(ConnId(conn))
    }

    /// A domain is served by this connection.
    pub(super) fn begun(&self, domid: DomId, conn: ConnId) {
        if let Some(slot) = self.0.get(usize::from(domid.0)) {
            slot.store(conn.0, Relaxed);
        }
    }

    /// This connection has ended.
    pub(super) fn ended(&self, domid: DomId, conn: ConnId) {
        if let Some(slot) = self.0.get(usize::from(domid.0)) {
            // Another may have taken its place.
            let _ = slot.compare_exchange(conn.0, NONE, Relaxed, Relaxed);
        }
    }
}

const NONE: u64 = u64::MAX;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_connection_counts() {
        let rings = Rings::new();
        let (first, second) = (ConnId::new(1, 7), ConnId::new(1, 8));
        rings.begun(DomId(5), first);
        rings.begun(DomId(5), second);
        rings.ended(DomId(5), first);
        assert_eq!((rings.get(DomId(5)), rings.get(DomId(6))), (Some(second), None));
        rings.ended(DomId(5), second);
        assert_eq!(rings.get(DomId(5)), None);
        rings.begun(DomId::SELF, first);
        assert_eq!(rings.get(DomId::SELF), None);
    }
}
