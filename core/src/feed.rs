//! The commit feed: the last [`FEED_SLOTS`](crate::limits::FEED_SLOTS) records, for consumers that
//! read at their own pace.
//!
//! A ring of slots, one record each: record `n` lies in slot `n mod slots` and replaces the one a
//! whole ring earlier. A consumer owns its position; one that finds a later record in its slot, or
//! none any more, has been overrun. The records' bytes are bounded too: past
//! [`FEED_BYTES`](crate::limits::FEED_BYTES) the oldest go first. Nobody waits for anybody.
//!
//! What all consumers have read goes early, since it would take memory for nothing: consumers say
//! now and then how far they are ([`Readers`]), and committers look at that now and then. Who says
//! it late keeps records for longer, who says nothing is overrun at worst.
//!
//! # Synchronization
//! A version carries its own record. Whoever builds on a version links its record first, and so
//! does whoever reads the newest: so all records but the newest version's are linked, and that one
//! is by whoever looks. Linking is a compare and swap from an older record to a newer one, so it
//! can be repeated by anyone. The Release of the swap pairs with the Acquire of the load in
//! [`Ring::get`]. A record that is replaced is freed by crossbeam-epoch once no reader can hold it;
//! it is small (a list of paths and watches, never a tree), so that freeing it is nobody's burden.
//! Positions of consumers are hints: no order hangs on them.

use std::sync::Arc;

use crossbeam_epoch::{Atomic, Guard, Owned, Shared, pin};

use crate::record::Record;
use crate::sync::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

/// The ring of records.
#[derive(Debug)]
pub(crate) struct Ring {
    slots: Box<[Atomic<Arc<Record>>]>,
    /// Bytes of the records in it, and how many there may be.
    bytes: AtomicU64,
    most: u64,
    /// All records before this one have been let go.
    oldest: AtomicU64,
    readers: Readers,
}

/// How far the consumers are, about.
#[derive(Debug)]
struct Readers {
    /// The last publication that each has read; 0 for none.
    places: Box<[AtomicU64]>,
    /// Those for whom there was no place.
    unknown: AtomicU64,
}

/// The place of a consumer, which it gives back by [`Ring::leave`].
#[derive(Debug)]
pub(crate) struct Place(Option<usize>);

/// What a slot holds for a position.
#[derive(Debug)]
pub(crate) enum Slot {
    Record(Arc<Record>),
    /// Not linked yet.
    Older,
    /// Overwritten by a later lap.
    Newer,
}

impl Ring {
    /// A ring of so many slots, for records of so many bytes and consumers of which so many say
    /// how far they are.
    pub(crate) fn new(slots: usize, most: u64, readers: usize) -> Ring {
        let slots = (0..slots.max(2)).map(|_| Atomic::null()).collect();
        let places = (0..readers).map(|_| AtomicU64::new(0)).collect();
        let readers = Readers { places, unknown: AtomicU64::new(0) };
        Ring { slots, bytes: AtomicU64::new(0), most, oldest: AtomicU64::new(0), readers }
    }

    /// A consumer begins after a publication.
    pub(crate) fn join(&self, seq: u64) -> Place {
        // Relaxed: hints, here and below. What is let go of too early overruns the consumer.
        let is_mine =
            |place: &AtomicU64| place.compare_exchange(0, seq.max(1), Relaxed, Relaxed).is_ok();
        let place = self.readers.places.iter().position(is_mine);
        if place.is_none() {
            self.readers.unknown.fetch_add(1, Relaxed);
        }
        Place(place)
    }

    /// A consumer has read all up to a publication.
    pub(crate) fn has_read(&self, place: &Place, seq: u64) {
        if let Some(place) = place.0.and_then(|at| self.readers.places.get(at)) {
            place.store(seq, Relaxed);
        }
    }

    /// A consumer goes.
    pub(crate) fn leave(&self, place: &Place) {
        match place.0.and_then(|at| self.readers.places.get(at)) {
            Some(place) => place.store(0, Relaxed),
            None => drop(self.readers.unknown.fetch_sub(1, Relaxed)),
        }
    }

    /// Lets go of what all consumers have read, but for the last records.
    pub(crate) fn let_read_go(&self, newest: u64, last: u64) {
        if self.readers.unknown.load(Relaxed) > 0 {
            return;
        }
        let read = self.readers.places.iter().map(|place| place.load(Relaxed));
        let read = read.filter(|seq| *seq != 0).min().unwrap_or(newest);
        let until = read.saturating_add(1).min(newest.saturating_sub(last));
        self.advance(newest, until, &pin(), || true);
    }

    fn slot(&self, seq: u64) -> Option<&Atomic<Arc<Record>>> {
        let at = seq % self.slots.len() as u64;
        usize::try_from(at).ok().and_then(|at| self.slots.get(at))
    }

    /// Puts a record into its slot, unless it or a later one is there.
    pub(crate) fn link(&self, record: &Arc<Record>) {
        let Some(slot) = self.slot(record.seq) else { return };
        // Relaxed: a hint; one that is let go of meanwhile is taken out again below.
        if record.seq < self.oldest.load(Relaxed) {
            return;
        }
        let guard = pin();
        // Acquire: pairs with the Release below, of whoever linked what is there.
        let mut current = slot.load(Acquire, &guard);
        let mut new: Option<Owned<Arc<Record>>> = None;
        // Ends: each turn either swaps or meets a record that is newer than the one before.
        while seq(current, &guard).is_none_or(|s| s < record.seq) {
            let next = new.take().unwrap_or_else(|| {
                // Relaxed: a count, on which nothing else hangs. Counted before it can be found
                // and let go of, so that the sum is never below zero.
                self.bytes.fetch_add(record.bytes(), Relaxed);
                Owned::new(record.clone())
            });
            // Release: pairs with the Acquire in `get`.
            match slot.compare_exchange(current, next, Release, Relaxed, &guard) {
                Ok(_) => {
                    self.let_go(current, &guard);
                    // Relaxed: as above. It has come back; unseen here, it stays for a lap at most.
                    if record.seq < self.oldest.load(Relaxed) {
                        self.remove(slot, record.seq, &guard);
                    }
                    return self.trim(record.seq, &guard);
                }
                Err(lost) => {
                    new = Some(lost.new);
                    // Acquire: pairs with the Release of whoever was faster.
                    current = slot.load(Acquire, &guard);
                }
            }
        }
        if new.is_some() {
            // Relaxed: as above. Another was faster.
            self.bytes.fetch_sub(record.bytes(), Relaxed);
        }
    }

    /// Lets go of the oldest records, but not of the newest, while there are too many bytes.
    fn trim(&self, newest: u64, guard: &Guard) {
        self.advance(newest, newest, guard, || self.bytes.load(Relaxed) > self.most);
    }

    /// Lets go of the oldest records before the one of `until`, while they are too many.
    fn advance(&self, newest: u64, until: u64, guard: &Guard, too_many: impl Fn() -> bool) {
        // Ends: each turn moves `oldest` on, by us or by another, through the ring at most once,
        // and it stops at `until`.
        while too_many() {
            let before = self.oldest.load(Relaxed);
            // What lies a whole ring back has been replaced.
            let oldest = before.max((newest + 1).saturating_sub(self.slots.len() as u64));
            if oldest >= until {
                return;
            }
            let mine = self.oldest.compare_exchange(before, oldest + 1, Relaxed, Relaxed).is_ok();
            if let Some(slot) = self.slot(oldest).filter(|_| mine) {
                self.remove(slot, oldest, guard);
            }
        }
    }

    /// Takes a record out of its slot, unless it isn't there any more.
    fn remove(&self, slot: &Atomic<Arc<Record>>, wanted: u64, guard: &Guard) {
        // Acquire: pairs with the Release in `link`.
        let current = slot.load(Acquire, guard);
        // Release: pairs with the Acquire in `link`, which may find the empty slot.
        let swapped = seq(current, guard) == Some(wanted)
            && slot.compare_exchange(current, Shared::null(), Release, Relaxed, guard).is_ok();
        if swapped {
            self.let_go(current, guard);
        }
    }

    /// A record has left its slot.
    fn let_go(&self, old: Shared<'_, Arc<Record>>, guard: &Guard) {
        if let Some(old) = record(old, guard) {
            self.bytes.fetch_sub(old.bytes(), Relaxed);
        }
        retire(old, guard);
    }

    /// The record of a publication.
    pub(crate) fn get(&self, wanted: u64) -> Slot {
        let guard = pin();
        let Some(slot) = self.slot(wanted) else { return Slot::Older };
        // Acquire: pairs with the Release in `link`.
        let current = slot.load(Acquire, &guard);
        match record(current, &guard) {
            Some(found) if found.seq == wanted => Slot::Record(found.clone()),
            Some(found) if found.seq > wanted => Slot::Newer,
            _ => Slot::Older,
        }
    }
}

fn seq(shared: Shared<'_, Arc<Record>>, guard: &Guard) -> Option<u64> {
    record(shared, guard).map(|r| r.seq)
}

#[allow(unsafe_code)]
fn record<'g>(shared: Shared<'g, Arc<Record>>, _guard: &'g Guard) -> Option<&'g Arc<Record>> {
    // SAFETY: `shared` was loaded under this guard from a slot of a ring; what a slot points to
    // is a record that was allocated by `link` and is freed only through `retire`, which waits
    // for every guard that was there when it left its slot.
    unsafe { shared.as_ref() }
}

#[allow(unsafe_code)]
fn retire(old: Shared<'_, Arc<Record>>, guard: &Guard) {
    if !old.is_null() {
        // SAFETY: `old` has just left its slot, by our swap and nobody else's: no later load can
        // find it, and it is retired once.
        unsafe { guard.defer_destroy(old) }
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        for slot in &mut self.slots {
            let slot = std::mem::replace(slot, Atomic::null());
            take(slot);
        }
    }
}

#[allow(unsafe_code)]
fn take(slot: Atomic<Arc<Record>>) {
    // SAFETY: the ring is being dropped, so no other thread can load from its slots, and an
    // `Atomic` that isn't null owns what it points to.
    drop(unsafe { slot.try_into_owned() });
}
