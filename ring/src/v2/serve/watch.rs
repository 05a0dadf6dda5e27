//! WATCH and UNWATCH: registrations by the batch, all or none.
//!
//! A token is a number: the store keeps its eight bytes, as it keeps the text of a v1 token.

use myriad_core::{Errno, Error, Quota, WatchPath};

use super::{Around, Done, Failed, Speaker};
use crate::{
    v1::{
        connection::FirstEvent,
        features,
        paths::{Name, Specials, is_absolute},
    },
    v2::{
        body::put,
        records::{self, Registration, Removal, Watching},
    },
};

impl Speaker {
    pub(super) fn watch(
        &mut self,
        watches: &[(Registration, &[u8])],
        around: &mut Around<'_>,
        out: &mut Vec<u8>,
    ) -> Done {
        let mut buffers = vec![String::new(); watches.len()];
        let mut names = Vec::with_capacity(watches.len());
        let mut bytes = 0_usize;
        for (item, ((watch, path), buffer)) in watches.iter().zip(&mut buffers).enumerate() {
            let name = around.resolve(path, Specials::Allowed, buffer);
            let name = watch_path(name.map_err(|failed| failed.at(item))?);
            let is_deep = watch.depth.get() == records::ALL_LEVELS;
            if !is_deep && around.session.features & features::WATCH_DEPTH == 0 {
                let text = "depths of watches are not offered to this domain";
                return Err(Failed::new(Errno::EINVAL, text).at(item));
            }
            if kinds(watch) != 0 && matches!(name, WatchPath::Special(_)) {
                let text = "a special path has no kinds of change";
                return Err(Failed::new(Errno::EINVAL, text).at(item));
            }
            bytes = bytes.saturating_add(name.as_str().len()).saturating_add(TOKEN_BYTES);
            names.push(name);
        }
        let full = around.session.memory_refuses(around.waiting, bytes, around.now);
        let full = full.then(|| around.session.refusal(Quota::Memory)).flatten();
        let (id, caller) = (around.session.id, around.session.caller);
        let home = around.session.paths.home_len();
        let mut at = 0;
        let outcome = around.store.edit(|edit| {
            for (item, ((watch, path), name)) in watches.iter().zip(&names).enumerate() {
                at = item;
                let prefix = if is_absolute(path) { 0 } else { home };
                let depth = Some(watch.depth.get()).filter(|d| *d != records::ALL_LEVELS);
                let token = watch.token.get().to_le_bytes();
                edit.watch(id, &caller, *name, &token, depth, prefix)?;
            }
            // EEXIST and ENOSPC come before ENOMEM.
            let generation = edit.generation().saturating_sub(u64::from(!edit.has_changed()));
            full.map_or(Ok(generation), |refusal| Err(Error::OutOfMemory(refusal)))
        });
        let generation = match outcome.result {
            Ok(generation) => generation,
            Err(error) => return Err(around.failed(&error, outcome.seq).at(at)),
        };
        put(out, &Watching { generation: generation.into() });
        for ((watch, _), name) in watches.iter().zip(&names) {
            self.kinds.set(watch.token.get(), name.as_str(), kinds(watch));
        }
        let is_loud = |(watch, _): &&(Registration, &[u8])| watch.flags.get() & records::QUIET == 0;
        self.first_events = watches.iter().filter(is_loud).map(first_event).collect();
        Ok(outcome.seq)
    }

    pub(super) fn unwatch(
        &mut self,
        watches: &[(Removal, &[u8])],
        around: &mut Around<'_>,
    ) -> Done {
        let mut buffers = vec![String::new(); watches.len()];
        let mut names = Vec::with_capacity(watches.len());
        for (item, ((_, path), buffer)) in watches.iter().zip(&mut buffers).enumerate() {
            let name = around.resolve(path, Specials::Allowed, buffer).map_err(|failed| {
                // What is no path isn't watched.
                Failed { errno: Errno::ENOENT, ..failed.at(item) }
            });
            names.push(watch_path(name?));
        }
        let (id, mut at) = (around.session.id, 0);
        let outcome = around.store.edit(|edit| {
            for (item, ((watch, _), name)) in watches.iter().zip(&names).enumerate() {
                at = item;
                edit.unwatch(id, *name, &watch.token.get().to_le_bytes())?;
            }
            Ok(())
        });
        if let Err(error) = &outcome.result {
            return Err(around.failed(error, outcome.seq).at(at));
        }
        for ((watch, _), name) in watches.iter().zip(&names) {
            self.kinds.forget(watch.token.get(), name.as_str());
        }
        Ok(outcome.seq)
    }
}

fn kinds(watch: &Registration) -> u16 {
    watch.flags.get() >> records::KINDS_SHIFT
}

fn first_event((watch, path): &(Registration, &[u8])) -> FirstEvent {
    FirstEvent { path: path.to_vec(), token: watch.token.get().to_le_bytes().to_vec() }
}

fn watch_path(name: Name<'_>) -> WatchPath<'_> {
    match name {
        Name::Node(path) => WatchPath::Node(path),
        Name::Special(name) => WatchPath::Special(name),
    }
}

const TOKEN_BYTES: usize = size_of::<u64>();
