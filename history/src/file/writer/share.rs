//! The share of a segment that each guest may fill.
//!
//! **G1** From one base to the next, all changes of one life of a guest take at most its allowance,
//! counted before compression, with their part of heads and filters. What would go beyond is left
//! out, and the first time that is told in its place. So a guest can't make a segment end sooner
//! than its share of it allows, whatever it does.

use std::collections::HashMap;

use crate::file::delta::Verdict;
use crate::file::model::{Author, Change};
use crate::file::record::HEAD;

/// What the guests have filled since the last base.
#[derive(Debug, Default)]
pub(crate) struct Shares {
    guests: HashMap<u64, Share, ahash::RandomState>,
    allowance: u64,
    /// The block at hand.
    block: u64,
}

#[derive(Debug, Default)]
struct Share {
    used: u64,
    /// The last block that it was charged for.
    block: u64,
    /// Changes that were left out, once that has begun.
    left_out: Option<(Author, u64)>,
}

impl Shares {
    /// A base is in the file: all begin anew, with so many bytes each.
    pub(crate) fn renew(&mut self, allowance: u64) {
        self.guests.clear();
        self.allowance = allowance;
        self.block = 1;
    }

    /// A block has been written.
    pub(crate) fn next_block(&mut self) {
        self.block += 1;
    }

    /// What becomes of a change that takes so many bytes.
    pub(crate) fn judge(&mut self, change: &Change<'_>, bytes: u64) -> Verdict {
        if !change.author.is_guest() {
            return Verdict::Keep;
        }
        let share = self.guests.entry(change.author.instance).or_default();
        if let Some((_, count)) = &mut share.left_out {
            *count += 1;
            return Verdict::LeaveOut;
        }
        let head = if share.block == self.block { 0 } else { RECORD };
        if share.used + bytes + head > self.allowance {
            share.left_out = Some((change.author, 1));
            return Verdict::Tell;
        }
        share.used += bytes + head;
        share.block = self.block;
        Verdict::Keep
    }

    /// Whose changes were left out, and how many.
    pub(crate) fn left_out(&self) -> Vec<(Author, u64)> {
        let mut all: Vec<_> = self.guests.values().filter_map(|share| share.left_out).collect();
        all.sort_unstable_by_key(|(author, _)| author.instance);
        all
    }
}

/// What a record takes beside its commits: its head, the least filter, and what rounds it up.
const RECORD: u64 = HEAD as u64 + 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::model::What;

    #[test]
    fn past_its_allowance_a_guest_is_left_out_and_others_are_not() {
        let by = |instance| Change {
            author: Author { instance, ..Default::default() },
            generation: 1,
            path: "/a",
            what: What::Removed,
        };
        let mut shares = Shares::default();
        shares.renew(200);
        let verdicts: Vec<_> = (0..5).map(|_| shares.judge(&by(9), 50)).collect();
        use Verdict::{Keep, LeaveOut, Tell};
        assert_eq!(verdicts, [Keep, Keep, Tell, LeaveOut, LeaveOut]);
        assert_eq!(shares.judge(&by(10), 50), Keep);
        assert!((0..99).all(|_| shares.judge(&by(1), 1000) == Keep));
        assert_eq!(shares.left_out().iter().map(|(_, n)| *n).collect::<Vec<_>>(), [3]);
    }
}
