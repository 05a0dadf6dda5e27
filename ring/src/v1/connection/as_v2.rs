//! How a connection comes to speak v2, and its steps from then on.
//!
//! A client asks for v2 by a message of v1 whose number no Xen has
//! ([`HELLO`](crate::v2::records::HELLO)), and sends nothing more until it has the answer. Up to
//! and with that answer all is v1, behind it all is v2. So that nothing of the one reaches into the
//! other, a client that has watches, open transactions or further requests is refused. A reset ends
//! v2: the connection begins anew.

use std::time::Duration;

use myriad_core::{Errno, Store};

use super::{
    Connection, Host, Progress, State,
    progress::{Failure, Held},
    ticket::Ticket,
};
use crate::{
    v1::{header::Header, reply},
    v2::{
        Next,
        serve::{self, Around, Speaker},
    },
};

impl Connection {
    /// What it has for v2, once v2 has begun.
    pub(super) fn speaker(&self) -> Option<&Speaker> {
        self.v2.as_deref().filter(|v2| v2.speaks)
    }

    /// Whether the client has asked for v2 and been told yes.
    #[must_use]
    pub fn is_v2(&self) -> bool {
        self.v2.is_some()
    }

    /// Whether what it is sent from now on, and what it sends, is v2.
    #[must_use]
    pub fn speaks_v2(&self) -> bool {
        self.speaker().is_some()
    }

    /// Whether it keeps versions of the store: [`Connection::tend`] matters to it.
    #[must_use]
    pub fn has_pins(&self) -> bool {
        self.transactions() > 0 || self.v2.as_ref().is_some_and(|v2| v2.snapshots.len() > 0)
    }

    pub(super) fn has_room(&self) -> bool {
        self.v2.as_ref().map_or_else(|| self.input.has_room(), |v2| v2.input.has_room())
    }

    /// How many requests the one counts as whose answer is held.
    pub(super) fn weight(&self) -> usize {
        self.speaker().map_or(1, |v2| v2.weight)
    }

    /// Answers the request for v2 that is the next message.
    pub(super) fn step_hello(&mut self, store: &Store) -> Progress {
        let Ok(Some(message)) = self.input.message() else { return Progress::Idle };
        let header = message.header;
        let len = message.size();
        let is_last = self.input.pending() == len;
        let asked = serve::accepts(message.payload);
        let ticket = self.session.open_ticket(1);
        self.take(len);
        let mut reply = Vec::new();
        let seq = match self.agree(store, asked, is_last) {
            Ok(speaker) => {
                let seq = serve::welcome(&speaker, &self.session, store, &header, &mut reply);
                self.v2 = Some(Box::new(speaker));
                seq
            }
            Err(errno) => {
                reply::put_error(&mut reply, &header, errno);
                store.pin().seq()
            }
        };
        self.state = State::Held(Held { seq, early: Vec::new(), reply, ticket, first_event: None });
        Progress::Held { seq }
    }

    fn agree(&self, store: &Store, asked: Option<u32>, is_last: bool) -> Result<Speaker, Errno> {
        let features = asked.ok_or(Errno::EINVAL)?;
        let has_watches = || !store.pin().all_fires(self.session.id).is_empty();
        if !is_last || self.transactions() > 0 || has_watches() {
            return Err(Errno::EBUSY);
        }
        Ok(Speaker::new(&self.session, features))
    }

    /// Executes the next message of v2, if it is whole, and holds its answer.
    pub(super) fn step_v2(
        &mut self,
        store: &Store,
        host: &mut dyn Host,
        now: Duration,
    ) -> Progress {
        self.session.refresh(store);
        let over = self.over();
        let Some(v2) = self.v2.as_deref_mut() else { return Progress::Idle };
        let waiting = self.queue.waiting();
        let room = v2.room(&self.session, waiting);
        let gathered = v2.input.gather(room);
        // The message lies in its input, which is put aside meanwhile.
        let mut input = std::mem::take(&mut v2.input);
        let (frame, body) = match gathered.and_then(|()| input.message()) {
            Ok(Next::Nothing) => {
                v2.input = input;
                return Progress::Idle;
            }
            Ok(Next::Message(frame, body)) => (frame, Some(body)),
            Ok(Next::Dropped(frame)) => (frame, None),
            Err((frame, bad)) => {
                // The answers to what came before may still be sent.
                self.queue.push_reply(serve::bad_frame(&frame, bad), None);
                self.forget(store);
                self.state = State::Failed(Failure::Protocol);
                return Progress::Failed(Failure::Protocol);
            }
        };
        if let Some(over) = over {
            v2.input = input;
            self.session.note_stall(over, waiting, now);
            self.session.tell(host);
            return Progress::Stalled;
        }
        self.session.note_memory(waiting, now);
        let ticket = self.session.open_ticket(1);
        let session = &mut self.session;
        let is_last = input.is_last();
        let mut around = Around { session, store, host, now, waiting, is_last };
        let served = v2.serve(&frame, body, &mut around);
        input.take();
        v2.input = input;
        self.session.refresh(store);
        self.session.tell(host);
        if let Some(header) = served.later {
            return self.wait(header, ticket);
        }
        let (seq, reply) = (served.seq, served.reply);
        self.state = State::Held(Held { seq, early: Vec::new(), reply, ticket, first_event: None });
        Progress::Held { seq }
    }

    fn wait(&mut self, header: Header, ticket: Option<Ticket>) -> Progress {
        self.state = State::Waiting(header, ticket);
        Progress::Waiting
    }

    /// Queues an answer of v2, and the first events of new watches after it.
    pub(super) fn release_v2(&mut self, mut reply: Vec<u8>, ticket: Option<Ticket>, now: Duration) {
        let waiting = self.queue.waiting();
        if self.session.is_guest()
            && let Some(error) = serve::with_error(&reply, Errno::ENOMEM)
            && self.session.memory_refuses(waiting, reply.len(), now)
        {
            reply = error;
        }
        self.queue.push_reply(reply, ticket);
        let first = self.v2.as_mut().map(|v2| std::mem::take(&mut v2.first_events));
        for event in first.into_iter().flatten() {
            self.push_event(&event.path, &event.token, None, now);
        }
    }
}
