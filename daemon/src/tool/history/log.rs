//! `myriad log`: who changed what, and when.

use std::{io::Write, ops::Bound, path::Path};

use jiff::Timestamp;
use myriad_history::file::{Author, Head, OwnedChange, OwnedCommit, OwnedWhat, ReadError, order};
use serde_json::Value;

use super::{
    cli::Log,
    error::PastError,
    follow::Follow,
    source::{Source, valid},
    words,
};
use crate::tool::history::limits::FOLLOW_SHOWN;
use crate::tool::{
    console::Console,
    failure::Failure,
    output::{json_line, line},
};

/// Prints the commits that were asked for, newest first; when following, oldest first.
///
/// # Errors
/// [`Failure::Past`], [`Failure::Output`].
pub(crate) fn log(
    options: &Log,
    file: &Path,
    json: bool,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    let mut source = Source::open(file)?;
    let wanted = Wanted::new(options, &source)?;
    if !options.follow {
        let mut left = options.count.unwrap_or(usize::MAX);
        let mut oldest = u64::MAX;
        wanted.newest_first(&source, |commit| {
            if left > 0 {
                print(&commit, json, console.out)?;
                oldest = commit.head.generation;
            }
            left = left.saturating_sub(1);
            Ok(left > 0)
        })?;
        return report_missing(&source, oldest, console);
    }
    let mut last = Vec::new();
    let shown = options.count.unwrap_or(FOLLOW_SHOWN);
    // From here on, so that nothing is seen twice or never.
    let mut seen = source.history.versions().last().map_or(0, |kept| kept.generation);
    wanted.newest_first(&source, |commit| {
        if last.len() < shown {
            last.push(commit);
        }
        Ok(last.len() < shown)
    })?;
    last.iter().rev().try_for_each(|commit| print(commit, json, console.out))?;
    console.out.flush()?;
    let mut follow = Follow::new(file);
    loop {
        follow.wait();
        match source.history.refresh() {
            Ok(false) => continue,
            Ok(true) => {}
            // It comes again with the next look.
            Err(ReadError::Overtaken) => continue,
            Err(error) => return Err(PastError::from(error).into()),
        }
        let range = (Bound::Excluded(seen), Bound::Unbounded);
        for commit in source.history.commits(range) {
            let commit = commit.map_err(PastError::from)?;
            seen = seen.max(commit.head.generation);
            if let Some(commit) = wanted.part(commit) {
                print(&commit, json, console.out)?;
            }
        }
        console.out.flush()?;
    }
}

/// Says so where commits are missing since a generation.
fn report_missing(source: &Source, since: u64, console: &mut Console<'_>) -> Result<(), Failure> {
    let gaps = source.history.gaps().iter().filter(|gap| gap.generation >= since).count();
    let left_out = source.history.left_out().iter();
    let left_out =
        left_out.filter(|one| one.tier.0 == 0 && (one.to == 0 || one.to > since)).count();
    if gaps + left_out > 0 {
        let says = "not all commits are known; where some are missing: myriad history gaps";
        writeln!(console.err, "myriad: {says}")?;
    }
    Ok(())
}

/// What of the history is to be seen.
#[derive(Debug)]
struct Wanted {
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    domain: Option<u16>,
    path: Option<String>,
}

impl Wanted {
    fn new(options: &Log, source: &Source) -> Result<Wanted, Failure> {
        let time =
            |phrase: &Option<String>| phrase.as_ref().map(|phrase| source.time(phrase)).transpose();
        let path = options.path.as_deref().map(valid).transpose()?.map(str::to_owned);
        let (since, until) = (time(&options.since)?, time(&options.until)?);
        Ok(Wanted { since, until, domain: options.domain, path })
    }

    /// Gives `each` the commits, until it says that it has enough.
    fn newest_first(
        &self,
        source: &Source,
        mut each: impl FnMut(OwnedCommit) -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        let history = &source.history;
        let Some(path) = self.path.as_deref().filter(|path| *path != "/") else {
            for commit in history.commits_back(self.generations(source)) {
                let commit = commit.map_err(PastError::from)?;
                if let Some(commit) = self.part(commit)
                    && !each(commit)?
                {
                    return Ok(());
                }
            }
            return Ok(());
        };
        // The changes of a commit come one by one, the last one first.
        let mut open: Option<OwnedCommit> = None;
        for change in history.changes_of(path, true) {
            let (head, change) = change.map_err(PastError::from)?;
            match &mut open {
                Some(commit) if commit.head == head => commit.changes.push(change),
                _ => {
                    let whole = open.replace(OwnedCommit { head, changes: vec![change] });
                    if let Some(commit) = whole.and_then(|commit| self.reversed(commit))
                        && !each(commit)?
                    {
                        return Ok(());
                    }
                }
            }
        }
        match open.and_then(|commit| self.reversed(commit)) {
            Some(commit) => each(commit).map(drop),
            None => Ok(()),
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
    fn part(&self, mut commit: OwnedCommit) -> Option<OwnedCommit> {
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

/// Prints a commit: a head, and a line for each change.
pub(crate) fn print(commit: &OwnedCommit, json: bool, out: &mut dyn Write) -> std::io::Result<()> {
    let OwnedCommit { head, changes } = commit;
    if json {
        let mut object = words::json_head(head);
        let changes: Vec<Value> = changes.iter().map(words::json_change).collect();
        object.insert("changes".into(), changes.into());
        return json_line(out, &Value::Object(object));
    }
    let first = changes.first().map(|change| change.author);
    let alone = first.filter(|first| changes.iter().all(|change| change.author == *first));
    line(out, heading(head, alone.as_ref()).as_bytes())?;
    for change in changes {
        let by = if alone.is_none() { words::who(&change.author) } else { String::new() };
        let by = if by.is_empty() { by } else { format!("  [{by}]") };
        line(out, format!("    {}{by}", words::change(change)).as_bytes())?;
    }
    Ok(())
}

/// Which commit, when, and by whom where it was one.
fn heading(head: &Head, author: Option<&Author>) -> String {
    let who = author.map(words::author).unwrap_or_else(|| "several".into());
    let merged = if head.merged { ", the last of what was merged" } else { "" };
    format!("{}  {}  {who}{merged}", head.generation, words::time(head.at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use myriad_history::file::{CONTROL, Tier};

    fn change(domid: u16, path: &str, what: OwnedWhat) -> OwnedChange {
        let instance = if domid == 0 { CONTROL } else { 7 };
        let author = Author { domid, instance, ..Author::default() };
        OwnedChange { author, generation: 3, path: path.into(), what }
    }

    fn commit() -> OwnedCommit {
        let head = Head {
            seq: 2,
            generation: 3,
            at: 1_000_000_000,
            tier: Tier(0),
            incarnation: 1,
            merged: false,
        };
        let written = || OwnedWhat::Written { value: b"1".to_vec() };
        let changes = vec![
            change(5, "/a/b", written()),
            change(0, "/ab", written()),
            change(5, "/a", OwnedWhat::Removed),
        ];
        OwnedCommit { head, changes }
    }

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

    #[test]
    fn who_made_it_stands_once_where_it_was_one() {
        let mut out = Vec::new();
        print(&commit(), false, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("  several\n") && text.contains("M /a/b = \"1\"  [domain 5]\n"));
        let mut alone = commit();
        alone.changes.truncate(1);
        let mut out = Vec::new();
        print(&alone, false, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("  domain 5\n    M /a/b = \"1\"\n"), "{text}");
    }
}
