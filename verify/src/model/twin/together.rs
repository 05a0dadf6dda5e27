//! A COMMIT of protocol v2 to both stores: to the real one as an edit that is one commit, to the
//! model as a transaction that nobody meets. (What bounds the nodes of one is compared by
//! `core/tests/together.rs`.)

use myriad_core::{Caller, Edit, Error, Path, Reads};

use super::{
    Part, Twin,
    ask::ask,
    compare::{apart, changed_keys, fired, same},
};
use crate::model::{Answer, Model, Request, Transaction};

impl Twin {
    /// Both must come to the same: all of it, or nothing and the first error.
    pub(super) fn together(&mut self, caller: &Caller, parts: &[Part]) -> Result<(), String> {
        let before = self.model.clone();
        let mut at = 0;
        let outcome = self.store.edit(|edit| {
            edit.as_one(0);
            for (item, part) in parts.iter().enumerate() {
                at = item;
                take(edit, caller, part)?;
            }
            at = parts.len();
            Ok(())
        });
        let (wanted, blamed) = in_model(&mut self.model, caller, parts);
        if wanted.is_err() {
            self.model = before.clone();
        }
        same("COMMIT", outcome.result, wanted)?;
        same("the item that is to blame", at, blamed)?;
        self.events_of_a_commit(&before)
    }

    /// The events of a transaction or of what was done at one moment.
    pub(super) fn events_of_a_commit(&mut self, before: &Model) -> Result<(), String> {
        let (nodes, indices) = fired(&mut self.feed)?;
        let (wanted, may) = apart(self.model.take_events());
        same("events of a commit", nodes, wanted)?;
        // A write that another of the same transaction has replaced may have left no trace.
        let changed = changed_keys(before, &self.model);
        let must = may.iter().filter(|event| changed.contains(&event.path));
        let missing: Vec<_> = must.filter(|event| !indices.contains(event)).collect();
        let needless: Vec<_> = indices.iter().filter(|event| !may.contains(event)).collect();
        same("missing and needless events of indices", (missing, needless), Default::default())
    }
}

/// An item to the real store, as the server takes it.
fn take(edit: &mut Edit<'_>, caller: &Caller, part: &Part) -> Result<(), Error> {
    match part {
        Part::Do(request) => ask(edit, caller, request).map(drop),
        Part::IfValue(path, value) => {
            let holds = edit.stat(caller, Path::new(path)?)?.value == &**value;
            if holds { Ok(()) } else { Err(Error::Conflict) }
        }
        Part::IfExists(path) => edit.stat(caller, Path::new(path)?).map(drop),
        Part::IfAbsent(path) => match edit.stat(caller, Path::new(path)?) {
            Err(Error::NotFound) => Ok(()),
            Err(error) => Err(error),
            Ok(_) => Err(Error::Exists),
        },
    }
}

/// The same to the model: what it comes to, and the item that is to blame.
fn in_model(model: &mut Model, caller: &Caller, parts: &[Part]) -> (Result<(), Error>, usize) {
    let mut tx = model.begin(0);
    for (at, part) in parts.iter().enumerate() {
        if let Err(error) = look(&mut tx, model, caller, part) {
            return (Err(error), at);
        }
    }
    (model.commit_at_once(&tx), parts.len())
}

fn look(tx: &mut Transaction, model: &Model, caller: &Caller, part: &Part) -> Result<(), Error> {
    let mut read = |path: &String| tx.run(model, caller, &Request::Read(path.clone()));
    match part {
        Part::Do(request) => tx.run(model, caller, request).map(drop),
        Part::IfExists(path) => read(path).map(drop),
        Part::IfValue(path, value) => match read(path)? {
            Answer::Value(is) if is == *value => Ok(()),
            _ => Err(Error::Conflict),
        },
        Part::IfAbsent(path) => match read(path) {
            Err(Error::NotFound) => Ok(()),
            Err(error) => Err(error),
            Ok(_) => Err(Error::Exists),
        },
    }
}
