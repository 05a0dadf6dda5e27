//! Changes and their conditions, all or nothing.

use std::io::{Read, Write};

use myriad_core::{Errno, Perm};

use super::super::{Client, Error, Store, Transaction};
use crate::v2::{
    self, Op, Step, answers,
    body::put,
    permission,
    records::{self, Kind},
};

/// Changes and conditions, taken in the order in which they are added; each sees what those before
/// it did.
///
/// ```
/// # use myriad_ring::client::Commit;
/// let vm = Commit::new()
///     .if_absent("/local/domain/7")
///     .write("/local/domain/7/name", "web")
///     .write("/vm/7/uuid", "…");
/// assert_eq!(vm.len(), 3);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Commit {
    steps: Vec<Own>,
}

#[derive(Clone, Debug)]
struct Own {
    kind: Kind,
    path: Vec<u8>,
    value: Vec<u8>,
    stamp: u64,
    perms: Vec<Perm>,
}

/// What a commit came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The stamp of all that it has changed; a daemon that speaks v1 alone doesn't say.
    pub generation: Option<u64>,
}

impl Commit {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Commit {
        Commit::default()
    }

    /// How many changes and conditions.
    #[must_use]
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Sets a node's value, creating it and its parents where they're missing.
    #[must_use]
    pub fn write(self, path: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Commit {
        self.with(Kind::SetValue, path, value)
    }

    /// Creates a node with an empty value, and its parents; one that exists stays as it is.
    #[must_use]
    pub fn mkdir(self, path: impl AsRef<[u8]>) -> Commit {
        self.with(Kind::Create, path, b"")
    }

    /// Removes a node and all below it.
    #[must_use]
    pub fn rm(self, path: impl AsRef<[u8]>) -> Commit {
        self.with(Kind::Remove, path, b"")
    }

    /// Sets a node's permissions: the owner first.
    #[must_use]
    pub fn set_perms(self, path: impl AsRef<[u8]>, perms: &[Perm]) -> Commit {
        let mut list = Vec::new();
        perms.iter().for_each(|perm| put(&mut list, &permission(perm)));
        let mut commit = self.with(Kind::SetPerms, path, list);
        if let Some(last) = commit.steps.last_mut() {
            last.perms = perms.to_vec();
        }
        commit
    }

    /// Only if there is no such node: else EEXIST.
    #[must_use]
    pub fn if_absent(self, path: impl AsRef<[u8]>) -> Commit {
        self.with(Kind::IfAbsent, path, b"")
    }

    /// Only if there is: else ENOENT.
    #[must_use]
    pub fn if_exists(self, path: impl AsRef<[u8]>) -> Commit {
        self.with(Kind::IfExists, path, b"")
    }

    /// Only if its value is this: else EAGAIN.
    #[must_use]
    pub fn if_value(self, path: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Commit {
        self.with(Kind::IfValue, path, value)
    }

    /// Only if its value was last changed in this generation: else EAGAIN. Needs v2.
    #[must_use]
    pub fn if_value_stamp(self, path: impl AsRef<[u8]>, stamp: u64) -> Commit {
        self.stamped(Kind::IfValueStamp, path, stamp)
    }

    /// The same of its permissions.
    #[must_use]
    pub fn if_perms_stamp(self, path: impl AsRef<[u8]>, stamp: u64) -> Commit {
        self.stamped(Kind::IfPermsStamp, path, stamp)
    }

    /// The same of its set of children.
    #[must_use]
    pub fn if_children_stamp(self, path: impl AsRef<[u8]>, stamp: u64) -> Commit {
        self.stamped(Kind::IfChildrenStamp, path, stamp)
    }

    fn stamped(mut self, kind: Kind, path: impl AsRef<[u8]>, stamp: u64) -> Commit {
        self = self.with(kind, path, b"");
        if let Some(last) = self.steps.last_mut() {
            last.stamp = stamp;
        }
        self
    }

    fn with(mut self, kind: Kind, path: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Commit {
        let (path, value) = (path.as_ref().to_vec(), value.as_ref().to_vec());
        self.steps.push(Own { kind, path, value, stamp: 0, perms: Vec::new() });
        self
    }
}

impl<S: Read + Write> Client<S> {
    /// Makes all changes at once, or none of them. With a daemon that speaks v1 alone it is a
    /// transaction, again where another commit came between.
    ///
    /// # Errors
    /// [`Error::Declined`]: what a change or a condition says, and which one; ENOSYS for a
    /// condition that v1 can't ask; [`Error::Contended`]; and as [`Client::ask`].
    pub fn commit(&mut self, commit: &Commit) -> Result<Committed, Error> {
        if self.v2.is_none() {
            return self.transact(|tx| {
                for (item, step) in commit.steps.iter().enumerate() {
                    step.take(tx).map_err(|error| declined(error, item))?;
                }
                Ok(Committed { generation: None })
            });
        }
        let steps = commit.steps.iter().map(Own::step).collect();
        let answer = self.ask(&v2::Request::Commit(steps))?;
        let done: records::Committed = self.understood(answers::record(&answer))?;
        Ok(Committed { generation: Some(done.generation.get()) })
    }
}

impl Own {
    fn step(&self) -> Step<'_> {
        Step { kind: self.kind, path: &self.path, value: &self.value, stamp: self.stamp }
    }

    /// Takes it in a transaction of v1.
    fn take<S: Read + Write>(&self, tx: &mut Transaction<'_, S>) -> Result<(), Error> {
        let path = &self.path;
        let (holds, errno) = match self.kind {
            Kind::SetValue => return tx.write(path, &self.value),
            Kind::Create => return tx.mkdir(path),
            Kind::Remove => return tx.rm(path),
            Kind::SetPerms => return tx.set_perms(path, &self.perms),
            Kind::IfAbsent => (!tx.exists(path)?, Errno::EEXIST),
            Kind::IfExists => (tx.exists(path)?, Errno::ENOENT),
            Kind::IfValue => (tx.read(path)? == self.value, Errno::EAGAIN),
            _ => (false, Errno::ENOSYS),
        };
        let detail = || match errno {
            Errno::ENOSYS => format!("the condition {} needs protocol v2", self.kind.name()),
            _ => format!("the condition {} does not hold", self.kind.name()),
        };
        let unmet = || Error::Declined { op: Op::Commit, item: None, errno, detail: detail() };
        if holds { Ok(()) } else { Err(unmet()) }
    }
}

/// What has failed in a transaction, as a commit tells it.
fn declined(error: Error, item: usize) -> Error {
    let item = u32::try_from(item).ok();
    match error {
        Error::Declined { op, errno, detail, .. } => Error::Declined { op, item, errno, detail },
        Error::Refused { errno, .. } => {
            Error::Declined { op: Op::Commit, item, errno, detail: error.to_string() }
        }
        other => other,
    }
}
