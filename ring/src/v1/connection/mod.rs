//! One client of the store, from its bytes to ours: no socket, ring, clock or thread.
//!
//! A [`Connection`] puts requests together, executes them one at a time against the store, and
//! queues what is to be sent. Its owner moves bytes, reads the commit feed, and keeps the time.
//!
//! # Order
//!
//! 1. Replies leave in the order of their requests.
//! 2. Before the reply of a request that was computed at publication `seq`, all events of the
//!    commits up to `seq` are queued: a client's own events precede the reply to its WRITE.
//!    Therefore [`Connection::step`] holds the reply back and names `seq`; the owner delivers
//!    the feed's events up to `seq` and no further, then calls [`Connection::release`].
//! 3. WATCH is answered before its first event, and its first event before any other of it.
//!
//! # Bounds
//!
//! Input is bounded by [`limits::INPUT_MAX`]. A guest over its quotas of outstanding requests or
//! memory is not read; a privileged client that doesn't read its replies isn't either. Events
//! for a guest over its memory quota, or older than a timeout, are dropped; a privileged client
//! too far behind has all its watches fire once instead.
//!
//! [`limits::INPUT_MAX`]: crate::v1::limits::INPUT_MAX

mod account;
mod as_v2;
mod backlog;
mod batch;
mod buffers;
mod feeds;
mod host;
pub(crate) mod ops;
mod ops_domain;
mod ops_quota;
mod ops_tree;
mod ops_watch;
mod output;
mod progress;
mod queue;
mod remains;
pub(crate) mod session;
mod ticket;
mod transactions;

#[cfg(test)]
mod tests;

use std::{task::Waker, time::Duration};

use myriad_core::{Caller, ConnId, DomId, Errno, Path, Quota, Store, Transaction};

pub use host::{Conflict, ControlReply, Executed, Host, Peer, Report};
pub(crate) use ops_domain::known_or_alive;
pub use output::Event;
pub(crate) use progress::FirstEvent;
pub use progress::{Failure, Progress};
pub use remains::{Answered, Remains, RemainsError};
pub use ticket::Ticket;

use crate::{
    v1::{
        assemble::Assembler,
        connection::{
            ops::Ops,
            progress::{Held, Over, State},
            queue::OutputQueue,
            remains::Lost,
            session::Session,
        },
        header::Header,
        limits::{EVENT_TIMEOUT, PRIVILEGED_REPLIES_MAX},
        op::Op,
        reply,
    },
    v2,
};

/// One client. See the [module](self).
///
/// An owner drives it like this, with the bytes it has read:
///
/// ```
/// # use std::time::Duration;
/// # use myriad_core::{Store};
/// # use myriad_ring::v1::connection::{Connection, Event, Host, Progress};
/// # fn drive(conn: &mut Connection, store: &Store, host: &mut dyn Host, bytes: &[u8],
/// #          now: Duration, deliver_up_to: fn(u64)) -> bool {
/// let taken = conn.input(bytes);
/// loop {
///     match conn.step(store, host, now) {
///         Progress::Held { seq } => {
///             deliver_up_to(seq); // to this connection and to others
///             conn.release(now);
///         }
///         Progress::Idle | Progress::Waiting | Progress::Stalled => break,
///         Progress::Failed(_) => return false,
///     }
/// }
/// let sent = conn.unsent().map(<[u8]>::len).sum(); // as many bytes as could be written
/// conn.advance(sent, store);
/// # true }
/// ```
#[derive(Debug)]
pub struct Connection {
    session: Session,
    input: Assembler,
    queue: OutputQueue,
    state: State,
    /// Events for a guest are dropped when they are this old.
    event_timeout: Option<Duration>,
    /// Events were dropped: each watch must fire once.
    missed: bool,
    /// Events of commits up to this one are of watches that are gone.
    deaf_until: u64,
    /// Bytes of the requests that were executed.
    executed: u64,
    /// Whether the client may ask for v2.
    offers_v2: bool,
    /// What it has for v2, once that was agreed upon.
    v2: Option<Box<v2::serve::Speaker>>,
}

impl Connection {
    /// A connection with nothing received yet. `caller` says what it may do, `peer` who it is;
    /// relative paths are meant below the home of a ring's domain, or of dom0.
    #[must_use]
    pub fn new(id: ConnId, peer: Peer, caller: Caller) -> Connection {
        Connection {
            session: Session::new(id, peer, caller),
            input: Assembler::default(),
            queue: OutputQueue::default(),
            state: State::Open,
            event_timeout: Some(EVENT_TIMEOUT),
            missed: false,
            deaf_until: 0,
            executed: 0,
            offers_v2: false,
            v2: None,
        }
    }

    /// Lets the client ask for protocol v2 ([`crate::v2`]).
    #[must_use]
    pub fn with_v2(mut self) -> Connection {
        self.offers_v2 = true;
        self
    }

    /// Sets the domain below whose home relative paths are meant.
    #[must_use]
    pub fn with_home(mut self, home: DomId) -> Connection {
        self.session.set_home(home);
        self
    }

    /// Sets how long an event for a guest may wait; none for ever.
    #[must_use]
    pub fn with_event_timeout(mut self, timeout: Option<Duration>) -> Connection {
        self.event_timeout = timeout;
        self
    }

    /// Sets whom to wake when a guest's outstanding request is done because another connection
    /// has sent, or dropped, its last event.
    #[must_use]
    pub fn with_waker(mut self, waker: Waker) -> Connection {
        self.session.set_waker(waker);
        self
    }

    /// Its id in the store.
    #[must_use]
    pub fn id(&self) -> ConnId {
        self.session.id
    }

    /// Who is at the other end.
    #[must_use]
    pub fn peer(&self) -> Peer {
        self.session.peer
    }

    /// Takes bytes from the client, from the front, as far as there is room; says how many.
    pub fn input(&mut self, bytes: &[u8]) -> usize {
        if self.is_failed() {
            return 0;
        }
        match &mut self.v2 {
            Some(v2) => v2.input.push(bytes),
            None => self.input.push(bytes),
        }
    }

    /// Whether the client should be read from: it isn't over a limit, and there is room.
    #[must_use]
    pub fn wants_input(&self) -> bool {
        !self.is_failed() && self.has_room() && self.over().is_none()
    }

    /// The operation of the next request, if one is complete and has a valid number. (Of v2, that
    /// of the request of v1 that it carries.)
    #[must_use]
    pub fn next_op(&self) -> Option<Op> {
        if let Some(v2) = &self.v2 {
            return v2.next_classic();
        }
        let message = self.input.message().ok().flatten()?;
        Op::from_number(message.header.op)
    }

    /// Whether another attempt at a transaction may begin with what comes next: TRANSACTION_START,
    /// or anything of v2, where reads come before the COMMIT that depends on them.
    #[must_use]
    pub fn may_try_again(&self) -> bool {
        match self.speaker() {
            Some(v2) => v2.input.pending() > 0,
            None => self.next_op() == Some(Op::TransactionStart),
        }
    }

    /// Executes the next request, if one is complete, and holds its reply. Writes outside of
    /// transactions that are complete together share a publication, and their replies are held
    /// together.
    ///
    /// Errors come in C's order: ENOSYS, EACCES, ENOENT for an unknown transaction, then those
    /// of the operation.
    pub fn step(&mut self, store: &Store, host: &mut dyn Host, now: Duration) -> Progress {
        match &self.state {
            State::Open => {}
            State::Held(held) => return Progress::Held { seq: held.seq },
            State::Waiting(..) => return Progress::Waiting,
            State::Failed(failure) => return Progress::Failed(*failure),
        }
        if self.v2.is_some() {
            return self.step_v2(store, host, now);
        }
        let Ok(next) = self.input.message() else {
            // The answers to what came before may still be sent.
            self.forget(store);
            self.state = State::Failed(Failure::Protocol);
            return Progress::Failed(Failure::Protocol);
        };
        if next.is_none() {
            return Progress::Idle;
        }
        self.session.refresh(store);
        if let Some(quota) = over(&self.session, &self.queue) {
            self.session.note_stall(quota, self.queue.waiting(), now);
            self.session.tell(host);
            return Progress::Stalled;
        }
        self.session.note_memory(self.queue.waiting(), now);
        if let Some(progress) =
            self.step_answered(store).or_else(|| self.step_batch(store, host, now))
        {
            return progress;
        }
        let Ok(Some(message)) = self.input.message() else { return Progress::Idle };
        if message.header.op == v2::records::HELLO && self.offers_v2 {
            return self.step_hello(store);
        }
        let ticket = self.session.open_ticket(1);
        let mut reply = buffers::for_reply(REPLY_GUESS);
        let header = message.header;
        let ops = Ops {
            session: &mut self.session,
            store,
            host,
            header,
            out: &mut reply,
            now,
            upto: self.executed.saturating_add(message.len()),
            waiting: self.queue.waiting(),
            first_event: None,
            later: false,
        };
        let len = message.size();
        let ran = ops.run(message.payload);
        self.take(len);
        if Op::from_number(header.op) == Some(Op::Watch) {
            // Events that come before its next request count beside it.
            self.session.refresh(store);
        }
        self.session.tell(host);
        if ran.later {
            self.state = State::Waiting(header, ticket);
            return Progress::Waiting;
        }
        let seq = ran.seq;
        let first_event = ran.first_event.map(Box::new);
        self.state = State::Held(Held { seq, early: Vec::new(), reply, ticket, first_event });
        Progress::Held { seq }
    }

    /// How many requests the replies answer that [`Connection::step`] holds.
    #[must_use]
    pub fn held(&self) -> usize {
        match &self.state {
            State::Held(held) => held.early.len().saturating_add(self.weight()),
            _ => 0,
        }
    }

    /// Queues the reply that [`Connection::step`] holds, and a new watch's first event after
    /// it; nothing where none is held.
    pub fn release(&mut self, now: Duration) {
        if !matches!(self.state, State::Held(_)) {
            return;
        }
        let State::Held(held) = std::mem::replace(&mut self.state, State::Open) else { return };
        for early in held.early {
            self.queue.push_reply(early.bytes, held.ticket.clone());
        }
        let mut reply = held.reply;
        if self.speaker().is_some() {
            return self.release_v2(reply, held.ticket, now);
        }
        if self.session.reply_refused(&reply, self.queue.waiting(), now) {
            reply = with_error(&reply, Errno::ENOMEM);
            // Of a connection that speaks v1: a welcome that isn't sent agrees to nothing.
            self.v2 = None;
        }
        self.queue.push_reply(reply, held.ticket);
        if let Some(watch) = held.first_event.map(|watch| *watch) {
            self.push_event(&watch.path, &watch.token, None, now);
        }
        if let Some(v2) = &mut self.v2 {
            v2.speaks = true;
        }
    }

    /// Gives the answer to the CONTROL command that the host put off. Nothing else may have
    /// been answered meanwhile. Queue the events up to now before.
    pub fn answer(&mut self, answer: &Result<String, Errno>) {
        if !matches!(self.state, State::Waiting(..)) {
            return;
        }
        if matches!(&self.state, State::Waiting(header, _) if header.op == v2::records::HELLO) {
            // It waits for history.
            return;
        }
        let waiting = std::mem::replace(&mut self.state, State::Open);
        let State::Waiting(header, ticket) = waiting else { return };
        let mut bytes = Vec::new();
        match answer {
            Ok(text) => reply::put_string(&mut bytes, &header, text),
            Err(errno) => reply::put_error(&mut bytes, &header, *errno),
        }
        if let Some(v2) = self.speaker() {
            bytes = v2::serve::classic(v2.waiting, &bytes);
        }
        self.queue.push_reply(bytes, ticket);
    }

    /// Does what time brings: drops events that waited too long, keeps open transactions from
    /// pinning too much, and tells the host what it has not been told. Call it now and then,
    /// and at [`Connection::next_deadline`].
    pub fn tend(&mut self, store: &Store, host: &mut dyn Host, now: Duration) {
        self.queue.expire(now);
        self.session.refresh(store);
        for transaction in self.session.transactions.iter_mut() {
            // What can't be kept is doomed, and says so when it ends.
            let _kept = transaction.refresh();
        }
        if let Some(v2) = &mut self.v2 {
            v2.snapshots.tend();
        }
        self.session.note_memory(self.queue.waiting(), now);
        self.session.tell(host);
    }

    /// When the next event will have waited too long.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Duration> {
        self.queue.next_deadline()
    }

    /// The domain was introduced again: forgets watches, transactions, input and output.
    pub fn reset(&mut self, store: &Store) {
        self.clear(store);
        self.state = State::Open;
    }

    /// Ends the connection: nothing of it is left in the store. Drop it afterwards.
    pub fn close(&mut self, store: &Store) {
        self.fail(store, Failure::Communication);
    }

    /// Declares the connection dead, as when a ring's indices are impossible: what it had is
    /// freed, and it takes and gives no more bytes.
    pub fn fail(&mut self, store: &Store, failure: Failure) {
        self.clear(store);
        self.state = State::Failed(failure);
    }

    /// Whether it is dead.
    #[must_use]
    pub fn is_failed(&self) -> bool {
        matches!(self.state, State::Failed(_))
    }

    /// How many transactions it has open.
    #[must_use]
    pub fn transactions(&self) -> usize {
        self.session.transactions.len()
    }

    /// How many transactions of a privileged client have failed by a conflict since one was
    /// committed.
    #[must_use]
    pub fn conflicts(&self) -> u32 {
        self.session.conflicts
    }

    /// Whether a transaction that it has open changes a node.
    #[must_use]
    pub fn changes(&self, path: Path<'_>) -> bool {
        self.session.transactions.iter().any(|open| open.changes(path))
    }

    /// Bytes that its open transactions keep from being freed, at most about: what the versions
    /// newer than the oldest of their bases have retired.
    #[must_use]
    pub fn pinned_bytes(&self) -> u64 {
        let open = self.session.transactions.iter();
        let snapshots = self.v2.as_ref().map_or(0, |v2| v2.snapshots.pinned_bytes());
        open.map(Transaction::pinned_bytes).max().unwrap_or(0).max(snapshots)
    }

    /// Bytes that wait to be sent.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.queue.waiting()
    }

    /// Whether a guest's quota `memory` keeps its requests from being read. What lowers its use
    /// can be another's doing: [`Connection::tend`] looks again.
    #[must_use]
    pub fn is_over_memory(&self) -> bool {
        !self.is_failed() && matches!(self.over(), Some(Over::Quota(Quota::Memory)))
    }

    /// How many of a guest's requests are outstanding.
    #[must_use]
    pub fn outstanding(&self) -> u32 {
        self.session.outstanding()
    }

    /// Drops the requests that were executed, of so many bytes.
    fn take(&mut self, len: usize) {
        self.executed = self.executed.saturating_add(len as u64);
        self.input.skip(len);
    }

    fn clear(&mut self, store: &Store) {
        self.forget(store);
        self.queue.clear();
    }

    fn forget(&mut self, store: &Store) {
        let dropped = self.session.drop_watches(store);
        self.deaf_until = self.deaf_until.max(dropped);
        self.session.transactions.clear();
        self.session.lost = None;
        self.input.clear();
        self.v2 = None;
        self.missed = false;
        // A held reply, its ticket included, goes with the state that the caller sets.
        self.state = State::Open;
    }

    fn over(&self) -> Option<Over> {
        over(&self.session, &self.queue)
    }
}

fn over(session: &Session, queue: &OutputQueue) -> Option<Over> {
    if session.is_guest() {
        session.quota_reached(queue.waiting()).map(Over::Quota)
    } else {
        (queue.waiting() > PRIVILEGED_REPLIES_MAX).then_some(Over::Output)
    }
}

/// The error to the request that an encoded reply answers.
fn with_error(reply: &[u8], errno: Errno) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some((header, _)) = reply.split_first_chunk() {
        reply::put_error(&mut bytes, &Header::from_bytes(*header), errno);
    }
    bytes
}

/// Bytes that most replies fit into.
const REPLY_GUESS: usize = 64;
