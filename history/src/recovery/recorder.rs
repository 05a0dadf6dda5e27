//! What a commit and a checkpoint do with the journal, over any memory.
//!
//! # Synchronization
//! In `log.rs` and `state.rs`. The checkpoint that is needed (J10) is a word that only grows; the
//! exchange that raises it comes before the segments are cleaned, by the Release of each clearing.

use super::{
    header::{NEEDED, STATE},
    log::{Full, Log, Place},
    record::{RecordHead, RecordId},
    state::{Rejoined, State},
    words::Words,
};
use crate::{limits::CHECKPOINT_BELOW, sync::Ordering::Relaxed};

/// The journal over words whose first are its header.
#[derive(Debug)]
pub(crate) struct Recorder<M> {
    log: Log<M>,
}

/// A checkpoint that is being written: its version has to be taken after this was got.
#[derive(Debug)]
#[must_use = "to be handed to `end_checkpoint`"]
pub struct Begun(Option<Rejoined>);

/// What a checkpoint gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Segments that are free again.
    pub released: u64,
    /// Whether the journal was suspended and goes on now.
    pub resumed: bool,
}

impl<M: Words> Recorder<M> {
    pub(crate) fn new(log: Log<M>) -> Recorder<M> {
        Recorder { log }
    }

    /// Writes a record, or gives leave to commit without one.
    #[inline]
    pub(crate) fn reserve(&self, head: &RecordHead, parts: &[&[u8]]) -> Result<Place, Full> {
        let state = self.state();
        if state.is_suspended() && state.begin().is_some() {
            return Ok(Place { id: RecordId::NONE, lines: 0 });
        }
        self.log.reserve(head, parts)
    }

    /// Marks a record as published.
    #[inline]
    pub(crate) fn mark(&self, record: RecordId) {
        self.log.mark(record);
    }

    /// The commit was made, or given up.
    #[inline]
    pub(crate) fn end(&self, place: Place) {
        match place.id {
            RecordId::NONE => self.state().end(),
            _ => self.log.end(place),
        }
    }

    pub(crate) fn needs_checkpoint(&self) -> bool {
        let (used, all) = self.usage();
        (all - used) * CHECKPOINT_BELOW < all || self.is_suspended()
    }

    /// Segments in use, and all.
    pub(crate) fn usage(&self) -> (u64, u64) {
        let all = self.log.shape.segments;
        (all.saturating_sub(self.log.free()), all)
    }

    pub(crate) fn suspend(&self, seq: u64) -> bool {
        self.state().suspend(seq)
    }

    pub(crate) fn is_suspended(&self) -> bool {
        !self.state().is_recording()
    }

    /// Before the version of a checkpoint is taken. `wait`: as long as it says so, commits without
    /// a record are waited for.
    pub(crate) fn begin_checkpoint(&self, wait: impl FnMut() -> bool) -> Begun {
        if !self.is_suspended() || self.log.free() == 0 {
            return Begun(None); // With no space it would be suspended again at once.
        }
        Begun(self.state().rejoin(wait))
    }

    /// After a checkpoint of this number, up to this publication, is complete.
    pub(crate) fn end_checkpoint(&self, begun: Begun, number: u64, seq: u64) -> Ended {
        self.need(number);
        let released = self.log.release_up_to(seq);
        let resumed = begun.0.is_some_and(|rejoined| self.state().resume(rejoined));
        Ended { released, resumed }
    }

    fn state(&self) -> State<'_, M> {
        State { words: &self.log.words, at: STATE }
    }

    /// Says that recovery needs a checkpoint of this number or a later one.
    fn need(&self, number: u64) {
        // Relaxed: the exchange decides.
        let mut needed = self.log.words.load(NEEDED, Relaxed);
        // Ends: the number only grows.
        while needed < number
            && let Err(now) = self.log.words.exchange(NEEDED, needed, number)
        {
            needed = now;
        }
    }
}
