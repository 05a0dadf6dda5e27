//! What only a client of v2 asks for.

use super::{Batch, Player, plain};
use crate::linear::{
    act::{Act, Ask},
    answer::INDEX,
    item::Item,
    limits::{ITEMS, TRANSACTION, WATCHES},
};

impl Player<'_> {
    /// A snapshot with reads of it in two to four parts, and other requests here and there.
    pub(super) fn snapshot(&mut self) -> Vec<Batch> {
        let mut batches = vec![vec![plain(Act::Start)]];
        let mut batch = Vec::new();
        for _ in 0..self.rng.range(1, TRANSACTION) {
            batch.push(Ask { act: self.look(), tx: true });
            if self.rng.permille(250) {
                batch.push(plain(self.act(true)));
            }
            if self.rng.permille(450) {
                batches.push(std::mem::take(&mut batch));
            }
        }
        batch.push(Ask { act: Act::End(false), tx: true });
        batches.push(batch);
        batches
    }

    pub(super) fn new_act(&mut self, writes: bool) -> Act {
        let drawn = if writes { 0 } else { self.rng.below(100) };
        match drawn {
            0..=44 => self.commit(),
            45..=49 => self.watch_all(),
            _ => self.look(),
        }
    }

    /// A look at several nodes of one moment, or at one.
    fn look(&mut self) -> Act {
        let (first, others) =
            self.places.names.split_first().map_or(("", &[][..]), |(f, o)| (f, o));
        match self.rng.below(10) {
            0..=4 => Act::GetMany((0..self.rng.range(2, ITEMS)).map(|_| self.path()).collect()),
            5..=6 => Act::ListValues(self.parent()),
            7 => Act::LookUp(self.rng.pick(&first.to_owned(), others).clone()),
            8 => Act::List(self.parent()),
            _ => Act::Read(self.path()),
        }
    }

    fn commit(&mut self) -> Act {
        let mut items = Vec::new();
        if self.rng.permille(550) {
            items.push(self.condition());
        }
        for _ in 0..self.rng.range(1, ITEMS) {
            if self.rng.permille(100) {
                items.push(self.condition());
            }
            items.push(Item::Change(self.change()));
        }
        Act::Commit(items)
    }

    fn change(&mut self) -> Act {
        let path = self.path();
        match self.rng.below(60) {
            0..=39 => self.write(path),
            40..=45 => Act::Mkdir(path),
            46..=52 => Act::Rm(path),
            _ => self.set_perms(path),
        }
    }

    fn condition(&mut self) -> Item {
        let [first, others @ ..] = &self.places.names;
        match self.rng.below(10) {
            0..=4 => match self.last.clone() {
                Some((path, value)) => Item::IfValue(path, value),
                None => Item::IfExists(self.path()),
            },
            5 => {
                let name = self.rng.pick(first, others).clone();
                Item::IfValue(self.places.name(&mut self.rng), name)
            }
            6 => {
                let name = self.rng.pick(first, others);
                Item::IfAbsent(format!("{INDEX}/{name}"))
            }
            7 | 8 => Item::IfAbsent(self.path()),
            _ => Item::IfExists(self.path()),
        }
    }

    /// Several watches, of which now and then one is registered already.
    fn watch_all(&mut self) -> Act {
        let mut watches = Vec::new();
        for _ in 0..2 {
            let token = format!("t{}", self.rng.below(4));
            watches.push((self.path(), token));
        }
        if self.watches.len() + watches.len() <= WATCHES {
            self.watches.extend(watches.clone());
        }
        Act::WatchAll(watches)
    }
}
