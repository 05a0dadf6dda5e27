//! WATCH, UNWATCH and RESET_WATCHES.

use myriad_core::{Errno, Error, Quota, WatchPath};

use crate::v1::{
    connection::{
        buffers::Text,
        ops::{Done, Ops},
        progress::FirstEvent,
    },
    features,
    paths::{Name, is_absolute},
};

impl Ops<'_> {
    pub(super) fn watch(&mut self, path: &[u8], token: &[u8], depth: Option<u32>) -> Done {
        if depth.is_some() && self.session.features & features::WATCH_DEPTH == 0 {
            return Err(Errno::EINVAL.into());
        }
        let prefix = if is_absolute(path) { 0 } else { self.session.paths.home_len() };
        let mut buffer = Text::new();
        let name = self.name(path, &mut buffer)?;
        let bytes = text(name).len().saturating_add(token.len());
        let full = self.session.memory_refuses(self.waiting, bytes, self.now);
        let full = full.then(|| self.session.refusal(Quota::Memory)).flatten();
        let (id, caller) = (self.session.id, self.session.caller);
        let outcome = self.edit(|edit| {
            edit.watch(id, &caller, watch_path(name), token, depth, prefix)?;
            // EEXIST and ENOSPC come before ENOMEM.
            full.map_or(Ok(()), |refusal| Err(Error::OutOfMemory(refusal)))
        });
        let ((), seq) = self.outcome(outcome)?;
        self.first_event = Some(FirstEvent { path: path.to_vec(), token: token.to_vec() });
        self.ack(seq)
    }

    pub(super) fn unwatch(&mut self, path: &[u8], token: &[u8]) -> Done {
        let mut buffer = Text::new();
        // What is no path isn't watched.
        let name = self.name(path, &mut buffer).map_err(|_| Errno::ENOENT)?;
        let id = self.session.id;
        let outcome = self.edit(|edit| edit.unwatch(id, watch_path(name), token));
        let ((), seq) = self.outcome(outcome)?;
        self.ack(seq)
    }

    pub(super) fn reset_watches(&mut self) -> Done {
        let seq = self.session.drop_watches(self.store);
        self.session.transactions.clear();
        self.ack(seq)
    }
}

fn watch_path(name: Name<'_>) -> WatchPath<'_> {
    match name {
        Name::Node(path) => WatchPath::Node(path),
        Name::Special(name) => WatchPath::Special(name),
    }
}

fn text(name: Name<'_>) -> &str {
    match name {
        Name::Node(path) => path.as_str(),
        Name::Special(name) => name,
    }
}
