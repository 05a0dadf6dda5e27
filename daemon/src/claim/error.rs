//! Why a daemon doesn't get its pid file or socket.

use std::{io, path::PathBuf};

use rustix::io::Errno;

/// Why a pid file or socket could not be claimed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClaimError {
    /// a running daemon holds the pid file
    #[error("{path} is held by a running daemon{}: stop it, or name another --pid-file", by(*.pid))]
    PidFileHeld {
        /// The file.
        path: PathBuf,
        /// The daemon's pid, where the file names one.
        pid: Option<u32>,
    },
    /// a running daemon serves the socket
    #[error("{path} is served by a running xenstored: stop it, or set XENSTORED_PATH to another")]
    SocketServed {
        /// The socket.
        path: PathBuf,
    },
    /// something that is no socket lies where the socket should
    #[error("{path} exists and is no socket: remove it, or set XENSTORED_PATH to another path")]
    NoSocket {
        /// Its path.
        path: PathBuf,
    },
    /// the path does not fit into a socket's address
    #[error(
        "{path} is too long for a socket: set XENSTORED_PATH or XENSTORED_RUNDIR to a path \
             of at most 106 bytes"
    )]
    TooLong {
        /// The path.
        path: PathBuf,
    },
    /// the system refused
    #[error("can't {what} {path}: {source}; {}", remedy(source))]
    System {
        /// What was tried.
        what: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl ClaimError {
    /// Whether it was for want of a descriptor.
    #[must_use]
    pub fn is_want_of_descriptors(&self) -> bool {
        matches!(self, ClaimError::System { source, .. } if wants_descriptors(source))
    }
}

/// Whether the system had no descriptor left: `EMFILE`, `ENFILE`.
fn wants_descriptors(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE))
}

fn remedy(error: &io::Error) -> &'static str {
    if wants_descriptors(error) {
        "raise the limit of open files"
    } else {
        "check that its directory exists and can be written"
    }
}

fn by(pid: Option<u32>) -> String {
    pid.map_or_else(String::new, |pid| format!(" with pid {pid}"))
}
