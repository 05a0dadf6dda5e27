//! A client that knows what it must be answered: it alone changes what lies below its home, and it
//! has a model of that. What it shares with others is a counter, and a node of each that the
//! others watch.

use std::collections::{BTreeMap, VecDeque};

use myriad_core::{Access, Caller, Config, DomId, Perm};
use myriad_ring::v1::Op;

use super::{
    answers::{Answer, DONE, words},
    errand::{Errand, Stage},
    limits::UNDER_WAY,
    line::Line,
};
use crate::model::Model;

/// A client.
pub(super) struct Actor {
    pub(super) who: Who,
    /// The number of this life among all of the simulation.
    pub(super) life: u64,
    pub(super) home: String,
    pub(super) line: Line,
    pub(super) model: Model,
    pub(super) caller: Caller,
    pub(super) under_way: VecDeque<Asked>,
    pub(super) errand: Errand,
    /// How often it has written its node.
    pub(super) marks: u64,
    /// Increments of the counter that it knows of, and those that it doesn't know about.
    pub(super) counted: u64,
    pub(super) uncertain: u64,
    pub(super) own: OwnWatch,
    /// The others' nodes that it watches.
    pub(super) watched: BTreeMap<String, Seen>,
    /// It has asked for its ring to be emptied.
    pub(super) reconnecting: bool,
    /// It has another ring than before, and nothing was heard on it yet.
    pub(super) is_on_new_ring: bool,
    pub(super) requests: u64,
    /// It may begin to lie one day: it keeps away from what others rely on.
    pub(super) is_suspect: bool,
}

/// Who a client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Who {
    /// A domain on its ring.
    Guest(DomId),
    /// A program of the control domain.
    Program(usize),
}

/// A watch of its own node: what a write is told by comes before its answer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct OwnWatch {
    pub(super) is_set: bool,
    /// First events, which come after the answer to WATCH.
    pub(super) owed: u32,
    /// Events since all was answered.
    pub(super) ahead: u32,
}

/// What was seen of another's node.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    pub(super) last: (u64, u64),
    /// There was an event since it was read.
    pub(super) is_news: bool,
}

pub(super) struct Asked {
    pub(super) id: u32,
    pub(super) op: Op,
    /// It is of a transaction.
    is_within: bool,
    pub(super) expected: Expected,
}

/// The answer that there must be.
#[derive(Debug)]
pub(super) enum Expected {
    /// This one.
    Exactly(Answer),
    /// Any: it is not known what was there.
    Any,
    /// To the write of its own node.
    Mark,
    /// To the watch of its own node.
    OwnWatch,
    /// To a read of another's node: no older than before, or no more there.
    Look(String),
    /// To a step of its errand.
    Errand,
}

impl Actor {
    /// A client whose home exists, and is empty.
    pub(super) fn new(who: Who, life: u64, line: Line, is_suspect: bool) -> Actor {
        let (home, caller, model) = world_of(who);
        Actor {
            who,
            life,
            home,
            line,
            model,
            caller,
            under_way: VecDeque::new(),
            errand: Errand::None,
            marks: 0,
            counted: 0,
            uncertain: 0,
            own: OwnWatch::default(),
            watched: BTreeMap::new(),
            reconnecting: false,
            is_on_new_ring: false,
            requests: 0,
            is_suspect,
        }
    }

    /// Its own node, and the name of that: others watch it, unless it may begin to lie.
    pub(super) fn node(&self) -> String {
        format!("{}/{}", self.home, self.own_name())
    }

    pub(super) fn own_name(&self) -> &'static str {
        if self.is_suspect { "s" } else { "e" }
    }

    /// Whether it has nothing to go on with.
    pub(super) fn wants_nothing(&self) -> bool {
        let waits = !matches!(self.errand, Errand::Private(Stage::Write, _));
        waits && self.watched.values().all(|seen| !seen.is_news)
    }

    /// Whether everything that it has begun has ended.
    pub(super) fn is_done(&self) -> bool {
        self.under_way.is_empty()
            && matches!(self.errand, Errand::None)
            && !self.reconnecting
            && self.watched.values().all(|seen| !seen.is_news)
    }

    /// What it waits for, for who reads of a failure.
    pub(super) fn waits_for(&self) -> String {
        let first = self.under_way.front().map(|asked| (asked.id, asked.op));
        let count = self.under_way.len();
        format!("{:?}: {count} under way, the first {first:?}, {:?}", self.who, self.errand)
    }

    pub(super) fn has_room(&self) -> bool {
        self.under_way.len() < UNDER_WAY
    }

    /// Whether nothing is under way.
    pub(super) fn is_quiet(&self) -> bool {
        self.under_way.is_empty()
    }

    /// Asks.
    pub(super) fn ask(&mut self, op: Op, tx_id: u32, payload: &[u8], expected: Expected) {
        let id = self.line.ask(op, tx_id, payload);
        self.requests += 1;
        self.under_way.push_back(Asked { id, op, is_within: tx_id != 0, expected });
    }

    /// Its line has begun anew: what is under way has been done or not, and nothing is watched.
    /// Goes on from a known state.
    pub(super) fn begin_anew(&mut self) {
        if self.is_counting() {
            self.uncertain += 1;
        }
        self.under_way.clear();
        self.errand = Errand::None;
        self.own = OwnWatch::default();
        self.watched.clear();
        self.model = world_of(self.who).2;
        let top = self.spell("p");
        self.ask(Op::Rm, 0, &words(&[&top]), Expected::Any);
        self.mark();
    }

    /// Whether an answer says whether it has committed something below its home.
    pub(super) fn is_committing(&self) -> bool {
        self.under_way.iter().any(|asked| {
            asked.op == Op::TransactionEnd && matches!(asked.expected, Expected::Exactly(_))
        })
    }

    /// The daemon has ended, and another goes on with its ring: a transaction that was open then is
    /// so no more.
    pub(super) fn go_on_after_a_crash(&mut self) {
        // Answers that were kept come first, then each watch fires once: the event of a write that
        // was executed, but not answered, comes after its answer.
        for asked in &mut self.under_way {
            if matches!(asked.expected, Expected::Mark) {
                asked.expected = Expected::Exactly(Ok(DONE.into()));
            }
        }
        self.own.owed = self.own.owed.max(self.own.is_set.into());
        let errand = std::mem::replace(&mut self.errand, Errand::None);
        self.errand = match errand {
            Errand::Private(stage, mut private) => {
                private.may_be_doomed = true;
                for asked in &mut self.under_way {
                    if asked.is_within {
                        asked.expected = Expected::Any;
                    }
                }
                Errand::Private(stage, private)
            }
            Errand::Counter(mut count) => {
                count.may_be_doomed = true;
                Errand::Counter(count)
            }
            other => other,
        };
    }

    /// Whether it has counted and waits to be told.
    fn is_counting(&self) -> bool {
        matches!(self.errand, Errand::Counter(count) if count.stage == Stage::End)
    }

    /// It is no more.
    pub(super) fn end(&mut self) -> (u64, u64) {
        if self.is_counting() {
            self.uncertain += 1;
        }
        (self.counted, self.uncertain)
    }

    /// Writes its own node.
    pub(super) fn mark(&mut self) {
        self.marks += 1;
        let (path, value) = (self.spell(self.own_name()), format!("{}.{}", self.life, self.marks));
        let node = self.node();
        let done = self.model.write(&self.caller, &node, value.as_bytes());
        debug_assert_eq!(done, Ok(()));
        self.ask(Op::Write, 0, format!("{path}\0{value}").as_bytes(), Expected::Mark);
    }

    /// A path below its home, as it says it: a guest in the short form.
    pub(super) fn spell(&self, path: &str) -> String {
        match self.who {
            Who::Guest(_) => path.to_owned(),
            Who::Program(_) => format!("{}/{path}", self.home),
        }
    }
}

/// A client's home, who it is to the model, and the model of a world in which it is alone.
fn world_of(who: Who) -> (String, Caller, Model) {
    let mut model = Model::new(&Config::default());
    match who {
        Who::Program(number) => {
            let home = format!("/clients/{number}");
            let _ = model.mkdir(&Caller::Control, &home);
            (home, Caller::Control, model)
        }
        Who::Guest(domid) => {
            let home = format!("/local/domain/{domid}");
            model.know_domain(domid);
            let _ = model.mkdir(&Caller::Control, &home);
            let perms = [Perm { access: Access::Read, domid }];
            let _ = model.set_perms(&Caller::Control, &home, &perms);
            let caller = model.caller(domid).unwrap_or(Caller::Control);
            (home, caller, model)
        }
    }
}
