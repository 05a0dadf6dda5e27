//! A persistent hash array mapped trie: a clone is two counters, an edit copies one path.
//!
//! Branching is 16: with 32, the siblings' reference counts dominate the cost of a write. A branch
//! holds only the slots that are in use, found by a bitmap. Entries with equal hashes share a slot
//! of their own kind, so that several entries under one key (the watches of one path) and true
//! collisions need no special case. What only the holder of `&mut` owns is changed in place.

use triomphe::{Arc, HeaderSlice};

use crate::hash::Hash;

/// What a trie holds: something cheap to clone that knows its hash.
pub(crate) trait Entry: Clone {
    /// The hash under which it is found.
    fn hash(&self) -> Hash;
}

/// A persistent multimap from hashes to entries.
#[derive(Clone, Debug)]
pub(crate) struct Trie<V> {
    root: Option<Slot<V>>,
    len: u32,
}

#[derive(Clone, Debug)]
enum Slot<V> {
    Leaf(V),
    Branch(Branch<V>),
    Same(Same<V>),
}

/// A bitmap of the slots in use, and those slots.
type Branch<V> = Arc<HeaderSlice<u16, [Slot<V>]>>;
/// Entries that share their hash, in order of insertion.
type Same<V> = Arc<HeaderSlice<Hash, [V]>>;

impl<V> Default for Trie<V> {
    fn default() -> Self {
        Trie { root: None, len: 0 }
    }
}

impl<V: Entry> Trie<V> {
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.len as usize
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The entry of this hash for which `is` holds.
    #[inline]
    pub(crate) fn get(&self, hash: Hash, mut is: impl FnMut(&V) -> bool) -> Option<&V> {
        self.same(hash).iter().find(|v| is(v))
    }

    /// All entries of this hash, in order of insertion.
    #[inline]
    pub(crate) fn same(&self, hash: Hash) -> &[V] {
        let mut slot = self.root.as_ref();
        let mut rest = hash;
        loop {
            match slot {
                Some(Slot::Branch(branch)) => {
                    slot = position(branch.header, rest).and_then(|at| branch.slice.get(at));
                    rest >>= BITS;
                }
                Some(Slot::Leaf(entry)) if entry.hash() == hash => {
                    return std::slice::from_ref(entry);
                }
                Some(Slot::Same(same)) if same.header == hash => return &same.slice,
                _ => return &[],
            }
        }
    }

    /// The entry of this hash for which `is` holds, to be changed. Its hash must stay.
    pub(crate) fn get_mut(&mut self, hash: Hash, mut is: impl FnMut(&V) -> bool) -> Option<&mut V> {
        let mut slot = self.root.as_mut()?;
        let mut rest = hash;
        loop {
            match slot {
                Slot::Branch(branch) => {
                    let at = position(branch.header, rest)?;
                    slot = unshare(branch).get_mut(at)?;
                    rest >>= BITS;
                }
                Slot::Leaf(entry) => return (entry.hash() == hash && is(entry)).then_some(entry),
                Slot::Same(same) => {
                    if same.header != hash {
                        return None;
                    }
                    let at = same.slice.iter().position(is)?;
                    return unshare(same).get_mut(at);
                }
            }
        }
    }

    /// Adds an entry beside any others of its hash: the caller has seen that it isn't there.
    pub(crate) fn insert(&mut self, entry: V) {
        let hash = entry.hash();
        self.len += 1;
        let Some(mut slot) = self.root.as_mut() else {
            self.root = Some(Slot::Leaf(entry));
            return;
        };
        let mut shift = 0;
        loop {
            match slot {
                Slot::Branch(branch) => {
                    let index = digit(hash, shift);
                    let Some(at) = position(branch.header, hash >> shift) else {
                        *branch = with_slot(branch, index, Slot::Leaf(entry));
                        return;
                    };
                    let Some(next) = unshare(branch).get_mut(at) else { return };
                    slot = next;
                    shift += BITS;
                }
                Slot::Leaf(other) if other.hash() == hash => {
                    let both = [other.clone(), entry];
                    *slot = Slot::Same(Arc::from_header_and_iter(hash, both.into_iter()));
                    return;
                }
                Slot::Same(same) if same.header == hash => {
                    let mut all = same.slice.to_vec();
                    all.push(entry);
                    *same = Arc::from_header_and_vec(hash, all);
                    return;
                }
                // Another hash in the way: it moves one level down, and the loop goes on there.
                Slot::Leaf(other) => push_down(digit(other.hash(), shift), slot),
                Slot::Same(same) => push_down(digit(same.header, shift), slot),
            }
        }
    }

    /// Removes the entry of this hash for which `is` holds.
    pub(crate) fn remove(&mut self, hash: Hash, mut is: impl FnMut(&V) -> bool) -> Option<V> {
        // Nothing is copied for an entry that isn't there.
        self.get(hash, &mut is)?;
        self.remove_known(hash, is)
    }

    /// The same for an entry that has been seen to be there.
    pub(crate) fn remove_known(&mut self, hash: Hash, mut is: impl FnMut(&V) -> bool) -> Option<V> {
        let (removed, left) = remove_below(self.root.as_mut()?, hash, &mut is)?;
        match left {
            Left::AsIs => {}
            Left::Nothing => self.root = None,
            Left::One(slot) => self.root = Some(slot),
        }
        self.len -= 1;
        Some(removed)
    }

    /// All entries, in no order that means anything.
    pub(crate) fn iter(&self) -> Iter<'_, V> {
        Iter { stack: Vec::new(), run: &[], next: self.root.as_ref() }
    }
}

/// Walks a trie with a stack of its own.
pub(crate) struct Iter<'t, V> {
    stack: Vec<std::slice::Iter<'t, Slot<V>>>,
    run: &'t [V],
    next: Option<&'t Slot<V>>,
}

impl<'t, V: Entry> Iterator for Iter<'t, V> {
    type Item = &'t V;

    fn next(&mut self) -> Option<&'t V> {
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
                Slot::Leaf(entry) => return Some(entry),
                Slot::Same(same) => self.run = &same.slice,
                Slot::Branch(branch) => self.stack.push(branch.slice.iter()),
            }
        }
    }
}

/// What a removal leaves of a slot.
enum Left<V> {
    /// The slot, changed in place.
    AsIs,
    Nothing,
    /// An entry, or entries of one hash: they need no branch.
    One(Slot<V>),
}

/// At most one level per [`BITS`] of the hash, so the recursion is bounded by 16.
fn remove_below<V: Entry>(
    slot: &mut Slot<V>,
    rest: Hash,
    is: &mut impl FnMut(&V) -> bool,
) -> Option<(V, Left<V>)> {
    match slot {
        Slot::Leaf(entry) => Some((entry.clone(), Left::Nothing)),
        Slot::Same(same) => {
            let mut all = same.slice.to_vec();
            let removed = all.remove(all.iter().position(is)?);
            let left = match all.len() {
                1 => all.pop().map_or(Left::Nothing, |last| Left::One(Slot::Leaf(last))),
                _ => Left::One(Slot::Same(Arc::from_header_and_vec(same.header, all))),
            };
            Some((removed, left))
        }
        Slot::Branch(branch) => {
            let at = position(branch.header, rest)?;
            if let Slot::Leaf(entry) = branch.slice.get(at)? {
                let removed = entry.clone();
                return Some((removed, without(branch, at, digit(rest, 0))));
            }
            let lone = branch.slice.len() == 1;
            let child = unshare(branch).get_mut(at)?;
            let (removed, left) = remove_below(child, rest >> BITS, is)?;
            let left = match left {
                Left::AsIs => Left::AsIs,
                Left::Nothing => without(branch, at, digit(rest, 0)),
                Left::One(slot) if lone => Left::One(slot),
                Left::One(slot) => {
                    *child = slot;
                    Left::AsIs
                }
            };
            Some((removed, left))
        }
    }
}

/// The branch without its slot at `at`. A lone entry needs no branch.
fn without<V: Entry>(branch: &mut Branch<V>, at: usize, index: u32) -> Left<V> {
    let mut left = branch.slice.iter().enumerate().filter(|(i, _)| *i != at).map(|(_, s)| s);
    match (branch.slice.len(), left.next()) {
        (..=1, _) | (_, None) => Left::Nothing,
        (2, Some(other)) if !matches!(other, Slot::Branch(_)) => Left::One(other.clone()),
        (_, Some(first)) => {
            let mut slots = Vec::with_capacity(branch.slice.len() - 1);
            slots.push(first.clone());
            slots.extend(left.cloned());
            *branch = Arc::from_header_and_vec(branch.header & !(1 << index), slots);
            Left::AsIs
        }
    }
}

/// Where the slot of the lowest digit of `rest` lies among those in use.
#[inline]
fn position(bitmap: u16, rest: Hash) -> Option<usize> {
    let bit = 1u16 << digit(rest, 0);
    (bitmap & bit != 0).then(|| (bitmap & (bit - 1)).count_ones() as usize)
}

#[inline]
pub(crate) fn digit(hash: Hash, shift: u32) -> u32 {
    // Four bits fit anything.
    ((hash >> shift) & ((1 << BITS) - 1)) as u32
}

/// A stand-in for a slot that is being worked on: a branch without slots.
fn hollow<V: Entry>() -> Slot<V> {
    Slot::Branch(Arc::from_header_and_iter(0, std::iter::empty()))
}

/// Puts a slot below a new branch, in the place of `index`.
fn push_down<V: Entry>(index: u32, slot: &mut Slot<V>) {
    let old = std::mem::replace(slot, hollow());
    *slot = Slot::Branch(Arc::from_header_and_iter(1 << index, std::iter::once(old)));
}

fn with_slot<V: Entry>(branch: &Branch<V>, index: u32, slot: Slot<V>) -> Branch<V> {
    let bit = 1u16 << index;
    let at = (branch.header & (bit - 1)).count_ones() as usize;
    let mut slots = Vec::with_capacity(branch.slice.len() + 1);
    slots.extend(branch.slice.iter().take(at).cloned());
    slots.push(slot);
    slots.extend(branch.slice.iter().skip(at).cloned());
    Arc::from_header_and_vec(branch.header | bit, slots)
}

/// The slice, made our own first where others see it too.
pub(crate) fn unshare<H: Copy, T: Clone>(shared: &mut Arc<HeaderSlice<H, [T]>>) -> &mut [T] {
    if !shared.is_unique() {
        *shared = Arc::from_header_and_iter(shared.header, shared.slice.iter().cloned());
    }
    match Arc::get_mut(shared) {
        Some(own) => &mut own.slice,
        None => unreachable!("just made unique"),
    }
}

/// Bits of the hash per level: 16 slots a branch.
pub(crate) const BITS: u32 = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
    struct Pair(u64, u32);

    impl Entry for Pair {
        fn hash(&self) -> Hash {
            self.0
        }
    }

    /// Few distinct hashes, alike in their low digits, so that deep levels and equal hashes occur.
    fn hash(seed: u8) -> u64 {
        match seed % 4 {
            0 => u64::from(seed / 4),
            1 => u64::from(seed / 4) << 56,
            2 => 0x1111_1111_1111_1111 ^ (u64::from(seed / 4) << 32),
            _ => 7,
        }
    }

    proptest! {
        #[test]
        fn behaves_as_a_map(
            ops in proptest::collection::vec((any::<u8>(), 0u32..4, 0u8..4), 1..300)
        ) {
            let mut trie = Trie::default();
            let mut model = BTreeMap::new();
            let mut kept = Vec::new();
            for (seed, id, what) in ops {
                let key = (hash(seed), id);
                if what == 0 {
                    let removed = trie.remove(key.0, |p: &Pair| p.1 == id);
                    prop_assert_eq!(removed.is_some(), model.remove(&key).is_some());
                } else if trie.get(key.0, |p| p.1 == id).is_none() {
                    trie.insert(Pair(key.0, id));
                    model.insert(key, ());
                } else {
                    prop_assert!(trie.get_mut(key.0, |p| p.1 == id).is_some());
                }
                prop_assert_eq!(trie.len(), model.len());
                if what == 3 {
                    kept.push((trie.clone(), model.clone()));
                }
            }
            kept.push((trie, model));
            for (trie, model) in kept {
                let mut all: Vec<_> = trie.iter().map(|p| (p.0, p.1)).collect();
                all.sort_unstable();
                prop_assert!(all.iter().eq(model.keys()));
                for (hash, id) in model.keys() {
                    prop_assert!(trie.get(*hash, |p| p.1 == *id).is_some());
                }
            }
        }
    }
}
