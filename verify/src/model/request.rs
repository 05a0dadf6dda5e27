//! What can be asked of a store in and out of transactions, and how it answers.

use myriad_core::{Caller, DomId, Error, Perm};

use super::{Model, Names};

/// A request that can be made in a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// READ a path.
    Read(String),
    /// DIRECTORY.
    List(String),
    /// GET_PERMS.
    GetPerms(String),
    /// A look-up: index and key.
    Lookup(String, Vec<u8>),
    /// WRITE.
    Write(String, Vec<u8>),
    /// MKDIR.
    Mkdir(String),
    /// RM.
    Rm(String),
    /// SET_PERMS.
    SetPerms(String, Vec<Perm>),
}

/// What it is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is done.
    Done,
    /// A value.
    Value(Vec<u8>),
    /// The children, and when they last changed.
    Names(Names),
    /// Permissions.
    Perms(Vec<Perm>),
    /// What the stars matched, and the owner of the node.
    Matches(Vec<(String, DomId)>),
}

impl Answer {
    /// An answer without its stamp, which names a generation that only a transaction has seen.
    pub(super) fn content(answer: &Result<Answer, Error>) -> Result<Answer, Error> {
        match answer {
            Ok(Answer::Names(names)) => Ok(Answer::Names(Names { stamp: 0, ..names.clone() })),
            other => other.clone(),
        }
    }
}

impl Model {
    /// Makes a request outside of transactions.
    ///
    /// # Errors
    /// As its own method says.
    pub fn run(&mut self, caller: &Caller, request: &Request) -> Result<Answer, Error> {
        match request {
            Request::Write(path, value) => self.write(caller, path, value)?,
            Request::Mkdir(path) => self.mkdir(caller, path)?,
            Request::Rm(path) => self.rm(caller, path)?,
            Request::SetPerms(path, list) => self.set_perms(caller, path, list)?,
            _ => return self.look(caller, request),
        }
        Ok(Answer::Done)
    }

    /// The same for one that only reads; a change is answered as if done.
    ///
    /// # Errors
    /// As its own method says.
    pub fn look(&self, caller: &Caller, request: &Request) -> Result<Answer, Error> {
        Ok(match request {
            Request::Read(path) => Answer::Value(self.read(caller, path)?),
            Request::List(path) => Answer::Names(self.list(caller, path)?),
            Request::GetPerms(path) => Answer::Perms(self.get_perms(caller, path)?),
            Request::Lookup(index, key) => Answer::Matches(self.lookup(index, key)?),
            _ => Answer::Done,
        })
    }
}
