//! What a guest on a ring knows: each request that it has made, and what must come of it.
//!
//! A ring outlives the daemon, so a guest's requests are answered exactly once, in order, as if
//! nothing had happened. The values of its nodes are known when it asks, and it reads before it
//! writes: a request that is executed twice finds what came after it. What a restart may show is
//! the end of open transactions (EAGAIN), and an event of each watch.
//!
//! The ledger does nothing by itself: it makes up requests ([`Ledger::act`]), is told how they were
//! [sent](Ledger::sent) and what comes ([`Ledger::take`]), and says what is wrong.

mod acts;
mod answers;
#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, VecDeque};

use myriad_ring::v1::Op;

use super::{
    fault::Kind,
    limits::{ACTS_UNTIL_HEARD, LONG_LIST},
    stage::Wrong,
};
use crate::oracle::rng::Rng;

/// A request to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Its operation.
    pub op: Op,
    /// Its transaction, or 0.
    pub tx: u32,
    /// Its payload.
    pub payload: Vec<u8>,
    /// What must come of it.
    pub(super) expect: Expect,
}

/// What an answer must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expect {
    /// These bytes.
    Is(Vec<u8>),
    /// A value of a counter: what it is if something was executed twice is greater.
    Count(u64),
    /// An error.
    Refused(&'static str),
    /// The id of a transaction that begins.
    Begin,
    /// In a transaction: this, unless the daemon was started again since it began.
    Inside(Box<Expect>),
    /// The end of a transaction: OK, or EAGAIN where the daemon was started again since.
    Commit,
    /// The same for one that is given up.
    GiveUp,
    /// The value of the shared node: no less than was seen before.
    Shared,
    /// The two counters of transactions: the first is one of these, the second is the same.
    Pair(u64),
    /// The value of the second of them.
    PairAgain,
}

/// A request that was sent and has no answer yet.
#[derive(Clone, Debug)]
struct Sent {
    id: u32,
    op: Op,
    expect: Expect,
    /// Restarts before it was sent.
    restarts: u64,
}

/// A transaction that is open.
#[derive(Clone, Copy, Debug)]
struct Open {
    id: u32,
    restarts: u64,
    /// Acts after which it is to be ended.
    left: u64,
}

/// A guest's knowledge.
#[derive(Debug)]
pub struct Ledger {
    domid: u16,
    rng: Rng,
    sent: VecDeque<Sent>,
    /// The last request that was answered.
    answered: Option<u32>,
    restarts: u64,
    acts: u64,
    /// Acts since the last restart.
    acts_since: u64,
    is_set_up: bool,
    /// A counter, of which every value is read before the next is written.
    count: u64,
    /// A counter that transactions alone change, in two nodes.
    pair: u64,
    open: Option<Open>,
    /// A transaction has ended, and what it has left is not looked at yet: whether it was OK.
    ended: Option<bool>,
    /// Whether the watch that comes and goes is there.
    has_toggle: bool,
    /// Children of `q`, in order of creation.
    queue: VecDeque<u64>,
    /// The number of the last of them, of the last long value, and of anything else.
    last_queued: u64,
    last_long: u64,
    /// The last value of the shared node that it has read, and whether it must read it again.
    shared: u64,
    must_read_shared: bool,
    /// Whether an event of a change of its own is still to come before the act ends.
    awaits_own: bool,
    /// The watch of its own node is lost, which was told.
    own_is_lost: bool,
    /// Watches that must still fire because of the last restart.
    due: BTreeSet<&'static str>,
    /// The node that it is granted, and the value: a mortal's.
    grants: Vec<(String, Result<Vec<u8>, &'static str>)>,
}

/// Watches that stay: token and path.
const WATCHES: [(&str, &str); 4] =
    [("own", "n"), ("shared", "/shared"), ("released", "@releaseDomain"), ("quiet", "long")];
/// The watch that comes and goes.
const TOGGLE: &str = "toggle";

impl Ledger {
    /// A guest that has made nothing yet, in its home, which is its own.
    #[must_use]
    pub fn new(domid: u16, seed: u64) -> Ledger {
        Ledger {
            domid,
            rng: Rng::new(seed ^ u64::from(domid) << 40),
            sent: VecDeque::new(),
            answered: None,
            restarts: 0,
            acts: 0,
            acts_since: 0,
            is_set_up: false,
            count: 0,
            pair: 0,
            open: None,
            ended: None,
            has_toggle: false,
            queue: VecDeque::new(),
            last_queued: 0,
            last_long: 0,
            shared: 0,
            must_read_shared: false,
            awaits_own: false,
            own_is_lost: false,
            due: BTreeSet::new(),
            grants: Vec::new(),
        }
    }

    /// Nodes outside of its home that it reads once, and what it must find.
    #[must_use]
    pub fn with_grants(mut self, grants: Vec<(String, Result<Vec<u8>, &'static str>)>) -> Ledger {
        self.grants = grants;
        self
    }

    /// Whether all that it asked for is answered.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.sent.is_empty()
    }

    /// Acts since the last restart that are over, if it is idle.
    #[must_use]
    pub fn acts_since_restart(&self) -> u64 {
        self.acts_since
    }

    /// Whether it has begun, and set its watches.
    #[must_use]
    pub fn is_set_up(&self) -> bool {
        self.is_set_up
    }

    /// The last value of the shared node that it knows.
    #[must_use]
    pub fn shared(&self) -> u64 {
        self.shared
    }

    /// A request was sent under this id.
    pub fn sent(&mut self, id: u32, ask: Ask) {
        let (op, expect, restarts) = (ask.op, ask.expect, self.restarts);
        self.sent.push_back(Sent { id, op, expect, restarts });
    }

    /// The daemon was started again.
    ///
    /// # Errors
    /// Watches that didn't fire after the restart before, though there was time.
    pub fn restarted(&mut self) -> Result<(), Wrong> {
        let heard = if self.acts_since > ACTS_UNTIL_HEARD { self.must_be_heard() } else { Ok(()) };
        self.restarts += 1;
        self.acts_since = 0;
        self.awaits_own = false;
        if self.is_set_up {
            self.due = WATCHES.iter().map(|(token, _)| *token).collect();
            if self.has_toggle {
                self.due.insert(TOGGLE);
            }
        }
        heard
    }

    /// Whether every watch has fired since the restart.
    #[must_use]
    pub fn is_heard(&self) -> bool {
        self.due.is_empty()
    }

    /// The same as a verdict.
    ///
    /// # Errors
    /// Those that have not.
    pub fn must_be_heard(&self) -> Result<(), Wrong> {
        if self.due.is_empty() {
            return Ok(());
        }
        let what = format!("{:?} did not fire after {} acts", self.due, self.acts_since);
        Err((Kind::Watch, what))
    }

    /// What it waits for, in words.
    #[must_use]
    pub fn waits_for(&self) -> String {
        match self.sent.front() {
            None => "nothing".into(),
            Some(first) => {
                let (id, op, more) = (first.id, first.op.name(), self.sent.len() - 1);
                format!("request {id} ({op}) and {more} more, after {} acts", self.acts)
            }
        }
    }

    fn home(&self) -> String {
        format!("/local/domain/{}", self.domid)
    }
}

/// The names of the long listing.
fn long_names() -> impl Iterator<Item = String> {
    (0..LONG_LIST).map(|at| format!("a-child-with-a-rather-long-name-{at:04}"))
}

/// A long value.
fn long_value(domid: u16, number: u64) -> Vec<u8> {
    let mut value = format!("{domid} {number} ").into_bytes();
    let letter = b'a' + u8::try_from(number % 26).unwrap_or(0);
    value.resize(super::limits::LONG_VALUE, letter);
    value
}
