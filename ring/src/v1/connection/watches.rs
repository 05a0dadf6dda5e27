//! The watches that a connection has registered.
//!
//! The store decides which of them a commit fires. This is the connection's own list: for an
//! overrun of the feed, when each must fire once, and for a restart.

use ahash::RandomState;
use hashbrown::{HashTable, hash_table::Entry};

/// A registered watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// The absolute path and the token, each with its NUL.
    text: Box<[u8]>,
    /// Bytes of the path that its events leave out.
    prefix: usize,
    path_len: usize,
    /// How many levels below the path count; none for all.
    depth: Option<u32>,
}

impl Registered {
    pub(crate) fn new(path: &str, token: &[u8], prefix: usize, depth: Option<u32>) -> Registered {
        let text = [path.as_bytes(), b"\0", token].concat().into_boxed_slice();
        Registered { text, prefix, path_len: path.len(), depth }
    }

    /// The path as the client gave it.
    #[must_use]
    pub fn path(&self) -> &[u8] {
        self.text.get(self.prefix..self.path_len).unwrap_or_default()
    }

    /// The token.
    #[must_use]
    pub fn token(&self) -> &[u8] {
        self.text.get(self.path_len.saturating_add(1)..).unwrap_or_default()
    }

    /// How many levels below the path count; none for all.
    #[must_use]
    pub fn depth(&self) -> Option<u32> {
        self.depth
    }
}

/// All of them, unique by absolute path and token.
#[derive(Debug, Default)]
pub(crate) struct Watches {
    table: HashTable<Registered>,
    keys: RandomState,
}

impl Watches {
    /// Notes a watch that the store has accepted.
    pub(crate) fn insert(&mut self, watch: Registered) {
        let keys = &self.keys;
        let hash = keys.hash_one(&watch.text);
        let entry = self.table.entry(hash, |w| w.text == watch.text, |w| keys.hash_one(&w.text));
        match entry {
            Entry::Occupied(mut known) => *known.get_mut() = watch,
            Entry::Vacant(slot) => {
                slot.insert(watch);
            }
        }
    }

    /// Drops a watch by its absolute path and its token.
    pub(crate) fn remove(&mut self, path: &str, token: &[u8]) {
        let wanted = Registered::new(path, token, 0, None);
        let hash = self.keys.hash_one(&wanted.text);
        if let Ok(entry) = self.table.find_entry(hash, |w| w.text == wanted.text) {
            entry.remove();
        }
    }

    pub(crate) fn clear(&mut self) {
        self.table = HashTable::new();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Registered> {
        self.table.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watch_is_known_by_its_absolute_path_and_token() {
        let mut watches = Watches::default();
        watches.insert(Registered::new("/local/domain/5/a", b"t", 16, Some(2)));
        watches.insert(Registered::new("/local/domain/5/a", b"u", 0, None));
        let mut seen: Vec<_> =
            watches.iter().map(|w| (w.path().to_vec(), w.token().to_vec(), w.depth())).collect();
        seen.sort();
        let absolute = (b"/local/domain/5/a".to_vec(), b"u".to_vec(), None);
        assert_eq!(seen, [absolute, (b"a".to_vec(), b"t".to_vec(), Some(2))]);
        watches.remove("/local/domain/5/a", b"t");
        watches.remove("/local/domain/5", b"a\0u");
        assert_eq!(watches.iter().count(), 1);
        watches.clear();
        assert!(watches.is_empty());
    }
}
