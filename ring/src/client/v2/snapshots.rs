//! Reading from a version that the daemon keeps, and what an index has for a key.

use std::io::{Read, Write};

use myriad_core::{DomId, escape_key};

use super::super::{Child, Client, Error, Node, Store, Told};
use crate::v2::{self, answers, records};

/// A version of the store that the daemon keeps for this client, until [`Client::end_snapshot`] or
/// the end of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Its number, which the daemon gave.
    pub number: u32,
    /// The last request that it shows.
    pub generation: u64,
}

/// A match of a key of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// What the stars of the index's pattern matched, joined by slashes.
    pub captures: String,
    /// Who owns the node. A guest may call itself like another: only what the control domain
    /// owns can be trusted.
    pub owner: DomId,
}

impl<S: Read + Write> Client<S> {
    /// Has the daemon keep the store as it is now, to be read.
    ///
    /// ```no_run
    /// # use myriad_ring::client::Client;
    /// # let mut client = Client::connect_to_best("/var/run/xenstored/socket")?;
    /// let before = client.snapshot()?;
    /// let name = client.get_at(before, "/local/domain/7/name")?;
    /// let domains = client.list_values_at(before, "/local/domain")?;   // of the same moment
    /// client.end_snapshot(before)?;
    /// # Ok::<(), myriad_ring::client::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Declined`]: ENOSPC past the number that the daemon keeps, ENOSYS in v1; and as
    /// [`Client::ask`].
    pub fn snapshot(&mut self) -> Result<Snapshot, Error> {
        let answer = self.ask(&v2::Request::Snapshot)?;
        let seen: records::SnapshotOf = self.understood(answers::record(&answer))?;
        Ok(Snapshot { number: seen.snapshot.get(), generation: seen.generation.get() })
    }

    /// Lets go of a snapshot.
    ///
    /// # Errors
    /// [`Error::Declined`] with ENOENT for one that isn't there; and as [`Client::ask`].
    pub fn end_snapshot(&mut self, at: Snapshot) -> Result<(), Error> {
        self.ask(&v2::Request::SnapshotEnd(at.number)).map(drop)
    }

    /// A node as it was, with the caller's permissions of then.
    ///
    /// # Errors
    /// As [`Client::get`]; EAGAIN where the snapshot kept too much and was given up; ENOENT for
    /// one that isn't there.
    pub fn get_at(&mut self, at: Snapshot, path: impl AsRef<[u8]>) -> Result<Node, Error> {
        self.get_in(at.number, path.as_ref())
    }

    /// Several nodes as they were, as [`Client::get_many`].
    ///
    /// # Errors
    /// As [`Client::get_many`] and [`Client::get_at`].
    pub fn get_many_at(
        &mut self,
        at: Snapshot,
        paths: &[impl AsRef<[u8]>],
    ) -> Result<Vec<Told<Node>>, Error> {
        self.get_many_in(at.number, paths)
    }

    /// The children as they were, as [`Client::list_values`]: values, too, are of that moment.
    ///
    /// # Errors
    /// As [`Client::list_values`] and [`Client::get_at`].
    pub fn list_values_at(
        &mut self,
        at: Snapshot,
        path: impl AsRef<[u8]>,
    ) -> Result<Vec<Child>, Error> {
        self.list_values_in(at.number, path.as_ref())
    }

    /// What an index has for a key, with the owners of the nodes that match; nothing where there is
    /// no match.
    ///
    /// # Errors
    /// [`Error::Declined`]: ENOENT for an index that isn't there; and as [`Client::ask`]. A daemon
    /// that speaks v1 alone has no match for anything.
    pub fn matches(&mut self, index: &str, key: impl AsRef<[u8]>) -> Result<Vec<Match>, Error> {
        let key = key.as_ref();
        if self.v2.is_some() {
            return self.matches_in(0, index, key);
        }
        let node = format!("/@index/{index}/{}", escape_key(key));
        self.transact(|tx| {
            let captures = tx.lookup(index, key)?.into_iter();
            let each = captures.map(|captures| {
                let owner = tx.read(format!("{node}/{captures}"))?;
                let owner = std::str::from_utf8(&owner).ok().and_then(|id| id.parse().ok());
                let bad = Error::Protocol("a match without its owner's domain id");
                Ok(Match { captures, owner: DomId(owner.ok_or(bad)?) })
            });
            each.collect()
        })
    }

    /// The matches as they were, as [`Client::matches`].
    ///
    /// # Errors
    /// As [`Client::matches`] and [`Client::get_at`].
    pub fn matches_at(
        &mut self,
        at: Snapshot,
        index: &str,
        key: impl AsRef<[u8]>,
    ) -> Result<Vec<Match>, Error> {
        self.matches_in(at.number, index, key.as_ref())
    }

    fn matches_in(&mut self, snapshot: u32, index: &str, key: &[u8]) -> Result<Vec<Match>, Error> {
        let index = index.as_bytes();
        let answer = self.ask(&v2::Request::Lookup { snapshot, index, key })?;
        let found = self.understood(answers::matches(&answer))?.into_iter();
        Ok(found.map(|(captures, owner)| Match { captures, owner }).collect())
    }
}
