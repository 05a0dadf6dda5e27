//! What a socket client knows of its subtree: what was acknowledged, and what may have happened.
//!
//! A client is alone in its subtree, and its requests are executed in order. So when its
//! connection breaks, what is there must be what was acknowledged and then some of what was under
//! way, from the front; a transaction is one step. [`Subtree::judge`] holds what is found against
//! that.

use std::collections::VecDeque;

use super::{
    fault::{Kind, show},
    limits::{CHANGES, LONG_VALUE},
    stage::Wrong,
    tree::{Change, Tree},
};
use crate::oracle::rng::Rng;

/// A client's subtree.
#[derive(Clone, Debug)]
pub struct Subtree {
    /// What its values begin with, so that they are nobody else's.
    mark: String,
    /// As it is after all that was acknowledged.
    known: Tree,
    /// What was sent since.
    under_way: VecDeque<Change>,
    /// Values that were made up so far.
    values: u64,
}

impl Subtree {
    /// An empty one of a client with this number; `perms` are those of its top.
    #[must_use]
    pub fn new(number: u16, perms: &[u8]) -> Subtree {
        let mark = format!("c{number}.");
        Subtree { mark, known: Tree::new(perms), under_way: VecDeque::new(), values: 0 }
    }

    /// Draws a change, or a transaction's.
    pub fn draw(&mut self, rng: &mut Rng) -> Change {
        if rng.permille(300) {
            let count = rng.range(2, CHANGES);
            return Change::All((0..count).map(|_| self.draw_one(rng)).collect());
        }
        self.draw_one(rng)
    }

    fn draw_one(&mut self, rng: &mut Rng) -> Change {
        let name = |rng: &mut Rng| *rng.pick(&"a", &["b", "c", "d", "e"]);
        let mut path = name(rng).to_owned();
        for _ in 0..rng.below(3) {
            path = format!("{path}/{}", name(rng));
        }
        match rng.below(10) {
            0..=5 => Change::Write(path, self.value(rng)),
            6..=7 => Change::Mkdir(path),
            8 => Change::Rm(path),
            _ => {
                let perms = rng.pick(&"n0\0", &["n0\0r1\0", "n0\0b2\0w3\0", "r0\0"]);
                Change::SetPerms(path, perms.as_bytes().to_vec())
            }
        }
    }

    /// A value that nobody has written before.
    fn value(&mut self, rng: &mut Rng) -> Vec<u8> {
        self.values += 1;
        let mut value = format!("{}{}.", self.mark, self.values).into_bytes();
        if rng.permille(100) {
            value.resize(LONG_VALUE, b'.');
        }
        value
    }

    /// A change is sent. Gives what it must be answered with: none for OK, or the error. For a
    /// transaction, each of its changes is as if done when it is sent.
    pub fn sent(&mut self, change: Change) {
        self.under_way.push_back(change);
    }

    /// The tree as it is when all that was sent is done: what the next request must see.
    #[must_use]
    pub fn expected(&self) -> Tree {
        self.under_way.iter().fold(self.known.clone(), |tree, change| tree.after(change))
    }

    /// The first change that was under way is acknowledged.
    pub fn acknowledged(&mut self) {
        if let Some(change) = self.under_way.pop_front() {
            self.known.apply(&change);
        }
    }

    /// The first change that was under way was refused, as it must be.
    pub fn refused(&mut self) {
        self.under_way.pop_front();
    }

    /// Holds what is there against what may be. What is found is believed from then on.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn judge(&mut self, found: Tree) -> Result<(), Wrong> {
        let mut candidates = vec![self.known.clone()];
        let mut tree = self.known.clone();
        for change in &self.under_way {
            tree.apply(change);
            candidates.push(tree.clone());
        }
        let verdict = if candidates.contains(&found) {
            Ok(())
        } else {
            Err(self.classify(&found, &candidates))
        };
        self.under_way.clear();
        self.known = found;
        verdict
    }

    fn classify(&self, found: &Tree, candidates: &[Tree]) -> Wrong {
        let nearest = candidates.first().map_or_else(String::new, |known| found.difference(known));
        if let Some((path, node)) = found.0.iter().find(|(_, node)| !self.is_ours(&node.value)) {
            return (Kind::Foreign, format!("`{path}` is {}", show(&node.value)));
        }
        let sorted = found.sorted();
        if candidates.iter().any(|candidate| candidate.sorted() == sorted) {
            return (Kind::Order, nearest);
        }
        for (change, before) in self.under_way.iter().zip(candidates) {
            if let Change::All(changes) = change
                && parts(changes).any(|part| before.after(&Change::All(part)).sorted() == sorted)
            {
                return (Kind::Torn, format!("of {changes:?} a part: {nearest}"));
            }
        }
        let under_way = self.under_way.len();
        (Kind::Lost, format!("{nearest}; {under_way} changes were under way"))
    }

    /// Whether this client may have written a value.
    fn is_ours(&self, value: &[u8]) -> bool {
        if value.is_empty() {
            return true;
        }
        let text = String::from_utf8_lossy(value);
        let number = text.strip_prefix(&self.mark).and_then(|rest| rest.split('.').next());
        let number: Option<u64> = number.and_then(|number| number.parse().ok());
        number.is_some_and(|number| (1..=self.values).contains(&number))
            && (value.ends_with(b".") && (value.len() < 32 || value.len() == LONG_VALUE))
    }
}

/// Every selection of a transaction's changes.
fn parts(changes: &[Change]) -> impl Iterator<Item = Vec<Change>> + '_ {
    (0..1_usize << changes.len().min(CHANGES)).map(|which| {
        let chosen = changes.iter().enumerate().filter(move |(at, _)| which >> at & 1 == 1);
        chosen.map(|(_, change)| change.clone()).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(subtree: &mut Subtree, path: &str) -> Change {
        subtree.values += 1;
        let value = format!("{}{}.", subtree.mark, subtree.values);
        Change::Write(path.into(), value.into())
    }

    /// A subtree with two acknowledged writes, and what is there.
    fn begun() -> (Subtree, Tree) {
        let mut subtree = Subtree::new(3, b"n0\0");
        for path in ["a", "b"] {
            let change = write(&mut subtree, path);
            subtree.sent(change);
            subtree.acknowledged();
        }
        let tree = subtree.known.clone();
        (subtree, tree)
    }

    fn kind(verdict: Result<(), Wrong>) -> Option<Kind> {
        verdict.err().map(|(kind, _)| kind)
    }

    #[test]
    fn what_was_under_way_is_there_from_the_front_or_not_at_all() {
        let (subtree, before) = begun();
        let (mut one, mut two) = (subtree.clone(), subtree.clone());
        let mut both = subtree;
        let first = write(&mut both, "a");
        let second = write(&mut both, "c/d");
        for subtree in [&mut one, &mut two, &mut both] {
            subtree.values = 4;
            subtree.sent(first.clone());
            subtree.sent(second.clone());
        }
        assert_eq!(kind(one.judge(before.clone())), None);
        assert_eq!(kind(two.judge(before.after(&first))), None);
        let gap = before.after(&second);
        assert_eq!(kind(both.clone().judge(gap)), Some(Kind::Lost), "the second without the first");
        assert_eq!(kind(both.judge(before.after(&first).after(&second))), None);
        // It was believed: nothing is under way any more.
        assert_eq!(kind(both.judge(before)), Some(Kind::Lost));
    }

    #[test]
    fn a_lost_acknowledged_change_is_found() {
        let (mut subtree, before) = begun();
        let change = write(&mut subtree, "a");
        subtree.sent(change);
        subtree.acknowledged();
        assert_eq!(kind(subtree.clone().judge(before)), Some(Kind::Lost));
        let mut gone = subtree.known.clone();
        gone.apply(&Change::Rm("b".into()));
        assert_eq!(kind(subtree.judge(gone)), Some(Kind::Lost));
    }

    #[test]
    fn a_transaction_in_part_is_found() {
        let (subtree, before) = begun();
        let mut with = subtree.clone();
        let changes = vec![write(&mut with, "a"), write(&mut with, "x"), write(&mut with, "b")];
        with.sent(Change::All(changes.clone()));
        for part in [vec![0], vec![1], vec![0, 2], vec![1, 2]] {
            let part = part.into_iter().map(|at: usize| changes[at].clone()).collect();
            let torn = before.after(&Change::All(part));
            assert_eq!(kind(with.clone().judge(torn)), Some(Kind::Torn));
        }
        assert_eq!(kind(with.clone().judge(before.after(&Change::All(changes)))), None);
        assert_eq!(kind(with.judge(before)), None);
    }

    #[test]
    fn what_nobody_wrote_and_another_order_are_found() {
        let (mut subtree, before) = begun();
        for value in ["c3.99.", "c4.1.", "junk", "c3.1"] {
            let mut foreign = before.clone();
            foreign.apply(&Change::Write("a".into(), value.into()));
            assert_eq!(kind(subtree.clone().judge(foreign)), Some(Kind::Foreign), "{value}");
        }
        let mut turned = before.clone();
        turned.0.get_mut("").unwrap().children.reverse();
        assert_eq!(kind(subtree.clone().judge(turned)), Some(Kind::Order));
        let mut perms = before;
        perms.apply(&Change::SetPerms("a".into(), b"r0\0".to_vec()));
        assert_eq!(kind(subtree.judge(perms)), Some(Kind::Lost));
    }
}
