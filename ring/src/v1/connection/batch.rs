//! Several requests of one client in one publication.
//!
//! A client that sends its next requests before it has the reply to the last leaves the order of
//! their publications to us, as long as each sees what those before it did, and their replies and
//! events leave in order. So writes outside of transactions that are at hand together are published
//! together. Invariants:
//!
//! 1. Each has its own generation and its own result: one that fails has changed nothing.
//! 2. A client's own events come right before the reply to the request that caused them.
//! 3. All requests of a batch are outstanding until its last event has left: as many as if each
//!    had been published alone, and maybe for longer.

use std::time::Duration;

use myriad_core::{Caller, Edit, Errno, Error, Origin, Path, Quota, Store, Writes};

use crate::v1::{
    assemble::Message,
    connection::{
        Connection, Executed, Host, Progress, State,
        buffers::{self, Text},
        progress::{Early, Held},
    },
    header::{HEADER_LEN, Header},
    limits::BATCH_MAX,
    op::Op,
    paths::{Name, PathRules, Specials},
    reply,
    request::Request,
};

/// A request that can share a publication.
struct Simple<'a> {
    message: Message<'a>,
    path: Path<'a>,
    write: Write<'a>,
}

#[derive(Clone, Copy)]
enum Write<'a> {
    Value(&'a [u8]),
    Mkdir,
    Rm,
}

impl Connection {
    /// Executes the writes at hand together and holds their replies, where there are several.
    pub(super) fn step_batch(
        &mut self,
        store: &Store,
        host: &mut dyn Host,
        now: Duration,
    ) -> Option<Progress> {
        let room = self.session.room_for_requests().min(BATCH_MAX);
        let simple = self.input.messages().take(room).take_while(|m| op(&m.header).is_some());
        let count = simple.count();
        if count < 2 {
            return None;
        }
        let mut buffers: Vec<Text> = (0..count).map(|_| Text::new()).collect();
        let (rules, max) = (&self.session.paths, self.session.limit(Quota::PathMax));
        let messages = self.input.messages().zip(&mut buffers);
        let simple = |(message, buffer)| Simple::parse(message, rules, max, buffer);
        let batch: Vec<Simple<'_>> = messages.map_while(simple).collect();
        if batch.len() < 2 {
            return None;
        }
        let ticket = self.session.open_ticket(batch.len());
        let caller = self.session.caller;
        let mut results = Vec::with_capacity(batch.len());
        let (at, conn, executed) = (host.wall_clock(now), self.session.id, self.executed);
        let outcome = store.edit(|edit| {
            results.clear();
            let mut origin = Origin { at, conn, upto: executed, ..Origin::default() };
            for simple in &batch {
                simple.add_to(&mut origin);
                if results.is_empty() {
                    edit.from(&origin);
                } else {
                    edit.next_request(&origin);
                }
                let result = simple.apply(edit, &caller);
                if let Err(error) = &result {
                    edit.failed(error.into());
                }
                results.push((result, edit.fired()));
            }
            Ok(())
        });
        let mut replies = Vec::with_capacity(batch.len());
        // Where it has no events, those of `seq` are not its own, and come before all of it (F3).
        let has_events = results.last().is_some_and(|(_, fires)| *fires > 0);
        for (simple, (result, fires)) in batch.iter().zip(results) {
            if let Err(Error::Quota(refusal) | Error::OutOfMemory(refusal)) = result {
                self.session.refused(refusal, host);
            }
            let result = result.map_err(|error| Errno::from(&error));
            let bytes = simple.reply(result);
            let reply = result.map(|()| bytes.get(HEADER_LEN..).unwrap_or_default());
            host.executed(&simple.executed(self.session.peer, reply));
            replies.push(Early { bytes, fires: if has_events { fires } else { usize::MAX } });
        }
        let len = batch.iter().map(|simple| simple.message.size()).sum();
        drop(batch);
        self.take(len);
        self.session.tell(host);
        let reply = replies.pop().map(|last| last.bytes).unwrap_or_default();
        let (seq, first_event) = (outcome.seq, None);
        self.state = State::Held(Held { seq, early: replies, reply, ticket, first_event });
        Some(Progress::Held { seq })
    }
}

impl<'a> Simple<'a> {
    /// None for what isn't simple, a refused path among it.
    fn parse(
        message: Message<'a>,
        rules: &PathRules,
        max: u32,
        buffer: &'a mut Text,
    ) -> Option<Simple<'a>> {
        let (path, write) = match Request::parse(op(&message.header)?, message.payload).ok()? {
            Request::Write { path, value } => (path, Write::Value(value)),
            Request::Mkdir { path } => (path, Write::Mkdir),
            Request::Rm { path } => (path, Write::Rm),
            _ => return None,
        };
        match rules.resolve(path, max, Specials::Refused, buffer).ok()? {
            Name::Node(path) => Some(Simple { message, path, write }),
            Name::Special(_) => None,
        }
    }

    /// The origin of this request, after that of the one before it.
    fn add_to(&self, origin: &mut Origin) {
        let Header { op, req_id, .. } = self.message.header;
        origin.request = req_id;
        origin.op = u8::try_from(op).unwrap_or(u8::MAX);
        origin.upto += self.message.len();
    }

    fn apply(&self, edit: &mut Edit<'_>, caller: &Caller) -> Result<(), Error> {
        match self.write {
            Write::Value(value) => edit.write(caller, self.path, value),
            Write::Mkdir => edit.mkdir(caller, self.path),
            Write::Rm => edit.rm(caller, self.path),
        }
    }

    fn reply(&self, result: Result<(), Errno>) -> Vec<u8> {
        let mut bytes = buffers::for_reply(HEADER_LEN + REPLY_GUESS);
        match result {
            Ok(()) => reply::put_ack(&mut bytes, &self.message.header),
            Err(errno) => reply::put_error(&mut bytes, &self.message.header, errno),
        }
        bytes
    }

    fn executed<'e>(&'e self, peer: super::Peer, reply: Result<&'e [u8], Errno>) -> Executed<'e> {
        let Header { op: number, tx_id, .. } = self.message.header;
        let payload = self.message.payload;
        Executed { peer, number, op: Op::from_number(number), tx_id, payload, reply }
    }
}

/// The operation of a request that can share a publication, if its payload lets it.
fn op(header: &Header) -> Option<Op> {
    let op = Op::from_number(header.op)?;
    (header.tx_id == 0 && matches!(op, Op::Write | Op::Mkdir | Op::Rm)).then_some(op)
}

/// Bytes that an acknowledgment, or an error, fits into.
const REPLY_GUESS: usize = 16;
