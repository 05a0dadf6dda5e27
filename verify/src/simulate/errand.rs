//! What a client does: single requests below its home, and errands of several steps.

use std::fmt;

use myriad_ring::v1::Op;

use super::{
    actor::{Actor, Expected, Seen, Who},
    answers::{Answer, DONE, answer, words},
};
use crate::{model::Model, oracle::rng::Rng};

/// What a client is about, beyond single requests.
#[derive(Debug)]
pub(super) enum Errand {
    /// Nothing.
    None,
    /// A transaction below its home: nobody interferes, so it commits.
    Private(Stage, Box<Private>),
    /// One more at the counter that all share: it commits or conflicts.
    Counter(Count),
}

/// An increment of the counter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Count {
    pub(super) stage: Stage,
    tx_id: u32,
    /// The daemon has ended since it began, or was about to: it may end at any step.
    pub(super) may_be_doomed: bool,
}

/// How far an errand is: what it waits for the answer of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Start,
    Read,
    Write,
    End,
}

/// A transaction below a client's home.
pub(super) struct Private {
    tx_id: u32,
    model: Model,
    left: usize,
    /// The daemon has ended since it began, or was about to.
    pub(super) may_be_doomed: bool,
}

impl fmt::Debug for Private {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "transaction {}, {} requests to go", self.tx_id, self.left)
    }
}

#[derive(Clone, Copy)]
enum Choice {
    One,
    Mark,
    Transaction,
    Count,
    WatchOwn,
    WatchOther,
    Wrong,
}

impl Actor {
    /// Asks for something more, if it can; `others` are the nodes that it may watch.
    pub(super) fn go_on(&mut self, others: &[String], rng: &mut Rng) {
        if !self.has_room() {
            return;
        }
        let news = self.watched.iter_mut().find(|(_, seen)| seen.is_news);
        if let Some((path, seen)) = news {
            seen.is_news = false;
            let path = path.clone();
            return self.ask(Op::Read, 0, &words(&[&path]), Expected::Look(path));
        }
        match std::mem::replace(&mut self.errand, Errand::None) {
            Errand::None => self.begin(others, rng),
            Errand::Private(Stage::Write, private) => self.proceed(private, rng),
            waiting => self.errand = waiting,
        }
    }

    fn begin(&mut self, others: &[String], rng: &mut Rng) {
        let choices = [
            (40, Choice::One),
            (12, Choice::Mark),
            (6, Choice::Transaction),
            (6, Choice::Count),
            (2, Choice::WatchOwn),
            (3, Choice::WatchOther),
            (3, Choice::Wrong),
        ];
        match rng.weighted(&choices).unwrap_or(Choice::One) {
            Choice::One => {
                let mut model = std::mem::replace(&mut self.model, Model::new(&<_>::default()));
                self.one(&mut model, 0, rng);
                self.model = model;
            }
            Choice::Mark => self.mark(),
            Choice::Transaction => {
                let (model, left) = (self.model.clone(), rng.range(0, 6));
                self.ask(Op::TransactionStart, 0, b"\0", Expected::Errand);
                let private = Box::new(Private { tx_id: 0, model, left, may_be_doomed: false });
                self.errand = Errand::Private(Stage::Start, private);
            }
            Choice::Count if !self.is_suspect => {
                self.ask(Op::TransactionStart, 0, b"\0", Expected::Errand);
                let stage = Stage::Start;
                self.errand = Errand::Counter(Count { stage, tx_id: 0, may_be_doomed: false });
            }
            // While nothing is under way: what an event belongs to is plain.
            Choice::WatchOwn if !self.own.is_set && self.is_quiet() => {
                let path = self.spell(self.own_name());
                self.ask(Op::Watch, 0, &words(&[&path, "own"]), Expected::OwnWatch);
            }
            Choice::WatchOther => self.watch_other(others, rng),
            Choice::Wrong => {
                let (op, payload): (Op, &[u8]) = *rng.pick(&WRONG[0], &WRONG);
                let wanted = Expected::Exactly(Err("EINVAL".to_owned()));
                self.ask(op, 0, payload, wanted);
            }
            Choice::WatchOwn | Choice::Count => {}
        }
    }

    fn watch_other(&mut self, others: &[String], rng: &mut Rng) {
        let Some(path) = others.get(rng.below(others.len())) else { return };
        if *path == self.node() || self.watched.contains_key(path) {
            return;
        }
        // A guest may watch what it must not read: it isn't told of it.
        let done = Expected::Exactly(Ok(DONE.into()));
        self.ask(Op::Watch, 0, &words(&[path, "other"]), done);
        self.watched.insert(path.clone(), Seen::default());
    }

    /// One request below its home.
    fn one(&mut self, model: &mut Model, tx_id: u32, rng: &mut Rng) {
        let path = place(rng);
        let (whole, spelt) = (format!("{}/{path}", self.home), self.spell(&path));
        let caller = self.caller;
        let done = |()| DONE.to_vec();
        let (op, payload, wanted) = match rng.below(12) {
            0..5 => {
                let len = *rng.pick(&3, &[0, 40, 900, 1900]);
                let value = vec![b'a' + u8::try_from(rng.below(26)).unwrap_or(0); len];
                let wanted = answer(model.write(&caller, &whole, &value), done);
                (Op::Write, [spelt.as_bytes(), b"\0", &value].concat(), wanted)
            }
            5 => (Op::Mkdir, words(&[&spelt]), answer(model.mkdir(&caller, &whole), done)),
            6 => (Op::Rm, words(&[&spelt]), answer(model.rm(&caller, &whole), done)),
            7..9 => {
                let names = |names: crate::model::Names| {
                    let names: Vec<&str> = names.names.iter().map(String::as_str).collect();
                    words(&names)
                };
                (Op::Directory, words(&[&spelt]), answer(model.list(&caller, &whole), names))
            }
            _ => (Op::Read, words(&[&spelt]), answer(model.read(&caller, &whole), |value| value)),
        };
        self.ask(op, tx_id, &payload, Expected::Exactly(wanted));
    }

    /// A step of its transaction.
    fn proceed(&mut self, mut private: Box<Private>, rng: &mut Rng) {
        if private.may_be_doomed {
            return self.ask(Op::TransactionEnd, private.tx_id, b"F\0", Expected::Any);
        }
        if let Some(left) = private.left.checked_sub(1) {
            private.left = left;
            let tx_id = private.tx_id;
            self.one(&mut private.model, tx_id, rng);
            self.errand = Errand::Private(Stage::Write, private);
            return;
        }
        let commits = rng.below(4) > 0;
        let word: &[u8] = if commits { b"T\0" } else { b"F\0" };
        let done = Expected::Exactly(Ok(DONE.into()));
        self.ask(Op::TransactionEnd, private.tx_id, word, done);
        if commits {
            self.model = private.model;
        }
    }

    /// An errand's answer has come.
    pub(super) fn went_on(&mut self, answer: &Answer) -> Result<(), String> {
        let number = |answer: &Answer| {
            let text = answer.as_ref().ok().and_then(|bytes| std::str::from_utf8(bytes).ok())?;
            text.trim_end_matches('\0').parse::<u32>().ok()
        };
        let wrong = |errand: &Errand| Err(format!("{errand:?} is answered {answer:?}"));
        match std::mem::replace(&mut self.errand, Errand::None) {
            Errand::Private(Stage::Start, mut private) => {
                let Some(tx_id) = number(answer) else {
                    return wrong(&Errand::Private(Stage::Start, private));
                };
                private.tx_id = tx_id;
                self.errand = Errand::Private(Stage::Write, private);
            }
            Errand::Counter(count) => return self.count_on(count, answer, number(answer)),
            other => return wrong(&other),
        }
        Ok(())
    }

    fn count_on(&mut self, count: Count, answer: &Answer, n: Option<u32>) -> Result<(), String> {
        let Count { stage, tx_id, may_be_doomed } = count;
        let is_done = *answer == Ok(DONE.into());
        let next = match (stage, n) {
            (Stage::Start, Some(tx_id)) => {
                self.ask(Op::Read, tx_id, &words(&[COUNTER]), Expected::Errand);
                Count { stage: Stage::Read, tx_id, may_be_doomed }
            }
            (Stage::Read, Some(n)) => {
                let payload = format!("{COUNTER}\0{}", n + 1);
                self.ask(Op::Write, tx_id, payload.as_bytes(), Expected::Errand);
                Count { stage: Stage::Write, ..count }
            }
            (Stage::Write, _) if is_done => {
                self.ask(Op::TransactionEnd, tx_id, b"T\0", Expected::Errand);
                Count { stage: Stage::End, ..count }
            }
            (Stage::End, _) if is_done => {
                self.counted += 1;
                return Ok(());
            }
            (Stage::End, _) if *answer == Err("EAGAIN".to_owned()) => return Ok(()),
            // It was open when the daemon ended: it is no more.
            _ if may_be_doomed && answer.is_err() => return Ok(()),
            _ => return Err(format!("{count:?} is answered {answer:?}")),
        };
        self.errand = Errand::Counter(next);
        Ok(())
    }
}

/// A node below a client's home.
fn place(rng: &mut Rng) -> String {
    let name = |rng: &mut Rng| char::from(b'a' + u8::try_from(rng.below(4)).unwrap_or(0));
    match rng.below(6) {
        0 => "p".to_owned(),
        1..4 => format!("p/{}", name(rng)),
        _ => format!("p/{}/{}", name(rng), name(rng)),
    }
}

impl Who {
    /// Whether it is a domain on its ring.
    pub(super) fn is_guest(self) -> bool {
        matches!(self, Who::Guest(_))
    }
}

/// The counter that all share.
pub(super) const COUNTER: &str = "/shared/count";
/// Requests that are refused whoever asks.
const WRONG: [(Op, &[u8]); 4] =
    [(Op::Read, b"//\0"), (Op::Write, b"no-end"), (Op::Mkdir, b"/a b\0"), (Op::Watch, b"x\0")];
