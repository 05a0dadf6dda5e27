//! Whether commits are recorded: what happens when the journal is full.
//!
//! A word in the file, since recovery must know it too, and since one word decides at once whether
//! a commit may go without a record and how many such are under way:
//!
//! ```text
//! bits 0..32   commits without a record that are under way
//!      32..34  0 recording, 1 suspended, 2 rejoining
//!      34..64  how often it was suspended
//! ```
//!
//! **J7** No commit goes without a record unless the word in the file has said *suspended* before.
//! **J8** It says *recording* again only once a checkpoint is complete whose version was taken
//! after the last commit without a record had been published. For that, *rejoining* comes first:
//! records are written again, those without are waited for, then the version is taken. If the
//! journal is suspended meanwhile, the number in the word has grown, and that checkpoint changes
//! nothing.
//!
//! # Synchronization
//! All changes are exchanges of one word (AcqRel). Who takes leave to commit without a record reads
//! *suspended* in the same exchange, so none can be taken once *rejoining* stands there. The
//! version of J8 is taken after an Acquire of a count of 0, which pairs with the Release of the
//! last to end: the version sees that commit.

use super::words::Words;
use crate::sync::Ordering::{Acquire, Relaxed};

/// The state of a journal, in the words of its file.
#[derive(Debug)]
pub(crate) struct State<'a, M> {
    pub(crate) words: &'a M,
    /// Where the word lies. The next says since when: a hint for people.
    pub(crate) at: usize,
}

/// That everything published from now on is recorded, unless the journal is suspended again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rejoined(u64);

impl<M: Words> State<'_, M> {
    /// Whether commits go without a record.
    #[inline]
    pub(crate) fn is_suspended(&self) -> bool {
        self.mode(SUSPENDED)
    }

    /// Whether what recovery would find is all that was published.
    pub(crate) fn is_recording(&self) -> bool {
        self.mode(RECORDING)
    }

    /// Commits go without a record from now on; whether they didn't before.
    pub(crate) fn suspend(&self, since: u64) -> bool {
        if self.is_suspended() {
            return false; // So that the hint says when it began.
        }
        self.words.put(self.at + 1, since);
        self.change(|word| match word & MODES {
            SUSPENDED => None,
            _ => Some((word & !MODES | SUSPENDED) + SUSPENSION),
        })
        .is_some()
    }

    /// Leave for one commit without a record, which has to [`end`](State::end). None unless it is
    /// suspended.
    pub(crate) fn begin(&self) -> Option<()> {
        self.change(|word| (word & MODES == SUSPENDED).then_some(word + 1)).map(drop)
    }

    /// A commit without a record has succeeded or been given up.
    pub(crate) fn end(&self) {
        self.change(|word| (word & COUNT != 0).then(|| word - 1));
    }

    /// Commits are recorded again from now on. Where none without is under way any more: what
    /// [`resume`](State::resume) asks for, once a checkpoint of a version taken after this is
    /// complete. `wait` is called until it says no.
    pub(crate) fn rejoin(&self, mut wait: impl FnMut() -> bool) -> Option<Rejoined> {
        self.change(|word| (word & MODES == SUSPENDED).then_some(word & !MODES | REJOINING));
        loop {
            // Acquire: pairs with the Release half of `end`.
            let word = self.words.load(self.at, Acquire);
            match word & MODES {
                REJOINING if word & COUNT == 0 => return Some(Rejoined(word)),
                REJOINING if wait() => {}
                _ => return None,
            }
        }
    }

    /// All that was published is in the checkpoint and the journal; whether it could be said.
    pub(crate) fn resume(&self, rejoined: Rejoined) -> bool {
        self.change(|word| (word == rejoined.0).then_some(word & !MODES | RECORDING)).is_some()
    }

    #[inline]
    fn mode(&self, mode: u64) -> bool {
        // Acquire: pairs with the Release half of what changes it.
        self.words.load(self.at, Acquire) & MODES == mode
    }

    /// Changes the word as `new` says; what it was, or none where `new` says none.
    fn change(&self, new: impl Fn(u64) -> Option<u64>) -> Option<u64> {
        let mut word = self.words.load(self.at, Relaxed);
        // Ends: each turn that fails is another's success.
        loop {
            match self.words.exchange(self.at, word, new(word)?) {
                Ok(before) => return Some(before),
                Err(now) => word = now,
            }
        }
    }
}

/// Whether a word that was found in a file says that all is recorded.
pub(crate) fn says_recording(word: u64) -> bool {
    word & MODES == RECORDING
}

const COUNT: u64 = (1 << 32) - 1;
const MODES: u64 = 3 << 32;
const RECORDING: u64 = 0;
const SUSPENDED: u64 = 1 << 32;
const REJOINING: u64 = 2 << 32;
/// One in the number of suspensions.
const SUSPENSION: u64 = 1 << 34;
