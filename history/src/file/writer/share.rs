//! The share of a segment that each guest may fill.
//!
//! **G1** From one base to the next, all changes of one life of a guest take at most its allowance,
//! counted before compression, with their part of heads and filters. What would go beyond is left
//! out. So a guest can't make a segment end sooner than its share of it allows, whatever it does.
//! **G2** Below which paths changes were left out is told in their place, before the next commit of
//! anybody: so nothing that isn't known passes for known. At first these are the changed paths
//! themselves; past [`LEFT_OUT_PATHS`] of them the closest become one, and past a quarter of the
//! allowance all of them, at their first three names at most. So what is told is bounded too.

use std::collections::HashMap;

use crate::file::delta::Verdict;
use crate::file::model::{Author, Change};
use crate::file::order;
use crate::file::record::HEAD;
use crate::limits::{LEFT_OUT_BYTES, LEFT_OUT_PATHS};

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
    left_out: Option<LeftOut>,
}

/// Changes that were left out.
#[derive(Debug)]
struct LeftOut {
    author: Author,
    changes: u64,
    /// All were of these paths, or below them.
    paths: Vec<String>,
    /// Bytes of the paths that were told.
    told: u64,
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
        let head = if share.block == self.block { 0 } else { RECORD };
        if share.left_out.is_some() || share.used + bytes + head > self.allowance {
            let (author, paths) = (change.author, Vec::new());
            let new = || LeftOut { author, changes: 0, paths, told: 0 };
            let most = (self.allowance / 4).max(LEFT_OUT_BYTES);
            let told = share.left_out.get_or_insert_with(new).add(change.path, most);
            return told.map_or(Verdict::LeaveOut, Verdict::Tell);
        }
        share.used += bytes + head;
        share.block = self.block;
        Verdict::Keep
    }

    /// Whose changes were left out, and how many.
    pub(crate) fn left_out(&self) -> Vec<(Author, u64)> {
        let all = self.guests.values().filter_map(|share| share.left_out.as_ref());
        let mut all: Vec<_> = all.map(|one| (one.author, one.changes)).collect();
        all.sort_unstable_by_key(|(author, _)| author.instance);
        all
    }
}

impl LeftOut {
    /// One more change. The path to be told, if those that were don't cover it.
    fn add(&mut self, path: &str, most: u64) -> Option<String> {
        self.changes += 1;
        if self.paths.iter().any(|top| order::is_within(path, top)) {
            return None;
        }
        let mut new = path;
        if self.told > most {
            let all = self.paths.iter().map(String::as_str);
            new = all.fold(path, order::common_ancestor);
            let names = |path: &str| path.matches('/').count();
            new = order::ancestors(new).find(|up| names(new) > 3 && names(up) <= 3).unwrap_or(new);
        } else if self.paths.len() >= LEFT_OUT_PATHS {
            let common = self.paths.iter().map(|top| order::common_ancestor(path, top));
            new = common.max_by_key(|top| top.len()).unwrap_or("/");
        }
        self.told += new.len() as u64;
        self.paths.retain(|top| !order::is_within(top, new));
        self.paths.push(new.to_owned());
        Some(new.to_owned())
    }
}

/// What a record takes beside its commits: its head, the least filter, and what rounds it up.
const RECORD: u64 = HEAD as u64 + 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::model::What;

    fn by(instance: u64, path: &str) -> Change<'_> {
        let author = Author { instance, ..Default::default() };
        Change { author, generation: 1, path, what: What::Removed }
    }

    #[test]
    fn past_its_allowance_a_guest_is_left_out_and_others_are_not() {
        let mut shares = Shares::default();
        shares.renew(200);
        let verdicts: Vec<_> = (0..5).map(|_| shares.judge(&by(9, "/a"), 50)).collect();
        use Verdict::{Keep, LeaveOut, Tell};
        assert_eq!(verdicts, [Keep, Keep, Tell("/a".to_owned()), LeaveOut, LeaveOut]);
        assert_eq!(shares.judge(&by(10, "/a"), 50), Keep);
        assert!((0..99).all(|_| shares.judge(&by(1, "/a"), 1000) == Keep));
        assert_eq!(shares.left_out().iter().map(|(_, n)| *n).collect::<Vec<_>>(), [3]);
    }

    #[test]
    fn what_is_told_covers_what_is_left_out_and_is_bounded() {
        let mut shares = Shares::default();
        shares.renew(10);
        let mut told: Vec<String> = Vec::new();
        let mut bytes = 0;
        for n in 0..100_000u32 {
            // Deep and shallow, in its own home and in one place elsewhere.
            let deep = "/x".repeat(n as usize % 40);
            let home = format!("/local/domain/7/data/{}{deep}/{n}", n % 1000);
            let path = if n % 10 == 0 { "/local/domain/0/backend/vif/7/0" } else { &home };
            if let Verdict::Tell(path) = shares.judge(&by(9, path), 11) {
                bytes += path.len();
                told.push(path);
            }
            assert!(told.iter().any(|top| order::is_within(path, top)), "{path}");
        }
        assert!(bytes < 4096, "{bytes} in {} paths", told.len());
        assert!(!told.iter().any(|top| order::is_within("/local/domain/8", top)), "{told:?}");
    }
}
