//! What judges a version: an expression, or a command that is given the version's tree.

use std::{
    ffi::OsString,
    path::PathBuf,
    process::{Command, ExitStatus},
};

use myriad_history::file::{History, Kept, Tree};
use tempfile::TempDir;

use super::search::Verdict;
use crate::tool::history::{
    directory::Directory,
    error::PastError,
    expr::Expr,
    layout::Picture,
    past::{Past, Server},
    shown::{becomes, changed},
    source::paths,
    words,
};

/// A judge of versions.
#[derive(Debug)]
pub(super) enum Judge {
    /// An expression that is true in good versions.
    Expr(Expr),
    /// A command that ends with 0 in good versions.
    Command(Vec<OsString>, Option<Box<Stage>>),
}

/// Where commands find the tree of a version.
#[derive(Debug)]
pub(super) struct Stage {
    tree: Tree,
    directory: Directory,
    past: Past,
    server: Server,
    place: PathBuf,
    /// Goes last, with all that is in it.
    _temporary: TempDir,
}

impl Judge {
    /// Judges a version.
    ///
    /// # Errors
    /// [`PastError::Program`] for a command that says to stop, or can't be run;
    /// [`PastError::Read`], [`PastError::Directory`], [`PastError::Server`].
    pub(super) fn judge(
        &mut self,
        history: &History,
        version: &Kept,
    ) -> Result<Verdict, PastError> {
        let tree = history.tree(version.generation)?;
        match self {
            Judge::Expr(expr) => {
                if !tree.knows(expr.path()) {
                    return Ok(Verdict::Skip);
                }
                let holds = expr.holds(tree.get(expr.path()).map(|node| &*node.value));
                Ok(if holds { Verdict::Good } else { Verdict::Bad })
            }
            Judge::Command(words, stage) => {
                let stage = match stage {
                    Some(stage) => {
                        stage.advance(history, tree)?;
                        stage
                    }
                    empty => empty.insert(Box::new(Stage::new(tree)?)),
                };
                verdict(words, stage.run(words, version)?)
            }
        }
    }
}

impl Stage {
    fn new(tree: Tree) -> Result<Stage, PastError> {
        let temporary = tempfile::Builder::new().prefix("myriad-bisect-").tempdir();
        let temporary = temporary.map_err(PastError::place("can't make a temporary directory"))?;
        let place = temporary.path().join("tree");
        std::fs::create_dir(&place).map_err(PastError::place("can't make a directory"))?;
        let directory = Directory::fill(&place, &tree, paths(&tree))?;
        let past = Past::new().map_err(PastError::Node)?;
        past.advance(&becomes(&tree, paths(&tree))).map_err(PastError::Node)?;
        let server = Server::start(&temporary.path().join("socket"), &past)?;
        Ok(Stage { tree, directory, past, server, place, _temporary: temporary })
    }

    /// Shows another version.
    fn advance(&mut self, history: &History, tree: Tree) -> Result<(), PastError> {
        let (old, new) = (self.tree.version().generation, tree.version().generation);
        let differences = changed(history, old, new)?;
        let changed = || differences.iter().map(String::as_str);
        let (old, new): (&dyn Picture, &dyn Picture) = (&self.tree, &tree);
        self.directory.advance(old, new, changed())?;
        self.past.advance(&becomes(&tree, changed())).map_err(PastError::Node)?;
        self.server.moved();
        self.tree = tree;
        Ok(())
    }

    fn run(&self, words: &[OsString], version: &Kept) -> Result<ExitStatus, PastError> {
        let (program, args) = words.split_first().ok_or_else(|| missing(words))?;
        let status = Command::new(program)
            .args(args)
            .env("XENSTORED_PATH", self.server.path())
            .env("MYRIAD_TREE", &self.place)
            .env("MYRIAD_GENERATION", version.generation.to_string())
            .env("MYRIAD_TIME", words::json_time(version.at))
            .status();
        let shown = program.to_string_lossy().into_owned();
        status.map_err(|error| PastError::Program(format!("can't run {shown}: {error}")))
    }
}

fn missing(_: &[OsString]) -> PastError {
    PastError::Program("no command was given".into())
}

/// What an exit code says: git's convention.
fn verdict(words: &[OsString], status: ExitStatus) -> Result<Verdict, PastError> {
    match status.code() {
        Some(0) => Ok(Verdict::Good),
        Some(125) => Ok(Verdict::Skip),
        Some(1..=127) => Ok(Verdict::Bad),
        _ => {
            let program = words.first().map(|word| word.to_string_lossy()).unwrap_or_default();
            let says = format!(
                "{program} ended with {status}, which says to stop; what was found until then is \
                 kept: run again to go on"
            );
            Err(PastError::Program(says))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    #[test]
    fn exit_codes_mean_what_they_mean_to_git() {
        let of = |raw| verdict(&["cmd".into()], ExitStatus::from_raw(raw));
        let code = |code: i32| of(code << 8).ok();
        assert_eq!(code(0), Some(Verdict::Good));
        assert_eq!(code(125), Some(Verdict::Skip));
        for bad in [1, 2, 124, 126, 127] {
            assert_eq!(code(bad), Some(Verdict::Bad), "{bad}");
        }
        for stop in [128, 130, 255] {
            assert_eq!(code(stop), None, "{stop}");
        }
        assert!(of(9).unwrap_err().to_string().contains("signal: 9"));
    }
}
