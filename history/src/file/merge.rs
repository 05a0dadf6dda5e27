//! Changes merged: of each path what it came to.
//!
//! **M1** Merged changes give the same tree as the changes in order, on any tree before them.
//! **M2** Of a path that was removed it is kept that it was, and what came after: so what was below
//! it before is gone, and what is below it now was made since.
//!
//! A removal marks its path with its turn; what lies below and is of an earlier turn is dropped
//! when the paths are sorted. So a removal costs the same whatever lies below it.

use std::collections::HashMap;
use std::sync::Arc;

use super::model::{Author, Change, Node, Perm, What};
use super::order;

/// What changes came to.
#[derive(Debug, Default)]
pub(crate) struct Merge {
    paths: HashMap<Box<str>, Merged, ahash::RandomState>,
    turn: u64,
    bytes: usize,
}

/// What a path came to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Merged {
    /// It was removed, with all that was below.
    pub(crate) removed: Option<Box<By>>,
    /// It was created since: value and permissions are both here.
    pub(crate) created: bool,
    pub(crate) value: Option<(By, Vec<u8>)>,
    pub(crate) perms: Option<Box<(By, Arc<[Perm]>)>>,
    /// What was noted beside the tree.
    pub(crate) noted: Option<Box<(By, String)>>,
}

/// Who changed something last.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct By {
    pub(crate) author: Author,
    pub(crate) generation: u64,
    turn: u64,
}

impl Merge {
    /// Adds one more change.
    pub(crate) fn add(&mut self, change: &Change<'_>) {
        self.turn += 1;
        let by = By { author: change.author, generation: change.generation, turn: self.turn };
        if let Some(merged) = self.paths.get_mut(change.path) {
            let before = merged.bytes();
            merged.add(by, change);
            self.bytes = (self.bytes + merged.bytes()).saturating_sub(before);
            return;
        }
        let mut merged = Merged::default();
        merged.add(by, change);
        self.bytes += change.path.len() + ENTRY_BYTES + merged.bytes();
        self.paths.insert(change.path.into(), merged);
    }

    /// Bytes that it keeps, about.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    /// The paths in order, each with what it came to.
    pub(crate) fn sorted(self) -> Vec<(Box<str>, Merged)> {
        let mut paths: Vec<_> = self.paths.into_iter().collect();
        paths.sort_unstable_by(|a, b| order::compare(&a.0, &b.0));
        // The removed paths that the one at hand lies below, and the latest turn of each and those
        // above it.
        let mut above: Vec<(Box<str>, u64)> = Vec::new();
        paths.retain_mut(|(path, merged)| {
            while above.pop_if(|(top, _)| !order::is_within(path, top)).is_some() {}
            let latest = above.last().map_or(0, |(_, turn)| *turn);
            merged.drop_before(latest);
            if let Some(by) = &merged.removed {
                above.push((path.clone(), by.turn.max(latest)));
            }
            !merged.is_nothing()
        });
        paths
    }
}

impl Merged {
    /// The node after these changes, given the one before them. Nothing where a change is of a node
    /// that isn't there.
    pub(crate) fn apply(self, before: Option<Node>) -> Option<Node> {
        let before = before.filter(|_| self.removed.is_none());
        let value = self.value.as_ref().map(|(by, _)| by.generation);
        let generation = value.max(self.perms.as_ref().map(|perms| perms.0.generation));
        let (old_value, old_perms, old) = match before {
            Some(node) => (Some(node.value), Some(node.perms), node.generation),
            None => (None, None, 0),
        };
        Some(Node {
            value: self.value.map(|(_, value)| value.into_boxed_slice()).or(old_value)?,
            perms: self.perms.map(|perms| perms.1).or(old_perms)?,
            generation: generation.unwrap_or(old),
        })
    }

    /// The changes that come to the same.
    pub(crate) fn changes<'m>(&'m self, path: &'m str) -> impl Iterator<Item = Change<'m>> {
        let change = move |by: &By, what| Change {
            author: by.author,
            generation: by.generation,
            path,
            what,
        };
        let noted = self.noted.as_deref().map(|(by, text)| change(by, What::Noted(text)));
        let removed = self.removed.as_ref().map(|by| change(by, What::Removed));
        let value = self.value.as_ref();
        let perms = self.perms.as_deref();
        let pair = value.zip(perms).filter(|_| self.created);
        let created = pair.map(|((by, value), (later, perms))| {
            let by = if later.generation >= by.generation { later } else { by };
            change(by, What::Created { value, perms })
        });
        let written = value.filter(|_| !self.created);
        let written = written.map(|(by, value)| change(by, What::Written { value }));
        let perms = perms.filter(|_| !self.created);
        let perms = perms.map(|(by, perms)| change(by, What::Perms(perms)));
        [noted, removed, created, written, perms].into_iter().flatten()
    }

    /// These changes after earlier ones.
    pub(crate) fn after(self, earlier: Merged) -> Merged {
        if self.removed.is_some() || self.created {
            return self;
        }
        Merged {
            removed: earlier.removed,
            created: earlier.created,
            value: self.value.or(earlier.value),
            perms: self.perms.or(earlier.perms),
            noted: self.noted.or(earlier.noted),
        }
    }

    /// Whether what was before makes no difference.
    pub(crate) fn is_decided(&self) -> bool {
        let whole = self.value.is_some() && self.perms.is_some();
        self.removed.is_some() || self.created || whole
    }

    /// One more change of this path.
    fn add(&mut self, by: By, change: &Change<'_>) {
        match change.what {
            What::Written { value } => self.write(by, value),
            What::Created { value, perms } => {
                self.created = true;
                self.write(by, value);
                self.perms = Some(Box::new((by, Arc::from(perms))));
            }
            What::Removed => {
                let noted = self.noted.take();
                *self = Merged { removed: Some(Box::new(by)), noted, ..Merged::default() };
            }
            What::Perms(perms) => self.perms = Some(Box::new((by, Arc::from(perms)))),
            What::Noted(text) => self.noted = Some(Box::new((by, text.to_owned()))),
        }
    }

    fn write(&mut self, by: By, value: &[u8]) {
        let (last, old) = self.value.get_or_insert_default();
        *last = by;
        old.clear();
        old.extend_from_slice(value);
    }

    /// A path above was removed in that turn.
    fn drop_before(&mut self, turn: u64) {
        let late = |by: &By| by.turn > turn;
        self.removed = self.removed.take().filter(|by| late(by));
        // A node is created whole, so one part of it that is late means that it was made since, or
        // that it is a change of what isn't there.
        let made =
            self.value.iter().map(|(by, _)| by).chain(self.perms.iter().map(|perms| &perms.0));
        if !made.into_iter().any(late) {
            self.created = false;
            self.value = None;
            self.perms = None;
        }
    }

    fn is_nothing(&self) -> bool {
        let tree = self.removed.is_none() && self.value.is_none() && self.perms.is_none();
        tree && self.noted.is_none()
    }

    fn bytes(&self) -> usize {
        let value = self.value.as_ref().map_or(0, |(_, value)| value.len());
        let perms = self.perms.as_ref().map_or(0, |p| size_of_val(&*p.1) + size_of::<By>());
        value + perms + self.noted.as_ref().map_or(0, |noted| noted.1.len() + size_of::<By>())
    }
}

/// Bytes of an entry beside its path and values, about.
const ENTRY_BYTES: usize = size_of::<Merged>() + 48;
