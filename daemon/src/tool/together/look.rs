//! Looking at nodes as they are at one moment: in a snapshot of v2, or in a transaction of v1.
//!
//! Invariant: what a [`Snapshot`] has told is among its facts, so that a commit that has their
//! conditions follows from what is so.

use std::io::{Read, Write};

use myriad_core::Errno;
use myriad_ring::{
    client::{Client, Commit, Error, Node, Store, Told, Transaction},
    v1::Op,
    v2::{
        Request,
        answers::{self, NodeSeen, PageSeen},
        records::{Get, GetMany, List, PERMS, SnapshotOf, VALUE},
    },
};

use super::refused;
use crate::tool::limits::NODES_AT_ONCE;

/// What can be looked at, all of one moment.
pub(crate) trait Look {
    /// Nodes, in the order of their paths, each with why it can't be told; permissions where they
    /// are wanted.
    fn nodes(&mut self, paths: &[Vec<u8>], perms: bool) -> Result<Vec<Told<Node>>, Error>;

    /// The names of a node's children, in order of creation.
    fn children(&mut self, path: &[u8]) -> Result<Vec<String>, Error>;
}

impl<S: Read + Write> Look for Transaction<'_, S> {
    fn nodes(&mut self, paths: &[Vec<u8>], perms: bool) -> Result<Vec<Told<Node>>, Error> {
        let mut one = |path: &Vec<u8>| {
            let value = self.read(path)?;
            let perms = if perms { self.get_perms(path)? } else { Vec::new() };
            Ok(Node { value, perms, stamps: None })
        };
        let told = |node: Result<Node, Error>| match node {
            Ok(node) => Ok(Ok(node)),
            Err(Error::Refused { errno, .. }) => Ok(Err(errno)),
            Err(error) => Err(error),
        };
        paths.iter().map(|path| told(one(path))).collect()
    }

    fn children(&mut self, path: &[u8]) -> Result<Vec<String>, Error> {
        self.list(path)
    }
}

/// A snapshot of the daemon's, and what was seen in it.
#[derive(Debug)]
pub(super) struct Snapshot<'c, S> {
    client: &'c mut Client<S>,
    number: u32,
    facts: Vec<Fact>,
    is_given_up: bool,
}

/// What was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fact {
    pub(super) path: Vec<u8>,
    what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Value(u64),
    Perms(u64),
    Children(u64),
    Absent,
}

impl Fact {
    /// A commit that happens only if it is still so.
    pub(super) fn condition(&self, commit: Commit) -> Commit {
        match self.what {
            What::Value(stamp) => commit.if_value_stamp(&self.path, stamp),
            What::Perms(stamp) => commit.if_perms_stamp(&self.path, stamp),
            What::Children(stamp) => commit.if_children_stamp(&self.path, stamp),
            What::Absent => commit.if_absent(&self.path),
        }
    }
}

impl<S: Read + Write> Snapshot<'_, S> {
    /// A snapshot of the store as it is.
    pub(super) fn open(client: &mut Client<S>) -> Result<Snapshot<'_, S>, Error> {
        let answer = client.ask(&Request::Snapshot)?;
        let of: SnapshotOf = answers::record(&answer).map_err(|_| unreadable())?;
        let number = of.snapshot.get();
        Ok(Snapshot { client, number, facts: Vec::new(), is_given_up: false })
    }

    /// Whether the daemon has given it up: too much would have been kept for it.
    pub(super) fn is_given_up(&self) -> bool {
        self.is_given_up
    }

    /// Gives it back; gives what was seen.
    pub(super) fn end(self) -> Result<Vec<Fact>, Error> {
        self.client.ask(&Request::SnapshotEnd(self.number))?;
        Ok(self.facts)
    }

    fn note(&mut self, path: &[u8], what: What) {
        self.facts.push(Fact { path: path.to_vec(), what });
    }

    fn ask(&mut self, request: &Request<'_>) -> Result<Vec<u8>, Error> {
        let answer = self.client.ask(request);
        self.is_given_up |= answer.as_ref().is_err_and(|e| e.errno() == Some(Errno::EAGAIN));
        answer
    }

    fn some(&mut self, paths: &[Vec<u8>], want: u16) -> Result<Vec<Told<NodeSeen>>, Error> {
        let head =
            GetMany { snapshot: self.number.into(), want: want.into(), ..GetMany::default() };
        let names = paths.iter().map(Vec::as_slice).collect();
        let answer = match self.ask(&Request::GetMany(head, names)) {
            // Too long together: one at a time.
            Err(error) if error.errno() == Some(Errno::E2BIG) => {
                return paths.iter().map(|path| self.one(path, want)).collect();
            }
            answer => answer?,
        };
        let (_, nodes) = answers::nodes(&answer).map_err(|_| unreadable())?;
        if nodes.len() == paths.len() { Ok(nodes) } else { Err(unreadable()) }
    }

    fn one(&mut self, path: &[u8], want: u16) -> Result<Told<NodeSeen>, Error> {
        let head = Get { snapshot: self.number.into(), want: want.into(), ..Get::default() };
        match self.ask(&Request::Get(head, path)) {
            Err(Error::Declined { errno, .. }) if errno != Errno::EAGAIN => Ok(Err(errno)),
            answer => answers::node(&answer?).map(Ok).map_err(|_| unreadable()),
        }
    }
}

impl<S: Read + Write> Look for Snapshot<'_, S> {
    fn nodes(&mut self, paths: &[Vec<u8>], perms: bool) -> Result<Vec<Told<Node>>, Error> {
        let want = if perms { VALUE | PERMS } else { VALUE };
        let mut all = Vec::with_capacity(paths.len());
        for paths in paths.chunks(NODES_AT_ONCE) {
            for (path, seen) in paths.iter().zip(self.some(paths, want)?) {
                match &seen {
                    Ok(node) => {
                        self.note(path, What::Value(node.value_stamp));
                        if perms {
                            self.note(path, What::Perms(node.perms_stamp));
                        }
                    }
                    Err(Errno::ENOENT) => self.note(path, What::Absent),
                    Err(_) => {}
                }
                all.push(seen.map(Node::from));
            }
        }
        Ok(all)
    }

    fn children(&mut self, path: &[u8]) -> Result<Vec<String>, Error> {
        let (mut names, mut page) = (Vec::new(), PageSeen::default());
        // Ends: a cursor is greater than the one before it.
        loop {
            let before = page.cursor;
            let head = List {
                snapshot: self.number.into(),
                cursor: before.into(),
                stamp: page.stamp.into(),
                ..List::default()
            };
            let answer = match self.ask(&Request::List(head, path)) {
                Ok(answer) => answer,
                Err(Error::Declined { errno, .. }) if errno != Errno::EAGAIN => {
                    if errno == Errno::ENOENT {
                        self.note(path, What::Absent);
                    }
                    return Err(refused(Op::Directory, path, errno));
                }
                Err(error) => return Err(error),
            };
            page = answers::page(&answer).map_err(|_| unreadable())?;
            names.extend(std::mem::take(&mut page.entries).into_iter().map(|entry| entry.name));
            if page.cursor == 0 {
                self.note(path, What::Children(page.stamp));
                return Ok(names);
            }
            if page.cursor <= before {
                return Err(unreadable());
            }
        }
    }
}

fn unreadable() -> Error {
    Error::Protocol("an answer that is not one of its operation")
}
