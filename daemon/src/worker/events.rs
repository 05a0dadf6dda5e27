//! From the commit feed to the connections of a worker.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use myriad_core::{Feed, FeedItem, Record};
use myriad_ring::v1::connection::{Event, Ticket};

use super::{
    Shared,
    clients::{Clients, number_of},
    mailbox::Message,
    trace::Trace,
};
use crate::limits;

/// A worker's place in the feed.
pub(super) struct Events {
    worker: u16,
    feed: Feed,
    /// Read, but behind what was asked for.
    next: Option<Arc<Record>>,
    overrun: bool,
    /// Workers that the events at hand concern, by number.
    concerned: Vec<bool>,
    /// Requests of guests of other workers, by what they published: they are outstanding until
    /// their events here are sent.
    tickets: BTreeMap<u64, Ticket>,
    /// The last publication whose events are queued.
    done: u64,
    /// What the commits read so far weigh, and weighed when all workers were woken last.
    weight: u64,
    followed: u64,
}

/// A request of this worker whose reply is held until the events before it are queued.
#[derive(Clone, Copy, Debug)]
pub(super) struct Own {
    /// The publication up to which events are due.
    pub(super) up_to: u64,
    /// Whose request it is.
    pub(super) number: u64,
}

impl Events {
    pub(super) fn new(worker: u16, shared: &Shared) -> Events {
        let feed = shared.store.feed();
        Events {
            worker,
            done: feed.seq(),
            feed,
            next: None,
            overrun: false,
            concerned: vec![false; usize::from(shared.settings.workers)],
            tickets: BTreeMap::new(),
            weight: 0,
            followed: 0,
        }
    }

    /// What the commits read so far weigh: by this, open transactions are looked at.
    pub(super) fn weight(&self) -> u64 {
        self.weight
    }

    /// Whether something was published that is not delivered.
    pub(super) fn has_news(&mut self) -> bool {
        self.look();
        self.overrun || self.next.is_some()
    }

    /// Takes the ticket of a publication of another worker. One that comes after its events is
    /// dropped: whoever queued them so soon isn't behind.
    pub(super) fn expect(&mut self, seq: u64, ticket: Ticket) {
        if seq > self.done && self.tickets.len() < limits::TICKETS_KEPT {
            self.tickets.insert(seq, ticket);
        }
    }

    /// Queues the events of all publications, or of those that are due before an own reply, on
    /// the connections of this worker. Events of an own request that concern other workers wake
    /// these: all others have been or will be woken by whoever published.
    pub(super) fn deliver(
        &mut self,
        shared: &Shared,
        clients: &mut Clients,
        trace: &mut Trace,
        own: Option<Own>,
        now: Duration,
    ) {
        let mut published = false;
        loop {
            // Most replies: a look at the newest publication, which others publish, is saved.
            let is_read = |own: Own| own.up_to <= self.feed.seq();
            if self.next.is_none() && !self.overrun && own.is_some_and(is_read) {
                break;
            }
            self.look();
            if std::mem::take(&mut self.overrun) {
                self.overrun(shared, clients, own.is_some(), now);
            }
            let wanted = |record: &mut Arc<Record>| own.is_none_or(|o| record.seq <= o.up_to);
            let Some(record) = self.next.take_if(wanted) else { break };
            published = true;
            if record.fires.is_empty() {
                continue;
            }
            let asker = own.and_then(|own| clients.get(own.number));
            let ticket = asker.and_then(|client| client.conn.ticket_of(&record));
            let expected = self.tickets.remove(&record.seq);
            self.queue(&record, clients, trace, ticket.as_ref().or(expected.as_ref()), now);
            self.tell_others(shared, &record, ticket.as_ref(), own.is_some());
        }
        self.note_done();
        self.call_others(shared);
        if published && own.is_some() {
            shared.followers.call(&shared.mailboxes, self.worker);
        }
    }

    /// Wakes all workers now and then: who has no event to deliver isn't woken for commits, and
    /// would be overrun in its sleep.
    fn call_others(&mut self, shared: &Shared) {
        if self.weight.saturating_sub(self.followed) >= limits::FOLLOW_EVERY {
            self.followed = self.weight;
            shared.mailboxes.workers().for_each(|worker| shared.mailboxes.wake(worker));
        }
    }

    fn queue(
        &mut self,
        record: &Record,
        clients: &mut Clients,
        trace: &mut Trace,
        ticket: Option<&Ticket>,
        now: Duration,
    ) {
        for (at, fire) in record.fires.iter().enumerate() {
            let conn = fire.conn();
            if conn.worker() != self.worker {
                if let Some(concerned) = self.concerned.get_mut(usize::from(conn.worker())) {
                    *concerned = true;
                }
                continue;
            }
            let number = number_of(conn);
            let Some(client) = clients.get(number) else { continue };
            if !client.conn.wants(record, fire) {
                continue;
            }
            let (path, token) = (fire.path(), fire.token());
            let ticket = ticket.cloned();
            let event = Event { seq: record.seq, at, path: path.as_bytes(), token, ticket };
            client.conn.deliver(event, now);
            trace.event(client.conn.peer(), path, token);
            clients.note_output(number);
        }
    }

    /// Wakes the workers that a record concerns, and tells them of its ticket.
    fn tell_others(
        &mut self,
        shared: &Shared,
        record: &Record,
        ticket: Option<&Ticket>,
        wake: bool,
    ) {
        for (worker, concerned) in shared.mailboxes.workers().zip(&mut self.concerned) {
            if !std::mem::take(concerned) || !wake {
                continue;
            }
            match ticket {
                Some(ticket) => {
                    let message = Message::Ticket(record.seq, ticket.clone());
                    shared.mailboxes.post(worker, message);
                }
                None => shared.mailboxes.wake(worker),
            }
        }
    }

    /// Records are lost: each watch fires once. Among the lost may be own ones, which concern
    /// who knows whom.
    fn overrun(&mut self, shared: &Shared, clients: &mut Clients, wake: bool, now: Duration) {
        for number in clients.numbers() {
            if let Some(client) = clients.get(number) {
                client.conn.overrun(&shared.store, now);
                clients.note_output(number);
            }
        }
        if wake {
            shared.mailboxes.workers().for_each(|worker| shared.mailboxes.wake(worker));
        }
    }

    /// Notes how far delivery has come.
    fn note_done(&mut self) {
        let next = self.next.as_ref().map(|record| record.seq.saturating_sub(1));
        self.done = next.unwrap_or_else(|| self.feed.seq());
        // What is left up to there belongs to publications that were overrun.
        while let Some(first) = self.tickets.first_entry()
            && *first.key() <= self.done
        {
            first.remove();
        }
    }

    /// Reads the next record, if none is at hand.
    fn look(&mut self) {
        if self.next.is_none() && !self.overrun {
            match self.feed.next() {
                FeedItem::Record(record) => {
                    self.weight = self.weight.saturating_add(weight_of(&record));
                    self.next = Some(record);
                }
                FeedItem::Overrun => {
                    self.weight = self.weight.saturating_add(limits::FOLLOW_EVERY);
                    self.overrun = true;
                }
                FeedItem::Empty => {}
            }
        }
    }
}

/// One for the commit, and some for what is in it.
fn weight_of(record: &Record) -> u64 {
    let parts = record.changes().size_hint().0.saturating_add(record.fires.len());
    let parts = u64::try_from(parts).unwrap_or(u64::MAX);
    parts.checked_div(limits::FOLLOW_CHANGES).unwrap_or(0).saturating_add(1)
}
