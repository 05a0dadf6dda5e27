//! The transactions that a connection has open.
//!
//! Boxed, and the map anew when it is empty: a leaf of a `BTreeMap` has room for eleven, and stays
//! when the last one has left. Few clients ever have more than one open.

use std::collections::BTreeMap;

/// Open transactions by id. `T` is the store's transaction.
#[derive(Debug)]
pub(crate) struct Transactions<T> {
    open: BTreeMap<u32, Box<T>>,
    next: u32,
}

impl<T> Default for Transactions<T> {
    fn default() -> Self {
        Transactions { open: BTreeMap::new(), next: FIRST }
    }
}

impl<T> Transactions<T> {
    /// Files a transaction under the next id that is free: ids rise from 1, pass over those
    /// still open and, when all 32 bits are used up, over 0, which means "no transaction".
    pub(crate) fn insert(&mut self, transaction: T) -> u32 {
        // Ends: far fewer transactions are open than there are ids.
        while self.next == 0 || self.open.contains_key(&self.next) {
            self.next = self.next.wrapping_add(1);
        }
        let id = self.next;
        self.next = self.next.wrapping_add(1);
        self.open.insert(id, Box::new(transaction));
        id
    }

    /// Files a transaction under an id that one had before a restart.
    pub(crate) fn insert_again(&mut self, id: u32, transaction: T) {
        self.open.insert(id, Box::new(transaction));
    }

    /// Ids are handed out from this one on.
    pub(crate) fn next(&self) -> u32 {
        self.next
    }

    pub(crate) fn set_next(&mut self, next: u32) {
        self.next = next;
    }

    /// The ids of those that are open.
    pub(crate) fn ids(&self) -> impl Iterator<Item = u32> {
        self.open.keys().copied()
    }

    pub(crate) fn get(&mut self, id: u32) -> Option<&mut T> {
        self.open.get_mut(&id).map(Box::as_mut)
    }

    pub(crate) fn contains(&self, id: u32) -> bool {
        self.open.contains_key(&id)
    }

    pub(crate) fn remove(&mut self, id: u32) -> Option<T> {
        let removed = self.open.remove(&id).map(|transaction| *transaction);
        if self.open.is_empty() {
            self.open = BTreeMap::new();
        }
        removed
    }

    pub(crate) fn clear(&mut self) {
        self.open.clear();
    }

    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.open.values().map(Box::as_ref)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.open.values_mut().map(Box::as_mut)
    }
}

const FIRST: u32 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_rise_and_wrap_past_zero_and_those_in_use() {
        let mut open = Transactions::default();
        assert_eq!((open.insert('a'), open.insert('b')), (1, 2));
        assert_eq!(open.remove(1), Some('a'));
        assert_eq!(open.insert('c'), 3);
        open.next = u32::MAX;
        assert_eq!(open.insert('d'), u32::MAX);
        assert_eq!((open.insert('e'), open.insert('f')), (1, 4));
        assert!(!open.contains(0));
        assert_eq!(open.len(), 5);
    }
}
