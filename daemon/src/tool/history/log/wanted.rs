//! What of the history a log is to tell, and how it is found.

use std::ops::Bound;

use jiff::Timestamp;
use myriad_history::file::{OwnedChange, OwnedCommit, OwnedWhat, ReadError, order};

use crate::tool::{
    failure::Failure,
    history::{
        cli::Log,
        error::PastError,
        source::{Source, valid},
        words,
    },
};

/// What of the history is to be seen.
#[derive(Debug)]
pub(super) struct Wanted {
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    domain: Option<u16>,
    path: Option<String>,
}

/// How far a log came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// As far as was asked.
    All,
    /// The daemon that writes the file was faster at its old end.
    UntilOverwritten,
}

impl Wanted {
    pub(super) fn new(options: &Log, source: &Source) -> Result<Wanted, Failure> {
        let time =
            |phrase: &Option<String>| phrase.as_ref().map(|phrase| source.time(phrase)).transpose();
        let path = options.path.as_deref().map(valid).transpose()?.map(str::to_owned);
        let (since, until) = (time(&options.since)?, time(&options.until)?);
        Ok(Wanted { since, until, domain: options.domain, path })
    }

    /// Gives `each` the commits, until it says that it has enough. (The change at which the file
    /// was overwritten may lack others of its commit, which isn't given then.)
    pub(super) fn newest_first(
        &self,
        source: &Source,
        mut each: impl FnMut(OwnedCommit) -> Result<bool, Failure>,
    ) -> Result<Told, Failure> {
        let history = &source.history;
        let Some(path) = self.path.as_deref().filter(|path| *path != "/") else {
            for commit in history.commits_back(self.generations(source)) {
                let commit = match commit {
                    Ok(commit) => commit,
                    Err(ReadError::Overtaken) => return Ok(Told::UntilOverwritten),
                    Err(error) => return Err(PastError::from(error).into()),
                };
                if let Some(commit) = self.part(commit)
                    && !each(commit)?
                {
                    return Ok(Told::All);
                }
            }
            return Ok(Told::All);
        };
        // The changes of a commit come one by one, the last one first.
        let mut open: Option<OwnedCommit> = None;
        for change in history.changes_of(path, true) {
            let (head, change) = match change {
                Ok(change) => change,
                Err(ReadError::Overtaken) => return Ok(Told::UntilOverwritten),
                Err(error) => return Err(PastError::from(error).into()),
            };
            match &mut open {
                Some(commit) if commit.head == head => commit.changes.push(change),
                _ => {
                    let whole = open.replace(OwnedCommit { head, changes: vec![change] });
                    if let Some(commit) = whole.and_then(|commit| self.reversed(commit))
                        && !each(commit)?
                    {
                        return Ok(Told::All);
                    }
                }
            }
        }
        match open.and_then(|commit| self.reversed(commit)) {
            Some(commit) => each(commit).map(|_| Told::All),
            None => Ok(Told::All),
        }
    }

    fn reversed(&self, mut commit: OwnedCommit) -> Option<OwnedCommit> {
        commit.changes.reverse();
        self.part(commit)
    }

    /// The generations that may be wanted, by the times of those that are kept; one more at each
    /// end, since what lies between two isn't all kept.
    fn generations(&self, source: &Source) -> (Bound<u64>, Bound<u64>) {
        let versions = source.history.versions();
        let first = versions.iter().position(|kept| self.is_in_time(kept.at));
        let last = versions.iter().rposition(|kept| self.is_in_time(kept.at));
        let bound = |at: Option<usize>| {
            let kept = at.and_then(|at| versions.get(at));
            kept.map_or(Bound::Unbounded, |kept| Bound::Included(kept.generation))
        };
        (bound(first.and_then(|at| at.checked_sub(1))), bound(last.map(|at| at + 1)))
    }

    fn is_in_time(&self, at: u64) -> bool {
        self.since.is_none_or(|since| at >= words::nanoseconds(since))
            && self.until.is_none_or(|until| at <= words::nanoseconds(until))
    }

    /// What of a commit is wanted, if anything.
    pub(super) fn part(&self, mut commit: OwnedCommit) -> Option<OwnedCommit> {
        if !self.is_in_time(commit.head.at) {
            return None;
        }
        commit.changes.retain(|change| {
            self.domain.is_none_or(|domain| change.author.domid == domain)
                && self.path.as_deref().is_none_or(|path| concerns(change, path))
        });
        (!commit.changes.is_empty()).then_some(commit)
    }
}

/// Whether a change is of a node, of what is below it, or removes it with what is above it.
fn concerns(change: &OwnedChange, path: &str) -> bool {
    order::is_within(&change.path, path)
        || change.what == OwnedWhat::Removed && order::is_within(path, &change.path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tool::history::log::tests::commit;

    fn wanted() -> Wanted {
        Wanted { since: None, until: None, domain: None, path: None }
    }

    fn paths(wanted: &Wanted) -> Vec<String> {
        let part = wanted.part(commit());
        part.into_iter().flat_map(|part| part.changes).map(|change| change.path).collect()
    }

    #[test]
    fn only_what_is_wanted_of_a_commit_is_left() {
        assert_eq!(paths(&wanted()), ["/a/b", "/ab", "/a"]);
        assert_eq!(paths(&Wanted { domain: Some(0), ..wanted() }), ["/ab"]);
        assert_eq!(paths(&Wanted { domain: Some(9), ..wanted() }), [""; 0]);
        let below = |path: &str| Wanted { path: Some(path.into()), ..wanted() };
        assert_eq!(paths(&below("/a")), ["/a/b", "/a"]);
        assert_eq!(paths(&below("/a/b/c")), ["/a"], "it went with what is above");
        let second = Some(Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_secs(1));
        assert_eq!(paths(&Wanted { since: second, until: second, ..wanted() }).len(), 3);
        let later = Some(Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_millis(1001));
        assert_eq!(paths(&Wanted { since: later, ..wanted() }), [""; 0]);
        assert_eq!(paths(&Wanted { until: Some(Timestamp::UNIX_EPOCH), ..wanted() }), [""; 0]);
    }
}
