//! What can go wrong with the files of recovery, and what to do.

use std::{io, path::PathBuf};

/// Why the files of recovery can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecoveryError {
    /// another process has the directory
    #[error("{path}: in use by {}: stop that daemon first, or choose another directory",
        holder(*.pid))]
    Locked {
        /// The lock.
        path: PathBuf,
        /// Who holds it, if that could be read.
        pid: Option<u32>,
    },
    /// the system refused something
    #[error("{path}: can't {doing}: {source}{}", remedy(.source))]
    System {
        /// The file.
        path: PathBuf,
        /// What was to be done.
        doing: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// a file is of another version
    #[error(
        "{path}: of format {found}, and this daemon knows {known}: finish the update with the \
        daemon that wrote it, or remove the directory and start with an empty store"
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// What it says.
        found: u64,
        /// What is known.
        known: u64,
    },
    /// a file is not what a killed daemon leaves behind
    #[error(
        "{path}: {what}: keep a copy for a report; remove the directory to start with an empty \
        store, and restart the guests"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        what: String,
    },
}

impl RecoveryError {
    pub(crate) fn system(
        path: impl Into<PathBuf>,
        doing: &'static str,
    ) -> impl FnOnce(io::Error) -> RecoveryError {
        let path = path.into();
        move |source| RecoveryError::System { path, doing, source }
    }

    pub(crate) fn damaged(path: impl Into<PathBuf>, what: impl Into<String>) -> RecoveryError {
        RecoveryError::Damaged { path: path.into(), what: what.into() }
    }
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

fn remedy(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            ": make room on that file system, or choose a smaller journal"
        }
        io::ErrorKind::PermissionDenied => ": run as the user who owns it",
        io::ErrorKind::Unsupported => ": the directory must lie on a tmpfs",
        _ => "",
    }
}
