//! Changes of several nodes that happen at one moment, and what has to be looked at first.
//!
//! Where the daemon has protocol v2 it is one COMMIT, whose conditions say what was seen in a
//! snapshot; else, or where that doesn't fit into a message, a transaction. A change alone is a
//! request of v1 and needs neither.
//!
//! Invariant: nothing is changed if what the changes follow from is not so any more; then all is
//! looked at again, a bounded number of times.

mod look;

use std::io::{Read, Write};

use myriad_core::{Errno, Perm};
use myriad_ring::{
    client::{Client, Commit, Error, Request, Store, limits::MAX_TRANSACTION_ATTEMPTS},
    v1::Op,
    v2::{
        padding,
        records::{Batch, Item, Permission, Welcome},
    },
};

pub(crate) use look::Look;
use look::{Fact, Snapshot};

/// A change of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It gets a value; it and its parents are created where they're missing.
    Write(Vec<u8>, Vec<u8>),
    /// It is created.
    Mkdir(Vec<u8>),
    /// It goes, with all below it.
    Remove(Vec<u8>),
    /// It gets permissions.
    SetPerms(Vec<u8>, Vec<Perm>),
}

/// Makes all changes at one moment, or none.
///
/// # Errors
/// [`Error::Refused`] names the change that can't be; [`Error::Contended`].
pub(crate) fn make<S: Read + Write>(
    client: &mut Client<S>,
    changes: &[Change],
) -> Result<(), Error> {
    match changes {
        [] => Ok(()),
        [change] => change.take(client),
        changes if fits(client.welcome(), &[], changes) => {
            client.commit(&commit_of(&[], changes)).map(drop).map_err(|e| blame(e, &[], changes).1)
        }
        changes => client.transact(|tx| changes.iter().try_for_each(|change| change.take(tx))),
    }
}

/// Makes the changes that follow from what `plan` looks at, all at one moment, if that is still so
/// then; else it looks again. What `plan` gives beside them is that of the last look.
///
/// # Errors
/// Those of `plan`; as [`make`].
pub(crate) fn settle<S: Read + Write, T>(
    client: &mut Client<S>,
    mut plan: impl FnMut(&mut dyn Look) -> Result<(T, Vec<Change>), Error>,
) -> Result<T, Error> {
    if client.welcome().is_some() {
        for _ in 0..MAX_TRANSACTION_ATTEMPTS {
            match attempt(client, &mut plan)? {
                Attempt::Done(result) => return Ok(result),
                Attempt::Again => {}
                Attempt::TooMuch => return in_transactions(client, plan),
            }
        }
        return Err(Error::Contended { attempts: MAX_TRANSACTION_ATTEMPTS });
    }
    in_transactions(client, plan)
}

/// What became of a commit with conditions.
enum Attempt<T> {
    Done(T),
    /// What was seen is not so any more.
    Again,
    /// More than a message holds, or than a snapshot keeps.
    TooMuch,
}

fn attempt<S: Read + Write, T>(
    client: &mut Client<S>,
    plan: &mut impl FnMut(&mut dyn Look) -> Result<(T, Vec<Change>), Error>,
) -> Result<Attempt<T>, Error> {
    let mut snapshot = Snapshot::open(client)?;
    let planned = plan(&mut snapshot);
    let is_given_up = snapshot.is_given_up();
    let facts = snapshot.end()?;
    if is_given_up {
        return Ok(Attempt::TooMuch);
    }
    let (result, changes) = planned?;
    if changes.is_empty() {
        return Ok(Attempt::Done(result));
    }
    if !fits(client.welcome(), &facts, &changes) {
        return Ok(Attempt::TooMuch);
    }
    match client.commit(&commit_of(&facts, &changes)) {
        Ok(_) => Ok(Attempt::Done(result)),
        Err(error) => match blame(error, &facts, &changes) {
            (true, _) => Ok(Attempt::Again),
            (false, error) => Err(error),
        },
    }
}

fn in_transactions<S: Read + Write, T>(
    client: &mut Client<S>,
    mut plan: impl FnMut(&mut dyn Look) -> Result<(T, Vec<Change>), Error>,
) -> Result<T, Error> {
    for _ in 0..MAX_TRANSACTION_ATTEMPTS {
        let mut tx = client.begin()?;
        let (result, changes) = plan(&mut tx)?;
        if changes.is_empty() {
            return tx.abort().map(|()| result);
        }
        changes.iter().try_for_each(|change| change.take(&mut tx))?;
        match tx.commit() {
            Err(error) if error.errno() == Some(Errno::EAGAIN) => {}
            ended => return ended.map(|()| result),
        }
    }
    Err(Error::Contended { attempts: MAX_TRANSACTION_ATTEMPTS })
}

fn commit_of(facts: &[Fact], changes: &[Change]) -> Commit {
    let commit = facts.iter().fold(Commit::new(), |commit, fact| fact.condition(commit));
    changes.iter().fold(commit, |commit, change| match change {
        Change::Write(path, value) => commit.write(path, value),
        Change::Mkdir(path) => commit.mkdir(path),
        Change::Remove(path) => commit.rm(path),
        Change::SetPerms(path, perms) => commit.set_perms(path, perms),
    })
}

/// Whether a COMMIT of this is one message for a daemon.
fn fits(welcome: Option<&Welcome>, facts: &[Fact], changes: &[Change]) -> bool {
    let Some(welcome) = welcome else { return false };
    let padded = |len: usize| len + padding(len);
    let conditions = facts.iter().map(|fact| padded(fact.path.len()));
    let all = conditions.chain(changes.iter().map(|change| padded(change.len())));
    let bytes = size_of::<Batch>() + all.map(|len| size_of::<Item>() + len).sum::<usize>();
    let within = |len: usize, max: u32| u32::try_from(len).is_ok_and(|len| len <= max);
    within(bytes, welcome.message_max.get())
        && within(facts.len() + changes.len(), welcome.items_max.get())
}

/// Whether an error of a COMMIT is that of a condition; else as the error of the change's request.
fn blame(error: Error, facts: &[Fact], changes: &[Change]) -> (bool, Error) {
    let Error::Declined { item: Some(item), errno, .. } = error else { return (false, error) };
    let at = usize::try_from(item).unwrap_or(usize::MAX);
    match at.checked_sub(facts.len()) {
        None => (matches!(errno, Errno::EAGAIN | Errno::ENOENT | Errno::EEXIST), error),
        Some(at) => (false, changes.get(at).map_or(error, |change| change.refused(errno))),
    }
}

impl Change {
    /// Makes it by a request of v1.
    fn take(&self, store: &mut impl Store) -> Result<(), Error> {
        match self {
            Change::Write(path, value) => store.write(path, value),
            Change::Mkdir(path) => store.mkdir(path),
            Change::Remove(path) => store.rm(path),
            Change::SetPerms(path, perms) => store.set_perms(path, perms),
        }
    }

    /// Bytes of its path and value in a COMMIT.
    fn len(&self) -> usize {
        match self {
            Change::Write(path, value) => path.len() + value.len(),
            Change::Mkdir(path) | Change::Remove(path) => path.len(),
            Change::SetPerms(path, perms) => path.len() + perms.len() * size_of::<Permission>(),
        }
    }

    fn refused(&self, errno: Errno) -> Error {
        match self {
            Change::Write(path, _) => refused(Op::Write, path, errno),
            Change::Mkdir(path) => refused(Op::Mkdir, path, errno),
            Change::Remove(path) => refused(Op::Rm, path, errno),
            Change::SetPerms(path, _) => refused(Op::SetPerms, path, errno),
        }
    }
}

/// The daemon's refusal of a request about a node.
pub(crate) fn refused(op: Op, path: &[u8], errno: Errno) -> Error {
    Error::Refused { op, subject: Request::new(op).text(path).subject(), errno }
}
