//! The clients of a worker, and which of them want something.

use myriad_core::{ConnId, Store};

use super::{client::Client, machine::Machine, slab::Slab, tending::Tending};

/// Clients by the number in their [`ConnId`], and the lists of those that want something.
#[derive(Default)]
pub(super) struct Clients {
    pub(super) all: Slab<Client>,
    /// Those with bytes to be sent.
    pub(super) dirty: Vec<u64>,
    /// Those with requests that wait for the next sweep.
    pub(super) busy: Vec<u64>,
    /// An empty list, for either of these while it is gone through.
    spare: Vec<u64>,
    /// Those that time matters to.
    pub(super) tending: Tending,
}

impl Clients {
    pub(super) fn get(&mut self, number: u64) -> Option<&mut Client> {
        self.all.get_mut(number)
    }

    pub(super) fn numbers(&self) -> Vec<u64> {
        self.all.numbers()
    }

    /// The clients with requests that wait. Give the list back.
    pub(super) fn take_busy(&mut self) -> Vec<u64> {
        std::mem::replace(&mut self.busy, std::mem::take(&mut self.spare))
    }

    /// The clients with bytes to be sent. Give the list back.
    pub(super) fn take_dirty(&mut self) -> Vec<u64> {
        std::mem::replace(&mut self.dirty, std::mem::take(&mut self.spare))
    }

    /// Takes a list back that has been gone through.
    pub(super) fn give_back(&mut self, mut list: Vec<u64>) {
        list.clear();
        if list.capacity() <= LIST_KEPT {
            self.spare = list;
        }
    }

    /// Notes that there are bytes to be sent.
    pub(super) fn note_output(&mut self, number: u64) {
        if let Some(client) = self.all.get_mut(number)
            && !client.dirty
            && client.can_send()
        {
            client.dirty = true;
            self.dirty.push(number);
        }
    }

    pub(super) fn note_busy(&mut self, number: u64) {
        if let Some(client) = self.all.get_mut(number)
            && !client.busy
        {
            client.busy = true;
            self.busy.push(number);
        }
    }

    /// A machine has rung for a domain with this client. Whether the client's ring is there.
    pub(super) fn note_rung(&mut self, number: u64, machine: &Machine, store: &Store) -> bool {
        let ring = self.all.get(number).and_then(|client| client.ring());
        let is_there = ring.is_some_and(|ring| ring.doorbell().is_of(machine));
        // Most guests also ring when they have read, of which there is often nothing to be made.
        if is_there {
            self.note_call(number, store);
        }
        is_there
    }

    /// Notes whether there is something to be done for a ring.
    pub(super) fn note_call(&mut self, number: u64, store: &Store) -> bool {
        let calls = self.all.get_mut(number).is_some_and(|client| client.calls(store));
        if calls {
            self.note_busy(number);
        }
        calls
    }

    pub(super) fn note_time(&mut self, number: u64) {
        if let Some(client) = self.all.get_mut(number)
            && !client.tended
            && needs_tending(client)
        {
            client.tended = true;
            self.tending.add(number);
        }
    }
}

/// Whether time brings something: transactions and snapshots that pin versions, events that expire,
/// memory that another domain frees.
fn needs_tending(client: &Client) -> bool {
    client.conn.has_pins()
        || client.conn.next_deadline().is_some()
        || client.conn.is_over_memory()
        || client.waits_for_room()
}

/// Clients that a spare list has room for.
const LIST_KEPT: usize = 4096;

/// The number that a client has at its worker.
pub(super) fn number_of(conn: ConnId) -> u64 {
    conn.0 & (u64::MAX >> 16)
}
