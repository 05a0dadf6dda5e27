//! How transactions begin and end, and how the run goes on where only one server commits.
//!
//! C and Myriad may disagree on whether a transaction conflicts. Then its requests are sent once
//! more, in a new transaction on the server that refused it, before anything else: it can't be
//! refused again, must give the same answers as the one that was committed, and the same events.
//! That shows more than it hides: a commit whose answers are no longer true would be found out.

use myriad_core::Errno;
use myriad_ring::v1::Op;

use super::{
    compare,
    differences::{
        COMMIT_AT_BASE, CONFLICT_AT_START, DEAD_OWNER, FINER_CONFLICTS, QUOTA_AT_COMMIT,
        REFUSAL_POISONS, TX_IDS, provoked,
    },
    limits::{GUEST_NODE_SIZE, GUEST_NODES},
    opened::{Done, OpenTx},
    pair::{Pair, Side},
    run::{Runner, Stop},
    step::Request,
    text,
    tree::Answer,
    who,
    wire::{Incoming, encode},
};

impl Runner {
    /// Keeps the ids that a transaction got.
    pub(super) fn start(&mut self, request: &Request, answers: &Pair<Answer>) -> Result<(), Stop> {
        let id = |answer: &Answer| {
            let text = answer.as_ref().ok().and_then(|payload| text::one_string(payload))?;
            std::str::from_utf8(text).ok()?.parse::<u32>().ok().filter(|id| *id != 0)
        };
        let (Some(left), Some(right)) = (id(&answers.left), id(&answers.right)) else {
            return Err(self.fail("the id of a transaction is none"));
        };
        if left != right {
            self.require(!self.options.twins, "the ids of a transaction differ")?;
            self.met(TX_IDS);
            self.leeway.reply = true;
        }
        let open = self.world.open(request.client, Pair { left, right });
        if let Some(slot) = self.world.slot_mut(request.client, request.tx) {
            slot.open = Some(open);
        }
        Ok(())
    }

    /// Judges the end of a transaction, and makes both servers' states one again.
    pub(super) fn end(&mut self, request: &Request, answers: &Pair<Answer>) -> Result<(), Stop> {
        let well_formed = matches!(request.payload.as_slice(), b"T\0" | b"F\0");
        let slot = self.world.slot_mut(request.client, request.tx);
        let tx = slot.filter(|_| well_formed).and_then(|slot| {
            slot.ended = slot.open.as_ref().map(|tx| tx.ids).or(slot.ended);
            slot.open.take()
        });
        let Some(tx) = tx.filter(|_| request.payload == b"T\0") else {
            return self.require(answers.left == answers.right, "the answers differ");
        };
        self.leeway.reply = answers.left != answers.right;
        self.leeway.order = !self.options.twins && self.world.moved(&tx);
        if answers.left.is_ok() {
            self.age()?;
        }
        self.leeway.before = Some(self.world.tree.clone()).filter(|_| !self.options.twins);
        let client = request.client;
        match (&answers.left, &answers.right) {
            (Ok(_), Ok(_)) => self.both_committed(client, &tx),
            (left, right) if left == right || self.options.twins => {
                self.require(left == right, "the answers differ")?;
                let full = tx.poisoned || *left == Err(Errno::ENOSPC);
                let cause = full || (self.world.touched(&tx) && tx.changes_something);
                let cause = cause || !self.options.ours;
                self.require(cause, "the right server aborted without a cause")
            }
            (Err(Errno::EAGAIN), Ok(_)) => {
                self.require(self.world.moved(&tx), "the left server aborted without a cause")?;
                self.met(FINER_CONFLICTS);
                if !tx.changes_something {
                    return Ok(());
                }
                self.again(Side::Left, client, &tx)
            }
            (Ok(_), Err(Errno::EAGAIN)) => {
                let cause = self.world.touched(&tx) && tx.changes_something;
                self.require(cause, "the right server aborted without a cause")?;
                self.met(CONFLICT_AT_START);
                self.again(Side::Right, client, &tx)
            }
            (Err(Errno::EAGAIN), Err(Errno::ENOSPC)) => {
                let cause = who::domid(client).is_some() && self.world.touched(&tx);
                self.require(cause, "a server aborted without a cause")?;
                self.met(QUOTA_AT_COMMIT);
                Ok(())
            }
            (Err(Errno::ENOMEM | Errno::ENOSPC), Ok(_) | Err(Errno::EAGAIN)) => {
                let committed = answers.right.is_ok();
                let refused = tx.done.iter().any(Done::is_refused);
                let name = match answers.left {
                    Err(Errno::ENOSPC) => QUOTA_AT_COMMIT,
                    _ if refused => REFUSAL_POISONS,
                    _ => DEAD_OWNER,
                };
                let cause = name != DEAD_OWNER || self.world.moved(&tx);
                self.require(cause, "a server aborted without a cause")?;
                let cause = name != QUOTA_AT_COMMIT || who::domid(client).is_some();
                self.require(cause, "a quota was held against a client of the socket")?;
                self.met(name);
                if committed && tx.changes_something {
                    self.again(Side::Left, client, &tx)
                } else {
                    Ok(())
                }
            }
            _ => Err(self.fail("the answers differ")),
        }
    }

    fn both_committed(&mut self, client: usize, tx: &OpenTx) -> Result<(), Stop> {
        if tx.changes_something || !self.options.ours || !self.world.moved(tx) {
            return self.commit(client, tx, &Side::BOTH, false);
        }
        // Nothing changed, as Myriad saw it. What C did it did to the tree as it is now.
        if self.options.twins {
            return Ok(());
        }
        let mutates = |op| matches!(op, Op::Write | Op::Mkdir | Op::Rm | Op::SetPerms);
        if tx.done.iter().any(|done| mutates(done.op) && done.answers.left.is_ok()) {
            self.met(COMMIT_AT_BASE);
            self.leeway.reply = true;
            self.again(Side::Right, client, tx)?;
        }
        Ok(())
    }

    /// Sends a transaction's requests again, to one server. The answers must be those that the
    /// other server gave. What a quota refused is left out.
    fn again(&mut self, side: Side, client: usize, tx: &OpenTx) -> Result<(), Stop> {
        let lifted = side == Side::Left && who::domid(client).is_some();
        if lifted {
            self.limit(side, NO_LIMIT, NO_LIMIT)?;
        }
        self.once_more(side, client, tx)?;
        if lifted {
            self.limit(side, GUEST_NODES, GUEST_NODE_SIZE)?;
        }
        let other = if side == Side::Left { Side::Right } else { Side::Left };
        self.commit(client, tx, &[other], side == Side::Right)
    }

    fn once_more(&mut self, side: Side, client: usize, tx: &OpenTx) -> Result<(), Stop> {
        let other = if side == Side::Left { Side::Right } else { Side::Left };
        let start = self.ask(side, client, Op::TransactionStart, 0, b"\0")?;
        let id = start.as_ref().and_then(|answer| {
            std::str::from_utf8(text::one_string(answer.as_ref().ok()?)?).ok()?.parse().ok()
        });
        let Some(id) = id else { return Err(self.fail("a transaction could not be run again")) };
        for done in tx.done.iter().filter(|done| !done.void && !done.is_refused()) {
            if self.world.has_lost_owner(done) {
                continue;
            }
            if provoked(client, done.op, &done.payload).is_some() {
                self.ask(side, client, Op::Read, 0, b"//\0")?;
            }
            let answer = self.ask(side, client, done.op, id, &done.payload)?;
            let expected = done.answers.get(other);
            let same = match (&answer, expected) {
                (Some(Ok(a)), Ok(b)) if done.op == Op::DirectoryPart => compare::same_part(a, b),
                // A domain's end may have taken entries away from one of them.
                (Some(Ok(_)), Ok(_)) if done.op == Op::GetPerms => true,
                _ => answer.as_ref() == Some(expected),
            };
            let what = format!(
                "the {} server's answer in the transaction that was run again: {answer:?} to {} {}",
                side.name(),
                done.op.name(),
                super::step::quote(&done.payload),
            );
            self.require(same, &what)?;
        }
        let end = self.ask(side, client, Op::TransactionEnd, id, b"T\0")?;
        self.require(matches!(end, Some(Ok(_))), "a transaction was refused again")?;
        self.age()
    }

    /// Asks one server something as a client would, whose events are kept for the comparison. A
    /// guest has no other connection than its own; a client of the socket could have another.
    fn ask(
        &mut self,
        side: Side,
        client: usize,
        op: Op,
        tx: u32,
        payload: &[u8],
    ) -> Result<Option<Answer>, Stop> {
        let request = encode(op as u32, 1, tx, payload);
        let reply: Incoming = match who::domid(client) {
            Some(_) => self.exchange.ask(side, client, &request)?,
            None => self.exchange.aside_ask(side, &request)?,
        };
        Ok(compare::answer(&reply, op as u32))
    }

    /// Sets the quotas of nodes and of their size, of a server that is C's.
    fn limit(&mut self, side: Side, nodes: usize, size: usize) -> Result<(), Stop> {
        for (name, value) in [("nodes", nodes), ("node-size", size)] {
            let payload = format!("quota\0set\0{name}\0{value}\0");
            let request = encode(Op::Control as u32, 1, 0, payload.as_bytes());
            let reply = self.exchange.aside_ask(side, &request)?;
            let set = matches!(compare::answer(&reply, Op::Control as u32), Some(Ok(_)));
            self.require(set, "a quota could not be set")?;
        }
        Ok(())
    }

    /// Runs a committed transaction's requests on the model; what these servers had answered must
    /// be true now. `afresh`: ours was sent the requests again, and bound its permissions then.
    fn commit(
        &mut self,
        client: usize,
        tx: &OpenTx,
        sides: &[Side],
        afresh: bool,
    ) -> Result<(), Stop> {
        for done in tx.done.iter().filter(|done| !done.void && !done.is_refused()) {
            let model = if afresh {
                self.world.apply(client, done.op, &done.payload)
            } else {
                self.world.commit(client, done)
            };
            let Some(model) = model else { continue };
            for side in sides {
                let real = done.answers.get(*side);
                let holds = compare::agreed(done.op, &model, real, self.options.is_ours(*side));
                let request = format!("{} {}", done.op.name(), super::step::quote(&done.payload));
                let server = side.name();
                let what =
                    format!("{server} committed, but {request} would now give {:?}", model.answer);
                self.require(holds, &what)?;
            }
        }
        Ok(())
    }
}

/// More nodes than any guest has.
const NO_LIMIT: usize = 1_000_000;
