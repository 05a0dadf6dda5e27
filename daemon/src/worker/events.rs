//! From the commit feed to the connections of a worker.

use std::{sync::Arc, time::Duration};

use myriad_core::{Feed, FeedItem, Record};
use myriad_ring::v1::connection::Event;

use super::{
    Shared,
    clients::{Clients, number_of},
    trace::Trace,
};

/// A worker's place in the feed.
pub(super) struct Events {
    worker: u16,
    feed: Feed,
    /// Read, but behind what was asked for.
    next: Option<Arc<Record>>,
    overrun: bool,
    /// Workers to be woken, by number.
    concerned: Vec<bool>,
}

impl Events {
    pub(super) fn new(worker: u16, shared: &Shared) -> Events {
        let concerned = vec![false; usize::from(shared.settings.workers)];
        Events { worker, feed: shared.store.feed(), next: None, overrun: false, concerned }
    }

    /// Whether something was published that is not delivered.
    pub(super) fn has_news(&mut self) -> bool {
        self.look();
        self.overrun || self.next.is_some()
    }

    /// Queues the events of all publications, or of those up to `up_to`, on the connections of
    /// this worker. With `up_to`, which this worker has made or seen, the workers that others of
    /// these events concern are woken: whoever made them does that, and where someone else did,
    /// a worker that is awake anyhow isn't disturbed.
    pub(super) fn deliver(
        &mut self,
        shared: &Shared,
        clients: &mut Clients,
        trace: &mut Trace,
        up_to: Option<u64>,
        now: Duration,
    ) {
        loop {
            self.look();
            if std::mem::take(&mut self.overrun) {
                self.concerned.fill(true);
                for number in clients.numbers() {
                    if let Some(client) = clients.get(number) {
                        client.conn.overrun(now);
                        clients.note_output(number);
                    }
                }
            }
            let wanted = |record: &mut Arc<Record>| up_to.is_none_or(|seq| record.seq <= seq);
            let Some(record) = self.next.take_if(wanted) else { break };
            self.queue(&record, clients, trace, now);
        }
        self.wake(shared, up_to.is_some());
    }

    fn queue(&mut self, record: &Record, clients: &mut Clients, trace: &mut Trace, now: Duration) {
        for fire in &record.fires {
            let conn = fire.conn();
            if conn.worker() != self.worker {
                if let Some(concerned) = self.concerned.get_mut(usize::from(conn.worker())) {
                    *concerned = true;
                }
                continue;
            }
            let number = number_of(conn);
            let Some(client) = clients.get(number) else { continue };
            let (path, token) = (fire.path(), fire.token());
            let event = Event { seq: record.seq, path: path.as_bytes(), token, ticket: None };
            client.conn.deliver(event, now);
            trace.event(client.conn.peer(), path, token);
            clients.note_output(number);
        }
    }

    fn wake(&mut self, shared: &Shared, wake: bool) {
        for (worker, concerned) in shared.mailboxes.workers().zip(&mut self.concerned) {
            if std::mem::take(concerned) && wake && worker != self.worker {
                shared.mailboxes.wake(worker);
            }
        }
    }

    /// Reads the next record, if none is at hand.
    fn look(&mut self) {
        if self.next.is_none() && !self.overrun {
            match self.feed.next() {
                FeedItem::Record(record) => self.next = Some(record),
                FeedItem::Overrun => self.overrun = true,
                FeedItem::Empty => {}
            }
        }
    }
}
