//! Programs whose transactions have met at a node have their turns there.
//!
//! Of many optimistic transactions that change one node one commits, and the others have worked in
//! vain, again and again, whoever is slowest for ever. So a program on the socket whose transaction
//! another program's commit has made fail waits before its next TRANSACTION_START until those who
//! came to that node before it have had their turn; and so it goes on for as long as it leaves
//! others waiting. Guests have no part in this, and so can't make anyone wait: what they do to the
//! control domain's transactions is met elsewhere (`blame.rs`). Invariants:
//!
//! 1. At a node one has its turn at most, for [`limits::TURN`] at most while others wait.
//! 2. First come, first served; nobody waits for longer than [`limits::TURN_WAIT`].
//! 3. There are at most [`limits::TURN_LINES`] nodes with turns; who meets at another doesn't wait.
//!
//! Each worker has lines of its own: between workers it is first come, first served as before.
//!
//! In v2 an attempt is a COMMIT with conditions and the reads before it, so whatever a program asks
//! after one that has failed may begin the next. One whose turn has passed without a COMMIT that
//! succeeded has none any more: it may not want to try again.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use myriad_core::Path;
use myriad_ring::v1::{Op, connection::Peer};

use super::run::Worker;
use crate::limits;

/// The lines of a worker.
#[derive(Debug, Default)]
pub(super) struct Turns {
    lines: Vec<Line>,
}

/// One whose turn it is at a node, and those who wait for theirs.
#[derive(Debug)]
struct Line {
    path: Arc<str>,
    holder: u64,
    /// The end of its turn, if anyone waits.
    until: Duration,
    waiting: VecDeque<u64>,
}

/// What a program knows of its turns.
#[derive(Debug)]
pub(super) struct Turn {
    path: Arc<str>,
    /// Until when it waits for it, at most; none: it doesn't.
    waits_until: Option<Duration>,
    /// It was its turn since it failed.
    had: bool,
}

/// What became of a line that someone has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    /// It was not the turn of who has left.
    Unchanged,
    /// It is the turn of the next.
    Next(u64),
    /// Nobody waited.
    Ended,
}

impl Turns {
    /// Whether someone has its turn at a node now; otherwise it waits, or goes on waiting.
    fn ask(&mut self, path: &Arc<str>, number: u64, now: Duration) -> bool {
        let Some(line) = self.lines.iter_mut().find(|line| line.path == *path) else {
            if self.lines.len() >= limits::TURN_LINES {
                self.lines.retain(|line| line.until > now || !line.waiting.is_empty());
            }
            if self.lines.len() < limits::TURN_LINES {
                let (path, until) = (Arc::clone(path), now.saturating_add(limits::TURN));
                self.lines.push(Line { path, holder: number, until, waiting: VecDeque::new() });
            }
            return true;
        };
        if line.holder == number {
            return true;
        }
        if line.until <= now && line.waiting.is_empty() {
            // Who had it has not come back.
            (line.holder, line.until) = (number, now.saturating_add(limits::TURN));
            return true;
        }
        if !line.waiting.contains(&number) {
            line.waiting.push_back(number);
        }
        false
    }

    /// Someone has had its turn, or doesn't wait any more.
    fn leave(&mut self, path: &Arc<str>, number: u64, now: Duration) -> Left {
        let Some(at) = self.lines.iter().position(|line| line.path == *path) else {
            return Left::Unchanged;
        };
        let Some(line) = self.lines.get_mut(at) else { return Left::Unchanged };
        if line.holder != number {
            line.waiting.retain(|waiting| *waiting != number);
            return Left::Unchanged;
        }
        match line.pass(now) {
            Some(next) => Left::Next(next),
            None => {
                self.lines.swap_remove(at);
                Left::Ended
            }
        }
    }

    /// Someone has failed all the same: it tries again soon, or not at all.
    fn hasten(&mut self, path: &Arc<str>, number: u64, now: Duration) {
        let line = self.lines.iter_mut().find(|line| line.path == *path && line.holder == number);
        if let Some(line) = line {
            line.until = line.until.min(now.saturating_add(limits::TURN_AGAIN));
        }
    }

    fn is_its_turn(&self, path: &Arc<str>, number: u64) -> bool {
        self.lines.iter().any(|line| line.path == *path && line.holder == number)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// When the first turn ends for which others wait.
    pub(super) fn deadline(&self) -> Option<Duration> {
        self.lines.iter().filter(|line| !line.waiting.is_empty()).map(|line| line.until).min()
    }

    /// Whose turn it is since that of others is over.
    fn overdue(&mut self, now: Duration) -> impl Iterator<Item = u64> {
        self.lines.iter_mut().filter(move |line| line.until <= now).filter_map(move |l| l.pass(now))
    }
}

impl Line {
    /// The turn of the next, if there is one.
    fn pass(&mut self, now: Duration) -> Option<u64> {
        let next = self.waiting.pop_front()?;
        (self.holder, self.until) = (next, now.saturating_add(limits::TURN));
        Some(next)
    }
}

impl Worker {
    /// A program's transaction has failed because of another's commit.
    pub(super) fn note_meeting(&mut self, number: u64, path: &Arc<str>) {
        let Some(client) = self.clients.get(number) else { return };
        if !matches!(client.conn.peer(), Peer::Socket(_)) {
            return;
        }
        if let Some(turn) = client.turn.as_mut().filter(|turn| turn.path == *path) {
            // It may try again at once, if it is its turn.
            turn.had = false;
            return self.turns.hasten(path, number, self.shared.clock.now());
        }
        let turn = Turn { path: Arc::clone(path), waits_until: None, had: false };
        if let Some(old) = client.turn.replace(Box::new(turn)) {
            self.leave_line(&old.path, number);
        }
    }

    /// Before a request of a program that has no turns, while others have: if it is to commit a
    /// change of a node where they do, it is one of them from now on. Otherwise who has never
    /// failed could make those fail, again and again, whose turn it is.
    pub(super) fn note_newcomer(&mut self, number: u64) {
        let Some(client) = self.clients.get(number) else { return };
        let is_end = client.conn.next_op() == Some(Op::TransactionEnd);
        if !is_end || !matches!(client.conn.peer(), Peer::Socket(_)) {
            return;
        }
        let changed =
            |line: &&Line| Path::new(&line.path).is_ok_and(|path| client.conn.changes(path));
        if let Some(line) = self.turns.lines.iter().find(changed) {
            let turn = Turn { path: Arc::clone(&line.path), waits_until: None, had: false };
            client.turn = Some(Box::new(turn));
        }
    }

    /// A request of a program was answered that has turns: without a transaction it has had one.
    pub(super) fn note_answer(&mut self, number: u64) {
        let Some(client) = self.clients.get(number) else { return };
        let Some(turn) = &client.turn else { return };
        if client.conn.transactions() > 0 || client.conn.conflicts() > 0 {
            return;
        }
        let path = Arc::clone(&turn.path);
        // Who leaves others waiting will come last.
        if self.leave_line(&path, number) == Left::Ended
            && let Some(client) = self.clients.get(number)
        {
            client.turn = None;
        }
    }

    /// Before a transaction of a program that has turns: until when it waits at most, if it does.
    pub(super) fn before_turn(&mut self, number: u64) -> Option<Duration> {
        let client = self.clients.get(number)?;
        let (tries, is_v2) = (client.conn.may_try_again(), client.conn.is_v2());
        let turn = client.turn.as_mut().filter(|_| tries)?;
        let now = self.shared.clock.now();
        let is_over = is_v2 && turn.had && !self.turns.is_its_turn(&turn.path, number);
        if is_over || turn.waits_until.is_some_and(|until| until <= now) {
            let path = Arc::clone(&turn.path);
            client.turn = None;
            self.leave_line(&path, number);
            return None;
        }
        if self.turns.ask(&turn.path, number, now) {
            (turn.waits_until, turn.had) = (None, true);
            return None;
        }
        let until = now.saturating_add(limits::TURN_WAIT);
        Some(*turn.waits_until.get_or_insert(until))
    }

    fn leave_line(&mut self, path: &Arc<str>, number: u64) -> Left {
        let left = self.turns.leave(path, number, self.shared.clock.now());
        if let Left::Next(next) = left {
            self.clients.note_busy(next);
        }
        left
    }

    /// A client is no more.
    pub(super) fn forget_turn(&mut self, number: u64, turn: Option<Box<Turn>>) {
        if let Some(turn) = turn {
            self.leave_line(&turn.path, number);
        }
    }

    /// Turns end.
    pub(super) fn pass_turns(&mut self) {
        for next in self.turns.overdue(self.now) {
            self.clients.note_busy(next);
        }
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(1);

    #[test]
    fn turns_come_in_order_and_a_line_ends_with_the_last() {
        let (mut turns, path) = (Turns::default(), Arc::from("/a"));
        assert!(turns.ask(&path, 1, SOON) && turns.deadline().is_none());
        assert!(!turns.ask(&path, 2, SOON) && !turns.ask(&path, 3, SOON));
        assert!(!turns.ask(&path, 2, SOON), "it stands where it stood");
        assert!(turns.ask(&path, 1, SOON), "it tries again");
        assert!(turns.ask(&Arc::from("/b"), 2, SOON), "another node");
        assert_eq!(turns.leave(&path, 1, SOON), Left::Next(2));
        assert!(!turns.ask(&path, 1, SOON) && turns.ask(&path, 2, SOON));
        assert_eq!(turns.leave(&path, 3, SOON), Left::Unchanged, "it is gone");
        assert_eq!(turns.leave(&path, 2, SOON), Left::Next(1));
        assert_eq!(turns.leave(&path, 1, SOON), Left::Ended);
        assert_eq!(turns.leave(&path, 1, SOON), Left::Unchanged);
    }

    #[test]
    fn who_does_not_come_back_keeps_nobody_waiting_for_longer_than_a_turn() {
        let (mut turns, path) = (Turns::default(), Arc::from("/a"));
        let over = SOON + limits::TURN;
        assert!(turns.ask(&path, 1, SOON) && !turns.ask(&path, 2, SOON));
        assert_eq!(turns.deadline(), Some(over));
        assert_eq!(turns.overdue(over - SOON).count(), 0);
        assert_eq!(turns.overdue(over).collect::<Vec<_>>(), [2]);
        assert!(turns.ask(&path, 2, over) && !turns.ask(&path, 1, over));
        turns.leave(&path, 1, over);
        assert!(turns.ask(&path, 3, over + limits::TURN), "nobody waited");
    }

    #[test]
    fn who_has_failed_all_the_same_must_be_quick() {
        let (mut turns, path) = (Turns::default(), Arc::from("/a"));
        assert!(turns.ask(&path, 1, SOON) && !turns.ask(&path, 2, SOON));
        turns.hasten(&path, 2, SOON);
        assert_eq!(turns.deadline(), Some(SOON + limits::TURN), "it is not its turn");
        turns.hasten(&path, 1, SOON);
        assert_eq!(turns.deadline(), Some(SOON + limits::TURN_AGAIN));
        turns.hasten(&path, 1, SOON + limits::TURN_AGAIN / 2);
        assert_eq!(turns.deadline(), Some(SOON + limits::TURN_AGAIN), "never longer");
    }

    #[test]
    fn there_are_as_many_lines_as_the_limit_says() {
        let mut turns = Turns::default();
        let path = |n: usize| Arc::from(format!("/{n}"));
        assert!((0..limits::TURN_LINES).all(|n| turns.ask(&path(n), 1, SOON)));
        let beyond = path(limits::TURN_LINES);
        assert!(turns.ask(&beyond, 2, SOON) && turns.ask(&beyond, 3, SOON), "nobody waits");
        assert!(turns.ask(&beyond, 2, SOON + limits::TURN), "old ones make room");
        assert!(!turns.ask(&beyond, 3, SOON + limits::TURN));
    }
}
