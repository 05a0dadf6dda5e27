//! A version of the past behind a socket, for clients that know nothing of the past.
//!
//! [`Past`] is a store that holds the version; [`Server`] serves it from a thread of its own, by
//! the same state machine that serves the present. When the store moves to another version, the
//! clients' watches fire for what differs.
//!
//! Invariants:
//! - No request of a client changes the tree: what would is refused by `gate` with EROFS before
//!   the store sees it.
//! - Permissions are shown as they were recorded; every domain that they name counts as living.

mod client;
mod gate;
mod server;

use std::collections::BTreeSet;

use myriad_core::{Access, Caller, Config, DomId, Edit, Error, Path, Perm, Store, Writes};
use myriad_ring::v1::features;

pub(crate) use server::{Server, ServerError};

use super::limits::NODES_PER_EDIT;

/// A store that holds a version of the past.
#[derive(Clone, Debug)]
pub(crate) struct Past {
    store: Store,
}

/// A node of a version: what it becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Becomes<'a> {
    /// Its path.
    pub(crate) path: &'a str,
    /// Its value and permissions; none where it goes.
    pub(crate) node: Option<(&'a [u8], Vec<Perm>)>,
}

impl Past {
    /// A store with nothing but the root.
    ///
    /// # Errors
    /// None: no index is declared that could be wrong.
    pub(crate) fn new() -> Result<Past, Error> {
        let config = Config { features: features::OFFERED, ..Config::default() };
        let store = Store::new(&config)?;
        store.edit(|edit| Ok(edit.introduce(DomId::ZERO))).result?;
        Ok(Past { store })
    }

    /// Takes over nodes, in one publication where they aren't too many. Parents stand before
    /// their children.
    ///
    /// # Errors
    /// [`Error`] for a node that no store can have.
    pub(crate) fn advance(&self, nodes: &[Becomes<'_>]) -> Result<(), Error> {
        for some in nodes.chunks(NODES_PER_EDIT) {
            let all = self.store.edit(|edit| {
                let (there, gone): (Vec<_>, Vec<_>) =
                    some.iter().partition(|node| node.node.is_some());
                gone.iter().try_for_each(|node| remove(edit, node.path))?;
                there.iter().try_for_each(|node| put(edit, node))
            });
            all.result?;
        }
        Ok(())
    }
}

fn remove(edit: &mut Edit<'_>, path: &str) -> Result<(), Error> {
    match edit.rm(&Caller::Control, Path::new(path)?) {
        // It went with what is above it.
        Err(Error::NotFound) => Ok(()),
        other => other,
    }
}

fn put(edit: &mut Edit<'_>, node: &Becomes<'_>) -> Result<(), Error> {
    let Some((value, perms)) = &node.node else { return Ok(()) };
    let path = Path::new(node.path)?;
    edit.write(&Caller::Control, path, value)?;
    let mut known = BTreeSet::new();
    for perm in perms.iter().filter(|perm| perm.domid.is_real() && known.insert(perm.domid)) {
        edit.know_domain(perm.domid);
    }
    if perms.is_empty() {
        return edit.set_perms(&Caller::Control, path, &[CONTROL_ALONE]);
    }
    edit.set_perms(&Caller::Control, path, perms)
}

const CONTROL_ALONE: Perm = Perm { access: Access::None, domid: DomId::ZERO };

#[cfg(test)]
mod tests;
