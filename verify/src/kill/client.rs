//! A client on the daemon's socket: changes its subtree, and looks after each restart what is
//! there of it.

use std::{collections::BTreeMap, sync::Arc};

use myriad_ring::v1::Op;

use super::{
    fault::{Kind, show},
    limits::{BURST, LAST_ACTS},
    stage::{Note, Reporter, Stage},
    subtree::Subtree,
    tree::{Change, Node, Tree},
    wire::{Answer, Broken, Wire},
};
use crate::oracle::rng::Rng;

/// What a client needs.
pub(super) struct Client {
    stage: Arc<Stage>,
    reporter: Reporter,
    rng: Rng,
    top: String,
    subtree: Subtree,
}

/// The top of a client's subtree.
pub(super) fn top(number: u16) -> String {
    format!("/clients/{number}")
}

impl Client {
    pub(super) fn new(stage: Arc<Stage>, reporter: Reporter, number: u16, seed: u64) -> Client {
        let rng = Rng::new(seed ^ u64::from(number) << 32);
        Client { stage, reporter, rng, top: top(number), subtree: Subtree::new(number, b"n0\0") }
    }

    /// Works until the last daemon has been checked.
    pub(super) fn run(mut self) {
        while let Some(mut wire) = Wire::wait(&self.stage, &self.reporter) {
            match self.live(&mut wire) {
                Ok(()) => break,
                Err(Broken::Gone) => {}
                Err(Broken::Wrong(kind, what)) => self.reporter.fault(&self.stage, kind, what),
            }
        }
        self.reporter.tell(Note::Done);
    }

    /// A life of the daemon; ends well where it is the last.
    fn live(&mut self, wire: &mut Wire) -> Result<(), Broken> {
        self.verify(wire)?;
        while !self.stage.is_last() && !self.stage.is_over() {
            self.act(wire)?;
        }
        for _ in 0..LAST_ACTS {
            self.act(wire)?;
        }
        self.verify(wire)
    }

    /// Looks at all that it has.
    fn verify(&mut self, wire: &mut Wire) -> Result<(), Broken> {
        let life = self.stage.life();
        let found = dump(wire, &self.top)?;
        if let Err((kind, what)) = self.subtree.judge(found) {
            self.reporter.fault(&self.stage, kind, format!("{}: {what}", self.top));
        }
        self.reporter.tell(Note::Verified(life));
        Ok(())
    }

    /// Sends some changes, and reads the answers.
    fn act(&mut self, wire: &mut Wire) -> Result<(), Broken> {
        let mut refusals = Vec::new();
        let mut counted = 0;
        for _ in 0..self.rng.range(1, BURST) {
            let change = self.subtree.draw(&mut self.rng);
            if let Change::All(changes) = change {
                self.answers(wire, &mut refusals)?;
                counted += self.transaction(wire, changes)?;
                continue;
            }
            refusals.push(self.subtree.expected().refusal(&change));
            queue(wire, 0, &self.top, &change);
            self.subtree.sent(change);
        }
        counted += refusals.len();
        self.answers(wire, &mut refusals)?;
        self.stage.note_answers(u64::try_from(counted).unwrap_or(0));
        Ok(())
    }

    /// Sends what is ready, and takes the answers.
    fn answers(
        &mut self,
        wire: &mut Wire,
        refusals: &mut Vec<Option<&'static str>>,
    ) -> Result<(), Broken> {
        wire.flush()?;
        for refusal in refusals.drain(..) {
            expect(&wire.answer()?, refusal)?;
            if refusal.is_some() {
                self.subtree.refused();
            } else {
                self.subtree.acknowledged();
            }
        }
        Ok(())
    }

    /// A transaction; how many answers it got.
    fn transaction(&mut self, wire: &mut Wire, changes: Vec<Change>) -> Result<usize, Broken> {
        let id = wire.ok(Op::TransactionStart, b"\0")?;
        let id = String::from_utf8_lossy(&id).trim_end_matches('\0').parse();
        let id =
            id.map_err(|_| Broken::Wrong(Kind::Wrong, "a transaction without a number".into()));
        let (id, mut tree, mut refusals) = (id?, self.subtree.expected(), Vec::new());
        for change in &changes {
            refusals.push(tree.refusal(change));
            tree.apply(change);
            queue(wire, id, &self.top, change);
        }
        let commits = self.rng.permille(850);
        wire.queue(Op::TransactionEnd, id, if commits { b"T\0" } else { b"F\0" });
        if commits {
            self.subtree.sent(Change::All(changes));
        }
        wire.flush()?;
        let count = refusals.len() + 2;
        for refusal in refusals {
            expect(&wire.answer()?, refusal)?;
        }
        // Nobody else changes anything here.
        expect(&wire.answer()?, None)?;
        if commits {
            self.subtree.acknowledged();
        }
        Ok(count)
    }
}

/// Makes the request of a change ready.
fn queue(wire: &mut Wire, tx: u32, top: &str, change: &Change) {
    let full = |path: &str| format!("{top}/{path}\0").into_bytes();
    match change {
        Change::Write(path, value) => {
            wire.queue(Op::Write, tx, &[full(path), value.clone()].concat())
        }
        Change::Mkdir(path) => wire.queue(Op::Mkdir, tx, &full(path)),
        Change::Rm(path) => wire.queue(Op::Rm, tx, &full(path)),
        Change::SetPerms(path, perms) => {
            wire.queue(Op::SetPerms, tx, &[full(path), perms.clone()].concat());
        }
        Change::All(changes) => changes.iter().for_each(|change| queue(wire, tx, top, change)),
    }
}

fn expect(answer: &Answer, refusal: Option<&str>) -> Result<(), Broken> {
    let is_right = match (answer, refusal) {
        (Ok(text), None) => text == b"OK\0",
        (Err(error), Some(refusal)) => error == refusal,
        _ => false,
    };
    if is_right {
        return Ok(());
    }
    let what = format!("an answer is {answer:?} and should be {}", refusal.unwrap_or("OK"));
    Err(Broken::Wrong(Kind::Wrong, what))
}

/// All that is below a node, and itself.
pub(super) fn dump(wire: &mut Wire, top: &str) -> Result<Tree, Broken> {
    let mut tree = BTreeMap::new();
    let mut next = vec![String::new()];
    while !next.is_empty() {
        let level = std::mem::take(&mut next);
        for path in &level {
            let full = format!("{top}{}{path}\0", if path.is_empty() { "" } else { "/" });
            for op in [Op::Directory, Op::Read, Op::GetPerms] {
                wire.queue(op, 0, full.as_bytes());
            }
        }
        wire.flush()?;
        for path in level {
            let answers = [wire.answer()?, wire.answer()?, wire.answer()?];
            let [Ok(names), Ok(value), Ok(perms)] = answers else {
                // One that isn't there is left out: then whoever compares finds that.
                continue;
            };
            let names = names.split(|byte| *byte == 0).filter(|name| !name.is_empty());
            let children: Vec<_> =
                names.map(|name| String::from_utf8_lossy(name).into_owned()).collect();
            let below = |name: &String| {
                if path.is_empty() { name.clone() } else { format!("{path}/{name}") }
            };
            next.extend(children.iter().map(below));
            tree.insert(path, Node { value, perms, children });
        }
    }
    Ok(Tree(tree))
}

/// Words for an answer that is wrong.
pub(super) fn shown(answer: &Answer) -> String {
    match answer {
        Ok(bytes) => show(bytes),
        Err(error) => error.clone(),
    }
}
