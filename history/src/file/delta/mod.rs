//! Commits in a block: the payload of a `Delta` record.
//!
//! ```text
//! commit: seq − last · generation − last · time zigzag · changes × 2 + merged · bytes · changes …
//! change: kind and flags 1 · [author] · [generation] · path · value, permissions
//! author: domid · instance · connection · request · transaction · operation 1
//! path: bytes in common with the path before · bytes
//! ```
//!
//! All are numbers of variable length (see `codec`). What is before the first commit is the first
//! version of the record's head.

mod encode;

use std::sync::Arc;

use super::codec::{Take, unzigzag};
use super::model::{Author, Change, OwnedChange, OwnedWhat, Perm, What};
use super::record::Moment;

pub(crate) use encode::{Delta, Verdict};

/// The kind of a change, in the low bits of its first byte.
const WRITTEN: u8 = 0;
const CREATED: u8 = 1;
const REMOVED: u8 = 2;
const PERMS: u8 = 3;
const NOTED: u8 = 4;
const LEFT_OUT: u8 = 5;
const KIND: u8 = 7;
/// The author is that of the change before.
const SAME_AUTHOR: u8 = 8;
/// The generation is the commit's.
const SAME_GENERATION: u8 = 16;
/// The permissions are the last that were given in this block.
const SAME_PERMS: u8 = 32;

/// The commits of a block.
#[derive(Debug)]
pub(crate) struct Commits<'a> {
    rest: Take<'a>,
    last: Moment,
    state: State,
}

/// What a change may refer to.
#[derive(Debug, Default)]
struct State {
    path: Vec<u8>,
    author: Author,
    perms: Vec<Perm>,
}

/// The head of one commit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CommitHead {
    pub(crate) moment: Moment,
    pub(crate) merged: bool,
    pub(crate) changes: u32,
}

/// What stands in place of a change.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Item<'a> {
    Change(Change<'a>),
    /// From here on changes of this author below this path are left out; or so many have been.
    LeftOut(Author, u64, &'a str),
}

type Read<T> = Result<T, &'static str>;

impl<'a> Commits<'a> {
    /// Those of an unpacked block; `first` is of its record's head.
    pub(crate) fn new(raw: &'a [u8], first: Moment) -> Commits<'a> {
        Commits { rest: Take(raw), last: first, state: State::default() }
    }

    /// The head of the next commit, passing over its changes. What comes after can't be shown then.
    pub(crate) fn next_head(&mut self) -> Read<Option<CommitHead>> {
        if self.rest.0.is_empty() {
            return Ok(None);
        }
        let (head, _) = self.head().ok_or("a commit's head")?;
        Ok(Some(head))
    }

    /// The next commit: its head, then its changes.
    pub(crate) fn next(
        &mut self,
        mut show: impl FnMut(&CommitHead, Option<Item<'_>>),
    ) -> Read<Option<CommitHead>> {
        if self.rest.0.is_empty() {
            return Ok(None);
        }
        let (head, mut body) = self.head().ok_or("a commit's head")?;
        show(&head, None);
        for _ in 0..head.changes {
            let item = self.state.change(&mut body, &head).ok_or("a change")?;
            show(&head, Some(item));
        }
        Ok(Some(head))
    }

    fn head(&mut self) -> Option<(CommitHead, Take<'a>)> {
        let take = &mut self.rest;
        let seq = self.last.seq.checked_add(take.number()?)?;
        let generation = self.last.generation.checked_add(take.number()?)?;
        let at = unzigzag(self.last.at, take.number()?);
        let count = take.number()?;
        let changes = u32::try_from(count >> 1).ok()?;
        let body = take.counted()?;
        let moment = Moment { seq, generation, at };
        self.last = moment;
        Some((CommitHead { moment, merged: count & 1 != 0, changes }, Take(body)))
    }
}

impl State {
    fn change<'s, 'a: 's>(
        &'s mut self,
        take: &mut Take<'a>,
        head: &CommitHead,
    ) -> Option<Item<'s>> {
        let first = take.u8()?;
        if first & SAME_AUTHOR == 0 {
            self.author = Author {
                domid: take.small()?,
                instance: take.number()?,
                conn: take.number()?,
                request: take.small()?,
                transaction: take.small()?,
                op: take.u8()?,
            };
        }
        let commit = head.moment.generation;
        let generation = match first & SAME_GENERATION {
            0 => unzigzag(commit, take.number()?),
            _ => commit,
        };
        if first & KIND == LEFT_OUT {
            let (count, path) = (take.number()?, take.counted()?);
            return Some(Item::LeftOut(self.author, count, str::from_utf8(path).ok()?));
        }
        let common = take.small()?;
        let rest = take.counted()?;
        self.path.get(common..)?;
        self.path.truncate(common);
        self.path.extend_from_slice(rest);
        let value = match first & KIND {
            WRITTEN | CREATED | NOTED => take.counted()?,
            _ => &[],
        };
        if matches!(first & KIND, CREATED | PERMS) && first & SAME_PERMS == 0 {
            read_perms(take, &mut self.perms)?;
        }
        let what = match first & KIND {
            WRITTEN => What::Written { value },
            CREATED => What::Created { value, perms: &self.perms },
            REMOVED => What::Removed,
            PERMS => What::Perms(&self.perms),
            NOTED => What::Noted(str::from_utf8(value).ok()?),
            _ => return None,
        };
        let path = str::from_utf8(&self.path).ok()?;
        Some(Item::Change(Change { author: self.author, generation, path, what }))
    }
}

/// Appends a list of permissions.
pub(crate) fn put_perms(out: &mut Vec<u8>, perms: &[Perm]) {
    super::codec::put(out, perms.len() as u64);
    for perm in perms {
        out.push(perm.access);
        super::codec::put(out, perm.domid.into());
        super::codec::put(out, perm.instance);
    }
}

/// Reads one into a list.
pub(crate) fn read_perms(take: &mut Take<'_>, perms: &mut Vec<Perm>) -> Option<()> {
    perms.clear();
    let count: usize = take.small()?;
    for _ in 0..count {
        let access = take.u8()?;
        perms.push(Perm { access, domid: take.small()?, instance: take.number()? });
    }
    Some(())
}

impl Change<'_> {
    /// The same, on its own.
    #[must_use]
    pub fn to_owned(&self) -> OwnedChange {
        let what = match self.what {
            What::Written { value } => OwnedWhat::Written { value: value.to_vec() },
            What::Created { value, perms } => {
                OwnedWhat::Created { value: value.to_vec(), perms: Arc::from(perms) }
            }
            What::Removed => OwnedWhat::Removed,
            What::Perms(perms) => OwnedWhat::Perms(Arc::from(perms)),
            What::Noted(text) => OwnedWhat::Noted(text.to_owned()),
        };
        let (author, generation, path) = (self.author, self.generation, self.path.to_owned());
        OwnedChange { author, generation, path, what }
    }
}

impl OwnedChange {
    /// The same, borrowed.
    #[must_use]
    pub fn borrowed(&self) -> Change<'_> {
        let what = match &self.what {
            OwnedWhat::Written { value } => What::Written { value },
            OwnedWhat::Created { value, perms } => What::Created { value, perms },
            OwnedWhat::Removed => What::Removed,
            OwnedWhat::Perms(perms) => What::Perms(perms),
            OwnedWhat::Noted(text) => What::Noted(text),
        };
        Change { author: self.author, generation: self.generation, path: &self.path, what }
    }
}
