//! Watches: who wants to hear of a change where.
//!
//! They are part of the version, so those that must see a commit are exactly those of the version
//! that it made. A look-up goes by the hash of each prefix of the changed path: its cost depends
//! on the depth of the path and on what matches, never on how many watches there are. Levels at
//! which nobody watches anything cost nothing: the watches of each depth are counted. There can be
//! very many of them, so they are bytes, side by side ([`crate::shelves`]).

mod entry;

use smallvec::SmallVec;

pub(crate) use entry::Watch;

use crate::caller::Caller;
use crate::delta::NewWatch;
use crate::hash::{Hash, Keys};
use crate::path::Path;
use crate::shelves::Shelves;
use crate::watched::Watched;

/// A connection, unique for the life of the store. The high 16 bits name the worker that owns it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnId(pub u64);

impl ConnId {
    /// The connection of this number at a worker.
    #[must_use]
    pub fn new(worker: u16, number: u64) -> ConnId {
        ConnId(u64::from(worker) << 48 | number & ((1 << 48) - 1))
    }

    /// The worker that owns it.
    #[must_use]
    pub fn worker(self) -> u16 {
        (self.0 >> 48) as u16
    }
}

/// What a watch looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WatchPath<'a> {
    /// A node and what is below it.
    Node(Path<'a>),
    /// A special path with its `@`: `@introduceDomain`, `@releaseDomain`, `@releaseDomain/5`; any
    /// other never fires.
    Special(&'a str),
}

impl<'a> WatchPath<'a> {
    /// The text.
    #[must_use]
    pub fn as_str(self) -> &'a str {
        match self {
            WatchPath::Node(path) => path.as_str(),
            WatchPath::Special(text) => text,
        }
    }

    fn hash(self, keys: &Keys) -> Hash {
        match self {
            WatchPath::Node(path) => keys.path(path),
            // No node's hash: node names can't begin with @ and have this parent.
            WatchPath::Special(text) => keys.child(!Keys::ROOT, text.as_bytes()),
        }
    }
}

/// What a new watch is made of.
pub(crate) struct Spec<'a> {
    pub(crate) conn: ConnId,
    pub(crate) caller: Caller,
    pub(crate) path: WatchPath<'a>,
    pub(crate) token: &'a [u8],
    pub(crate) depth: Option<u32>,
    pub(crate) prefix: usize,
}

impl<'a> Spec<'a> {
    /// How it is kept.
    pub(crate) fn registered(&self) -> NewWatch<'a> {
        NewWatch {
            conn: self.conn,
            caller: self.caller,
            depth: self.depth.unwrap_or(u32::MAX),
            prefix: u16::try_from(self.prefix).unwrap_or(0),
            path: self.path.as_str(),
            token: self.token,
        }
    }
}

impl<'a> NewWatch<'a> {
    /// What it is made of again; its path was checked.
    pub(crate) fn spec(&self) -> Spec<'a> {
        let path = match self.path.strip_prefix('/') {
            Some(_) => WatchPath::Node(Path::trusted(self.path)),
            None => WatchPath::Special(self.path),
        };
        let (depth, prefix) = (Some(self.depth), self.prefix.into());
        Spec { conn: self.conn, caller: self.caller, path, token: self.token, depth, prefix }
    }
}

/// All watches of a version.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watches {
    by_path: Shelves,
    by_conn: Watched,
    next_order: u64,
    depths: Depths,
    /// How many of them are on indices.
    on_indices: u32,
}

/// How many watches there are on paths of each depth; the last counts all that are deeper.
#[derive(Clone, Debug, Default)]
struct Depths([u32; DEPTHS]);

/// Whether a watch hears of indices.
fn heeds_indices(path: &str) -> bool {
    path.starts_with(crate::virt::ROOT)
}

impl Depths {
    fn of(&mut self, path: &str) -> Option<&mut u32> {
        // No change of a node concerns a watch of a special one.
        path.strip_prefix('/').and_then(|_| self.0.get_mut(components(path).min(DEPTHS - 1)))
    }

    fn add(&mut self, path: &str) {
        if let Some(count) = self.of(path) {
            *count += 1;
        }
    }

    fn remove(&mut self, path: &str) {
        if let Some(count) = self.of(path) {
            debug_assert!(*count > 0);
            *count = count.saturating_sub(1);
        }
    }

    fn any_at(&self, depth: usize) -> bool {
        self.0.get(depth.min(DEPTHS - 1)).is_some_and(|count| *count > 0)
    }

    /// The greatest depth at which there can be any.
    fn deepest(&self) -> usize {
        match self.0.iter().rposition(|count| *count > 0) {
            Some(last) if last == DEPTHS - 1 => usize::MAX,
            found => found.unwrap_or(0),
        }
    }
}

impl Watches {
    pub(crate) fn is_empty(&self) -> bool {
        self.by_path.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.by_path.len()
    }

    /// Whether anybody hears of indices.
    pub(crate) fn any_on_indices(&self) -> bool {
        self.on_indices > 0
    }

    /// The watch of a connection with this path and token.
    pub(crate) fn find(
        &self,
        keys: &Keys,
        conn: ConnId,
        path: WatchPath<'_>,
        token: &[u8],
    ) -> Option<Watch<'_>> {
        let hash = path.hash(keys);
        // One that many watch is not looked for where this connection is none of them.
        if !self.by_conn.has(keys, conn, hash) {
            return None;
        }
        self.same(hash).find(|w| w.is(conn, path.as_str(), token))
    }

    /// Adds a watch that isn't there.
    pub(crate) fn add(&mut self, keys: &Keys, spec: &Spec<'_>) {
        let path = spec.path.as_str();
        let path_hash = spec.path.hash(keys);
        self.by_path.insert(path_hash, &entry::encoded(spec, self.next_order));
        self.next_order += 1;
        self.by_conn.add(keys, spec.conn, path_hash);
        self.depths.add(path);
        self.on_indices += u32::from(heeds_indices(path));
    }

    /// Removes a watch of a connection.
    pub(crate) fn remove(
        &mut self,
        keys: &Keys,
        conn: ConnId,
        path: WatchPath<'_>,
        token: &[u8],
    ) -> bool {
        let path_hash = path.hash(keys);
        let is = |w: Watch<'_>| w.is(conn, path.as_str(), token);
        if self.by_path.remove(path_hash, |entry| is(Watch::of(entry))).is_none() {
            return false;
        }
        self.depths.remove(path.as_str());
        self.on_indices -= u32::from(heeds_indices(path.as_str()));
        self.by_conn.remove(keys, conn, path_hash);
        true
    }

    /// Removes all watches of a connection; says how many there were.
    pub(crate) fn remove_all(&mut self, keys: &Keys, conn: ConnId) -> usize {
        let gone = self.by_conn.remove_all(keys, conn);
        for hash in &gone {
            let held = self.by_path.remove(*hash, |entry| Watch::of(entry).conn() == conn);
            let Some(held) = held else { continue };
            let path = Watch::held(&held).path();
            self.depths.remove(path);
            self.on_indices -= u32::from(heeds_indices(path));
        }
        gone.len()
    }

    /// One connection's watches, in order of registration.
    pub(crate) fn of_conn(&self, keys: &Keys, conn: ConnId) -> Vec<Watch<'_>> {
        let mut paths = self.by_conn.of(keys, conn);
        paths.sort_unstable();
        paths.dedup();
        let of_path = |hash: &Hash| self.same(*hash).filter(|w| w.conn() == conn);
        let mut all: Vec<Watch<'_>> = paths.iter().flat_map(of_path).collect();
        all.sort_unstable_by_key(|watch| watch.order());
        all
    }

    /// Every watch.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Watch<'_>> {
        self.by_path.iter().map(Watch::of)
    }

    /// Those of one hash.
    fn same(&self, hash: Hash) -> impl Iterator<Item = Watch<'_>> {
        self.by_path.same(hash).map(Watch::of)
    }

    /// The watches that a change at `path` concerns, in order of registration. `exact`: only
    /// those of just this path.
    pub(crate) fn matching(&self, keys: &Keys, path: Path<'_>, exact: bool) -> Matching<'_> {
        let mut found = Matching::new();
        if exact {
            found.extend(self.same(keys.path(path)));
        } else {
            let mut add = |hash: Hash, depth: usize| {
                if self.depths.any_at(depth) {
                    found.extend(self.same(hash));
                }
            };
            let mut hash = Keys::ROOT;
            add(hash, 0);
            for (depth, name) in (1..=self.depths.deepest()).zip(path.components()) {
                hash = keys.child(hash, name.as_bytes());
                add(hash, depth);
            }
        }
        // Hashes are 64 bits under random keys; the text has the last word all the same.
        found.retain(|w| Path::trusted_prefix(w.path(), path) && w.reaches(path));
        sort(&mut found);
        found
    }

    /// The watches of a special node, in order of registration.
    pub(crate) fn special(&self, keys: &Keys, name: &str) -> Matching<'_> {
        let hash = WatchPath::Special(name).hash(keys);
        let mut found: Matching<'_> = self.same(hash).collect();
        found.retain(|w| w.path() == name);
        sort(&mut found);
        found
    }
}

/// Watches that matched.
pub(crate) type Matching<'v> = SmallVec<[Watch<'v>; 8]>;

fn sort(found: &mut Matching<'_>) {
    if found.len() > 1 {
        found.sort_unstable_by_key(|w| w.order());
    }
}

/// How many components the text of an absolute path has.
fn components(path: &str) -> usize {
    if path == "/" { 0 } else { path.bytes().filter(|b| *b == b'/').count() }
}

/// Depths that are told apart.
const DEPTHS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(watches: &mut Watches, keys: &Keys, path: &str, depth: Option<u32>) {
        let node = if path.starts_with('/') {
            WatchPath::Node(Path::trusted(path))
        } else {
            WatchPath::Special(path)
        };
        let (conn, caller) = (ConnId(1), Caller::Control);
        watches.add(keys, &Spec { conn, caller, path: node, token: b"t", depth, prefix: 0 });
    }

    fn matching(watches: &Watches, keys: &Keys, path: &str) -> Vec<String> {
        let found = watches.matching(keys, Path::trusted(path), false);
        found.iter().map(|w| w.path().to_owned()).collect()
    }

    #[test]
    fn every_level_is_heard_of_however_deep() {
        let (keys, mut watches) = (Keys::random(), Watches::default());
        let deep = "/x".repeat(DEPTHS + 5);
        let levels: Vec<&str> = (1..=DEPTHS + 5).filter_map(|n| deep.get(..2 * n)).collect();
        for path in ["@releaseDomain", "/", "/y/z"].iter().chain(&levels) {
            watch(&mut watches, &keys, path, None);
        }
        let expected: Vec<&str> = std::iter::once("/").chain(levels.iter().copied()).collect();
        assert_eq!(matching(&watches, &keys, &deep), expected);
        // One after another goes, the deepest last; the rest are still found.
        for (gone, path) in expected.iter().enumerate() {
            assert_eq!(matching(&watches, &keys, &deep), expected.get(gone..).unwrap());
            let path = WatchPath::Node(Path::trusted(path));
            assert!(watches.remove(&keys, ConnId(1), path, b"t"));
        }
        assert_eq!(matching(&watches, &keys, &deep), [""; 0]);
        assert_eq!(matching(&watches, &keys, "/y/z/0"), ["/y/z"]);
        watches.remove_all(&keys, ConnId(1));
        assert!(watches.depths.0.iter().all(|count| *count == 0), "{:?}", watches.depths);
    }

    #[test]
    fn who_hears_of_indices_is_counted() {
        let (keys, mut watches) = (Keys::random(), Watches::default());
        watch(&mut watches, &keys, "/", None);
        assert!(!watches.any_on_indices());
        watch(&mut watches, &keys, "/@index/domain-name", None);
        watch(&mut watches, &keys, "/@index", None);
        assert!(watches.remove(&keys, ConnId(1), WatchPath::Node(Path::trusted("/@index")), b"t"));
        assert!(watches.any_on_indices());
        watches.remove_all(&keys, ConnId(1));
        assert!(!watches.any_on_indices());
    }

    #[test]
    fn a_depth_bounds_what_a_watch_hears_of() {
        let (keys, mut watches) = (Keys::random(), Watches::default());
        watch(&mut watches, &keys, "/", Some(1));
        watch(&mut watches, &keys, "/a", Some(0));
        watch(&mut watches, &keys, "/a/b", Some(1));
        assert_eq!(matching(&watches, &keys, "/"), ["/"]);
        assert_eq!(matching(&watches, &keys, "/a"), ["/", "/a"]);
        assert_eq!(matching(&watches, &keys, "/a/b/c"), ["/a/b"]);
        assert_eq!(matching(&watches, &keys, "/a/b/c/d"), [""; 0]);
    }
}
