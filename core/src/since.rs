//! What came after a generation, as far as the feed still has it.
//!
//! A consumer that isn't always there has no [`Feed`](crate::Feed), but a place: the last
//! generation that it knows all of. Generations follow one another without a hole (**V3**), so the
//! record that has the next one is the right one, or it is gone.

use std::sync::Arc;

use crate::delta::Item;
use crate::feed::Slot;
use crate::record::Record;
use crate::store::Store;

/// A place among the requests: all up to a generation is known, and what comes after is wanted.
///
/// ```
/// use myriad_core::{After, Caller, Config, Path, Since, Store, Writes};
///
/// let store = Store::new(&Config::default())?;
/// let mut since = Since::generation(store.pin().generation());
/// assert!(matches!(store.after(&mut since), After::Nothing));
/// store.edit(|edit| edit.write(&Caller::Control, Path::new("/a")?, b"1")).result?;
/// let After::Record(record) = store.after(&mut since) else { panic!("one was published") };
/// assert_eq!(record.changes().next().unwrap().path, "/a");
/// assert!(matches!(store.after(&mut since), After::Nothing));
/// # Ok::<(), myriad_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Since {
    generation: u64,
    /// The publication that ended with it; 0: not known.
    seq: u64,
}

/// What comes after a place.
#[derive(Clone, Debug)]
pub enum After {
    /// The next publication. Its first requests may be before the place, where that is within it.
    Record(Arc<Record>),
    /// Nothing newer is published.
    Nothing,
    /// The feed doesn't reach back so far.
    Gone,
}

impl Since {
    /// After this generation.
    #[must_use]
    pub fn generation(generation: u64) -> Since {
        Since { generation, seq: 0 }
    }

    /// The generation.
    #[must_use]
    pub fn known(&self) -> u64 {
        self.generation
    }
}

impl Store {
    /// The place after all that is published.
    #[must_use]
    pub fn now(&self) -> Since {
        let newest = self.0.current();
        Since { generation: newest.record.generation, seq: newest.seq }
    }

    /// The next publication after a place, which moves on behind it.
    pub fn after(&self, since: &mut Since) -> After {
        let newest = {
            let newest = self.0.current();
            if newest.record.generation <= since.generation {
                return After::Nothing;
            }
            // Its publisher may not have come to that yet.
            self.0.ring.link(&newest.record);
            newest.seq
        };
        let found = match since.seq {
            0 => self.search(since.generation, newest),
            seq => self.linked(seq + 1),
        };
        match found {
            Some(record) => {
                *since = Since { generation: record.generation, seq: record.seq };
                After::Record(record)
            }
            None => After::Gone,
        }
    }

    fn linked(&self, seq: u64) -> Option<Arc<Record>> {
        match self.0.ring.get(seq) {
            Slot::Record(record) => Some(record),
            Slot::Older | Slot::Newer => None,
        }
    }

    /// The record with the request after a generation. Records that were let go of are older than
    /// those that are there, and generations grow with publications.
    fn search(&self, generation: u64, newest: u64) -> Option<Arc<Record>> {
        let (mut low, mut high) = (1, newest);
        let mut found: Option<Arc<Record>> = None;
        // Ends: each turn halves what is between.
        while low <= high {
            let middle = low + (high - low) / 2;
            match self.linked(middle) {
                Some(record) if record.generation > generation => {
                    high = middle - 1;
                    found = Some(record);
                }
                _ => low = middle + 1,
            }
        }
        found.filter(|record| !record.is_beginning() && record.first() <= generation + 1)
    }
}

impl Record {
    /// The generation of its first request.
    #[must_use]
    pub fn first(&self) -> u64 {
        let further = self.items().filter(|item| matches!(item, Item::Next(_))).count() as u64;
        self.generation.saturating_sub(further)
    }

    /// Whether it is of no request, but of the version that a store begins with.
    fn is_beginning(&self) -> bool {
        self.delta.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{BLAME_RECORDS, SAY_EVERY};
    use crate::{Caller, Config, Origin, Path, Writes};

    fn write(store: &Store, requests: usize) {
        store
            .edit(|edit| {
                for request in 0..requests {
                    if request > 0 {
                        edit.next_request(&Origin::default());
                    }
                    edit.write(&Caller::Control, Path::new("/a").unwrap(), b"")?;
                }
                Ok(())
            })
            .result
            .unwrap();
    }

    fn all(store: &Store, mut since: Since) -> Option<Vec<(u64, u64)>> {
        let mut found = Vec::new();
        loop {
            match store.after(&mut since) {
                After::Record(record) => found.push((record.first(), record.generation)),
                After::Nothing => return Some(found),
                After::Gone => return None,
            }
        }
    }

    #[test]
    fn what_follows_a_generation_has_no_hole_wherever_it_begins() {
        let store = Store::new(&Config { generation: 100, ..Config::default() }).unwrap();
        let begin = store.pin().generation();
        let lengths = [1, 3, 1, 7, 2, 2, 5, 1];
        lengths.iter().for_each(|length| write(&store, *length));
        let last = store.pin().generation();
        assert_eq!(last, begin + lengths.iter().sum::<usize>() as u64);
        for known in begin..=last {
            let found = all(&store, Since::generation(known)).unwrap();
            let mut next = found.first().map_or(last + 1, |(first, _)| *first);
            assert!(next <= known + 1, "{known}: {found:?}");
            for (first, end) in &found {
                assert_eq!(*first, next);
                next = end + 1;
            }
            assert_eq!(next, last + 1);
        }
        assert!(all(&store, Since::generation(last + 9)).unwrap().is_empty());
        // What was before the store began can't be told.
        assert!(all(&store, Since::generation(begin - 1)).is_none());
        assert!(all(&store, Since::generation(0)).is_none());
    }

    #[test]
    fn what_the_feed_has_let_go_of_is_gone_for_places_of_both_kinds() {
        let store = Store::new(&Config::default()).unwrap();
        let mut known = store.now();
        let begin = known.known();
        write(&store, 1);
        assert!(matches!(store.after(&mut known), After::Record(_)));
        let consumer = store.feed();
        drop(consumer);
        (0..BLAME_RECORDS + 3 * SAY_EVERY).for_each(|_| write(&store, 1));
        assert!(matches!(store.after(&mut known), After::Gone));
        assert!(matches!(store.after(&mut Since::generation(begin)), After::Gone));
        let near = store.pin().generation() - 5;
        assert_eq!(all(&store, Since::generation(near)).unwrap().len(), 5);
    }
}
