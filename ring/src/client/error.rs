//! What can go wrong for a client, who is to blame, and what to do about it.

use std::{io, path::PathBuf};

use myriad_core::Errno;

use crate::{
    v1::{Op, PAYLOAD_MAX},
    v2,
};

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// nothing answers where xenstored should be
    #[error(
        "no xenstored at {}: {source}; start it, or say where it is with XENSTORED_PATH",
        path.display()
    )]
    Unreachable {
        /// The last place that was tried.
        path: PathBuf,
        /// Why not there.
        source: io::Error,
    },
    /// the daemon refused a request
    #[error("{} of {subject}: {} ({})", op.name(), explain(*errno), errno.name())]
    Refused {
        /// What was asked for.
        op: Op,
        /// Of what: the first string of the request.
        subject: String,
        /// The daemon's answer.
        errno: Errno,
    },
    /// the daemon refused a request of v2, or what stands for one in v1
    #[error("{}{}: {} ({})", op.name(), which(*item), detail, errno.name())]
    Declined {
        /// What was asked for.
        op: v2::Op,
        /// Which of its parts is to blame, from 0.
        item: Option<u32>,
        /// The daemon's answer.
        errno: Errno,
        /// The daemon's words.
        detail: String,
    },
    /// the caller's request doesn't fit into a message; nothing was sent
    #[error("{} of {subject}: {len} bytes, but a request holds {PAYLOAD_MAX}; send less",
        op.name())]
    TooLong {
        /// What was to be asked for.
        op: Op,
        /// Of what.
        subject: String,
        /// Bytes of the payload.
        len: usize,
    },
    /// a NUL inside a string of the caller's; nothing was sent
    #[error("{} of {subject}: a NUL byte inside a string; leave it out", op.name())]
    Nul {
        /// What was to be asked for.
        op: Op,
        /// Of what.
        subject: String,
    },
    /// a listing is over [`MAX_LISTING_BYTES`](super::limits::MAX_LISTING_BYTES), or its node
    /// changed during [`MAX_LISTING_RESTARTS`](super::limits::MAX_LISTING_RESTARTS) attempts
    #[error("{path} can't be listed: {why}")]
    Unlistable {
        /// The node.
        path: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// the transaction met another commit each time
    #[error(
        "the transaction met conflicting commits {attempts} times; \
         find who writes what it reads, or make it smaller"
    )]
    Contended {
        /// How often it was tried.
        attempts: u32,
    },
    /// more events came than are kept: what is watched must be read again
    #[error("{0} events were dropped since nobody took them; read again what you watch")]
    EventsLost(u64),
    /// no message within the stream's timeout; call again to go on waiting
    #[error("no message within the time set")]
    TimedOut,
    /// the connection broke; open another
    #[error("the connection to xenstored broke: {0}; connect again")]
    Lost(#[source] io::Error),
    /// the connection broke in an earlier call; open another
    #[error("the connection to xenstored broke earlier; connect again")]
    Broken,
    /// the daemon doesn't speak the protocol
    #[error("xenstored broke the protocol: {0}; check what serves this socket")]
    Protocol(&'static str),
}

impl Error {
    /// The error as an errno, where the daemon sent one or a message would not fit (`E2BIG`, as
    /// in libxenstore).
    #[must_use]
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Error::Refused { errno, .. } | Error::Declined { errno, .. } => Some(*errno),
            Error::TooLong { .. } => Some(Errno::E2BIG),
            Error::Nul { .. } => Some(Errno::EINVAL),
            Error::Contended { .. } => Some(Errno::EAGAIN),
            _ => None,
        }
    }

    /// Whether the daemon says that there is no such node, domain, watch or transaction.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.errno() == Some(Errno::ENOENT)
    }
}

/// Which part of a request is meant.
fn which(item: Option<u32>) -> String {
    item.map(|item| format!(", item {item}")).unwrap_or_default()
}

/// What an error of the protocol means, and what helps.
fn explain(errno: Errno) -> &'static str {
    match errno {
        Errno::EINVAL => "the request is not valid; check the path and the values",
        Errno::EACCES => "not permitted; ask the node's owner or use the control domain",
        Errno::EEXIST => "exists already",
        Errno::EISDIR => "is a directory",
        Errno::ENOENT => "no such thing; check the name",
        Errno::ENOMEM => "the daemon has no memory for it; look at the domain's memory quota",
        Errno::ENOSPC => "a quota is used up; the daemon's log says which",
        Errno::EIO => "the daemon could not do it; look at its log",
        Errno::ENOTEMPTY => "is not empty",
        Errno::ENOSYS => "the daemon does not know this operation; it is too old",
        Errno::EROFS => "is read-only",
        Errno::EBUSY => "not in this state; finish what is under way first",
        Errno::EAGAIN => "another commit came between; run the transaction again",
        Errno::EISCONN => "is connected already",
        Errno::E2BIG => "does not fit into a message; ask for less at a time",
        Errno::EPERM => "only the control domain may do it",
    }
}
