//! Indices: from a value to where it stands, as consistent as the tree itself.
//!
//! An index is declared by a pattern, such as `/local/domain/*/name`. It maps the value of every
//! node that the pattern matches to the components that the stars matched. It is part of the
//! version and changes in the same commit as the tree.

use smallvec::SmallVec;
use triomphe::{Arc as Thin, HeaderSlice};

use crate::error::Error;
use crate::hash::{Hash, Keys};
use crate::key;
use crate::limits::INDICES;
use crate::path::Path;
use crate::trie::{Entry, Trie};

/// The indices that every store has: name and pattern.
pub const BUILT_IN: [(&str, &str); 3] = [
    ("domain-name", "/local/domain/*/name"),
    ("domain-vm", "/local/domain/*/vm"),
    ("vm-name", "/vm/*/name"),
];

/// A declared index.
#[derive(Clone, Debug)]
pub(crate) struct Definition {
    pub(crate) name: String,
    /// Components; none for a star.
    pattern: Vec<Option<String>>,
}

impl Definition {
    /// Checks a declaration: the name is a path component, the pattern a path with stars.
    pub(crate) fn new(name: &str, pattern: &str) -> Result<Definition, Error> {
        let bad = Error::InvalidValue(
            "an index has a name of [A-Za-z0-9-_@], and a pattern such as /local/domain/*/name",
        );
        if Path::new(&format!("/{name}")).is_err() || name.contains('/') {
            return Err(bad);
        }
        Path::new(&pattern.replace("/*", "/x")).map_err(|_| bad.clone())?;
        let parts = pattern.split('/').skip(1);
        let pattern: Vec<_> = parts.map(|p| (p != "*").then(|| p.to_owned())).collect();
        if pattern.iter().all(Option::is_some) {
            return Err(bad);
        }
        Ok(Definition { name: name.to_owned(), pattern })
    }

    /// What the stars match in a path, joined by `/`.
    fn captures(&self, path: Path<'_>) -> Option<String> {
        let mut captures = String::new();
        let mut names = path.components();
        for part in &self.pattern {
            let name = names.next()?;
            match part {
                Some(literal) if literal != name => return None,
                Some(_) => {}
                None => {
                    if !captures.is_empty() {
                        captures.push('/');
                    }
                    captures.push_str(name);
                }
            }
        }
        names.next().is_none().then_some(captures)
    }

    /// The path of a match.
    fn path(&self, captures: &str) -> String {
        let mut captures = captures.split('/');
        let parts = self.pattern.iter();
        parts.fold(String::new(), |mut path, part| {
            path.push('/');
            path.push_str(part.as_deref().or_else(|| captures.next()).unwrap_or_default());
            path
        })
    }
}

/// The declared indices of a store: fixed when it is made.
#[derive(Clone, Debug)]
pub(crate) struct Definitions {
    all: Vec<Definition>,
    /// The depths and last components that any pattern asks for: most paths fail this test.
    leaves: Vec<(usize, Option<String>)>,
    /// The first bytes of those components, by their low six bits.
    first_bytes: u64,
}

impl Definitions {
    pub(crate) fn new(declared: &[(String, String)]) -> Result<Definitions, Error> {
        let built_in = BUILT_IN.iter().map(|(n, p)| ((*n).to_owned(), (*p).to_owned()));
        let mut all: Vec<Definition> = Vec::new();
        for (name, pattern) in built_in.chain(declared.iter().cloned()) {
            if all.iter().any(|d| d.name == name) || all.len() == INDICES {
                return Err(Error::InvalidValue("two indices have the same name, or too many"));
            }
            all.push(Definition::new(&name, &pattern)?);
        }
        let leaf = |d: &Definition| (d.pattern.len(), d.pattern.last().cloned().flatten());
        let leaves: Vec<_> = all.iter().map(leaf).collect();
        let first = |(_, l): &(usize, Option<String>)| match l.as_ref().map(String::as_bytes) {
            Some([first, ..]) => 1u64 << (first & 63),
            _ => u64::MAX,
        };
        let first_bytes = leaves.iter().map(first).fold(0, |all, one| all | one);
        Ok(Definitions { all, leaves, first_bytes })
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.all.iter().map(|d| d.name.as_str())
    }

    pub(crate) fn find(&self, name: &str) -> Option<u8> {
        let at = self.all.iter().position(|d| d.name == name)?;
        u8::try_from(at).ok()
    }

    /// The path of a match of an index.
    pub(crate) fn path(&self, index: u8, captures: &str) -> String {
        self.all.get(usize::from(index)).map(|d| d.path(captures)).unwrap_or_default()
    }

    /// Whether a node of this name could be in an index. Most names fail at their first byte.
    #[inline]
    pub(crate) fn may_match(&self, leaf: &[u8]) -> bool {
        let first = leaf.first().map_or(0, |b| 1u64 << (b & 63));
        self.first_bytes & first != 0 && self.is_leaf(leaf)
    }

    fn is_leaf(&self, leaf: &[u8]) -> bool {
        self.leaves.iter().any(|(_, l)| l.as_ref().is_none_or(|l| l.as_bytes() == leaf))
    }

    /// The indices that a path is in, with its captures.
    pub(crate) fn matches(&self, path: Path<'_>) -> impl Iterator<Item = (u8, String)> {
        let name = path.leaf();
        let depth = path.as_str().bytes().filter(|b| *b == b'/').count();
        let fits = move |(d, l): &(usize, Option<String>)| {
            *d == depth && l.as_deref().is_none_or(|l| l == name)
        };
        let hits = self.all.iter().zip(&self.leaves).zip(0u8..).filter(move |((_, l), _)| fits(l));
        hits.filter_map(move |((d, _), at)| Some((at, d.captures(path)?)))
    }
}

/// The matches of one key of one index: the key, then each match's captures and a NUL.
#[derive(Clone, Debug)]
pub(crate) struct Matches(Thin<HeaderSlice<Head, [u8]>>);

#[derive(Clone, Copy, Debug)]
struct Head {
    hash: Hash,
    stamp: u64,
    index: u8,
    key_len: u16,
}

impl Entry for Matches {
    fn hash(&self) -> Hash {
        self.0.header.hash
    }
}

impl Matches {
    pub(crate) fn stamp(&self) -> u64 {
        self.0.header.stamp
    }

    pub(crate) fn key(&self) -> &str {
        let key = self.0.slice.get(..usize::from(self.0.header.key_len));
        std::str::from_utf8(key.unwrap_or_default()).unwrap_or_default()
    }

    /// The captures of each match, in the order in which they came.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        let all = self.0.slice.get(usize::from(self.0.header.key_len)..).unwrap_or_default();
        std::str::from_utf8(all).unwrap_or_default().split_terminator('\0')
    }

    fn is(&self, index: u8, key: &str) -> bool {
        self.0.header.index == index && self.key() == key
    }
}

/// All indices of a version.
#[derive(Clone, Debug, Default)]
pub(crate) struct Indices {
    entries: Trie<Matches>,
    /// When a key last came or went, over all indices.
    keys_stamp: u64,
    /// Keys whose matches have changed, until their events are raised.
    changed: Vec<(u8, Box<str>)>,
    /// Whether anybody could want those events.
    watched: bool,
}

impl Indices {
    /// The matches of an escaped key.
    pub(crate) fn get(&self, keys: &Keys, index: u8, key: &str) -> Option<&Matches> {
        self.entries.get(hash(keys, index, key), |m| m.is(index, key))
    }

    /// The escaped keys of an index, sorted.
    pub(crate) fn keys_of(&self, index: u8) -> Vec<&str> {
        let of = self.entries.iter().filter(|m| m.0.header.index == index);
        let mut all: Vec<&str> = of.map(Matches::key).collect();
        all.sort_unstable();
        all
    }

    /// The keys whose matches have changed since this was last asked.
    pub(crate) fn take_changed(&mut self) -> Vec<(u8, Box<str>)> {
        std::mem::take(&mut self.changed)
    }

    /// Whether changed keys are to be kept for their events from now on.
    pub(crate) fn heed(&mut self, watched: bool) {
        self.watched = watched;
    }

    pub(crate) fn keys_stamp(&self) -> u64 {
        self.keys_stamp
    }

    /// A node came, went, or has another value.
    pub(crate) fn update(
        &mut self,
        keys: &Keys,
        at: (u8, &str),
        old: Option<&[u8]>,
        new: Option<&[u8]>,
        stamp: u64,
    ) {
        if old == new {
            return;
        }
        if let Some(value) = old {
            self.change(keys, at, &key::escape(value), false, stamp);
        }
        if let Some(value) = new {
            self.change(keys, at, &key::escape(value), true, stamp);
        }
    }

    fn change(&mut self, keys: &Keys, at: (u8, &str), key: &str, add: bool, stamp: u64) {
        let (index, captures) = at;
        let hash = hash(keys, index, key);
        let is = |m: &Matches| m.is(index, key);
        let old = self.entries.get(hash, is);
        let others = || old.iter().flat_map(|m| m.iter()).filter(|c| *c != captures);
        let mut bytes: SmallVec<[u8; 128]> = SmallVec::new();
        if add || others().next().is_some() {
            bytes.extend_from_slice(key.as_bytes());
            for one in others().chain(add.then_some(captures)) {
                bytes.extend_from_slice(one.as_bytes());
                bytes.push(0);
            }
        }
        let there = old.is_some();
        if self.watched {
            self.changed.push((index, key.into()));
        }
        if !there || bytes.is_empty() {
            self.keys_stamp = stamp;
        }
        if bytes.is_empty() {
            if there {
                self.entries.remove_known(hash, is);
            }
            return;
        }
        let key_len = u16::try_from(key.len()).unwrap_or(0);
        let head = Head { hash, stamp, index, key_len };
        let new = Matches(Thin::from_header_and_slice(head, &bytes));
        if !there {
            self.entries.insert(new);
        } else if let Some(old) = self.entries.get_mut(hash, is) {
            *old = new;
        }
    }
}

fn hash(keys: &Keys, index: u8, key: &str) -> Hash {
    keys.child(u64::from(index) ^ SALT, key.as_bytes())
}

/// Keeps the hashes of index keys apart from those of paths.
const SALT: u64 = 0x696e_6465_7800_0000;
