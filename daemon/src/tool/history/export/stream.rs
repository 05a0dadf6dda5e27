//! Commits in the language of `git fast-import`.

use std::{
    collections::BTreeMap,
    io::{self, BufWriter, Write},
    process::{Child, ChildStdin},
};

use myriad_history::file::{Kept, OwnedChange, OwnedCommit, order};

use super::git::{BRANCH, GENERATION, HISTORY, Last, Repository, failed};
use crate::tool::history::{
    error::PastError,
    layout::{Picture, Step, steps},
    limits::{EXPORT_LINES, EXPORT_SUBJECT},
    words,
};

/// A stream of commits into a git that reads it.
#[derive(Debug)]
pub(super) struct Stream {
    git: Child,
    input: Option<BufWriter<ChildStdin>>,
    /// The next commit follows one that is there.
    follows: bool,
    id: u64,
}

impl Stream {
    /// Begins.
    ///
    /// # Errors
    /// [`PastError::Program`].
    pub(super) fn start(
        repository: &Repository,
        last: Option<&Last>,
        id: u64,
    ) -> Result<Stream, PastError> {
        let mut git = repository.import()?;
        let input = git.stdin.take().map(BufWriter::new);
        Ok(Stream { git, input, follows: last.is_some(), id })
    }

    /// Begins a commit: a version, and the commits that led to it. `is_whole`: all of its files
    /// will be given.
    ///
    /// # Errors
    /// [`PastError::Program`].
    pub(super) fn commit(
        &mut self,
        kept: &Kept,
        commits: &[OwnedCommit],
        is_whole: bool,
    ) -> Result<(), PastError> {
        let changes: Vec<&OwnedChange> = commits.iter().flat_map(|c| &c.changes).collect();
        let mut head = head(kept, &changes, self.id);
        if std::mem::take(&mut self.follows) {
            head.push_str(&format!("from {BRANCH}^0\n"));
        }
        if is_whole {
            head.push_str("deleteall\n");
        }
        self.write(|input| input.write_all(head.as_bytes()))
    }

    /// Gives the commit its files.
    ///
    /// # Errors
    /// [`PastError::Program`].
    pub(super) fn files<'p>(
        &mut self,
        old: &dyn Picture,
        new: &dyn Picture,
        changed: impl Iterator<Item = &'p str>,
    ) -> Result<(), PastError> {
        self.write(|input| steps(old, new, changed, |step| put(input, step)))
    }

    /// Ends the stream, and waits until git has taken it.
    ///
    /// # Errors
    /// [`PastError::Program`].
    pub(super) fn end(mut self) -> Result<(), PastError> {
        self.write(|input| input.write_all(b"done\n").and_then(|()| input.flush()))?;
        self.finish()
    }

    fn write(
        &mut self,
        what: impl FnOnce(&mut BufWriter<ChildStdin>) -> io::Result<()>,
    ) -> Result<(), PastError> {
        let Some(input) = &mut self.input else { return self.finish() };
        match what(input) {
            Ok(()) => Ok(()),
            // It has gone: what it said tells more.
            Err(error) => self.finish().and_then(|()| {
                Err(PastError::Program(format!("can't write to git fast-import: {error}")))
            }),
        }
    }

    fn finish(&mut self) -> Result<(), PastError> {
        drop(self.input.take());
        let mut stderr = Vec::new();
        if let Some(mut pipe) = self.git.stderr.take() {
            let _ = io::Read::read_to_end(&mut pipe, &mut stderr);
        }
        let status = self.git.wait();
        let status = status.map_err(|e| PastError::Program(format!("git fast-import: {e}")))?;
        if status.success() {
            return Ok(());
        }
        Err(failed("fast-import", &std::process::Output { status, stdout: Vec::new(), stderr }))
    }
}

fn put(input: &mut BufWriter<ChildStdin>, step: Step) -> io::Result<()> {
    match step {
        Step::Delete(file) => writeln!(input, "D {file}"),
        Step::Put(file, bytes) => {
            write!(input, "M 100644 inline {file}\ndata {}\n", bytes.len())?;
            input.write_all(&bytes)?;
            input.write_all(b"\n")
        }
    }
}

/// All of a commit but its files.
fn head(kept: &Kept, changes: &[&OwnedChange], id: u64) -> String {
    let seconds = kept.at / 1_000_000_000;
    let (name, mail) = author(changes);
    let message = message(kept, changes, id);
    format!(
        "commit {BRANCH}\nauthor {name} <{mail}> {seconds} +0000\n\
         committer Myriad <myriad@xenstore> {seconds} +0000\ndata {}\n{message}\n",
        message.len()
    )
}

/// Who: by name and something that looks like an address.
fn author(changes: &[&OwnedChange]) -> (String, String) {
    let all: BTreeMap<String, ()> =
        changes.iter().map(|change| (words::who(&change.author), ())).collect();
    let name = match (all.first_key_value(), all.len()) {
        (Some((name, ())), 1) => name.clone(),
        (None, _) => "nobody known".to_owned(),
        _ => "several".to_owned(),
    };
    let mail: String = name.chars().filter(|c| !"()".contains(*c)).collect();
    (name, format!("{}@xenstore", mail.replace(' ', "-")))
}

fn message(kept: &Kept, changes: &[&OwnedChange], id: u64) -> String {
    let mut text = String::new();
    let subject = match changes {
        [] => "the oldest version that is kept".to_owned(),
        [one] => words::change(one),
        all => format!("{} changes{}", all.len(), below(all)),
    };
    let subject = format!("{}: {subject}", kept.generation);
    text.extend(subject.chars().take(EXPORT_SUBJECT));
    text.push_str("\n\n");
    for change in changes.iter().take(EXPORT_LINES) {
        text.push_str(&format!("{}  [{}]\n", words::change(change), words::author(&change.author)));
    }
    if let Some(more) = changes.len().checked_sub(EXPORT_LINES).filter(|more| *more > 0) {
        text.push_str(&format!("and {more} more\n"));
    }
    let (generation, seq) = (kept.generation, kept.seq);
    text.push_str(&format!(
        "\nMyriad-Publication: {seq}\nMyriad-Time: {}\n{GENERATION}{generation}\n{HISTORY}{id}\n",
        words::json_time(kept.at)
    ));
    text
}

/// What all changes are below, where that isn't everything.
fn below(changes: &[&OwnedChange]) -> String {
    let Some((first, rest)) = changes.split_first() else { return String::new() };
    let mut above = std::iter::once(first.path.as_str()).chain(order::ancestors(&first.path));
    let common = above
        .find(|top| rest.iter().all(|change| order::is_within(&change.path, top)))
        .filter(|top| *top != "/");
    common.map(|top| format!(" below {top}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use myriad_history::file::{Author, OwnedWhat, Tier};

    fn kept() -> Kept {
        let (generation, seq, at) = (7, 5, 1_500_000_000_250_000_000);
        Kept { generation, seq, at, tier: Tier(0), changes: 0, incarnation: 1 }
    }

    fn change(domid: u16, path: &str, value: &[u8]) -> OwnedChange {
        let author = Author { domid, instance: u64::from(domid) + 1, ..Author::default() };
        let what = OwnedWhat::Written { value: value.to_vec() };
        OwnedChange { author, generation: 7, path: path.into(), what }
    }

    #[test]
    fn a_commit_says_who_when_and_what() {
        let text = head(&kept(), &[&change(5, "/a", b"x\ny")], 9);
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("commit refs/heads/main"));
        assert_eq!(lines.next(), Some("author domain 5 <domain-5@xenstore> 1500000000 +0000"));
        assert_eq!(lines.next(), Some("committer Myriad <myriad@xenstore> 1500000000 +0000"));
        let len: usize = lines.next().unwrap().strip_prefix("data ").unwrap().parse().unwrap();
        let message = text.split_once(&format!("data {len}\n")).unwrap().1;
        assert_eq!(message.len(), len + 1);
        assert!(message.starts_with("7: M /a = \"x\\ny\"\n\n"), "{message}");
        assert!(message.contains("Myriad-Time: 2017-07-14T02:40:00.25Z\n"), "{message}");
        assert!(message.ends_with("Myriad-Generation: 7\nMyriad-History: 9\n\n"), "{message}");
    }

    #[test]
    fn many_changes_are_summed_up() {
        let all: Vec<_> = (0..150).map(|n| change(n % 2 * 5, &format!("/a/b/{n}"), b"")).collect();
        let all: Vec<_> = all.iter().collect();
        let text = message(&kept(), &all, 9);
        assert!(text.starts_with("7: 150 changes below /a/b\n"), "{text}");
        assert!(text.contains("\nand 50 more\n"));
        assert_eq!(author(&all), ("several".into(), "several@xenstore".into()));
        let apart = [&change(0, "/a", b""), &change(0, "/b", b"")];
        assert!(message(&kept(), &apart, 9).starts_with("7: 2 changes\n"));
        assert_eq!(author(&apart).1, "control@xenstore");
        let long = change(0, "/a", &[b'v'; 4000]);
        assert!(message(&kept(), &[&long], 9).lines().next().unwrap().len() <= EXPORT_SUBJECT);
    }
}
