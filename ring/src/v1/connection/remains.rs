//! What is left of a connection when its server is killed, and how it goes on.
//!
//! A server that wants to come back keeps the [`Remains`] of a ring's connection before it lets
//! the ring's indices say what they stand for. Then no request is lost or executed twice, and no
//! answer is lost or given twice:
//!
//! 1. What was received and not executed is executed after the restart.
//! 2. What was executed and not sent is sent.
//! 3. A request that changed the store and whose answer is not among the remains is known by the
//!    journal ([`Origin::upto`](myriad_core::Origin)): it is answered, and not executed again. Of
//!    these there is at most one publication, since the remains are kept before each.
//! 4. Any other is executed again: nobody has seen what it said.
//! 5. Transactions that were open are doomed: END says EAGAIN.
//! 6. Events are lost; each watch fires once.

use std::collections::VecDeque;

use myriad_core::{Errno, Store};

use super::{Connection, Progress, State, progress::Held};
use crate::v1::{header::Header, limits::REMAINS_TRANSACTIONS, op::Op, reply};

/// What is left of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remains {
    /// Bytes of the requests that were executed and answered.
    pub executed: u64,
    /// The id of its next transaction.
    pub next_transaction: u32,
    /// The ids of those that were open.
    pub transactions: Vec<u32>,
    /// Requests beyond those that were executed all the same, in order.
    pub answered: Vec<Answered>,
    /// Bytes that were received and not executed.
    pub input: Vec<u8>,
    /// Bytes that are to be sent.
    pub output: Vec<u8>,
    /// It spoke v2, of which nothing is kept: the rest is empty.
    pub spoke_v2: bool,
}

/// A request that was executed before the restart, as the journal has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// Bytes of the client's requests up to and with this one.
    pub upto: u64,
    /// How it ended.
    pub result: Result<(), Errno>,
}

/// what was kept of a connection can't be read
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what was kept of a ring's connection can't be read")]
#[non_exhaustive]
pub struct RemainsError;

/// What a crash has left to be taken up again.
#[derive(Debug, Default)]
pub(crate) struct Lost {
    transactions: Vec<u32>,
    answered: VecDeque<Answered>,
}

impl Remains {
    /// Reads what [`Connection::keep`] or [`Remains::write`] has written.
    ///
    /// # Errors
    /// [`RemainsError`].
    pub fn read(bytes: &[u8]) -> Result<Remains, RemainsError> {
        Remains::parse(bytes).ok_or(RemainsError)
    }

    /// Writes them.
    pub fn write(&self, out: &mut Vec<u8>) {
        let counts = (self.transactions.len(), self.answered.len());
        let counts = (count(counts.0), count(counts.1));
        out.push(self.spoke_v2.into());
        put_head(out, (self.executed, self.next_transaction), counts, self.input.len());
        self.transactions.iter().for_each(|id| out.extend_from_slice(&id.to_le_bytes()));
        self.answered.iter().for_each(|one| put_answered(out, one));
        out.extend_from_slice(&self.input);
        out.extend_from_slice(&self.output);
    }

    fn parse(bytes: &[u8]) -> Option<Remains> {
        let (spoke_v2, bytes) = bytes.split_first()?;
        if *spoke_v2 != 0 {
            return (*spoke_v2 == 1).then(|| Remains { spoke_v2: true, ..Remains::default() });
        }
        let (executed, bytes) = bytes.split_first_chunk()?;
        let (next, bytes) = bytes.split_first_chunk()?;
        let (open, bytes) = bytes.split_first_chunk()?;
        let (done, bytes) = bytes.split_first_chunk()?;
        let (input, mut bytes) = bytes.split_first_chunk()?;
        let mut transactions = Vec::new();
        for _ in 0..u16::from_le_bytes(*open) {
            let (id, rest) = bytes.split_first_chunk()?;
            transactions.push(u32::from_le_bytes(*id));
            bytes = rest;
        }
        let mut answered = Vec::new();
        for _ in 0..u16::from_le_bytes(*done) {
            let (upto, rest) = bytes.split_first_chunk()?;
            let (result, rest) = rest.split_first()?;
            let result = match result.checked_sub(1) {
                None => Ok(()),
                Some(number) => Err(Errno::ALL.into_iter().find(|e| *e as u8 == number)?),
            };
            answered.push(Answered { upto: u64::from_le_bytes(*upto), result });
            bytes = rest;
        }
        let (input, output) = bytes.split_at_checked(u16::from_le_bytes(*input).into())?;
        Some(Remains {
            executed: u64::from_le_bytes(*executed),
            next_transaction: u32::from_le_bytes(*next),
            transactions,
            answered,
            input: input.to_vec(),
            output: output.to_vec(),
            spoke_v2: false,
        })
    }
}

impl Lost {
    /// Whether a transaction was open; it is taken up by this.
    pub(super) fn take_transaction(&mut self, id: u32) -> bool {
        let at = self.transactions.iter().position(|open| *open == id);
        at.map(|at| self.transactions.swap_remove(at)).is_some()
    }
}

impl Connection {
    /// Bytes of the requests that were executed.
    #[must_use]
    pub fn executed(&self) -> u64 {
        self.executed
    }

    /// Whether the next request, if there is one, may change the store or can't be asked twice: the
    /// remains are to be kept before it is executed.
    #[must_use]
    pub fn changes_next(&self) -> bool {
        let harmless = |op: Op| {
            matches!(
                op,
                Op::Directory
                    | Op::Read
                    | Op::GetPerms
                    | Op::GetDomainPath
                    | Op::IsDomainIntroduced
                    | Op::DirectoryPart
                    | Op::GetFeature
                    | Op::GetQuota
                    | Op::TransactionStart
            )
        };
        self.next_op().is_some_and(|op| !harmless(op))
    }

    /// Bytes that were received and not executed.
    #[must_use]
    pub fn requests_waiting(&self) -> usize {
        let v2 = self.v2.as_ref().map_or(0, |v2| v2.input.pending() + v2.input.gathered());
        self.input.pending().saturating_add(v2)
    }

    /// Bytes of the replies that wait to be sent.
    #[must_use]
    pub fn replies_waiting(&self) -> usize {
        self.queue.replies()
    }

    /// Whether it waits for the answer to a request, which would have to be executed again.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        matches!(self.state, State::Waiting(..))
    }

    /// Writes what must be kept, for [`Remains::read`]; not while a reply is held.
    pub fn keep(&self, out: &mut Vec<u8>) {
        if self.v2.is_some() {
            return Remains { spoke_v2: true, ..Remains::default() }.write(out);
        }
        out.push(0);
        let (transactions, lost) = (&self.session.transactions, self.session.lost.as_deref());
        let input = self.input.bytes();
        let old = lost.map_or(&[][..], |lost| &lost.transactions);
        let open = transactions.len().saturating_add(old.len()).min(REMAINS_TRANSACTIONS);
        let answered = lost.map_or(0, |lost| lost.answered.len());
        let counts = (count(open), count(answered));
        put_head(out, (self.executed, transactions.next()), counts, input.len());
        let ids = transactions.ids().chain(old.iter().copied());
        ids.take(open).for_each(|id| out.extend_from_slice(&id.to_le_bytes()));
        lost.iter().flat_map(|lost| &lost.answered).for_each(|one| put_answered(out, one));
        out.extend_from_slice(input);
        self.queue.unanswered().for_each(|piece| out.extend_from_slice(piece));
    }

    /// Goes on where a connection before it was. Afterwards [`Connection::overrun`] fires its
    /// watches.
    pub fn resume(&mut self, remains: Remains) {
        let answered = remains.answered.into_iter().filter(|one| one.upto > remains.executed);
        let lost = Lost { transactions: remains.transactions, answered: answered.collect() };
        self.executed = remains.executed;
        self.session.transactions.set_next(remains.next_transaction);
        self.session.lost = Some(Box::new(lost));
        self.input.clear();
        self.input.push(&remains.input);
        if !remains.output.is_empty() {
            self.queue.push_reply(remains.output, None);
        }
    }

    /// Answers a request that was executed before a restart.
    pub(super) fn step_answered(&mut self, store: &Store) -> Option<Progress> {
        let lost = self.session.lost.as_mut()?;
        let first = *lost.answered.front()?;
        let message = self.input.message().ok().flatten()?;
        if first.upto != self.executed.saturating_add(message.len()) {
            // Of another stream than this one; nothing of it can be used.
            lost.answered.clear();
            return None;
        }
        lost.answered.pop_front();
        let (reply, len) = (answer(&message.header, first.result), message.size());
        let (seq, ticket) = (store.pin().seq(), self.session.open_ticket(1));
        self.take(len);
        self.state = State::Held(Held { seq, early: Vec::new(), reply, ticket, first_event: None });
        Some(Progress::Held { seq })
    }
}

fn put_head(out: &mut Vec<u8>, (executed, next): (u64, u32), counts: (u16, u16), input: usize) {
    out.extend_from_slice(&executed.to_le_bytes());
    out.extend_from_slice(&next.to_le_bytes());
    out.extend_from_slice(&counts.0.to_le_bytes());
    out.extend_from_slice(&counts.1.to_le_bytes());
    out.extend_from_slice(&count(input).to_le_bytes());
}

fn put_answered(out: &mut Vec<u8>, one: &Answered) {
    out.extend_from_slice(&one.upto.to_le_bytes());
    out.push(one.result.map_or_else(|errno| errno as u8 + 1, |()| 0));
}

/// A number that limits keep far below 65,536.
fn count(number: usize) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

fn answer(header: &Header, result: Result<(), Errno>) -> Vec<u8> {
    let mut bytes = Vec::new();
    match result {
        Ok(()) => reply::put_ack(&mut bytes, header),
        Err(errno) => reply::put_error(&mut bytes, header, errno),
    }
    bytes
}
