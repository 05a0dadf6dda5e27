//! One guest on its ring: what moves, and whether it has all that it should.

use std::time::Instant;

use myriad_ring::page::{
    Page,
    guest::{Client, Habits},
    layout::ERROR_NONE,
};

use super::{
    fault::Kind,
    ledger::Ledger,
    limits::{LAST_ACTS, ROUNDS},
    stage::Wrong,
};

/// A guest on its ring.
pub(super) struct Seat {
    pub(super) client: Client,
    pub(super) ledger: Ledger,
    /// Which of those that had its id, for one that may die.
    pub(super) number: u64,
    /// When something came for it last.
    pub(super) news: Instant,
    /// It is past help, which was told.
    pub(super) is_lost: bool,
}

impl Seat {
    pub(super) fn new(domid: u16, number: u64, page: Page, ledger: Ledger) -> Seat {
        // Linux, older MiniOS, and one that rings always.
        let habits = [Habits::LINUX, Habits::MINIOS, Habits::default()];
        let habits = habits.into_iter().cycle().nth(usize::from(domid) % 3).unwrap_or_default();
        let client = Client::new(page, habits);
        Seat { client, ledger, number, news: Instant::now(), is_lost: false }
    }

    /// Moves what can be moved, and acts; whether the ring is quiet then.
    /// It acts no more when all is done that is left after the shared node got its last value.
    pub(super) fn pump(
        &mut self,
        shared: u64,
        faults: &mut Vec<Wrong>,
        answered: &mut u64,
    ) -> Result<bool, Wrong> {
        let broken = |error| (Kind::Restart, format!("its ring: {error}"));
        for _ in 0..ROUNDS {
            self.client.pump().map_err(broken)?;
            while let Some((header, payload)) = self.client.message() {
                *answered += 1;
                self.news = Instant::now();
                faults.extend(self.ledger.take(header, &payload).err());
            }
            if self.ledger.is_idle() && (shared == 0 || self.left(shared).is_some()) {
                for ask in self.ledger.act() {
                    let id = self.client.ask(ask.op, ask.tx, &ask.payload);
                    self.ledger.sent(id, ask);
                }
                self.client.pump().map_err(broken)?;
            }
            let error = self.client.end().error();
            if error != ERROR_NONE {
                return Err((Kind::Restart, format!("the daemon gave the ring up: {error}")));
            }
            if !self.client.look_again().map_err(broken)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What is left to be done at the end.
    pub(super) fn left(&self, shared: u64) -> Option<Wrong> {
        let ledger = &self.ledger;
        if self.is_lost {
            return None;
        }
        if ledger.acts_since_restart() < LAST_ACTS {
            return Some((Kind::Restart, format!("it waits for {}", ledger.waits_for())));
        }
        if let Err(wrong) = ledger.must_be_heard() {
            return Some(wrong);
        }
        let known = ledger.shared();
        if known != shared {
            let what = format!("/shared/n is {shared}, and the watch's last news was {known}");
            return Some((Kind::Watch, what));
        }
        None
    }
}
