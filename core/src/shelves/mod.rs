//! Short entries by hash, packed: a persistent multimap for what there are very many of.
//!
//! An entry lies in a shelf among others, so that it costs little more than its bytes. Shelves
//! hang in a trie of branching 16, in which a slot stands for a run of digits: a shelf that is full
//! goes halves with another, by the next bit that the run leaves, and so most are more than half
//! full whatever their number. Entries of one hash that don't fit into a shelf are a stack of them.
//!
//! Invariants: an entry lies below the slot whose run has its hash's digit, at each level; the
//! first run of a branch begins at 0, and there are as many slots as runs; a branch stands for a
//! run of one digit, so below the last digit all hashes are equal; all entries of a stack have the
//! stack's hash.

mod remove;
mod shelf;
#[cfg(test)]
mod tests;

use triomphe::{Arc, HeaderSlice};

pub(crate) use shelf::{Entry, Held};

use crate::hash::Hash;
use crate::trie::{BITS, digit, unshare};
use remove::remove_below;
use shelf::Shelf;

/// A persistent multimap from hashes to bytes. A clone is one counter.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shelves {
    root: Option<Slot>,
    len: u32,
}

#[derive(Clone, Debug)]
enum Slot {
    Shelf(Shelf),
    Branch(Branch),
    Stack(Stack),
}

/// A bitmap of the digits at which a run begins, and what stands for each run.
type Branch = Arc<HeaderSlice<u16, [Slot]>>;
/// Shelves of one hash; the last has room.
type Stack = Arc<HeaderSlice<Hash, [Shelf]>>;

impl Shelves {
    pub(crate) fn len(&self) -> usize {
        self.len as usize
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All entries of this hash, in order of insertion unless one of a stack was removed.
    #[inline]
    pub(crate) fn same(&self, hash: Hash) -> Same<'_> {
        let mut slot = self.root.as_ref();
        let mut rest = hash;
        loop {
            match slot {
                Some(Slot::Branch(branch)) => {
                    slot = branch.slice.get(position(branch.header, digit(rest, 0)));
                    rest >>= BITS;
                }
                Some(Slot::Shelf(shelf)) => return Same::of(hash, std::slice::from_ref(shelf)),
                Some(Slot::Stack(stack)) if stack.header == hash => {
                    return Same::of(hash, &stack.slice);
                }
                _ => return Same::of(hash, &[]),
            }
        }
    }

    /// Adds an entry beside any others of its hash.
    pub(crate) fn insert(&mut self, hash: Hash, entry: &[u8]) {
        self.len += 1;
        let mut slot = self.root.get_or_insert_with(|| Slot::Shelf(Shelf::empty()));
        let mut shift = 0;
        // Ends: each turn goes a level down, halves a run, or makes a branch; below the last
        // digit all hashes are equal, and nothing is in the way.
        loop {
            if let Slot::Branch(branch) = &*slot
                && let Some(roomier) = with_way(branch, shift, hash, entry)
            {
                *slot = Slot::Branch(roomier);
                continue;
            }
            match slot {
                Slot::Branch(branch) => {
                    let at = position(branch.header, digit(hash, shift));
                    let Some(next) = unshare(branch).get_mut(at) else { return };
                    slot = next;
                    shift += BITS;
                }
                Slot::Shelf(shelf) if shelf.has_room(entry.len()) => {
                    *shelf = shelf.with(hash, entry);
                    return;
                }
                Slot::Shelf(shelf) if shelf.is_all(hash) => {
                    let both = [shelf.clone(), Shelf::empty().with(hash, entry)];
                    *slot = Slot::Stack(Arc::from_header_and_iter(hash, both.into_iter()));
                    return;
                }
                Slot::Stack(stack) if stack.header == hash => return pile(stack, entry),
                Slot::Shelf(_) | Slot::Stack(_) => {
                    let old = std::mem::replace(slot, Slot::Shelf(Shelf::empty()));
                    *slot = Slot::Branch(Arc::from_header_and_iter(1, std::iter::once(old)));
                }
            }
        }
    }

    /// Removes the first entry of this hash for which `is` holds; gives what it was.
    pub(crate) fn remove(&mut self, hash: Hash, is: impl Fn(Entry<'_>) -> bool) -> Option<Held> {
        // Nothing is copied for an entry that isn't there.
        let gone = self.same(hash).find(|entry| is(*entry))?.hold();
        let slot = self.root.as_mut()?;
        remove_below(slot, hash, 0, &is);
        self.len -= 1;
        if self.len == 0 {
            self.root = None;
        }
        Some(gone)
    }

    /// All entries, in no order that means anything.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Entry<'_>> {
        let shelves = Iter { stack: Vec::new(), run: &[], next: self.root.as_ref() };
        shelves.flat_map(|shelf| (0..shelf.len()).map(move |at| Entry { shelf, at }))
    }

    /// The hash of each entry, in no order that means anything.
    pub(crate) fn hashes(&self) -> impl Iterator<Item = Hash> {
        let shelves = Iter { stack: Vec::new(), run: &[], next: self.root.as_ref() };
        shelves.flat_map(|shelf| shelf.hashes())
    }
}

/// The entries of one hash.
#[derive(Clone, Debug)]
pub(crate) struct Same<'s> {
    hash: Hash,
    shelves: &'s [Shelf],
    from: usize,
}

impl<'s> Same<'s> {
    #[inline]
    fn of(hash: Hash, shelves: &'s [Shelf]) -> Same<'s> {
        Same { hash, shelves, from: 0 }
    }
}

impl<'s> Iterator for Same<'s> {
    type Item = Entry<'s>;

    #[inline]
    fn next(&mut self) -> Option<Entry<'s>> {
        loop {
            let (shelf, rest) = self.shelves.split_first()?;
            if let Some(at) = shelf.find(self.hash, self.from) {
                self.from = at + 1;
                return Some(Entry { shelf, at });
            }
            (self.shelves, self.from) = (rest, 0);
        }
    }
}

/// Walks the shelves, with a stack of its own.
struct Iter<'s> {
    stack: Vec<std::slice::Iter<'s, Slot>>,
    run: &'s [Shelf],
    next: Option<&'s Slot>,
}

impl<'s> Iterator for Iter<'s> {
    type Item = &'s Shelf;

    fn next(&mut self) -> Option<&'s Shelf> {
        loop {
            if let Some((first, rest)) = self.run.split_first() {
                self.run = rest;
                return Some(first);
            }
            let slot = match self.next.take() {
                Some(slot) => slot,
                None => match self.stack.last_mut()?.next() {
                    Some(slot) => slot,
                    None => {
                        self.stack.pop();
                        continue;
                    }
                },
            };
            match slot {
                Slot::Shelf(shelf) => return Some(shelf),
                Slot::Stack(stack) => self.run = &stack.slice,
                Slot::Branch(branch) => self.stack.push(branch.slice.iter()),
            }
        }
    }
}

impl Slot {
    /// Whether it can't take an entry, but parts of it could.
    fn is_in_the_way(&self, hash: Hash, entry: &[u8]) -> bool {
        match self {
            Slot::Branch(_) => false,
            Slot::Shelf(shelf) => !shelf.has_room(entry.len()) && !shelf.is_all(hash),
            Slot::Stack(stack) => stack.header != hash,
        }
    }
}

/// Digits that one slot of a branch stands for.
#[derive(Clone, Copy)]
struct Run {
    /// The place of the slot.
    at: usize,
    first: u32,
    /// The digit after the last.
    end: u32,
}

impl Run {
    fn of(bitmap: u16, digit: u32) -> Run {
        let from = |digit: u32| u32::from(bitmap).checked_shr(digit).unwrap_or(0);
        let up_to = u32::from(bitmap) & (2u32 << digit).wrapping_sub(1);
        let first = up_to.checked_ilog2().unwrap_or(0);
        let end = (digit + 1 + from(digit + 1).trailing_zeros()).min(1 << BITS);
        Run { at: position(bitmap, digit), first, end }
    }

    fn is_divisible(self) -> bool {
        self.end - self.first > 1
    }

    fn middle(self) -> u32 {
        self.first + (self.end - self.first) / 2
    }
}

/// The place of the slot whose run has this digit: bit 0 is always set.
#[inline]
fn position(bitmap: u16, digit: u32) -> usize {
    let up_to = u32::from(bitmap) & ((2u32 << digit).wrapping_sub(1));
    (up_to.count_ones() as usize).saturating_sub(1)
}

/// The branch with the run halved in which something is in the way of an entry.
fn with_way(branch: &Branch, shift: u32, hash: Hash, entry: &[u8]) -> Option<Branch> {
    let run = Run::of(branch.header, digit(hash, shift));
    let child = branch.slice.get(run.at)?;
    let halves = run.is_divisible() && child.is_in_the_way(hash, entry);
    halves.then(|| halved(branch, run, shift))
}

/// The branch with a slot for each half of a run, at the level of `shift`.
fn halved(branch: &Branch, run: Run, shift: u32) -> Branch {
    let middle = run.middle();
    let is_low = |hash: Hash| digit(hash, shift) < middle;
    let (low, high) = match branch.slice.get(run.at) {
        Some(Slot::Shelf(shelf)) => {
            let half = |low| Shelf::of(shelf.entries().filter(move |e| is_low(e.0) == low));
            (Slot::Shelf(half(true)), Slot::Shelf(half(false)))
        }
        Some(Slot::Stack(stack)) if is_low(stack.header) => {
            (Slot::Stack(stack.clone()), Slot::Shelf(Shelf::empty()))
        }
        Some(Slot::Stack(stack)) => (Slot::Shelf(Shelf::empty()), Slot::Stack(stack.clone())),
        Some(Slot::Branch(_)) | None => return branch.clone(),
    };
    let mut slots = Vec::with_capacity(branch.slice.len() + 1);
    slots.extend(branch.slice.iter().take(run.at).cloned());
    slots.extend([low, high]);
    slots.extend(branch.slice.iter().skip(run.at + 1).cloned());
    Arc::from_header_and_vec(branch.header | 1 << middle, slots)
}

/// Puts an entry on the last shelf of a stack, or on a new one.
fn pile(stack: &mut Stack, entry: &[u8]) {
    let hash = stack.header;
    match unshare(stack).last_mut().filter(|last| last.has_room(entry.len())) {
        Some(last) => *last = last.with(hash, entry),
        None => {
            let mut all = stack.slice.to_vec();
            all.push(Shelf::empty().with(hash, entry));
            *stack = Arc::from_header_and_vec(hash, all);
        }
    }
}
