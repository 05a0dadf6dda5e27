//! Messages off one connection for many threads, without a thread of its own.
//!
//! Whoever waits and finds nobody reading reads: one message at a time, for all. It is sorted to
//! where the one who waits for it looks, and then all who wait look again.
//!
//! Invariants:
//! 1. At most one thread reads: the one that has taken `partial`.
//! 2. Whoever lets go of `partial`, or changes what was sorted, tells all who wait before the lock
//!    is given up. So nobody waits while nobody reads.
//! 3. After the end nothing is read any more.
//!
//! `verify/tests/loom_exchange.rs` runs this file under loom.

use crate::sync::{Change, Locked};

/// What messages come from.
pub(crate) trait Source {
    /// What has come of a message that isn't whole.
    type Partial;
    /// A message.
    type Message;

    /// The next message. One thread at a time asks.
    fn read(&self, partial: &mut Self::Partial, waits: bool) -> Read<Self::Message>;

    /// It is of no use any more: whoever waits for a message on it has its end, and the daemon too.
    fn shut(&self) {}
}

/// What a look at a source has come to.
pub(crate) enum Read<M> {
    /// A message.
    Message(M),
    /// None is whole yet; only who doesn't wait is told.
    Nothing,
    /// There will be none any more.
    End,
}

/// Where messages go.
pub(crate) trait Sort<M> {
    /// Keeps a message for whom it is for; `false` where it is for nobody, and the connection of no
    /// use any more.
    fn sort(&mut self, message: M) -> bool;

    /// The connection is of no use any more.
    fn end(&mut self);
}

/// Why nothing is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// There is nothing yet.
    Nothing,
    /// The connection is of no use any more.
    End,
}

/// A connection and what has come of it.
#[derive(Debug)]
pub(crate) struct Exchange<S: Source, K> {
    source: S,
    kept: Locked<Kept<S::Partial, K>>,
    changed: Change,
}

#[derive(Debug)]
struct Kept<P, K> {
    /// None while a thread reads.
    partial: Option<P>,
    has_ended: bool,
    sorted: K,
}

impl<S: Source, K: Sort<S::Message>> Exchange<S, K> {
    pub(crate) fn new(source: S, partial: S::Partial, sorted: K) -> Exchange<S, K> {
        let kept = Kept { partial: Some(partial), has_ended: false, sorted };
        Exchange { source, kept: Locked::new(kept), changed: Change::default() }
    }

    /// The connection, to send on.
    pub(crate) fn source(&self) -> &S {
        &self.source
    }

    /// Looks at what was sorted, or changes it in a way that nobody waits for.
    pub(crate) fn with<R>(&self, act: impl FnOnce(&mut K) -> R) -> R {
        act(&mut self.kept.lock().sorted)
    }

    /// The connection is of no use any more.
    pub(crate) fn end(&self) {
        let mut kept = self.kept.lock();
        kept.has_ended = true;
        kept.sorted.end();
        self.source.shut();
        self.changed.tell();
    }

    /// Whether it is.
    pub(crate) fn has_ended(&self) -> bool {
        self.kept.lock().has_ended
    }

    /// What `take` gives: of what was sorted, else of what comes. Who doesn't wait looks once at
    /// what has come, unless another reads.
    pub(crate) fn receive<T>(
        &self,
        waits: bool,
        mut take: impl FnMut(&mut K) -> Option<T>,
    ) -> Result<T, Stopped> {
        let mut kept = self.kept.lock();
        // Ends with what is waited for, or the connection: each turn takes a message off it, or is
        // woken by who did.
        loop {
            if let Some(found) = take(&mut kept.sorted) {
                return Ok(found);
            }
            if kept.has_ended {
                return Err(Stopped::End);
            }
            let Some(mut partial) = kept.partial.take() else {
                if !waits {
                    return Err(Stopped::Nothing);
                }
                kept = self.changed.wait(kept);
                continue;
            };
            drop(kept);
            let read = self.source.read(&mut partial, waits);
            kept = self.kept.lock();
            kept.partial = Some(partial);
            self.changed.tell();
            let goes_on = match read {
                Read::Message(message) => kept.sorted.sort(message),
                Read::Nothing => return Err(Stopped::Nothing),
                Read::End => false,
            };
            if !goes_on {
                kept.has_ended = true;
                kept.sorted.end();
                self.source.shut();
            }
        }
    }
}
