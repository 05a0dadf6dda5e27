//! The programs' rings that a worker looks at without being rung.
//!
//! A ring that was touched is looked at, at no system call, until the worker would sleep. Then its
//! client is told so by the word in the memory, and the ring looked at once more; from then on the
//! client rings. So rings on which nothing happens cost nothing in a sweep. Invariants:
//!
//! 1. A ring is in the list, or its client was told to ring for all that the ring waits for.
//! 2. No worker sleeps while a ring is in the list.
//! 3. At most [`limits::SHARED_RINGS`] clients of a worker have rings.

use tracing::debug;

use super::{
    client::{Client, Link},
    clients::Clients,
    link::{Granted, SharedLink, unsent},
    run::Worker,
};
use crate::limits;
use myriad_core::{Errno, Store};
use myriad_ring::shm::{ServerEnd, Sizes};

/// The rings of one worker's programs.
#[derive(Debug, Default)]
pub(super) struct Programs {
    /// The clients whose rings are looked at.
    listed: Vec<u64>,
    /// An empty list, for the other while that is gone through.
    spare: Vec<u64>,
}

/// Rings that were made, and how many there are.
#[derive(Debug, Default)]
pub(super) struct Grants {
    count: usize,
    /// For the client whose request is being executed.
    new: Option<Granted>,
}

impl Grants {
    pub(super) fn make(&mut self, sizes: Sizes) -> Result<(), Errno> {
        if self.count >= limits::SHARED_RINGS {
            return Err(Errno::ENOSPC);
        }
        let granted = ServerEnd::create(sizes).map_err(|error| {
            debug!("rings for a program can't be made: {error}");
            Errno::ENOMEM
        })?;
        self.new = Some(granted);
        self.count += 1;
        Ok(())
    }

    /// One client with rings has gone.
    pub(super) fn ended(&mut self) {
        self.count = self.count.saturating_sub(1);
    }
}

impl Programs {
    pub(super) fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    pub(super) fn ended(&mut self, number: u64) {
        self.listed.retain(|of| *of != number);
    }

    /// Notes who has something to be done. Whether anyone has.
    pub(super) fn look(&self, clients: &mut Clients, store: &Store) -> bool {
        let mut any = false;
        for number in &self.listed {
            any |= clients.note_call(*number, store);
        }
        any
    }
}

impl Worker {
    /// The rings that were granted by the request that was just answered are the client's.
    pub(super) fn take_up_rings(&mut self, number: u64) {
        if let Some(granted) = self.around.grants.new.take() {
            self.clients.all.update(number, |client| client.with_rings(granted));
            self.clients.note_output(number);
        }
    }

    /// A client's rings are touched: they are looked at until the worker sleeps.
    pub(super) fn list_rings(&mut self, number: u64) {
        if let Some(rings) = self.clients.get(number).and_then(|client| client.shared_mut())
            && !rings.listed
        {
            rings.listed = true;
            rings.awake();
            self.programs.listed.push(number);
        }
    }

    /// Before sleep: who has rings is told to ring, and what came before that is found.
    pub(super) fn leave_rings(&mut self) {
        if self.programs.is_empty() {
            return;
        }
        let spare = std::mem::take(&mut self.programs.spare);
        let mut listed = std::mem::replace(&mut self.programs.listed, spare);
        for number in listed.drain(..) {
            if let Some(client) = self.clients.get(number)
                && client.sleep(&self.shared.store)
            {
                self.clients.note_busy(number);
            }
        }
        self.programs.spare = listed;
    }
}

impl Client {
    /// A socket's client goes on over rings, when what waits to be sent has left.
    pub(super) fn with_rings(self, granted: Granted) -> Client {
        let unsent = unsent(&self.conn);
        let link = match self.link {
            Link::Socket(socket) => {
                Link::Shared(Box::new(SharedLink::new(socket, granted, unsent)))
            }
            other => other,
        };
        Client { link, ..self }
    }

    pub(super) fn shared_mut(&mut self) -> Option<&mut SharedLink> {
        match &mut self.link {
            Link::Shared(rings) => Some(rings),
            _ => None,
        }
    }

    /// Whether it has rings, which can be looked at without a system call.
    pub(super) fn has_rings(&self) -> bool {
        !matches!(self.link, Link::Socket(_))
    }

    /// A program's rings aren't looked at any more until it rings. Whether there is more to do.
    pub(super) fn sleep(&mut self, store: &Store) -> bool {
        let Link::Shared(rings) = &mut self.link else { return false };
        rings.listed = false;
        rings.sleep(&mut self.conn, store)
    }
}
