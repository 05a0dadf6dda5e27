//! Why a run of simulated guests fails: an answer that is wrong, or that never came.

use std::{fmt, io, path::PathBuf, time::Duration};

use myriad_ring::{client, page::BadIndex};
use serde_json::{Value, json};

use crate::{options::Places, sim::machine::MachineError};

/// Why a run of simulated guests ended early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimError {
    /// an answer is not what must come
    #[error("{0}")]
    Wrong(Box<Wrong>),
    /// the daemon answers no more
    #[error("nothing came for {after:?}, and {waiting} parties wait; the first: {first}")]
    Silent {
        /// For how long nothing came.
        after: Duration,
        /// How many parties of guests wait for an answer or an event.
        waiting: usize,
        /// One of them.
        first: Box<Wrong>,
    },
    /// the guests that were asked for can't be
    #[error("{0}")]
    Usage(String),
    /// a limit of the system is too low
    #[error("{0}")]
    Limit(String),
    /// the daemon's socket
    #[error(transparent)]
    Client(#[from] client::Error),
    /// the daemon's simulated host
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// a connection to the daemon broke
    #[error("the connection of the {0} to the daemon broke: {1}")]
    Broken(&'static str, io::Error),
    /// the system
    #[error("can't go on: {0}")]
    System(#[from] io::Error),
}

/// An answer that is not what must come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// The domain id of the guest that it is about.
    pub guest: u16,
    /// Who asked: the guest, the toolstack for it, or the backends of its devices.
    pub who: &'static str,
    /// What was asked, or waited for.
    pub request: String,
    /// What must come.
    pub expected: String,
    /// What came.
    pub got: String,
}

impl Wrong {
    /// All of it, for programs.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({
            "guest": self.guest, "who": self.who, "request": self.request,
            "expected": self.expected, "got": self.got,
        })
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Wrong { guest, who, request, expected, got } = self;
        write!(f, "guest {guest}, {who}: {request}: expected {expected}, got {got}")
    }
}

impl SimError {
    /// The answer that is wrong, or missing.
    #[must_use]
    pub fn wrong(&self) -> Option<&Wrong> {
        match self {
            SimError::Wrong(wrong) | SimError::Silent { first: wrong, .. } => Some(wrong),
            _ => None,
        }
    }
}

impl From<Wrong> for SimError {
    fn from(wrong: Wrong) -> SimError {
        SimError::Wrong(Box::new(wrong))
    }
}

/// The daemon wrote indices into a guest's page that can't be.
pub(super) fn bad_index(guest: u16, error: &BadIndex) -> Wrong {
    Wrong {
        guest,
        who: "guest",
        request: "the indices of its ring".into(),
        expected: "at most 1024 bytes between them".into(),
        got: error.to_string(),
    }
}

/// Bytes as people read them: strings in quotes, their NULs as blanks between.
pub(super) fn show(payload: &[u8]) -> String {
    let text = payload.strip_suffix(b"\0").unwrap_or(payload);
    let words = text.split(|byte| *byte == 0).map(|word| word.escape_ascii().to_string());
    format!("\"{}\"", words.collect::<Vec<_>>().join(" "))
}

/// Where a daemon's machines connect, given its socket or the environment.
pub(crate) fn machines(socket: Option<&std::path::Path>) -> PathBuf {
    let dir = match socket.and_then(std::path::Path::parent) {
        Some(dir) => dir.join("sim"),
        None => Places::from_env().sim_dir(),
    };
    dir.join("machines.socket")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_shown_as_words() {
        assert_eq!(show(b"/a\0n0\0r5\0"), "\"/a n0 r5\"");
        assert_eq!(show(b"x\x1b"), "\"x\\x1b\"");
        assert_eq!(show(b""), "\"\"");
        assert_eq!(show(b"OK\0"), "\"OK\"");
    }
}
