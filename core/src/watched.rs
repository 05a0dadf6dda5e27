//! Which paths each connection watches, as the hashes of their texts: what finds its watches
//! among all when it goes, and for nothing else, so that a watch costs eight bytes here.
//!
//! A hash stands there once for each watch, and so as often as the path is watched. The few of
//! most connections are one list, which is copied by each change; many lie on shelves.

use std::sync::Arc;

use triomphe::{Arc as Thin, HeaderSlice};

use crate::hash::{Hash, Keys};
use crate::limits::LISTED_WATCHES;
use crate::shelves::Shelves;
use crate::trie::{Entry, Trie};
use crate::watch::ConnId;

/// The paths of all connections.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watched(Trie<Paths>);

/// Those of one connection.
#[derive(Clone, Debug)]
enum Paths {
    Few(Thin<HeaderSlice<Of, [Hash]>>),
    Many(Arc<Many>),
}

/// Whose they are.
#[derive(Clone, Copy, Debug)]
struct Of {
    hash: Hash,
    conn: ConnId,
}

#[derive(Clone, Debug)]
struct Many {
    of: Of,
    paths: Shelves,
}

impl Entry for Paths {
    fn hash(&self) -> Hash {
        self.of().hash
    }
}

impl Paths {
    fn of(&self) -> Of {
        match self {
            Paths::Few(few) => few.header,
            Paths::Many(many) => many.of,
        }
    }

    fn has(&self, path: Hash) -> bool {
        match self {
            Paths::Few(few) => few.slice.contains(&path),
            Paths::Many(many) => many.paths.same(path).next().is_some(),
        }
    }

    fn add(&mut self, path: Hash) {
        match self {
            Paths::Few(few) if few.slice.len() < LISTED_WATCHES => {
                *few = Thin::from_header_and_vec(few.header, [&few.slice, &[path]].concat());
            }
            Paths::Few(few) => {
                let mut paths = Shelves::default();
                few.slice.iter().chain([&path]).for_each(|path| paths.insert(*path, &[]));
                *self = Paths::Many(Arc::new(Many { of: few.header, paths }));
            }
            Paths::Many(many) => Arc::make_mut(many).paths.insert(path, &[]),
        }
    }

    /// Takes a path out once; true where it was the last of all.
    fn remove(&mut self, path: Hash) -> bool {
        match self {
            Paths::Few(few) => {
                let Some(at) = few.slice.iter().position(|p| *p == path) else { return false };
                let mut left = few.slice.to_vec();
                left.remove(at);
                *few = Thin::from_header_and_vec(few.header, left);
                few.slice.is_empty()
            }
            Paths::Many(many) => {
                let many = Arc::make_mut(many);
                many.paths.remove(path, |_| true);
                many.paths.is_empty()
            }
        }
    }

    fn all(&self) -> Vec<Hash> {
        match self {
            Paths::Few(few) => few.slice.to_vec(),
            Paths::Many(many) => many.paths.hashes().collect(),
        }
    }
}

impl Watched {
    /// Whether a connection watches a path of this hash.
    pub(crate) fn has(&self, keys: &Keys, conn: ConnId, path: Hash) -> bool {
        let paths = self.0.get(keys.number(conn.0), |paths| paths.of().conn == conn);
        paths.is_some_and(|paths| paths.has(path))
    }

    /// The hashes of the paths that a connection watches, each as often as it does.
    pub(crate) fn of(&self, keys: &Keys, conn: ConnId) -> Vec<Hash> {
        let paths = self.0.get(keys.number(conn.0), |paths| paths.of().conn == conn);
        paths.map(Paths::all).unwrap_or_default()
    }

    /// A connection watches a path once more.
    pub(crate) fn add(&mut self, keys: &Keys, conn: ConnId, path: Hash) {
        let hash = keys.number(conn.0);
        match self.0.get_mut(hash, |paths| paths.of().conn == conn) {
            Some(paths) => paths.add(path),
            None => {
                let of = Of { hash, conn };
                self.0.insert(Paths::Few(Thin::from_header_and_slice(of, &[path])));
            }
        }
    }

    /// A connection watches a path once less.
    pub(crate) fn remove(&mut self, keys: &Keys, conn: ConnId, path: Hash) {
        let hash = keys.number(conn.0);
        let is = |paths: &Paths| paths.of().conn == conn;
        if self.0.get_mut(hash, is).is_some_and(|paths| paths.remove(path)) {
            self.0.remove(hash, is);
        }
    }

    /// A connection watches nothing any more: what [`Watched::of`] gave.
    pub(crate) fn remove_all(&mut self, keys: &Keys, conn: ConnId) -> Vec<Hash> {
        let hash = keys.number(conn.0);
        let gone = self.0.remove(hash, |paths| paths.of().conn == conn);
        gone.map(|paths| paths.all()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lists become shelves and go on; earlier versions see nothing of it.
    #[test]
    fn few_and_many_paths_are_counted_alike() {
        let keys = Keys::random();
        let (mut watched, mut kept) = (Watched::default(), Vec::new());
        let most = LISTED_WATCHES as u64 + 40;
        let sorted = |watched: &Watched, conn| {
            let mut all = watched.of(&keys, conn);
            all.sort_unstable();
            all
        };
        for n in 0..most {
            watched.add(&keys, ConnId(1), n / 2);
            watched.add(&keys, ConnId(2), n);
            kept.push(watched.clone());
            assert!(watched.has(&keys, ConnId(1), n / 2) && !watched.has(&keys, ConnId(1), n + 1));
        }
        for (n, version) in (1..).zip(&kept) {
            assert_eq!(sorted(version, ConnId(1)), (0..n).map(|n| n / 2).collect::<Vec<_>>());
            assert_eq!(sorted(version, ConnId(2)), (0..n).collect::<Vec<_>>());
        }
        for n in 0..most {
            assert!(watched.has(&keys, ConnId(1), n / 2));
            watched.remove(&keys, ConnId(1), n / 2);
            assert_eq!(watched.of(&keys, ConnId(1)).len() as u64, most - n - 1);
        }
        assert_eq!(watched.0.len(), 1, "who watches nothing is not kept");
        assert_eq!(watched.remove_all(&keys, ConnId(2)).len() as u64, most);
        assert_eq!(watched.remove_all(&keys, ConnId(2)), [0; 0]);
        assert!(watched.0.is_empty());
    }
}
