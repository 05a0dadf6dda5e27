//! git, as a program: the repository that an export goes to.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use crate::tool::history::error::PastError;

/// A repository: a new one, or one that an export has made.
#[derive(Debug)]
pub(super) struct Repository {
    place: PathBuf,
}

/// The last commit of an earlier export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Last {
    /// The generation that it shows.
    pub(super) generation: u64,
    /// Of which history.
    pub(super) history: u64,
}

/// The branch of exports.
pub(super) const BRANCH: &str = "refs/heads/main";
/// What a message says of the version, and of the history.
pub(super) const GENERATION: &str = "Myriad-Generation: ";
pub(super) const HISTORY: &str = "Myriad-History: ";

impl Repository {
    /// Opens a repository, or makes one where there is nothing.
    ///
    /// # Errors
    /// [`PastError::Program`] where there is something else, or git is missing.
    pub(super) fn open(place: &Path) -> Result<Repository, PastError> {
        let shown = place.display();
        let repository = Repository { place: place.to_owned() };
        let is_repository = place.join(".git").exists() || place.join("HEAD").is_file();
        if is_repository {
            return Ok(repository);
        }
        let is_empty = match fs::read_dir(place) {
            Ok(mut entries) => entries.next().is_none(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => true,
            Err(error) => return Err(PastError::place(format!("can't look at {shown}"))(error)),
        };
        if !is_empty {
            let says = format!(
                "{shown} is neither empty nor a git repository; give a new directory, or one that \
                 export has made"
            );
            return Err(PastError::Program(says));
        }
        fs::create_dir_all(place).map_err(PastError::place(format!("can't make {shown}")))?;
        repository.must(&["init", "--quiet", "--initial-branch=main"])?;
        Ok(repository)
    }

    /// The last commit of an earlier export; nothing in a repository without commits.
    ///
    /// # Errors
    /// [`PastError::Program`] where its last commit is somebody else's.
    pub(super) fn last(&self) -> Result<Option<Last>, PastError> {
        let log = self.run(&["log", "-1", "--format=%B", BRANCH])?;
        if !log.status.success() {
            let any = self.must(&["for-each-ref", "--count=1"])?;
            return if any.is_empty() { Ok(None) } else { Err(self.foreign()) };
        }
        let text = String::from_utf8_lossy(&log.stdout);
        let number = |key: &str| {
            let mut lines = text.lines().rev();
            lines.find_map(|line| line.strip_prefix(key)).and_then(|number| number.parse().ok())
        };
        match (number(GENERATION), number(HISTORY)) {
            (Some(generation), Some(history)) => Ok(Some(Last { generation, history })),
            _ => Err(self.foreign()),
        }
    }

    fn foreign(&self) -> PastError {
        let place = self.place.display();
        let says = "is a git repository, but the last commit of its branch main is no export's";
        PastError::Program(format!("{place} {says}; give another directory"))
    }

    /// Whether there is a work tree that follows the branch; nothing in it may have been changed.
    ///
    /// # Errors
    /// [`PastError::Program`] where something has.
    pub(super) fn has_clean_work_tree(&self) -> Result<bool, PastError> {
        if self.must(&["rev-parse", "--is-bare-repository"])?.trim() == "true" {
            return Ok(false);
        }
        // On another branch, or in a bisection, it stays as it is.
        let head = self.run(&["symbolic-ref", "--quiet", "HEAD"])?;
        if String::from_utf8_lossy(&head.stdout).trim() != BRANCH {
            return Ok(false);
        }
        if self.must(&["status", "--porcelain"])?.trim().is_empty() {
            return Ok(true);
        }
        let place = self.place.display();
        let says =
            format!("files in {place} were changed; take the changes away: git reset --hard");
        Err(PastError::Program(says))
    }

    /// Brings the work tree to the newest version.
    ///
    /// # Errors
    /// [`PastError::Program`].
    pub(super) fn check_out(&self) -> Result<(), PastError> {
        self.must(&["reset", "--quiet", "--hard"]).map(drop)
    }

    /// Starts what reads a stream of commits.
    ///
    /// # Errors
    /// [`PastError::Program`].
    pub(super) fn import(&self) -> Result<Child, PastError> {
        let args = ["fast-import", "--quiet", "--done", "--date-format=raw"];
        let mut command = self.git(&args);
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        piped.spawn().map_err(not_run)
    }

    fn must(&self, args: &[&str]) -> Result<String, PastError> {
        let output = self.run(args)?;
        if !output.status.success() {
            return Err(failed(args.first().copied().unwrap_or_default(), &output));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn run(&self, args: &[&str]) -> Result<Output, PastError> {
        self.git(args).stdin(Stdio::null()).output().map_err(not_run)
    }

    fn git(&self, args: &[impl AsRef<OsStr>]) -> Command {
        let mut command = Command::new("git");
        command.arg("-C").arg(&self.place).args(args);
        // The caller may be in a repository of its own, in a hook for example.
        for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY"] {
            command.env_remove(name);
        }
        // Of what is above the place, nothing counts.
        command.env("GIT_CEILING_DIRECTORIES", self.place.parent().unwrap_or(&self.place));
        command
    }
}

/// A failure of git, with what it said.
pub(super) fn failed(what: &str, output: &Output) -> PastError {
    let said = String::from_utf8_lossy(&output.stderr);
    PastError::Program(format!("git {what} failed ({}): {}", output.status, said.trim()))
}

fn not_run(error: io::Error) -> PastError {
    PastError::Program(format!("can't run git: {error}; install the package git"))
}
