//! Watches that hear of some kinds of change alone.
//!
//! The store fires a watch whatever has changed; the record of the publication says what that was.
//! A publication of several requests is looked at as one, so an event may come that is due to
//! another request of it: as all events it says where to look, and not what is there.

use std::collections::BTreeMap;

use myriad_core::{Fire, Record, What};

use crate::v2::records::{CHANGES, CREATED, GRANTED, REMOVED, WRITTEN};

/// Kinds of change by token and path. What isn't here hears of all.
#[derive(Debug, Default)]
pub(crate) struct Kinds(BTreeMap<u64, Vec<(Box<str>, u16)>>);

impl Kinds {
    /// A watch was registered. `kinds`: 0 for all.
    pub(super) fn set(&mut self, token: u64, path: &str, kinds: u16) {
        self.forget(token, path);
        if kinds != 0 && kinds != CHANGES {
            self.0.entry(token).or_default().push((path.into(), kinds));
        }
    }

    /// A watch is gone.
    pub(super) fn forget(&mut self, token: u64, path: &str) {
        let Some(paths) = self.0.get_mut(&token) else { return };
        paths.retain(|(other, _)| &**other != path);
        if paths.is_empty() {
            self.0.remove(&token);
        }
    }

    /// Whether an event is of a kind that its watch hears of.
    pub(crate) fn want(&self, record: &Record, fire: &Fire) -> bool {
        if self.0.is_empty() {
            return true;
        }
        let token = fire.token().first_chunk().map_or(0, |token| u64::from_le_bytes(*token));
        let paths = self.0.get(&token).map_or(&[][..], Vec::as_slice);
        let Some((_, kinds)) = paths.iter().find(|(path, _)| **path == *fire.watched_path()) else {
            return true;
        };
        let path = fire.changed_path();
        record.changes().any(|change| match change.what {
            What::Created(..) => kinds & CREATED != 0 && change.path == path,
            What::Written(_) => kinds & WRITTEN != 0 && change.path == path,
            What::Perms(_) => kinds & GRANTED != 0 && change.path == path,
            // What was removed with something above it, too.
            What::Removed => kinds & REMOVED != 0 && is_within(path, change.path),
        })
    }
}

fn is_within(path: &str, top: &str) -> bool {
    top == "/" || path.strip_prefix(top).is_some_and(|r| r.is_empty() || r.starts_with('/'))
}
