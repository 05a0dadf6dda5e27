//! Who keeps a record of publications before they happen.
//!
//! A journal gets the record of a version *before* that version is published. So whoever comes
//! back after a crash finds each publication that anybody can have seen. Invariants:
//!
//! 1. A record is kept before its version can be seen; one whose version lost against another's
//!    stays unmarked.
//! 2. A version's record is marked before anything that was computed from the version leaves a
//!    call of this crate, and before a version that is built on it is published.
//!
//! So the marked records are a chain without a gap, up to all that was seen.

use crate::origin::Origin;

/// Where a journal has put a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Where it lies.
    pub at: u64,
    /// What tells it from others that lay there before.
    pub stamp: u64,
}

/// What a journal keeps of a publication.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The publication.
    pub seq: u64,
    /// The generation of its last request.
    pub generation: u64,
    /// Where the record of the publication before it is; none where that wasn't kept.
    pub parent: Option<Place>,
    /// The request, or the first of several.
    pub origin: Origin,
    /// What it changes: for [`Restore::replay`](crate::Restore::replay).
    pub delta: &'a [u8],
}

/// Keeps records of publications. Called by every committer, from any thread.
pub trait Journal: std::fmt::Debug + Send + Sync {
    /// Keeps a record; its version is published next, or loses against another. None where there
    /// is no room: the version is published all the same, and [`Journal::unkept`] is told.
    fn keep(&self, entry: &Entry<'_>) -> Option<Place>;

    /// The record's version is published. Said by anyone who saw that version, maybe often, and
    /// maybe long after: where another record lies there by then, this changes nothing.
    fn mark(&self, place: Place);

    /// A version was published whose record was not kept. Said by anyone who saw it.
    fn unkept(&self, seq: u64);

    /// Who kept the record is done with it: its version was published, or has lost. (Of a commit
    /// that another thread has published for its owner the owner says so.)
    fn done(&self, place: Place);
}

impl<'a> Entry<'a> {
    pub(crate) fn new(
        (seq, generation): (u64, u64),
        parent: Option<Place>,
        origin: Origin,
        delta: &'a [u8],
    ) -> Entry<'a> {
        Entry { seq, generation, parent, origin, delta }
    }
}
