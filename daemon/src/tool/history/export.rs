//! `myriad export --git`: the history as a git repository, a commit for each kept version.
//!
//! Invariants:
//! - A commit's tree is that of its version, in the form of [`super::layout`], whatever was
//!   exported before.
//! - A repository is continued only where its last commit is one of this history's; nothing that
//!   somebody else has made is written over.

mod git;
mod stream;

use std::path::Path;

use myriad_history::file::{History, Kept, OwnedChange, OwnedCommit};
use serde_json::json;

use self::{
    git::{Last, Repository},
    stream::Stream,
};
use super::{
    error::PastError,
    layout::Nothing,
    live::Live,
    progress::Progress,
    show::report_unknown,
    shown::differences,
    source::{Source, paths},
};
use crate::tool::{
    console::Console,
    failure::Failure,
    output::{json_line, line},
};

/// Writes the versions that a repository hasn't got yet.
///
/// # Errors
/// [`PastError::Program`] where git says no, or the place isn't free; [`Failure::Past`].
pub(crate) fn export(
    place: &Path,
    file: &Path,
    json: bool,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    let source = Source::open(file)?;
    let history = &source.history;
    let id = history.stats().created;
    let repository = Repository::open(place)?;
    let last = repository.last()?;
    if last.as_ref().is_some_and(|last| last.history != id) {
        let place = place.display();
        let says = format!("{place} was made from another history; give another directory");
        return Err(PastError::Program(says).into());
    }
    let done = last.as_ref().map(|last| last.generation);
    let versions = history.versions();
    let new = versions.iter().filter(|kept| done.is_none_or(|done| kept.generation > done));
    let new: Vec<Kept> = new.copied().collect();
    if done.is_none() && new.is_empty() {
        return Err(PastError::Unresolved(super::name::Unresolved::Empty).into());
    }
    if !new.is_empty() {
        let has_work_tree = repository.has_clean_work_tree()?;
        write(history, &repository, last, &new, id)?;
        if has_work_tree {
            repository.check_out()?;
        }
        if let Some(newest) = new.last() {
            report_unknown(&source.tree(newest)?, console)?;
        }
    }
    let newest = new.last().map(|kept| kept.generation).or(done).unwrap_or(0);
    if json {
        let git = place.to_string_lossy();
        json_line(console.out, &json!({"git": git, "commits": new.len(), "generation": newest}))?;
    } else {
        let (count, place) = (new.len(), place.display());
        let text = format!("{place}: {count} new commits, up to generation {newest}");
        line(console.out, text.as_bytes())?;
    }
    Ok(())
}

/// Writes versions.
fn write(
    history: &History,
    repository: &Repository,
    last: Option<Last>,
    new: &[Kept],
    id: u64,
) -> Result<(), PastError> {
    let progress = Progress::of("exporting", new.len());
    let first = new.first().map_or(0, |kept| kept.generation);
    let mut commits = history.commits(first..).peekable();
    let mut stream = Stream::start(repository, last.as_ref(), id)?;
    // Where the version of the last commit is still kept, what follows is told by what differs.
    let known = last.and_then(|last| {
        let tree = history.tree(last.generation).ok()?;
        (tree.version().generation == last.generation).then_some(tree)
    });
    let mut old = known.map(|tree| (*tree.version(), Live::of(&tree)));
    for kept in new {
        let mut told = Vec::new();
        while let Some(commit) = commits.next_if(|commit| is_upto(commit, kept.generation)) {
            told.push(commit?);
        }
        stream.commit(kept, &told, old.is_none())?;
        match &mut old {
            Some((before, live)) => {
                let step = match only(&told, before, kept).and_then(|one| live.step_of(one)) {
                    Some(step) => step,
                    None => differences(history, before.generation, kept.generation, "/")?,
                };
                live.apply(&step);
                let changed = step.iter().map(|difference| difference.path.as_str());
                stream.files(&live.before(&step), &*live, changed)?;
                *before = *kept;
            }
            None => {
                let tree = history.tree(kept.generation)?;
                stream.files(&Nothing, &tree, paths(&tree))?;
                old = Some((*kept, Live::of(&tree)));
            }
        }
        progress.step();
    }
    stream.end()
}

/// The changes of a version's commit, where that is all that lies between it and the one before.
fn only<'c>(told: &'c [OwnedCommit], before: &Kept, kept: &Kept) -> Option<&'c [OwnedChange]> {
    let [commit] = told else { return None };
    let follows = before.seq.checked_add(1) == Some(commit.head.seq);
    let is_whole = !commit.head.merged && commit.head.generation == kept.generation;
    (follows && is_whole && before.incarnation == kept.incarnation).then_some(&*commit.changes)
}

type Read = Result<OwnedCommit, myriad_history::file::ReadError>;

fn is_upto(commit: &Read, generation: u64) -> bool {
    commit.as_ref().map_or(true, |commit| commit.head.generation <= generation)
}
