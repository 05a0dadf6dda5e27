//! What a worker does for one client: takes it in, executes its requests, sends, lets it go.

use myriad_core::{Caller, ConnId, DomId, Errno};
use myriad_history::recovery::Keeper;
use myriad_ring::v1::connection::{Connection, Peer, Progress};
use rustix::fd::OwnedFd;
use tracing::warn;

use super::{
    client::Client,
    doorbell::Doorbell,
    events::Own,
    link::{RingLink, SocketLink},
    mailbox::Message,
    run::Worker,
};
use crate::{
    control::{OfConnection, Usage},
    limits,
};

impl Worker {
    /// Takes a client in; its number, unless the system has no room for it.
    pub(super) fn add(&mut self, peer: Peer, caller: Caller, socket: OwnedFd) -> Option<u64> {
        let keeping = self.keeping_of(peer, &socket);
        let link = SocketLink::new(socket).with_keeping(keeping);
        self.add_client(peer, caller, |conn| Client::on_socket(conn.with_v2(), link))
    }

    /// The same for any link.
    pub(super) fn add_client(
        &mut self,
        peer: Peer,
        caller: Caller,
        client: impl FnOnce(Connection) -> Client,
    ) -> Option<u64> {
        let Some(number) = self.clients.all.reserve() else {
            warn!("a client can't be served: this worker has {} already", limits::SLOTS);
            return None;
        };
        let id = ConnId::new(self.id, number);
        let settings = &self.shared.settings;
        let conn = Connection::new(id, peer, caller);
        let conn = match peer {
            Peer::Socket(_) => conn.with_home(settings.store_domid),
            Peer::Domain(_) => conn
                .with_event_timeout(settings.watch_event_timeout)
                .with_waker(self.shared.mailboxes.waker(id)),
        };
        let client = client(conn);
        if let Err(error) = client.add_to(&self.poll, number) {
            warn!("a client can't be served: {error}");
            return None;
        }
        self.clients.all.insert(number, client);
        self.around.trace.connection(peer, true);
        Some(number)
    }

    pub(super) fn close(&mut self, number: u64) {
        let Some(mut client) = self.clients.all.remove(number) else { return };
        client.end();
        client.conn.close(&self.shared.store);
        self.forget_turn(number, client.turn.take());
        let peer = client.conn.peer();
        if let Peer::Domain(domid) = peer {
            if let Some(Doorbell::Port(port)) = client.ring().map(RingLink::doorbell) {
                self.ports.ended(port, number);
            }
            self.guests.ended(domid, number);
            self.shared.rings.ended(domid, client.conn.id());
        }
        if client.shared_mut().is_some() {
            self.programs.ended(number);
            self.around.grants.ended();
        }
        self.around.trace.connection(peer, false);
    }

    /// Reads once, and executes requests up to a bound.
    pub(super) fn read_and_serve(&mut self, number: u64) {
        let Some(client) = self.clients.get(number) else { return };
        let guest = match client.conn.peer() {
            Peer::Domain(domid) => Some(domid),
            Peer::Socket(_) => None,
        };
        if guest.is_some() && self.must_wait(number, guest) {
            self.make_use_of_room(number);
            return self.update_interest(number);
        }
        let Some(client) = self.clients.get(number) else { return };
        if client.read(&mut self.scratch, &self.shared.store) {
            if client.has_rings() {
                // It need not ring for what it adds while it sees us at work.
                self.warm();
            }
            if guest.is_some() {
                // What was done to the domain before it sent this comes first.
                self.read_inbox();
            }
        }
        self.list_rings(number);
        let mut left = limits::REQUESTS_PER_SWEEP;
        // A ring's requests are in doubt until its slot says that they were executed.
        let held = Keeper::held();
        Keeper::hold_back(guest.is_some());
        loop {
            if self.must_wait(number, guest) {
                break;
            }
            if left == 0 {
                self.clients.note_busy(number);
                break;
            }
            if !self.may_go_on(number, held) {
                break;
            }
            let Some(client) = self.clients.get(number) else { return };
            self.around.current = client.conn.id();
            match client.conn.step(&self.shared.store, &mut self.around, self.now) {
                Progress::Held { seq } => {
                    left = left.saturating_sub(client.conn.held());
                    self.answered(number, seq);
                }
                // A read counts: rings may be filled as fast as they are emptied.
                Progress::Idle if client.refill(&mut self.scratch, &self.shared.store) => {
                    left = left.saturating_sub(1);
                }
                Progress::Idle if client.has_ended() && !client.conn.has_output() => {
                    return self.close(number);
                }
                Progress::Idle if client.left_something(&self.shared.store) => {
                    self.clients.note_busy(number);
                    break;
                }
                Progress::Failed(failure) if client.fail(failure) => {
                    self.flush(number);
                    return self.close(number);
                }
                // One that has ended may still read its answers.
                _ => break,
            }
        }
        self.note_served(number);
    }

    /// Requests of a client were executed, as many as there were or may be in one turn.
    fn note_served(&mut self, number: u64) {
        self.clients.note_output(number);
        if let Some(client) = self.clients.get(number).filter(|client| !client.dirty) {
            // Otherwise when the answer is on its way.
            let (peer, own) = (client.conn.peer(), OfConnection::of(&client.conn));
            self.note_usage(peer, own);
        }
        self.update_interest(number);
        self.clients.note_time(number);
        self.note_follower(number);
    }

    /// A guest that is held back may have rung since it has made room: events that wait for it are
    /// not held back with its requests.
    fn make_use_of_room(&mut self, number: u64) {
        if let Some(client) = self.clients.get(number).filter(|client| client.waits_for_room()) {
            client.unblock();
            self.clients.note_output(number);
        }
    }

    /// Keeps what has been executed of a ring's requests where the next one changes something, or
    /// answers wait. False where some of those must leave first.
    /// `held`: how many records were held back before its turn.
    fn may_go_on(&mut self, number: u64, held: usize) -> bool {
        let Some(client) = self.clients.get(number) else { return true };
        if client.must_keep() || client.is_clogged() {
            client.send(&self.shared.store);
            let may = !client.is_clogged();
            self.settle(held);
            return may;
        }
        true
    }

    /// For the greatest usage that CONTROL shows.
    fn note_usage(&self, peer: Peer, own: OfConnection) {
        let Peer::Domain(domid) = peer else { return };
        if let Some(usage) = own.with(&self.shared.store, domid) {
            self.shared.seen.note(&usage);
        }
    }

    /// Answers a CONTROL command of any worker about a domain that is served here.
    pub(super) fn tell_usage(&mut self, domid: DomId, asker: ConnId) {
        let number = self.guests.get(domid).and_then(|guest| guest.client);
        let conn = number.and_then(|number| self.clients.get(number)).map(|client| &client.conn);
        let usage = Usage::of(&self.shared.store, domid, conn).ok_or(Errno::ENOENT);
        let answer = usage.map(|usage| usage.text(domid));
        self.shared.mailboxes.post(asker.worker(), Message::Answer(asker, answer));
    }

    /// A request was executed: its events come first, then its reply.
    pub(super) fn answered(&mut self, number: u64, seq: u64) {
        self.note_failure(number);
        self.note_answer(number);
        let committed = self.around.take_committed();
        let own = Own { up_to: seq.max(committed), number };
        self.deliver(Some(own));
        if let Some(client) = self.clients.get(number) {
            client.conn.release(self.now);
        }
        self.take_up_rings(number);
    }

    /// Queues the events of all commits, or of those that a request needs before its reply.
    pub(super) fn deliver(&mut self, own: Option<Own>) {
        let shared = &self.shared;
        self.events.deliver(shared, &mut self.clients, &mut self.around.trace, own, self.now);
    }

    /// Quotas were raised: who was over one may not be any more.
    pub(super) fn wake_all(&mut self) {
        for number in self.clients.numbers() {
            self.wake_stalled(number);
        }
    }

    /// A domain's own quotas were raised.
    pub(super) fn wake_guest(&mut self, domid: DomId) {
        if let Some(number) = self.guests.get(domid).and_then(|guest| guest.client) {
            self.wake_stalled(number);
        }
    }

    fn wake_stalled(&mut self, number: u64) {
        if let Some(client) = self.clients.get(number).filter(|client| client.is_deaf()) {
            // By this it learns of its quotas, even where it has no whole request.
            client.conn.tend(&self.shared.store, &mut self.around, self.now);
            self.clients.note_busy(number);
        }
    }

    /// Sends what a client has to be sent, and goes on with what waited for that.
    pub(super) fn flush(&mut self, number: u64) {
        let Some(client) = self.clients.get(number) else { return };
        let (peer, own) = (client.conn.peer(), OfConnection::of(&client.conn));
        let below_limit = client.send(&self.shared.store) && client.is_deaf();
        if client.was_added_to(&self.shared.store) || below_limit {
            self.clients.note_busy(number);
        }
        self.note_usage(peer, own);
        self.list_rings(number);
        self.update_interest(number);
        self.clients.note_time(number);
    }

    /// A client has hung up: it goes when all that it has sent is executed.
    pub(super) fn hang_up(&mut self, number: u64) {
        let Some(client) = self.clients.get(number) else { return };
        if let Err(error) = client.hang_up(&self.poll) {
            warn!("a client that has hung up can't be waited for: {error}");
            return self.close(number);
        }
        self.clients.note_output(number);
        self.clients.note_busy(number);
    }

    pub(super) fn update_interest(&mut self, number: u64) {
        let Some(client) = self.clients.get(number) else { return };
        if let Err(error) = client.update_interest(&self.poll, number) {
            warn!("a client can't be served any more: {error}");
            self.close(number);
        }
    }

    /// Does what time brings.
    pub(super) fn keep_time(&mut self) {
        if let Some(acceptor) = &mut self.acceptor {
            acceptor.listener.resume(&self.poll, self.now);
        }
        for domid in std::mem::take(&mut self.paused_guests) {
            let arrival = self.guests.get(domid).and_then(|guest| guest.arrival.as_mut());
            if let Some(listener) = arrival.map(|arrival| &mut arrival.listener) {
                listener.resume(&self.poll, self.now);
                if listener.deadline().is_some() {
                    self.paused_guests.push(domid);
                }
            }
        }
        self.resume_paused();
        self.pass_turns();
        self.tend();
    }
}
