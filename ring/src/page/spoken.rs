//! Which protocol is spoken on a ring, for the server that comes after this one.
//!
//! A ring begins with v1. Before the guest can know that v2 was agreed upon the page says so
//! ([`features::SPEAKS_V2`]), until it begins anew. Of v2 nothing is kept: a server that finds it
//! in a page takes nothing from there, and tells the guest by the page's error, until that asks for
//! a reconnection or is introduced again.

use super::server::ServerEnd;
use crate::v1::{connection::Failure, features};

impl ServerEnd {
    /// What follows on the ring is v2: says so in the page. Before the guest can know of it.
    pub fn begin_v2(&mut self) {
        self.features |= features::SPEAKS_V2;
        self.advertise();
    }

    /// Whether an earlier server spoke v2 on the ring: what is in it can't be gone on with.
    #[must_use]
    pub fn spoke_v2(&self) -> bool {
        self.spoke_v2
    }

    /// Serves the ring no more since an earlier server spoke v2 on it, until the guest asks for a
    /// reconnection or is introduced again. The doorbell is due in any case.
    pub fn give_up_v2(&mut self) {
        self.begin_v2();
        self.fail(Failure::Communication);
    }
}
