//! A block of commits that is being filled.

use super::{
    CREATED, LEFT_OUT, NOTED, PERMS, REMOVED, SAME_AUTHOR, SAME_GENERATION, SAME_PERMS, WRITTEN,
    put_perms,
};
use crate::file::codec::{put, put_bytes, zigzag};
use crate::file::filter::{self, Role};
use crate::file::model::{Author, Change, Commit, Perm, What};
use crate::file::order;
use crate::file::record::{Flags, Moment, Span};

/// Commits that wait to become a record.
#[derive(Debug, Default)]
pub(crate) struct Delta {
    raw: Vec<u8>,
    span: Span,
    keys: Vec<u64>,
    path: String,
    author: Option<Author>,
    perms: Vec<Perm>,
    /// The changes of the commit at hand.
    body: Vec<u8>,
    flags: Flags,
}

/// What becomes of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It stands.
    Keep,
    /// It is left out.
    LeaveOut,
    /// It is left out, and that changes below this path are is told in its place.
    Tell(String),
}

impl Delta {
    /// Adds a commit. `judge` is told how many bytes each change takes; what it leaves out isn't
    /// there. A commit of which nothing stays isn't either: tells whether it was added.
    pub(crate) fn push(
        &mut self,
        commit: &Commit<'_>,
        merged: bool,
        mut judge: impl FnMut(&Change<'_>, u64) -> Verdict,
    ) -> bool {
        self.body.clear();
        let mut count = 0u32;
        for change in commit.changes {
            let mark = (self.body.len(), self.keys.len());
            let before = self.author;
            let perms = self.encode(commit, change);
            let grown = self.body.len() - mark.0 + (self.keys.len() - mark.1) * KEY_BYTES;
            let verdict = judge(change, grown as u64 + if count == 0 { HEAD_BYTES } else { 0 });
            if verdict == Verdict::Keep {
                self.author = Some(change.author);
                self.path.clear();
                self.path.push_str(change.path);
                if let Some(perms) = perms.filter(|perms| **perms != *self.perms) {
                    self.perms.clear();
                    self.perms.extend_from_slice(perms);
                }
                count += 1;
                continue;
            }
            self.author = before;
            self.body.truncate(mark.0);
            self.keys.truncate(mark.1);
            if let Verdict::Tell(path) = verdict {
                self.left_out(commit.generation, change, 0, &path);
                count += 1;
            }
        }
        if count == 0 && !commit.changes.is_empty() {
            return false;
        }
        self.head(commit, merged, count);
        true
    }

    /// Adds how many changes of each of these were left out, after the last commit.
    pub(crate) fn push_left_out(&mut self, at: Moment, counts: &[(Author, u64)]) {
        self.body.clear();
        for (author, count) in counts {
            let what = What::Removed;
            let change = Change { author: *author, generation: at.generation, path: "", what };
            self.left_out(at.generation, &change, *count, "");
        }
        let commit = Commit { seq: at.seq, generation: at.generation, at: at.at, changes: &[] };
        self.head(&commit, true, u32::try_from(counts.len()).unwrap_or(u32::MAX));
    }

    /// Bytes so far.
    pub(crate) fn len(&self) -> usize {
        self.raw.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.span.commits == 0
    }

    /// What is to be seen in its record's head.
    pub(crate) fn flags(&self) -> Flags {
        self.flags
    }

    /// Of which versions it tells.
    pub(crate) fn span(&self) -> Span {
        self.span
    }

    /// The block's bytes.
    pub(crate) fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// The block's filter.
    pub(crate) fn filter(&mut self) -> Vec<u64> {
        filter::build(&mut self.keys)
    }

    /// Begins anew.
    pub(crate) fn clear(&mut self) {
        self.raw.clear();
        self.raw.shrink_to(KEEP_BYTES);
        self.body.shrink_to(KEEP_BYTES);
        self.keys.clear();
        self.span = Span::default();
        self.path.clear();
        self.author = None;
        self.perms.clear();
        self.flags = Flags::default();
    }

    fn head(&mut self, commit: &Commit<'_>, merged: bool, count: u32) {
        let now = Moment { seq: commit.seq, generation: commit.generation, at: commit.at };
        if self.span.commits == 0 {
            self.span = Span { first: now, last: now, commits: 0, changes: 0 };
        }
        let last = self.span.last;
        put(&mut self.raw, now.seq.saturating_sub(last.seq));
        put(&mut self.raw, now.generation.saturating_sub(last.generation));
        put(&mut self.raw, zigzag(last.at, now.at));
        put(&mut self.raw, u64::from(count) << 1 | u64::from(merged));
        put_bytes(&mut self.raw, &self.body);
        self.span.last = now;
        self.span.commits += 1;
        self.span.changes = self.span.changes.saturating_add(count);
    }

    /// Appends a change to the body; gives its permissions, if it has any.
    fn encode<'c>(&mut self, commit: &Commit<'_>, change: &Change<'c>) -> Option<&'c [Perm]> {
        let (kind, value, perms) = match change.what {
            What::Written { value } => (WRITTEN, Some(value), None),
            What::Created { value, perms } => (CREATED, Some(value), Some(perms)),
            What::Removed => (REMOVED, None, None),
            What::Perms(perms) => (PERMS, None, Some(perms)),
            What::Noted(text) => (NOTED, Some(text.as_bytes()), None),
        };
        let same = perms.is_some_and(|perms| !perms.is_empty() && *perms == *self.perms);
        self.start(kind | if same { SAME_PERMS } else { 0 }, commit.generation, change);
        let common = order::common(self.path.as_bytes(), change.path.as_bytes());
        put(&mut self.body, common as u64);
        put_bytes(&mut self.body, change.path.as_bytes().get(common..).unwrap_or_default());
        if let Some(value) = value {
            put_bytes(&mut self.body, value);
        }
        if let Some(perms) = perms.filter(|_| !same) {
            put_perms(&mut self.body, perms);
        }
        self.add_keys(change, common);
        perms
    }

    /// What is in the filter already for the path before isn't added again.
    fn add_keys(&mut self, change: &Change<'_>, common: usize) {
        if common < change.path.len() || self.path.len() != common || self.keys.is_empty() {
            self.keys.push(filter::key(change.path, Role::Changed));
            let new = |above: &&str| above.len() >= common || self.keys.len() == 1;
            let above = order::ancestors(change.path).take_while(new);
            let above: Vec<u64> = above.map(|path| filter::key(path, Role::Above)).collect();
            self.keys.extend(above);
        }
        if matches!(change.what, What::Removed) {
            self.keys.push(filter::key(change.path, Role::Removed));
            self.flags.removed = true;
        }
    }

    fn left_out(&mut self, generation: u64, change: &Change<'_>, count: u64, path: &str) {
        self.start(LEFT_OUT, generation, change);
        put(&mut self.body, count);
        put_bytes(&mut self.body, path.as_bytes());
        self.author = Some(change.author);
        self.flags.left_out = true;
    }

    /// A change's first byte, author and generation.
    fn start(&mut self, kind: u8, commit: u64, change: &Change<'_>) {
        let same_author = self.author == Some(change.author);
        let same_generation = commit == change.generation;
        let flags = if same_author { SAME_AUTHOR } else { 0 }
            | if same_generation { SAME_GENERATION } else { 0 };
        self.body.push(kind | flags);
        if !same_author {
            let author = &change.author;
            let numbers = [u64::from(author.domid), author.instance, author.conn];
            let more = [u64::from(author.request), u64::from(author.transaction)];
            numbers.iter().chain(&more).for_each(|n| put(&mut self.body, *n));
            self.body.push(author.op);
        }
        if !same_generation {
            put(&mut self.body, zigzag(commit, change.generation));
        }
    }
}

/// Bytes that a key takes in the filter.
const KEY_BYTES: usize = crate::limits::FILTER_BITS / 8;
/// Bytes of a commit's head, at most.
const HEAD_BYTES: u64 = 32;
/// Room that a block keeps for the next.
const KEEP_BYTES: usize = 2 * crate::limits::BLOCK_BYTES;
