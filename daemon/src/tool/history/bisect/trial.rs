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
    layout::Nothing,
    past::{Past, Server},
    progress::Progress,
    shown::{becomes, differences},
    source::paths,
    words,
};

/// A judge of versions.
#[derive(Debug)]
pub(super) enum Judge {
    /// An expression that is true in good versions.
    Expr(Expr),
    /// A command that ends with 0 in good versions; what of the tree it gets as files; and where
    /// it finds the last version that was judged.
    Command(Vec<OsString>, Option<String>, Option<Box<Stage>>),
}

/// Where commands find the tree of a version.
#[derive(Debug)]
pub(super) struct Stage {
    tree: Tree,
    files: Option<Directory>,
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
    pub(super) fn judge(&mut self, history: &History, tree: Tree) -> Result<Verdict, PastError> {
        let version = *tree.version();
        match self {
            Judge::Expr(expr) => {
                if !tree.knows(expr.path()) {
                    return Ok(Verdict::Skip);
                }
                let holds = expr.holds(tree.get(expr.path()).map(|node| &*node.value));
                Ok(if holds { Verdict::Good } else { Verdict::Bad })
            }
            Judge::Command(words, below, stage) => {
                let stage = match stage {
                    Some(stage) => {
                        stage.advance(history, tree)?;
                        stage
                    }
                    empty => empty.insert(Box::new(Stage::new(tree, below.as_deref())?)),
                };
                verdict(words, stage.run(words, &version)?)
            }
        }
    }
}

impl Stage {
    fn new(tree: Tree, below: Option<&str>) -> Result<Stage, PastError> {
        let mut builder = tempfile::Builder::new();
        let builder = builder.prefix("myriad-bisect-");
        let temporary = match std::env::var_os("TMPDIR") {
            None => builder.tempdir_in(IN_MEMORY).or_else(|_| builder.tempdir()),
            Some(_) => builder.tempdir(),
        };
        let temporary = temporary.map_err(PastError::place("can't make a temporary directory"))?;
        let place = temporary.path().join("tree");
        std::fs::create_dir(&place).map_err(PastError::place("can't make a directory"))?;
        let files = below.map(|below| Directory::at(&place, below));
        let progress = Progress::open("laying out the first version");
        if let Some(files) = &files {
            files.advance(&Nothing, &tree, paths(&tree).inspect(|_| progress.step()))?;
        }
        let past = Past::new().map_err(PastError::Node)?;
        past.advance(&becomes(&tree, paths(&tree))).map_err(PastError::Node)?;
        let server = Server::start(&temporary.path().join("socket"), &past)?;
        Ok(Stage { tree, files, past, server, place, _temporary: temporary })
    }

    /// Shows another version.
    fn advance(&mut self, history: &History, tree: Tree) -> Result<(), PastError> {
        let (old, new) = (self.tree.version().generation, tree.version().generation);
        let differences = differences(history, old, new, "/")?;
        let changed = || differences.iter().map(|difference| difference.path.as_str());
        if let Some(files) = &self.files {
            files.advance(&self.tree, &tree, changed())?;
        }
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

/// Where thousands of small files cost little. TMPDIR says otherwise.
const IN_MEMORY: &str = "/dev/shm";

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
