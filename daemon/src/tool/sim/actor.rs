//! One party of a guest: where it is in its script, what it waits for, and whether what comes is
//! what must come.
//!
//! Invariant: one request of a party is under way at a time, so its reply is that of the request.

mod batch;
mod missing;

use myriad_ring::v1::Op;

pub(super) use self::batch::{Batch, Item};

use super::{
    cast::{Cast, token},
    judge::{Sent, World, digits, judge, number},
    script::{Ask, Expect, Role, Spot, Step},
    states::States,
    wrong::{Wrong, show},
};

/// A party of a guest.
#[derive(Debug)]
pub(super) struct Actor {
    pub(super) role: Role,
    script: &'static [Step],
    /// The step, and how much of it is done.
    at: usize,
    part: usize,
    tx: u32,
    sent: Option<Sent>,
    /// Events that were not waited for yet, a bit for each spot.
    heard: u16,
    /// Watches that are registered, a bit for each spot.
    watches: u16,
    /// The states of the other ends, as last read.
    seen: [u8; 3],
    /// How often this step's transaction met EAGAIN.
    attempts: u32,
}

/// A request to be sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) op: Op,
    pub(super) tx: u32,
    pub(super) payload: Vec<u8>,
}

/// What a party does next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// It asks.
    Send(Request),
    /// It says several things at once.
    SendBatch(Batch),
    /// It waits for a reply or an event.
    Wait,
    /// Its script is done.
    Done,
}

impl Actor {
    pub(super) fn new(role: Role) -> Actor {
        Actor {
            role,
            script: &[],
            at: 0,
            part: 0,
            tx: 0,
            sent: None,
            heard: 0,
            watches: 0,
            seen: [0; 3],
            attempts: 0,
        }
    }

    /// Begins a script.
    pub(super) fn start(&mut self, script: &'static [Step]) {
        (self.script, self.at, self.part) = (script, 0, 0);
    }

    /// Whether its script is done, or it has none.
    pub(super) fn is_done(&self) -> bool {
        self.sent.is_none() && self.at >= self.script.len()
    }

    /// What it does next.
    pub(super) fn turn(&mut self, cast: &Cast, states: &mut States) -> Turn {
        if self.sent.is_some() {
            return Turn::Wait;
        }
        while let Some(&step) = self.script.get(self.at) {
            match step {
                Step::Heard(spot) => {
                    if !self.take_heard(spot) {
                        return Turn::Wait;
                    }
                    self.advance();
                }
                Step::Until(device, state) => {
                    if *device.of(&self.seen) >= state {
                        self.advance();
                    } else if self.take_heard(Spot::State(device)) {
                        let end = self.role.other_end();
                        let path = cast.render(device.state(end, self.role));
                        let expect = Expect::State(device, end);
                        return self.send(Op::Read, 0, [&path[..], b"\0"].concat(), expect, states);
                    } else {
                        return Turn::Wait;
                    }
                }
                Step::Word => {
                    if !self.take_heard(Spot::Shutdown) {
                        return Turn::Wait;
                    }
                    let path = b"control/shutdown\0".into();
                    return self.send(Op::Read, 0, path, Expect::Word, states);
                }
                step => return self.ask(step, cast, states),
            }
        }
        Turn::Done
    }

    /// The request of a step that is not for waiting.
    fn ask(&mut self, step: Step, cast: &Cast, states: &mut States) -> Turn {
        match step {
            Step::Ask(ask) => self.send_ask(ask, cast, states),
            Step::Commit(asks) => self.in_transaction(asks, true, cast, states),
            Step::Abort(asks) => self.in_transaction(asks, false, cast, states),
            Step::Watch(spot) | Step::Unwatch(spot) => {
                let is_new = matches!(step, Step::Watch(_));
                let bit = 1 << spot.number();
                // From now on events may come, or until the reply they still may.
                self.watches |= if is_new { bit } else { 0 };
                let path = cast.render(spot.path(self.role));
                let token = token(cast.domid, spot);
                let words = [&path[..], b"\0", token.as_bytes(), b"\0"].concat();
                let op = if is_new { Op::Watch } else { Op::Unwatch };
                self.send(op, 0, words, Expect::Ok, states)
            }
            Step::Switch(device, state) => {
                let end = self.role.end();
                let path = cast.render(device.state(end, self.role));
                match self.part {
                    0 => self.begin(states),
                    1 => {
                        let words = [&path[..], b"\0"].concat();
                        self.send(Op::Read, self.tx, words, Expect::State(device, end), states)
                    }
                    2 => {
                        let words = [&path[..], b"\0", state.to_string().as_bytes()].concat();
                        self.send(Op::Write, self.tx, words, Expect::Ok, states)
                    }
                    _ => {
                        states.ask(device, end, state);
                        self.end(true, states)
                    }
                }
            }
            Step::Together(_) | Step::WatchAll(_) | Step::UnwatchAll(_) => self.at_once(step, cast),
            Step::Heard(_) | Step::Until(..) | Step::Word => Turn::Wait,
        }
    }

    fn in_transaction(
        &mut self,
        asks: &'static [Ask],
        commit: bool,
        cast: &Cast,
        states: &States,
    ) -> Turn {
        match self.part.checked_sub(1) {
            None => self.begin(states),
            Some(number) => match asks.get(number) {
                Some(ask) => self.send_ask(*ask, cast, states),
                None => self.end(commit, states),
            },
        }
    }

    fn begin(&mut self, states: &States) -> Turn {
        self.send(Op::TransactionStart, 0, b"\0".into(), Expect::Id, states)
    }

    fn end(&mut self, commit: bool, states: &States) -> Turn {
        let (word, expect) = if commit { (b"T\0", Expect::Commit) } else { (b"F\0", Expect::Ok) };
        self.send(Op::TransactionEnd, self.tx, word.into(), expect, states)
    }

    fn send_ask(&mut self, ask: Ask, cast: &Cast, states: &States) -> Turn {
        self.send(ask.op, self.tx, cast.render(ask.text), ask.expect, states)
    }

    fn send(&mut self, op: Op, tx: u32, payload: Vec<u8>, expect: Expect, states: &States) -> Turn {
        let least = match expect {
            Expect::State(device, end) => states.least(device, end),
            Expect::Word => u8::from(states.is_told),
            _ => 0,
        };
        self.sent = Some(Sent { name: op.name(), op, payload: payload.clone(), expect, least });
        Turn::Send(Request { op, tx, payload })
    }

    /// Takes the reply to the request under way.
    pub(super) fn reply(
        &mut self,
        (op, payload): (u32, &[u8]),
        cast: &Cast,
        states: &mut States,
        world: &mut World,
    ) -> Result<(), Wrong> {
        let Some(sent) = self.sent.take() else {
            return Err(self.unasked(cast, format!("a reply of type {op}: {}", show(payload))));
        };
        let judged = judge(&sent, op, payload, cast, states, world);
        judged.map_err(|expected| {
            let mut got = show(payload);
            if op == Op::Error as u32 {
                got =
                    String::from_utf8_lossy(payload.strip_suffix(b"\0").unwrap_or(payload)).into();
            }
            if (sent.op, &*got) == (Op::Introduce, "EIO") {
                got.push_str(OUT_OF_FILES);
            }
            self.wrong(cast, sent.request(), expected, got)
        })?;
        let step = self.script.get(self.at).copied();
        match (sent.expect, step) {
            (Expect::Id, _) => {
                self.tx = number(payload).unwrap_or(0);
                self.part += 1;
            }
            (Expect::State(device, _), Some(Step::Until(..))) => {
                *device.of_mut(&mut self.seen) = digits(payload).unwrap_or(0);
            }
            // Not yet.
            (Expect::Word, _) if payload.is_empty() => {}
            (Expect::Commit, _) if op == Op::Error as u32 => {
                (self.tx, self.part) = (0, 0);
                self.attempts += 1;
                world.conflicts += 1;
            }
            (_, Some(Step::Commit(_) | Step::Abort(_) | Step::Switch(..)))
                if sent.op != Op::TransactionEnd =>
            {
                self.part += 1;
            }
            (_, step) => {
                match step {
                    Some(Step::Switch(device, _)) => states.acknowledge(device, self.role.end()),
                    Some(Step::Unwatch(spot)) => self.watches &= !(1 << spot.number()),
                    Some(Step::UnwatchAll(spots)) => {
                        spots.iter().for_each(|spot| self.watches &= !(1 << spot.number()));
                    }
                    _ => {}
                }
                self.advance();
            }
        }
        Ok(())
    }

    /// Takes an event of a watch.
    pub(super) fn event(&mut self, spot: Spot, path: &[u8], cast: &Cast) -> Result<(), Wrong> {
        let watched = cast.render(spot.path(self.role));
        let below = path.strip_prefix(&watched[..]);
        let is_ours = self.watches & 1 << spot.number() != 0;
        if !is_ours || below.is_none_or(|rest| !rest.is_empty() && !rest.starts_with(b"/")) {
            let expected = if is_ours { show(&watched) } else { "none: no such watch".into() };
            let request = format!("an event of its watch on {}", show(&watched));
            return Err(self.wrong(cast, request, expected, show(path)));
        }
        self.heard |= 1 << spot.number();
        Ok(())
    }

    fn advance(&mut self) {
        self.at += 1;
        (self.part, self.tx, self.attempts) = (0, 0, 0);
    }

    fn take_heard(&mut self, spot: Spot) -> bool {
        let bit = 1 << spot.number();
        let heard = self.heard & bit != 0;
        self.heard &= !bit;
        heard
    }
}

/// What a domain's socket can't be had for.
const OUT_OF_FILES: &str = " (its log says why; where it may open no more files: raise \
    LimitNOFILE= in its unit, or ulimit -n)";

#[cfg(test)]
mod tests;
