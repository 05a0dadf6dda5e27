//! What the handles of a store share: the root, the feed, and who hears of publications.
//!
//! # Synchronization
//! A version says whether the journal knows that it is published ([`Journal::mark`]): set after
//! the journal was told (Release), read before anything is answered by the version (Acquire).

use std::sync::Arc;

use crossbeam_queue::ArrayQueue;

use crate::cell::{Cell, Guard, RootCell};
use crate::config::Config;
use crate::feed::Ring;
use crate::journal::{Entry, Journal, Place};
use crate::limits::{
    BLAME_RECORDS, FEED_READERS, INLINE_DROP_BYTES, RECLAIM_QUEUE, SAY_EVERY, TURN_DOUBLINGS,
    TURN_YIELDS,
};
use crate::prepared::Prepared;
use crate::publish::{Attempt, Built, Hooks, Root, Slot, Versioned};
use crate::state::Env;
use crate::sync::Ordering::{Acquire, Relaxed, Release};
use crate::version::Version;
use crate::work::Work;

pub(crate) type RootOf = Root<Cell<Version>, Cell<Slot<Arc<Prepared>>>>;

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) env: Arc<Env>,
    pub(crate) root: RootOf,
    pub(crate) ring: Ring,
    pub(crate) journal: Option<Arc<dyn Journal>>,
    pub(crate) dropped: ArrayQueue<Dropped>,
    reclaimer: bool,
}

/// What waits for the reclaimer.
#[derive(Debug)]
pub(crate) enum Dropped {
    Version(#[allow(dead_code)] Arc<Version>),
    Work(#[allow(dead_code)] Box<Work>),
    Prepared(#[allow(dead_code)] Arc<Prepared>),
}

impl Inner {
    pub(crate) fn starting(config: &Config, env: Env, first: Version) -> Inner {
        let ring = Ring::new(config.feed_slots, config.feed_bytes, FEED_READERS);
        ring.link(&first.record);
        // Relaxed: nobody else sees it yet. A journal has nothing to say of the first version: it
        // begins there.
        first.kept.marked.store(true, Relaxed);
        Inner {
            env: Arc::new(env),
            root: Root::new(Cell::new(first), Cell::new(None)),
            ring,
            journal: config.journal.clone(),
            dropped: ArrayQueue::new(RECLAIM_QUEUE),
            reclaimer: config.reclaimer,
        }
    }

    /// One try at publishing, with the links of the feed kept.
    pub(crate) fn attempt<R>(
        &self,
        past: Option<u64>,
        build: impl FnOnce(&Arc<Version>) -> Built<Version, R>,
    ) -> Attempt<R> {
        self.root.attempt::<Version, Arc<Prepared>, R>(past, build, self)
    }

    pub(crate) fn take_turn(&self) -> Option<Turn<'_>> {
        let (id, slot) = self.root.take_turn()?;
        Some(Turn { inner: self, id, slot })
    }

    /// Yields to another's turn, for a bounded while. Gives it back: it's past.
    pub(crate) fn hold_back(&self, id: u64) -> Option<u64> {
        for yields in 0..TURN_YIELDS << TURN_DOUBLINGS {
            match self.root.turn::<Arc<Prepared>>(id) {
                Some(lost) if yields < TURN_YIELDS << lost.min(TURN_DOUBLINGS) => {
                    std::thread::yield_now();
                }
                _ => break,
            }
        }
        Some(id)
    }

    /// Drops what may free up to `bytes`: here if that is little, else at the reclaimer's.
    pub(crate) fn let_go(&self, dropped: Dropped, bytes: u64) {
        if bytes > INLINE_DROP_BYTES && self.reclaimer {
            // A full queue hands it back, and it is freed here.
            drop(self.dropped.push(dropped));
        }
    }

    /// The current version, for what is to be answered by it.
    #[inline]
    pub(crate) fn current(&self) -> Guard<Version> {
        let version = self.root.cell().load();
        self.mark(&version);
        version
    }

    /// Lets the journal know that a version is published.
    #[inline]
    fn mark(&self, version: &Version) {
        // Acquire: pairs with the Release below: who finds it marked can rely on the journal.
        if self.journal.is_some() && !version.kept.marked.load(Acquire) {
            self.mark_now(version);
        }
    }

    /// The journal need not keep a record for us any more.
    pub(crate) fn done(&self, place: Option<Place>) {
        if let (Some(journal), Some(place)) = (&self.journal, place) {
            journal.done(place);
        }
    }

    #[cold]
    fn mark_now(&self, version: &Version) {
        let Some(journal) = &self.journal else { return };
        match version.kept.place {
            Some(place) => journal.mark(place),
            None => journal.unkept(version.seq),
        }
        // Release: pairs with the Acquire above.
        version.kept.marked.store(true, Release);
    }

    /// What the current version has retired since `then`.
    pub(crate) fn retired_since(&self, then: u64) -> u64 {
        self.root.cell().load().state.retired.saturating_sub(then)
    }
}

/// A turn, ended when dropped.
pub(crate) struct Turn<'i> {
    inner: &'i Inner,
    pub(crate) id: u64,
    pub(crate) slot: Arc<Slot<Arc<Prepared>>>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.inner.root.end_turn(&self.slot);
    }
}

impl Hooks<Version> for Inner {
    fn seen(&self, base: &Version) {
        self.mark(base);
    }

    fn keep(&self, base: &Version, new: &mut Version) {
        if let Some(journal) = &self.journal {
            let record = &new.record;
            let ids = (record.seq, record.generation);
            let entry = Entry::new(ids, base.kept.place, record.origin, &record.delta);
            new.kept.place = journal.keep(&entry);
            if base.applied() != new.applied()
                && let Some(helped) = new.helped.as_mut().and_then(Arc::get_mut)
            {
                helped.place = new.kept.place;
            }
        }
    }

    fn tried(&self, base: &Version, new: &Version, won: bool) {
        // What an announced commit has published is its owner's to be done with.
        let is_others = won && base.applied() != new.applied();
        if is_others {
            return;
        }
        self.done(new.kept.place);
    }

    fn building_on(&self, base: &Arc<Version>) {
        self.ring.link(&base.record);
    }

    fn replaced(&self, old: Arc<Version>, new: &Arc<Version>) {
        self.mark(new);
        self.ring.link(&new.record);
        if new.seq.is_multiple_of(SAY_EVERY) {
            self.ring.let_read_go(new.seq, BLAME_RECORDS);
        }
        let retired = new.state.retired.saturating_sub(old.state.retired);
        self.let_go(Dropped::Version(old), retired);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::Slot;
    use crate::{Caller, FeedItem, Path, Store, Writes};

    fn commit(store: &Store, times: u64) {
        let path = Path::new("/a").unwrap();
        for _ in 0..times {
            store.edit(|edit| edit.write(&Caller::Control, path, b"")).result.unwrap();
        }
    }

    #[test]
    fn records_that_all_consumers_have_read_are_let_go_of() {
        let store = Store::new(&Config::default()).unwrap();
        let is_there = |seq| matches!(store.0.ring.get(seq), Slot::Record(_));
        let (mut quick, mut slow) = (store.feed(), store.feed());
        let first = quick.seq() + 1;
        let read = |feed: &mut crate::Feed| {
            std::iter::from_fn(|| matches!(feed.next(), FeedItem::Record(_)).then_some(())).count()
        };
        let many = BLAME_RECORDS + 4 * SAY_EVERY;
        commit(&store, many);
        assert_eq!(read(&mut quick) as u64, many);
        commit(&store, SAY_EVERY);
        assert!(is_there(first), "one consumer has not read it");
        assert_eq!(read(&mut slow) as u64, many + SAY_EVERY, "and is not overrun");
        commit(&store, SAY_EVERY);
        assert!(!is_there(first) && !is_there(first + SAY_EVERY));
        let newest = store.pin().seq();
        assert!((0..BLAME_RECORDS).all(|age| is_there(newest - age)), "these stay for blame");
        // A consumer that is gone, or has only begun, keeps nothing.
        drop(slow);
        let late = store.feed();
        commit(&store, many);
        assert!(is_there(newest + 1), "the first has not read it");
        assert_eq!(read(&mut quick) as u64, many + 2 * SAY_EVERY);
        drop(late);
        commit(&store, SAY_EVERY);
        assert!(!is_there(newest + 1));
    }
}
