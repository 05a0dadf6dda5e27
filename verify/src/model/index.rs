//! Indices: from the value of a node that a pattern matches to what its stars matched, and the
//! reserved nodes that show them.

use std::collections::BTreeSet;

use myriad_core::{BUILT_IN_INDICES, Caller, Config, DomId, Error, escape_key};

use super::node::{Who, within};
use super::{Model, Names};

/// A declared index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Definition {
    name: String,
    pattern: Vec<String>,
}

/// The matches of one key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Key {
    stamp: u64,
    /// What the stars matched, joined by `/`, in the order in which the matches came.
    captures: Vec<String>,
}

/// What a reserved path names: an index by its place, a key, a match.
pub(super) enum Reserved {
    Root,
    Index(usize),
    Key(usize, String),
    Match(usize, String, String),
}

impl Definition {
    pub(super) fn all(config: &Config) -> Vec<Definition> {
        let built_in = BUILT_IN_INDICES.iter().copied();
        let own = config.indices.iter().map(|(name, pattern)| (&**name, &**pattern));
        let define = |(name, pattern): (&str, &str)| Definition {
            name: name.to_owned(),
            pattern: pattern.split('/').map(str::to_owned).collect(),
        };
        built_in.chain(own).map(define).collect()
    }

    fn captures(&self, path: &str) -> Option<String> {
        let names: Vec<&str> = path.split('/').collect();
        let pairs = || self.pattern.iter().zip(&names);
        let fits = pairs().all(|(part, name)| part == "*" || part == name);
        let stars = pairs().filter(|(part, _)| *part == "*").map(|(_, name)| *name);
        (fits && names.len() == self.pattern.len()).then(|| stars.collect::<Vec<_>>().join("/"))
    }

    fn path(&self, captures: &str) -> String {
        let mut captures = captures.split('/');
        let name = |part: &String| match part.as_str() {
            "*" => captures.next().unwrap_or_default().to_owned(),
            literal => literal.to_owned(),
        };
        self.pattern.iter().map(name).collect::<Vec<_>>().join("/")
    }
}

impl Model {
    /// The nodes whose value is `key` by an index, each with its owner, in the order in which they
    /// came.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is no such index.
    pub fn lookup(&self, index: &str, key: &[u8]) -> Result<Vec<(String, DomId)>, Error> {
        let at = self.index(index).ok_or(Error::NotFound)?;
        let captures = self.matches(at, &escape_key(key));
        Ok(captures.iter().map(|c| (c.clone(), self.match_owner(at, c))).collect())
    }

    /// All keys of all indices: each by its path, with its matches.
    #[must_use]
    pub fn index_keys(&self) -> BTreeSet<(String, Vec<String>)> {
        let path = |at: usize, key: &str| {
            let name = self.definitions.get(at).map_or("", |d| d.name.as_str());
            format!("{ROOT}/{name}/{key}")
        };
        self.keys
            .iter()
            .map(|((at, key), found)| (path(*at, key), found.captures.clone()))
            .collect()
    }

    /// What a reserved path names; guests may not know.
    pub(super) fn reserved(&self, caller: &Caller, path: &str) -> Result<Reserved, Error> {
        if self.who(caller) != Who::Control {
            return Err(Error::AccessDenied);
        }
        let names: Vec<&str> = path.split('/').skip(2).collect();
        let at = names.first().map(|name| self.index(name).ok_or(Error::NotFound)).transpose()?;
        match (at, &*names) {
            (None, _) => Ok(Reserved::Root),
            (Some(at), &[_]) => Ok(Reserved::Index(at)),
            (Some(at), &[_, key]) => Ok(Reserved::Key(at, key.to_owned())),
            (Some(at), &[_, key, leaf]) => Ok(Reserved::Match(at, key.to_owned(), leaf.to_owned())),
            _ => Err(Error::NotFound),
        }
    }

    /// The value of a reserved node.
    pub(super) fn reserved_value(&self, caller: &Caller, path: &str) -> Result<Vec<u8>, Error> {
        Ok(match self.reserved(caller, path)? {
            Reserved::Root | Reserved::Index(_) => Vec::new(),
            Reserved::Key(at, key) => {
                let trusted = |c: &&String| {
                    let owner = self.match_owner(at, c);
                    owner == DomId::ZERO || owner == self.control
                };
                let all = self.known_matches(at, &key)?;
                let leaves: Vec<String> = all.iter().filter(trusted).map(|c| leaf_of(c)).collect();
                leaves.join(" ").into_bytes()
            }
            Reserved::Match(at, key, leaf) => {
                let all = self.known_matches(at, &key)?;
                let found = all.iter().find(|c| leaf_of(c) == leaf).ok_or(Error::NotFound)?;
                self.match_owner(at, found).to_string().into_bytes()
            }
        })
    }

    /// The children of a reserved node.
    pub(super) fn reserved_names(&self, caller: &Caller, path: &str) -> Result<Names, Error> {
        let stamp_of = |at, key: &str| self.keys.get(&(at, key.to_owned())).map_or(0, |k| k.stamp);
        let (stamp, names) = match self.reserved(caller, path)? {
            Reserved::Root => (0, self.definitions.iter().map(|d| d.name.clone()).collect()),
            Reserved::Index(at) => {
                let of = self.keys.keys().filter(|(index, _)| *index == at);
                (self.keys_stamp, of.map(|(_, key)| key.clone()).collect())
            }
            Reserved::Key(at, key) => {
                let all = self.known_matches(at, &key)?;
                (stamp_of(at, &key), all.iter().map(|c| leaf_of(c)).collect())
            }
            Reserved::Match(at, key, _) => {
                self.reserved_value(caller, path)?;
                (stamp_of(at, &key), Vec::new())
            }
        };
        Ok(Names { stamp, names })
    }

    /// A node came, went, or has another value.
    pub(super) fn index_change(&mut self, path: &str, old: Option<&[u8]>, new: Option<&[u8]>) {
        if old == new {
            return;
        }
        let hits = self.definitions.iter().enumerate();
        let hits: Vec<(usize, String)> =
            hits.filter_map(|(at, d)| Some((at, d.captures(path)?))).collect();
        for (at, captures) in hits {
            for (value, comes) in [(old, false), (new, true)] {
                let Some(value) = value else { continue };
                let id = (at, escape_key(value).into_owned());
                self.rematch(id.clone(), &captures, comes);
                self.touched_keys.push(id);
            }
        }
    }

    /// The events of the keys whose matches have changed, for the control domain's eyes. Those who
    /// watch nodes above don't see them.
    pub(super) fn fire_indices(&mut self) {
        for (at, key) in std::mem::take(&mut self.touched_keys) {
            let name = self.definitions.get(at).map_or("", |d| d.name.as_str());
            let path = format!("{ROOT}/{name}/{key}");
            self.fire_reserved(&path);
        }
    }

    /// The node behind a match.
    pub(super) fn match_path(&self, index: usize, captures: &str) -> String {
        self.definitions.get(index).map(|d| d.path(captures)).unwrap_or_default()
    }

    /// The matches of an escaped key.
    pub(super) fn matches(&self, index: usize, key: &str) -> &[String] {
        self.keys.get(&(index, key.to_owned())).map(|k| &*k.captures).unwrap_or_default()
    }

    pub(super) fn index(&self, name: &str) -> Option<usize> {
        self.definitions.iter().position(|d| d.name == name)
    }

    fn known_matches(&self, index: usize, key: &str) -> Result<&[String], Error> {
        let all = self.matches(index, key);
        if all.is_empty() { Err(Error::NotFound) } else { Ok(all) }
    }

    fn match_owner(&self, index: usize, captures: &str) -> DomId {
        let node = self.nodes.get(&self.match_path(index, captures));
        node.map_or(DomId::INVALID, |node| node.owner().domid)
    }

    fn rematch(&mut self, id: (usize, String), captures: &str, comes: bool) {
        let stamp = self.stamp();
        let known = self.keys.contains_key(&id);
        let key = self.keys.entry(id.clone()).or_default();
        key.stamp = stamp;
        key.captures.retain(|c| c != captures);
        if comes {
            key.captures.push(captures.to_owned());
        }
        let gone = key.captures.is_empty();
        if gone {
            self.keys.remove(&id);
        }
        if gone || !known {
            self.keys_stamp = stamp;
        }
    }

    fn fire_reserved(&mut self, path: &str) {
        let events = self.watches.iter().filter(|w| w.caller == Caller::Control);
        let below = events.filter(|w| is_reserved(&w.path) && w.hears(path, false));
        let events: Vec<_> = below.map(|w| w.event(path)).collect();
        self.events.extend(events);
    }
}

/// Whether a path is the reserved root or lies below it.
pub(super) fn is_reserved(path: &str) -> bool {
    within(path, ROOT)
}

/// A match as the name of a node.
fn leaf_of(captures: &str) -> String {
    let parts: Vec<_> = captures.split('/').map(|part| escape_key(part.as_bytes())).collect();
    parts.join("__")
}

/// Where the indices are shown.
pub(super) const ROOT: &str = "/@index";
