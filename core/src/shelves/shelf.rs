//! A shelf: short entries and their hashes, in one immutable allocation of plain bytes.
//!
//! ```text
//! hashes: 8 × n │ ends: 2 × n │ entries …
//! ```
//!
//! An end counts from where the entries begin. A look-up compares hashes and touches nothing else.
//! Entries stand in order of insertion. Nothing is changed in place: a shelf is small.

use smallvec::SmallVec;
use triomphe::{Arc, HeaderSlice};

use crate::hash::Hash;
use crate::limits::SHELF_BYTES;

/// Entries side by side. A clone is one counter. The head is how many there are.
#[derive(Clone, Debug)]
pub(crate) struct Shelf(Arc<HeaderSlice<u16, [u8]>>);

/// An entry, borrowed from its shelf.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'s> {
    pub(super) shelf: &'s Shelf,
    pub(super) at: usize,
}

/// An entry that keeps its shelf.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    shelf: Shelf,
    at: u16,
}

impl<'s> Entry<'s> {
    pub(crate) fn bytes(self) -> &'s [u8] {
        self.shelf.entry(self.at)
    }

    /// For as long as it is kept.
    pub(crate) fn hold(self) -> Held {
        Held { shelf: self.shelf.clone(), at: small(self.at) }
    }
}

impl Held {
    pub(crate) fn entry(&self) -> Entry<'_> {
        Entry { shelf: &self.shelf, at: self.at.into() }
    }
}

impl Shelf {
    /// A shelf with nothing on it.
    pub(super) fn empty() -> Shelf {
        Shelf(Arc::from_header_and_slice(0, &[]))
    }

    /// A shelf of these entries.
    pub(super) fn of<'e>(entries: impl Iterator<Item = (Hash, &'e [u8])> + Clone) -> Shelf {
        let mut new = Bytes::new();
        let (mut len, mut end) = (0, 0);
        for (hash, _) in entries.clone() {
            new.extend_from_slice(&hash.to_le_bytes());
            len += 1;
        }
        for (_, entry) in entries.clone() {
            end += entry.len();
            new.extend_from_slice(&small(end).to_le_bytes());
        }
        entries.for_each(|(_, entry)| new.extend_from_slice(entry));
        Shelf(Arc::from_header_and_slice(len, &new))
    }

    /// The same with one more entry.
    pub(super) fn with(&self, hash: Hash, entry: &[u8]) -> Shelf {
        let (hashes, rest) = self.parts();
        let (ends, heap) = split(rest, END * self.len());
        let mut new = Bytes::new();
        new.extend_from_slice(hashes);
        new.extend_from_slice(&hash.to_le_bytes());
        new.extend_from_slice(ends);
        new.extend_from_slice(&small(heap.len() + entry.len()).to_le_bytes());
        new.extend_from_slice(heap);
        new.extend_from_slice(entry);
        Shelf(Arc::from_header_and_slice(self.0.header + 1, &new))
    }

    pub(super) fn without(&self, at: usize) -> Shelf {
        let kept = self.entries().enumerate().filter(|(i, _)| *i != at);
        Shelf::of(kept.map(|(_, entry)| entry))
    }

    /// Whether one more entry, of so many bytes, leaves the shelf small. A lone one always fits.
    pub(super) fn has_room(&self, entry: usize) -> bool {
        self.is_empty() || self.bytes() + HASH + END + entry <= SHELF_BYTES
    }

    /// Bytes of the entries, with what finds them.
    pub(super) fn bytes(&self) -> usize {
        self.0.slice.len()
    }

    pub(super) fn len(&self) -> usize {
        self.0.header.into()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.header == 0
    }

    /// Whether all entries have this hash.
    pub(super) fn is_all(&self, hash: Hash) -> bool {
        self.hashes().all(|h| h == hash)
    }

    /// The next entry of this hash, from the one at `from` on.
    #[inline]
    pub(super) fn find(&self, hash: Hash, from: usize) -> Option<usize> {
        let wanted = hash.to_le_bytes();
        let (hashes, _) = self.parts().0.as_chunks::<HASH>();
        let found = hashes.get(from..)?.iter().position(|h| *h == wanted)?;
        Some(from + found)
    }

    pub(super) fn hashes(&self) -> impl Iterator<Item = Hash> + Clone {
        self.parts().0.as_chunks::<HASH>().0.iter().map(|h| Hash::from_le_bytes(*h))
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (Hash, &[u8])> + Clone {
        self.hashes().enumerate().map(|(at, hash)| (hash, self.entry(at)))
    }

    pub(super) fn entry(&self, at: usize) -> &[u8] {
        let rest = self.parts().1;
        let end = |at: usize| match rest.get(END * at..END * (at + 1)) {
            Some(&[a, b]) => usize::from(u16::from_le_bytes([a, b])),
            _ => 0,
        };
        let start = at.checked_sub(1).map_or(0, end);
        let heap = END * self.len();
        let found = rest.get(heap + start..heap + end(at));
        debug_assert!(found.is_some(), "there is no entry {at}");
        found.unwrap_or_default()
    }

    /// The hashes, and what comes after them.
    #[inline]
    fn parts(&self) -> (&[u8], &[u8]) {
        split(&self.0.slice, HASH * self.len())
    }
}

#[inline]
fn split(bytes: &[u8], at: usize) -> (&[u8], &[u8]) {
    debug_assert!(at <= bytes.len());
    bytes.split_at_checked(at).unwrap_or_default()
}

/// A shelf holds fewer bytes than that: [`SHELF_BYTES`], or one entry, which comes from a message,
/// and one more.
fn small(number: usize) -> u16 {
    debug_assert!(u16::try_from(number).is_ok());
    u16::try_from(number).unwrap_or(u16::MAX)
}

/// What a shelf is put together in.
type Bytes = SmallVec<[u8; 1536]>;

/// Bytes of a hash.
const HASH: usize = size_of::<Hash>();
/// Bytes of an end.
const END: usize = size_of::<u16>();
