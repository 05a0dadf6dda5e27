//! Reading nodes: one, several as of one moment, or a node's children with their values.

use std::io::{Read, Write};

use myriad_core::{Errno, Perm};

use super::super::{Client, Error, Store, limits::MAX_LISTING_RESTARTS};
use crate::v2::{
    self,
    answers::{self, NodeSeen, PageSeen},
    records::{Get, GetMany, List, PERMS, VALUE, VALUES},
};

/// A node, as far as the daemon tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its value.
    pub value: Vec<u8>,
    /// Its permissions, the owner first.
    pub perms: Vec<Perm>,
    /// When its parts last changed; a daemon that speaks v1 alone doesn't say.
    pub stamps: Option<Stamps>,
}

/// The generations in which the parts of a node last changed: for the conditions of a
/// [`Commit`](super::Commit).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamps {
    /// Its value.
    pub value: u64,
    /// Its permissions.
    pub perms: u64,
    /// Its set of children.
    pub children: u64,
}

impl From<NodeSeen> for Node {
    fn from(seen: NodeSeen) -> Node {
        let stamps = Stamps {
            value: seen.value_stamp,
            perms: seen.perms_stamp,
            children: seen.children_stamp,
        };
        Node { value: seen.value, perms: seen.perms, stamps: Some(stamps) }
    }
}

/// The number that stands for the store as it is, where a snapshot may stand.
const NOW: u32 = 0;

/// What a node came to among several.
pub type Told<T> = Result<T, Errno>;

/// A child, and its value or why it can't be had.
pub type Child = (String, Told<Vec<u8>>);

impl<S: Read + Write> Client<S> {
    /// A node's value, permissions and stamps.
    ///
    /// # Errors
    /// [`Error::Declined`] or [`Error::Refused`]: ENOENT, EACCES, EINVAL; and as [`Client::ask`].
    pub fn get(&mut self, path: impl AsRef<[u8]>) -> Result<Node, Error> {
        let path = path.as_ref();
        if self.v2.is_none() {
            return self.transact(|tx| {
                let (value, perms) = (tx.read(path)?, tx.get_perms(path)?);
                Ok(Node { value, perms, stamps: None })
            });
        }
        self.get_in(NOW, path)
    }

    /// A node, from a snapshot by its number.
    pub(super) fn get_in(&mut self, snapshot: u32, path: &[u8]) -> Result<Node, Error> {
        let want = (VALUE | PERMS).into();
        let get = Get { snapshot: snapshot.into(), want, ..Get::default() };
        let answer = self.ask(&v2::Request::Get(get, path))?;
        self.understood(answers::node(&answer)).map(Node::from)
    }

    /// Several nodes as of one moment, in the order of their paths, each with its own error.
    ///
    /// # Errors
    /// [`Error::Declined`]: E2BIG for more than one message holds; and as [`Client::ask`].
    pub fn get_many(&mut self, paths: &[impl AsRef<[u8]>]) -> Result<Vec<Told<Node>>, Error> {
        if self.v2.is_none() {
            return self.transact(|tx| {
                let each = paths.iter().map(|path| {
                    let value = told(tx.read(path))?;
                    let perms = if value.is_ok() { told(tx.get_perms(path))? } else { Ok(vec![]) };
                    let node = |perms| value.map(|value| Node { value, perms, stamps: None });
                    Ok(perms.and_then(node))
                });
                each.collect()
            });
        }
        self.get_many_in(NOW, paths)
    }

    /// Several nodes, from a snapshot by its number.
    pub(super) fn get_many_in(
        &mut self,
        snapshot: u32,
        paths: &[impl AsRef<[u8]>],
    ) -> Result<Vec<Told<Node>>, Error> {
        let want = (VALUE | PERMS).into();
        let head = GetMany { snapshot: snapshot.into(), want, ..GetMany::default() };
        let names = paths.iter().map(AsRef::as_ref).collect();
        let answer = self.ask(&v2::Request::GetMany(head, names))?;
        let (_, nodes) = self.understood(answers::nodes(&answer))?;
        Ok(nodes.into_iter().map(|node| node.map(Node::from)).collect())
    }

    /// The children of a node in order of creation, each with its value or why it can't be had.
    /// They are those of one moment; values may be newer where they came in several pages.
    ///
    /// # Errors
    /// ENOENT, EACCES, EINVAL; [`Error::Unlistable`]; and as [`Client::ask`].
    pub fn list_values(&mut self, path: impl AsRef<[u8]>) -> Result<Vec<Child>, Error> {
        let path = path.as_ref();
        if self.v2.is_none() {
            return self.transact(|tx| {
                let slash: &[u8] = if path == b"/" { b"" } else { b"/" };
                let names = tx.list(path)?;
                let each = names.into_iter().map(|name| {
                    let value = told(tx.read([path, slash, name.as_bytes()].concat()))?;
                    Ok((name, value))
                });
                each.collect()
            });
        }
        self.list_values_in(NOW, path)
    }

    /// The children of a node, from a snapshot by its number.
    pub(super) fn list_values_in(
        &mut self,
        snapshot: u32,
        path: &[u8],
    ) -> Result<Vec<Child>, Error> {
        for _ in 0..MAX_LISTING_RESTARTS {
            if let Some(all) = self.pages(snapshot, path)? {
                return Ok(all);
            }
        }
        let why = "its children changed faster than they could be listed";
        Err(Error::Unlistable { path: path.escape_ascii().to_string(), why })
    }

    /// All pages of a listing; none where the children changed meanwhile.
    fn pages(&mut self, snapshot: u32, path: &[u8]) -> Result<Option<Vec<Child>>, Error> {
        let (mut all, mut page) = (Vec::new(), PageSeen::default());
        // Ends: a cursor is greater than the one before it.
        loop {
            let (before, stamp) = (page.cursor, page.stamp.into());
            let (flags, cursor) = (VALUES.into(), before.into());
            let stamp = if before == 0 { 0.into() } else { stamp };
            let snapshot = snapshot.into();
            let list = List { snapshot, flags, cursor, stamp, ..List::default() };
            let answer = match self.ask(&v2::Request::List(list, path)) {
                Err(Error::Declined { errno: Errno::EAGAIN, .. }) if before != 0 => {
                    return Ok(None);
                }
                answer => answer?,
            };
            page = self.understood(answers::page(&answer))?;
            let entries = std::mem::take(&mut page.entries).into_iter();
            all.extend(entries.map(|entry| (entry.name, entry.value.map(|(value, _)| value))));
            if page.cursor == 0 {
                return Ok(Some(all));
            }
            if page.cursor <= before {
                return self.understood(Err(v2::body::BadBody::Trailing));
            }
        }
    }

    /// An answer that could be read.
    pub(in crate::client) fn understood<T>(
        &mut self,
        read: Result<T, v2::body::BadBody>,
    ) -> Result<T, Error> {
        read.map_err(|_| {
            self.broken = true;
            Error::Protocol("an answer that is not one of its operation")
        })
    }
}

/// What the daemon says of one node; an error of the connection ends the whole.
fn told<T>(result: Result<T, Error>) -> Result<Told<T>, Error> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(Error::Refused { errno, .. }) => Ok(Err(errno)),
        Err(error) => Err(error),
    }
}
