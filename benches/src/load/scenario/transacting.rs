//! A client that does one transaction after another, request by request as libxenstore does.

use std::time::Instant;

use myriad_ring::v1::Op;

use crate::load::{
    Error,
    pump::Latencies,
    swarm::{Moment, Next, Script, transaction_id},
    wire::{Out, Reply},
};

/// What happens within the transactions.
pub(super) trait Work {
    /// Begins another transaction, unless there is none left.
    fn open(&mut self) -> bool;

    /// Adds the request that follows so many others, whose last was answered by `last`, and says
    /// of which kind it is; none at the transaction's end.
    ///
    /// # Errors
    /// The answer can't be one.
    fn request(
        &mut self,
        step: usize,
        last: &[u8],
        tx_id: u32,
        out: &mut Out,
    ) -> Result<Option<Op>, Error>;
}

/// The client.
pub(super) struct Transacting<W> {
    work: W,
    waits_for: Op,
    tx_id: u32,
    step: usize,
    began: Option<Instant>,
    /// What came of it.
    pub tally: Tally,
}

/// Counts of a client.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    /// Transactions that were committed.
    pub commits: u64,
    /// Commits that failed with EAGAIN.
    pub aborts: u64,
    /// From the first attempt's begin to the commit.
    pub latencies: Latencies,
}

impl<W: Work> Transacting<W> {
    pub(super) fn new(work: W) -> Transacting<W> {
        Transacting {
            work,
            waits_for: Op::TransactionStart,
            tx_id: 0,
            step: 0,
            began: None,
            tally: Tally::default(),
        }
    }

    fn start(&mut self, out: &mut Out) -> Next {
        out.push(Op::TransactionStart, 0, &[b"\0"]);
        (self.waits_for, self.step) = (Op::TransactionStart, 0);
        Next::Waits
    }

    fn begin_another(&mut self, out: &mut Out, at: Moment) -> Next {
        if !at.more || !self.work.open() {
            return Next::Done;
        }
        self.began = Some(at.now);
        self.start(out)
    }
}

impl<W: Work> Script for Transacting<W> {
    fn begin(&mut self, out: &mut Out, at: Moment) -> Result<Next, Error> {
        Ok(self.begin_another(out, at))
    }

    fn take(&mut self, reply: Reply<'_>, out: &mut Out, at: Moment) -> Result<Next, Error> {
        let payload = match reply.accepted(self.waits_for) {
            Err(error) if self.waits_for == Op::TransactionEnd && error.is_refusal("EAGAIN") => {
                self.tally.aborts += 1;
                return Ok(if at.more { self.start(out) } else { Next::Done });
            }
            payload => payload?,
        };
        if self.waits_for == Op::TransactionEnd {
            self.tally.commits += 1;
            let began = self.began.take().unwrap_or(at.now);
            self.tally.latencies.record(at.now - began);
            return Ok(self.begin_another(out, at));
        }
        if self.waits_for == Op::TransactionStart {
            self.tx_id = transaction_id(payload)?;
        }
        self.waits_for = match self.work.request(self.step, payload, self.tx_id, out)? {
            Some(op) => op,
            None => {
                out.push(Op::TransactionEnd, self.tx_id, &[b"T\0"]);
                Op::TransactionEnd
            }
        };
        self.step += 1;
        Ok(Next::Waits)
    }
}
