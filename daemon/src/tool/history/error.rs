//! Why something can't be told of the past, and by which exit code.

use myriad_history::file::{OpenError, ReadError};

use super::{
    directory::DirectoryError, expr::NoExpr, name::Unresolved, past::ServerError, when::NoTime,
};

/// A failure of what is about the past.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PastError {
    /// the file can't be opened
    #[error(transparent)]
    Open(#[from] OpenError),
    /// the file can't be read
    #[error(transparent)]
    Read(#[from] ReadError),
    /// a version that isn't there
    #[error(transparent)]
    Unresolved(#[from] Unresolved),
    /// what the history doesn't say
    #[error("{0}")]
    Unknown(String),
    /// a phrase that is no time
    #[error(transparent)]
    NoTime(#[from] NoTime),
    /// an expression that is none
    #[error(transparent)]
    NoExpr(#[from] NoExpr),
    /// a search that isn't in the state for it
    #[error("{0}")]
    Search(String),
    /// a place for trees or sockets
    #[error("{what}: {source}")]
    Place {
        /// What was to be done.
        what: String,
        /// Why it can't.
        source: std::io::Error,
    },
    /// the tree as a directory
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// the tree behind a socket
    #[error(transparent)]
    Server(#[from] ServerError),
    /// a node that no store can have
    #[error("the history has a node that no store can have: {0}")]
    Node(myriad_core::Error),
    /// git, or the command of a search
    #[error("{0}")]
    Program(String),
}

impl PastError {
    /// The exit code.
    pub(crate) fn code(&self) -> u8 {
        match self {
            PastError::Unresolved(_)
            | PastError::Unknown(_)
            | PastError::Read(ReadError::TooOld { .. } | ReadError::Empty) => 1,
            PastError::NoTime(_) | PastError::NoExpr(_) | PastError::Search(_) => 2,
            PastError::Open(_) | PastError::Read(_) | PastError::Node(_) => 8,
            PastError::Place { .. } | PastError::Directory(_) | PastError::Server(_) => 7,
            PastError::Program(_) => 9,
        }
    }

    /// Why something in the file system can't be done.
    pub(crate) fn place(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> PastError {
        let what = what.into();
        move |source| PastError::Place { what, source }
    }
}
