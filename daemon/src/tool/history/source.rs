//! The history file that commands read, and the versions in it.

use std::{io::Write, path::Path};

use jiff::{Timestamp, Zoned};
use myriad_history::file::{History, Kept, Tree};

use super::{
    error::PastError,
    layout::Picture,
    name::{Name, Point, split},
    when, words,
};
use crate::tool::{console::Console, failure::Failure};

/// A history file, and the moment at which it is asked.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) history: History,
    now: Zoned,
}

impl Source {
    /// Opens a file.
    ///
    /// # Errors
    /// [`PastError::Open`].
    pub(crate) fn open(file: &Path) -> Result<Source, PastError> {
        Ok(Source { history: History::open(file)?, now: Zoned::now() })
    }

    /// The moment at which it is asked: nanoseconds since 1970.
    pub(crate) fn now(&self) -> u64 {
        words::nanoseconds(self.now.timestamp())
    }

    /// The time that a phrase means.
    ///
    /// # Errors
    /// [`PastError::NoTime`].
    pub(crate) fn time(&self, phrase: &str) -> Result<Timestamp, PastError> {
        Ok(when::parse(phrase, &self.now)?)
    }

    /// The kept version that a name means; says so where it isn't the generation that was named.
    ///
    /// # Errors
    /// [`PastError::NoTime`], [`PastError::Unresolved`].
    pub(crate) fn version(&self, text: &str, err: &mut dyn Write) -> Result<Kept, Failure> {
        let name = Name::parse(text, &self.now).map_err(PastError::from)?;
        let versions = self.history.versions();
        let points: Vec<Point> = versions.iter().map(point).collect();
        let at = name.resolve(&points).map_err(PastError::from)?;
        let Some(kept) = versions.get(at) else {
            return Err(PastError::Unresolved(super::name::Unresolved::Empty).into());
        };
        if let Some(wanted) = name.generation().filter(|wanted| *wanted != kept.generation) {
            let (found, at) = (kept.generation, words::time(kept.at));
            writeln!(err, "myriad: generation {wanted} is not kept; this is {found}, of {at}")?;
        }
        Ok(*kept)
    }

    /// The tree of a version.
    ///
    /// # Errors
    /// [`PastError::Read`].
    pub(crate) fn tree(&self, version: &Kept) -> Result<Tree, PastError> {
        Ok(self.history.tree(version.generation)?)
    }

    /// The version and path of `GEN:PATH`.
    ///
    /// # Errors
    /// [`Failure::Usage`] without a path, or with one that isn't valid; and as
    /// [`Source::version`].
    pub(crate) fn node<'t>(
        &self,
        text: &'t str,
        console: &mut Console<'_>,
    ) -> Result<(Kept, &'t str), Failure> {
        let Some((version, path)) = split(text) else {
            let says = format!("\"{text}\" names no node of a version: GEN:PATH, as HEAD~1:/tool");
            return Err(Failure::Usage(says));
        };
        valid(path)?;
        Ok((self.version(version, console.err)?, path))
    }
}

/// A path that a node can have.
///
/// # Errors
/// [`Failure::Usage`].
pub(crate) fn valid(path: &str) -> Result<&str, Failure> {
    match myriad_core::Path::new(path) {
        Ok(_) => Ok(path),
        Err(_) => Err(Failure::Usage(format!("\"{path}\" is no absolute path of a node"))),
    }
}

/// Fails where the history can't say what is at a path.
///
/// # Errors
/// [`PastError::Unknown`].
pub(crate) fn must_know(tree: &Tree, path: &str) -> Result<(), PastError> {
    if tree.knows(path) {
        return Ok(());
    }
    let generation = tree.version().generation;
    let why = match tree.cut_at() {
        Some(cut) => format!("its snapshot had room up to {cut} only; give the history more room"),
        None => "a guest changed more than its share of the history has room for".to_owned(),
    };
    Err(PastError::Unknown(format!(
        "what {path} was in generation {generation} isn't known: {why}"
    )))
}

fn point(kept: &Kept) -> Point {
    Point { generation: kept.generation, seq: kept.seq, at: kept.at }
}

/// The nodes of a version that stores and files can show.
pub(crate) fn paths(tree: &Tree) -> impl Iterator<Item = &str> {
    tree.iter().map(|(path, _)| path).filter(|path| is_node(path))
}

/// Whether stores and files can show a node: special ones have no place in a tree, and what isn't
/// valid comes out of a damaged file and must not lead out of a directory.
pub(crate) fn is_node(path: &str) -> bool {
    myriad_core::Path::new(path).is_ok()
}

impl Picture for Tree {
    fn value(&self, path: &str) -> Option<&[u8]> {
        self.get(path).map(|node| &*node.value)
    }

    fn perms(&self, path: &str) -> String {
        self.get(path).map(|node| words::perms(&node.perms)).unwrap_or_default()
    }

    fn children<'t>(&'t self, path: &'t str) -> Vec<&'t str> {
        self.children(path).collect()
    }

    fn has_children(&self, path: &str) -> bool {
        let below = self.within(path).find(|(below, _)| *below != path && below.starts_with('/'));
        below.is_some()
    }
}
