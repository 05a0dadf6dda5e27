//! What can go wrong with a history file, by operation: whose fault it is and what to do.

use std::{io, path::PathBuf};

use thiserror::Error;

/// Why a history file can't be opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// There is none.
    #[error("{0}: no such history file; a daemon that keeps history creates it")]
    Missing(PathBuf),
    /// Not allowed.
    #[error("{0}: may not be opened; run as the user of the daemon, or give it to this user")]
    Denied(PathBuf),
    /// Not a history file.
    #[error("{0}: not a history file; give another path, or move it away")]
    NotHistory(PathBuf),
    /// Of another version of the format.
    #[error(
        "{path}: written in version {found} of the format, this program knows {known}; \
         read it with the program that wrote it, or move it away to begin a new one"
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// Cut off, or grown.
    #[error(
        "{path}: has {found} bytes but was made with {expected}; \
         copy it again as a whole, or move it away to begin a new one"
    )]
    Size {
        /// The file.
        path: PathBuf,
        /// Bytes that it should have.
        expected: u64,
        /// Bytes that it has.
        found: u64,
    },
    /// Made with another size or other tiers than asked for.
    #[error(
        "{path}: was made with other settings ({what}); \
         start with those, or move the file away to begin a new one"
    )]
    Settings {
        /// The file.
        path: PathBuf,
        /// Which.
        what: String,
    },
    /// Neither superblock holds.
    #[error("{0}: damaged, neither of its superblocks is whole; move it away to begin a new one")]
    Damaged(PathBuf),
    /// Another writes it.
    #[error("{path}: locked by another daemon ({who}); stop that one, or give another path")]
    Locked {
        /// The file.
        path: PathBuf,
        /// `pid N`, or that it isn't known.
        who: String,
    },
    /// No room for a new one.
    #[error("{path}: no room for {size} bytes; free some, or ask for a smaller history")]
    NoRoom {
        /// The file.
        path: PathBuf,
        /// Bytes.
        size: u64,
    },
    /// Options that can't be.
    #[error("history options: {0}")]
    Options(String),
    /// Anything else of the system.
    #[error("{path}: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

/// Why something can't be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReadError {
    /// Older than everything that is kept.
    #[error("generation {asked} isn't kept any more; the oldest is {oldest}")]
    TooOld {
        /// What was asked for.
        asked: u64,
        /// The oldest that is kept.
        oldest: u64,
    },
    /// There is nothing yet.
    #[error("the history has no version yet")]
    Empty,
    /// The daemon has reused this part of the file since it was indexed.
    #[error("the daemon has overwritten this part of the history meanwhile; look again")]
    Overtaken,
    /// A record says what can't be.
    #[error("the history is damaged at byte {at} ({what}); what lies elsewhere can still be read")]
    Damaged {
        /// Where in the file.
        at: u64,
        /// What.
        what: &'static str,
    },
    /// The system's.
    #[error("reading the history: {0}")]
    Io(#[from] io::Error),
}

/// Why something can't be written. The writer stays usable.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The disk's. A gap is recorded once it works again.
    #[error("writing the history: {0}; commits are missing in it until this works again")]
    Io(#[from] io::Error),
    /// Not after the last.
    #[error(
        "generation {given} (publication {seq}) doesn't follow {last}; \
         a store goes on after the last generation of its history"
    )]
    Order {
        /// The generation given.
        given: u64,
        /// Its publication.
        seq: u64,
        /// The last one.
        last: u64,
    },
    /// A snapshot's nodes out of order.
    #[error("snapshot: `{0}` doesn't follow the path before it in path order")]
    PathOrder(String),
    /// A snapshot of another publication than the last.
    #[error("snapshot of publication {given}, but the last commit was {last}")]
    SnapshotSeq {
        /// Given.
        given: u64,
        /// The last appended.
        last: u64,
    },
    /// The file is full of what can't be read: our mistake.
    #[error("the history's index of what is where can't be kept: {0}")]
    Internal(&'static str),
}
