//! Guests whose writes make the control domain's transactions fail are held back (XSA-206).
//!
//! A COMMIT of v2 whose condition doesn't hold counts as a transaction that has failed: the next
//! attempt begins with whatever its client asks next.
//!
//! A failure names those that have lately changed the node in question. When the client tries
//! again they are held back, and its transaction begins once no worker executes a request of
//! theirs any more: so the attempt meets none of their writes, unless it takes longer than they
//! are held back, twice as long after each further failure in a row. Whom the first failures have
//! named stays named until the client commits, and who was held back for a node not long ago is
//! named at once, since who waits leaves no trace in the feed.

use std::{sync::Arc, time::Duration};

use myriad_core::DomId;
use tracing::warn;

use super::{
    mailbox::{Message, Round},
    pauses::Pauses,
    run::Worker,
};
use crate::limits;

/// What one client's failures in a row have found.
#[derive(Debug)]
pub(super) struct Blame {
    /// The node of the last failure.
    path: Arc<str>,
    guests: Vec<DomId>,
    stage: Stage,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    /// The client has not tried again yet.
    Failed,
    /// It wants to, and waits for so many workers, until then at most.
    Quieting { round: u64, left: u16, until: Duration },
    /// It tries.
    Trying,
}

impl Worker {
    /// Acts on the failure of a transaction in the request at hand.
    pub(super) fn note_failure(&mut self, number: u64) {
        let Some(path) = self.around.take_conflict() else { return };
        let Some(client) = self.clients.get(number) else { return };
        let mut guests = self.shared.store.culprits(&path);
        guests.extend(self.shared.pauses.known(&path, self.shared.clock.now()));
        if client.conn.conflicts() > 1 {
            guests.extend(client.blame.take().into_iter().flat_map(|blame| blame.guests));
        }
        guests.sort_unstable();
        guests.dedup();
        if guests.is_empty() {
            client.blame = None;
            return self.note_meeting(number, &path);
        }
        client.blame = Some(Box::new(Blame { path, guests, stage: Stage::Failed }));
    }

    /// Whether a client's next request must wait.
    pub(super) fn must_wait(&mut self, number: u64, guest: Option<DomId>) -> bool {
        let mut until = guest.and_then(|domid| self.shared.pauses.end(domid, self.now));
        let Some(client) = self.clients.get(number) else { return false };
        let waited = std::mem::replace(&mut client.paused, until.is_some());
        if client.blame.is_some() {
            until = self.before_attempt(number);
        } else if client.turn.is_some() {
            until = self.before_turn(number);
        } else if guest.is_none() && !self.turns.is_empty() {
            self.note_newcomer(number);
        }
        let Some(until) = until else { return false };
        self.next_resume = self.next_resume.min(until);
        if let Some(client) = self.clients.get(number) {
            client.paused = true;
            if !waited {
                self.paused.push(number);
            }
        }
        true
    }

    /// Before another attempt at a transaction: holds back whom the last failure has named. Until
    /// when the client has to wait at most, where it has to.
    fn before_attempt(&mut self, number: u64) -> Option<Duration> {
        let client = self.clients.get(number)?;
        let (asker, failures) = (client.conn.id(), client.conn.conflicts());
        let tries = client.conn.may_try_again();
        let blame = client.blame.as_mut().filter(|_| tries)?;
        let (shared, now) = (&self.shared, self.shared.clock.now());
        if matches!(blame.stage, Stage::Failed) {
            let (length, path) = (Pauses::length(failures), &blame.path);
            for guest in shared.pauses.pause(&blame.guests, path, now, length) {
                warn!(
                    "domain {guest} is held back: its changes to {path} made a transaction of the \
                     control domain fail"
                );
            }
            self.rounds = self.rounds.wrapping_add(1);
            let round = Round { asker, number: self.rounds };
            let others = shared.mailboxes.workers().filter(|worker| *worker != self.id);
            others.for_each(|worker| shared.mailboxes.post(worker, Message::Quiesce(round)));
            let left = shared.mailboxes.count().saturating_sub(1);
            let until = now.saturating_add(limits::PAUSE_MAX);
            blame.stage = Stage::Quieting { round: round.number, left, until };
        }
        match blame.stage {
            Stage::Quieting { left: 1.., until, .. } if now < until => Some(until),
            Stage::Quieting { .. } => {
                blame.stage = Stage::Trying;
                // From now on their time counts.
                shared.pauses.pause(&blame.guests, &blame.path, now, Pauses::length(failures));
                None
            }
            Stage::Failed | Stage::Trying => None,
        }
    }

    /// Another worker executes no request any more that it had begun when it was asked.
    pub(super) fn note_quiet(&mut self, number: u64, quiet: Round) {
        let blame = self.clients.get(number).and_then(|client| client.blame.as_mut());
        if let Some(blame) = blame
            && let Stage::Quieting { round, left, .. } = &mut blame.stage
            && *round == quiet.number
        {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.clients.note_busy(number);
            }
        }
    }

    /// Goes on with those whose time is over.
    pub(super) fn resume_paused(&mut self) {
        if self.paused.is_empty() || self.now < self.next_resume {
            return;
        }
        self.next_resume = Duration::MAX;
        for number in std::mem::take(&mut self.paused) {
            let Some(client) = self.clients.get(number) else { continue };
            // If it has to wait for longer, that is found out when it is served.
            client.paused = false;
            self.clients.note_busy(number);
        }
    }
}
