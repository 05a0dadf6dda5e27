//! Judges the answers to a request: with each other, with the table of differences, with the model.

use myriad_core::Errno;
use myriad_ring::v1::Op;

use super::{
    compare,
    differences::{self, Case},
    opened::OpenTx,
    operate::Effect,
    pair::{Pair, Side},
    reasons,
    run::{Runner, Stop},
    step::{Request, Tx},
    text,
    tree::Answer,
    who,
    wire::Incoming,
};
use crate::peer::DomainChange;

impl Runner {
    /// The replies as answers; a reply that is none, or repeats the wrong ids, is a failure.
    pub(super) fn answers(
        &mut self,
        request: &Request,
        replies: &Pair<Incoming>,
        ids: Pair<u32>,
    ) -> Result<Pair<Answer>, Stop> {
        let mut answers = Pair::same(Err(Errno::EIO));
        for side in Side::BOTH {
            let reply = replies.get(side);
            let repeats = matches!(reply, Incoming::Message(m)
                if m.req_id == request.req_id && m.tx_id == *ids.get(side));
            match compare::answer(reply, request.op).filter(|_| repeats) {
                Some(answer) => *answers.get_mut(side) = answer,
                None => return Err(self.fail(&format!("the {} reply is none", side.name()))),
            }
        }
        Ok(answers)
    }

    /// The name of the difference that two answers show.
    fn explain(&self, case: &Case<'_>) -> Option<&'static str> {
        if !self.options.twins {
            return differences::explain(case);
        }
        // When a connection's end is noticed, and its watches go, is of no importance, but counts
        // as a generation of ours.
        let timely = self.options.ours && reasons::generation(case);
        timely.then_some(differences::GENERATION)
    }

    /// Compares the answers to a request with each other and with the model, and brings the model
    /// up to date.
    pub(super) fn judge(
        &mut self,
        request: &Request,
        op: Op,
        answers: &Pair<Answer>,
    ) -> Result<(), Stop> {
        let before = self.world.open_tx(request).cloned();
        let lost = matches!(request.tx, Tx::Ended(_) | Tx::Raw(1..)) && op != Op::Watch;
        let model = match (&before, lost) {
            (_, true) => None,
            (Some(tx), _) if tx.poisoned => None,
            (Some(_), _) => self.world.apply_in(request.client, request.tx, op, &request.payload),
            (None, _) => self.world.apply(request.client, op, &request.payload),
        };
        if self.poisons(request, model.as_ref(), answers) {
            return Ok(());
        }
        if answers.left != answers.right {
            let case = Case {
                world: &self.world,
                request,
                op,
                answers: Pair { left: &answers.left, right: &answers.right },
                tx: before.as_ref(),
                model: model.as_ref(),
            };
            match self.explain(&case) {
                Some(name) => {
                    self.leeway.reply = true;
                    self.met(name);
                }
                None => return Err(self.fail("the answers differ")),
            }
        }
        let modelled = Pair {
            left: answers.left.clone(),
            right: model.as_ref().map_or(answers.left.clone(), |model| model.answer.clone()),
        };
        let by_quota = before.as_ref().is_some_and(|tx| tx.parted || parts(&modelled));
        if let Some(model) = model.as_ref().filter(|_| self.options.ours || !by_quota) {
            self.check_model(op, answers, model, before.as_ref())?;
        }
        if let (Some(tx), Some(_)) = (before, model) {
            let c_alone = !self.options.ours && parts(&modelled);
            let done = self.world.done(&tx.view, request, op, answers.clone());
            let slot = self.world.slot_mut(request.client, request.tx);
            if let Some(open) = slot.and_then(|slot| slot.open.as_mut()) {
                open.parted |= parts(answers) || c_alone;
                open.done.push(done);
            }
        } else if answers.left.is_ok() {
            // First: C looks at all domains whenever its host is asked for something.
            let woken = self.world.hosts.take_woken(op, &request.payload);
            if let Some(domid) = woken.filter(|_| self.has_hosts()) {
                self.servers.left.domain(DomainChange::Resume(domid))?;
                self.servers.right.domain(DomainChange::Resume(domid))?;
            }
            self.note(request, op)?;
        }
        Ok(())
    }

    /// Whether the model and the server that follows it agree. In a transaction that is Myriad; C
    /// only while nothing has changed since the start.
    fn check_model(
        &mut self,
        op: Op,
        answers: &Pair<Answer>,
        model: &Effect,
        tx: Option<&OpenTx>,
    ) -> Result<(), Stop> {
        let side = match tx {
            Some(tx) if !self.options.ours && self.world.moved(tx) => return Ok(()),
            Some(_) if self.options.ours => Side::Right,
            _ => Side::Left,
        };
        let ours = self.options.is_ours(side);
        let agrees = compare::agrees(op, model, answers.get(side), ours);
        let expected = model.ours.as_ref().filter(|_| ours).unwrap_or(&model.answer);
        let what = format!("the {} answer is not the model's: {expected:?}", side.name());
        self.require(agrees, &what)
    }

    /// Whether a request was the one too many for a guest's transaction, which can only end now.
    fn poisons(
        &mut self,
        request: &Request,
        model: Option<&Effect>,
        answers: &Pair<Answer>,
    ) -> bool {
        let full = Err(Errno::ENOSPC);
        let expected = model.is_none_or(|model| model.answer == full);
        let slot = self.world.slot_mut(request.client, request.tx);
        match slot.and_then(|slot| slot.open.as_mut()) {
            Some(open) if !expected && answers.left == full && answers.right == full => {
                open.poisoned = true;
                true
            }
            _ => false,
        }
    }

    /// Notes what a request did that succeeded and is not one on the tree.
    fn note(&mut self, request: &Request, op: Op) -> Result<(), Stop> {
        let home = who::home(request.client);
        let Some(client) = self.world.clients.get_mut(&request.client) else { return Ok(()) };
        let strings = text::strings(&request.payload);
        match (op, strings.as_slice()) {
            (Op::Watch, [path, token, ..]) => {
                client.watches.push((path.to_vec(), token.to_vec()));
            }
            (Op::Unwatch, [path, token, ..]) => {
                let full = |p: &[u8]| text::node_path(p, home).map(std::borrow::Cow::into_owned);
                let same = |p: &[u8]| p == *path || (full(p).is_some() && full(p) == full(path));
                let found = client.watches.iter().position(|(p, t)| t == token && same(p));
                if let Some(at) = found {
                    client.watches.remove(at);
                }
            }
            (Op::ResetWatches, _) => {
                client.watches.clear();
                for slot in &mut client.slots {
                    slot.ended = slot.open.take().map(|tx| tx.ids).or(slot.ended);
                }
            }
            _ => {
                if let Some(domid) = self.world.hosts.note(op, &request.payload) {
                    self.ended(domid)?;
                }
                match (op, strings.first().map_or(0, |text| text::atoi(text))) {
                    (Op::SetPerms, _) => self.world.note_special(&request.payload),
                    (Op::Introduce, domid) => self.introduced(domid)?,
                    (Op::SetTarget, _) => self.world.note_upheaval(),
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

/// Whether a quota has refused a request in a transaction by one server alone.
fn parts(answers: &Pair<Answer>) -> bool {
    let full = Err(Errno::ENOSPC);
    (answers.left == full) != (answers.right == full)
}

/// Whether a request queues events if it succeeds.
pub(super) fn may_fire(op: Op, request: &Request, tx: Option<&OpenTx>) -> bool {
    match op {
        Op::TransactionEnd => request.payload == b"T\0",
        Op::Write | Op::Mkdir | Op::Rm | Op::SetPerms => tx.is_none(),
        Op::Watch | Op::Introduce | Op::Release => true,
        _ => false,
    }
}
