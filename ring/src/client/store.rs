//! The operations on the tree, the same inside and outside a transaction.

use myriad_core::{Errno, Perm, escape_key};

use super::{
    Error, Request,
    limits::{MAX_GENERATION_BYTES, MAX_LISTING_BYTES, MAX_LISTING_RESTARTS},
    wire,
};
use crate::v1::Op;

/// Something that carries out operations on the tree: a [`Client`](super::Client), or a
/// [`Transaction`](super::Transaction) of one.
///
/// Paths are absolute, or relative to the connection's home. Each method gives the errors of
/// [`Client::send`](super::Client::send); those named below come from the daemon.
pub trait Store {
    /// Carries out a request and gives the reply's payload.
    ///
    /// # Errors
    /// As [`Client::send`](super::Client::send).
    fn request(&mut self, request: &Request) -> Result<Vec<u8>, Error>;

    /// A node's value.
    ///
    /// # Errors
    /// ENOENT, EACCES, EINVAL.
    fn read(&mut self, path: impl AsRef<[u8]>) -> Result<Vec<u8>, Error> {
        self.request(&Request::new(Op::Read).text(path))
    }

    /// Sets a node's value, creating it and its parents where they're missing.
    ///
    /// # Errors
    /// EACCES, EINVAL, ENOSPC, ENOMEM, EROFS.
    fn write(&mut self, path: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<(), Error> {
        self.request(&Request::new(Op::Write).text(path).bytes(value)).map(drop)
    }

    /// Whether a node is there, and may be read.
    ///
    /// # Errors
    /// EACCES, EINVAL.
    fn exists(&mut self, path: impl AsRef<[u8]>) -> Result<bool, Error> {
        match self.read(path) {
            Ok(_) => Ok(true),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Creates a node with an empty value, and its parents; one that exists stays as it is.
    ///
    /// # Errors
    /// EACCES, EINVAL, ENOSPC, ENOMEM, EROFS.
    fn mkdir(&mut self, path: impl AsRef<[u8]>) -> Result<(), Error> {
        self.request(&Request::new(Op::Mkdir).text(path)).map(drop)
    }

    /// Removes a node and all below it. One that is missing is no error where its parent is
    /// there.
    ///
    /// # Errors
    /// ENOENT, EACCES, EROFS, and EINVAL for the root.
    fn rm(&mut self, path: impl AsRef<[u8]>) -> Result<(), Error> {
        self.request(&Request::new(Op::Rm).text(path)).map(drop)
    }

    /// A node's permissions: its owner first.
    ///
    /// # Errors
    /// ENOENT, EACCES, EINVAL.
    fn get_perms(&mut self, path: impl AsRef<[u8]>) -> Result<Vec<Perm>, Error> {
        let reply = self.request(&Request::new(Op::GetPerms).text(path))?;
        let bad = |_| Error::Protocol("permissions that are not a letter and a domain id");
        wire::strings(&reply).map(|text| Perm::parse(text).map_err(bad)).collect()
    }

    /// Sets a node's permissions: its owner first, whose access is that of everyone who isn't
    /// listed.
    ///
    /// # Errors
    /// ENOENT, EACCES, EPERM, EINVAL, ENOSPC, EROFS.
    fn set_perms(&mut self, path: impl AsRef<[u8]>, perms: &[Perm]) -> Result<(), Error> {
        let request = Request::new(Op::SetPerms).text(path);
        let request = perms.iter().fold(request, |request, perm| request.text(perm.to_string()));
        self.request(&request).map(drop)
    }

    /// The names of a node's children, in order of creation. A listing that doesn't fit into one
    /// message is fetched in parts, and anew where the children change meanwhile.
    ///
    /// # Errors
    /// ENOENT, EACCES, EINVAL; E2BIG from a daemon without DIRECTORY_PART;
    /// [`Error::Unlistable`].
    fn list(&mut self, path: impl AsRef<[u8]>) -> Result<Vec<String>, Error> {
        let path = path.as_ref();
        let names = match self.request(&Request::new(Op::Directory).text(path)) {
            Err(error) if error.errno() == Some(Errno::E2BIG) => list_in_parts(self, path)?,
            reply => reply?,
        };
        let bad = |_| Error::Protocol("a child's name that is not text");
        wire::strings(&names).map(|name| String::from_utf8(name.into()).map_err(bad)).collect()
    }

    /// What an index has for a key, in one request however many domains there are; nothing where
    /// there is no match. Inside a transaction: in that transaction's view.
    ///
    /// A match may be a guest's own doing: see [`Store::lookup_trusted`].
    ///
    /// ```no_run
    /// # use myriad_ring::client::{Client, Store};
    /// # let mut client = Client::connect()?;
    /// for domid in client.lookup("domain-name", "web-1")? {
    ///     println!("/local/domain/{domid}");
    /// }
    /// # Ok::<(), myriad_ring::client::Error>(())
    /// ```
    ///
    /// # Errors
    /// EACCES for a guest. A daemon without indices has no match for anything.
    fn lookup(&mut self, index: &str, key: impl AsRef<[u8]>) -> Result<Vec<String>, Error> {
        none_if_not_found(self.list(index_node(index, key.as_ref())))
    }

    /// The matches of a key on nodes that the control domain owns: a guest may call itself like
    /// another VM, but not by these. One request, as [`Store::lookup`].
    ///
    /// # Errors
    /// As [`Store::lookup`].
    fn lookup_trusted(&mut self, index: &str, key: impl AsRef<[u8]>) -> Result<Vec<String>, Error> {
        let value = none_if_not_found(self.read(index_node(index, key.as_ref())))?;
        let bad = |_| Error::Protocol("matches that are not text");
        let matches = String::from_utf8(value).map_err(bad)?;
        Ok(matches.split_ascii_whitespace().map(String::from).collect())
    }
}

/// The node whose children are the matches of a key.
fn index_node(index: &str, key: &[u8]) -> String {
    format!("/@index/{index}/{}", escape_key(key))
}

fn none_if_not_found<T: Default>(result: Result<T, Error>) -> Result<T, Error> {
    match result {
        Err(error) if error.is_not_found() => Ok(T::default()),
        other => other,
    }
}

/// All children's names, each closed by a NUL, by DIRECTORY_PART.
fn list_in_parts(store: &mut (impl Store + ?Sized), path: &[u8]) -> Result<Vec<u8>, Error> {
    let unlistable = |why| Error::Unlistable { path: path.escape_ascii().to_string(), why };
    for _ in 0..MAX_LISTING_RESTARTS {
        if let Some(names) = one_pass(store, path)? {
            if names.len() > MAX_LISTING_BYTES {
                return Err(unlistable("its children's names are over 64 MiB"));
            }
            return Ok(names);
        }
    }
    Err(unlistable("its children changed faster than they could be listed"))
}

/// One listing from the first part to the last; nothing where the children changed meanwhile.
/// Stops past the bound on bytes; ends, since each part but the last adds at least one.
fn one_pass(store: &mut (impl Store + ?Sized), path: &[u8]) -> Result<Option<Vec<u8>>, Error> {
    let mut names: Vec<u8> = Vec::new();
    let mut first_generation: Option<Vec<u8>> = None;
    while names.len() <= MAX_LISTING_BYTES {
        let offset = u64::try_from(names.len()).unwrap_or(u64::MAX);
        let request = Request::new(Op::DirectoryPart).text(path).number(offset);
        let reply = store.request(&request).map_err(without_parts)?;
        let (generation, part) = split_part(&reply)?;
        if first_generation.get_or_insert_with(|| generation.into()).as_slice() != generation {
            return Ok(None);
        }
        names.extend_from_slice(part);
        match names.as_slice() {
            [] => return Err(Error::Protocol("a part of a listing without names")),
            // An empty string closes the last part.
            [0] | [.., 0, 0] => {
                names.pop();
                return Ok(Some(names));
            }
            _ if part.is_empty() => {
                return Err(Error::Protocol("a part of a listing without names"));
            }
            _ => {}
        }
    }
    Ok(Some(names))
}

/// A part's generation and names.
fn split_part(reply: &[u8]) -> Result<(&[u8], &[u8]), Error> {
    let end = reply.iter().take(MAX_GENERATION_BYTES + 1).position(|&byte| byte == 0);
    let (generation, rest) = end
        .and_then(|end| reply.split_at_checked(end))
        .ok_or(Error::Protocol("a part of a listing without a generation"))?;
    Ok((generation, rest.get(1..).unwrap_or_default()))
}

/// A daemon that doesn't know DIRECTORY_PART can't list the node at all: E2BIG, as it said first.
fn without_parts(error: Error) -> Error {
    match error {
        Error::Refused { subject, errno: Errno::ENOSYS, .. } => {
            Error::Refused { op: Op::Directory, subject, errno: Errno::E2BIG }
        }
        other => other,
    }
}
