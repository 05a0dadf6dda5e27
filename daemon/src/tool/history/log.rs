//! `myriad log`: who changed what, and when.

mod wanted;

use std::{io::Write, ops::Bound, path::Path};

use myriad_history::file::{Author, Head, OwnedCommit, ReadError};
use serde_json::Value;

use self::wanted::{Told, Wanted};
use super::{
    cli::Log, error::PastError, follow::Follow, limits::FOLLOW_SHOWN, source::Source, words,
};
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
        let told = wanted.newest_first(&source, |commit| {
            if left > 0 {
                print(&commit, json, console.out)?;
                oldest = commit.head.generation;
            }
            left = left.saturating_sub(1);
            Ok(left > 0)
        })?;
        if told == Told::UntilOverwritten {
            writeln!(console.err, "myriad: the daemon has overwritten older commits meanwhile")?;
        }
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
            let commit = match commit {
                Ok(commit) => commit,
                // What is told next goes on after what was seen.
                Err(ReadError::Overtaken) => break,
                Err(error) => return Err(PastError::from(error).into()),
            };
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
pub(super) mod tests {
    use super::*;
    use myriad_history::file::{CONTROL, OwnedChange, OwnedWhat, Tier};

    pub(super) fn change(domid: u16, path: &str, what: OwnedWhat) -> OwnedChange {
        let instance = if domid == 0 { CONTROL } else { 7 };
        let author = Author { domid, instance, ..Author::default() };
        OwnedChange { author, generation: 3, path: path.into(), what }
    }

    pub(super) fn commit() -> OwnedCommit {
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
