//! A domain's ring on which v2 is spoken, or was.

use myriad_core::Store;
use myriad_ring::v1::connection::Connection;

use super::RingLink;

impl RingLink {
    /// What an earlier daemon spoke on it was v2, with which no other can go on: its domain is told
    /// so, and has to ask for a reconnection.
    pub(in crate::worker) fn give_up_v2(&mut self) {
        self.end.give_up_v2();
        self.doorbell.ring(self.domid);
    }

    pub(in crate::worker) fn spoke_v2(&self) -> bool {
        self.end.spoke_v2()
    }

    /// The connection begins anew, and the slot says so before the page does: what was v2 is not
    /// taken for what comes.
    pub(in crate::worker) fn begin_anew(&mut self, conn: &mut Connection, store: &Store) {
        conn.reset(store);
        self.speaks_v2 = false;
        if let Some(keeping) = &mut self.keeping
            && keeping.keep(&self.end, conn).is_err()
        {
            self.end();
        }
    }
}
