//! Reading nodes.

use myriad_core::{Access, Caller, DomId, Error, Perm, Special};

use super::index::is_reserved;
use super::node::{leaf, rights};
use super::tree::Need;
use super::{Model, Node, parent};

/// The children of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// The generation in which they last changed.
    pub stamp: u64,
    /// Their names, in order of creation.
    pub names: Vec<String>,
}

impl Model {
    /// READ.
    ///
    /// # Errors
    /// As [`myriad_core::Reads`] says, here and below.
    pub fn read(&self, caller: &Caller, path: &str) -> Result<Vec<u8>, Error> {
        if is_reserved(path) {
            return self.reserved_value(caller, path);
        }
        Ok(self.readable(caller, path)?.value.clone())
    }

    /// DIRECTORY.
    ///
    /// # Errors
    /// As for [`Model::read`].
    pub fn list(&self, caller: &Caller, path: &str) -> Result<Names, Error> {
        if is_reserved(path) {
            return self.reserved_names(caller, path);
        }
        let stamp = self.readable(caller, path)?.children_stamp;
        let names = self.children(path).into_iter().map(|p| leaf(p).to_owned()).collect();
        Ok(Names { stamp, names })
    }

    /// GET_PERMS.
    ///
    /// # Errors
    /// As for [`Model::read`].
    pub fn get_perms(&self, caller: &Caller, path: &str) -> Result<Vec<Perm>, Error> {
        if is_reserved(path) {
            self.reserved_value(caller, path)?;
            return Ok(vec![Perm { access: Access::None, domid: DomId::ZERO }]);
        }
        Ok(self.shown(&self.readable(caller, path)?.list))
    }

    /// GET_PERMS of a special node.
    ///
    /// # Errors
    /// As for [`Model::read`].
    pub fn get_special_perms(&self, caller: &Caller, node: Special) -> Result<Vec<Perm>, Error> {
        let list = self.special_list(node);
        if !rights(list, self.who(caller)).read {
            return Err(Error::AccessDenied);
        }
        Ok(self.shown(list))
    }

    /// The paths of a node's children, in order of creation.
    pub(super) fn children(&self, path: &str) -> Vec<&str> {
        let mut found: Vec<(u64, &str)> = self
            .below(path)
            .filter(|(p, _)| parent(p) == Some(path))
            .map(|(p, node)| (node.order, p.as_str()))
            .collect();
        found.sort_unstable();
        found.into_iter().map(|(_, path)| path).collect()
    }

    fn readable(&self, caller: &Caller, path: &str) -> Result<&Node, Error> {
        self.place(self.who(caller), path, Need::Read)?;
        self.nodes.get(path).ok_or(Error::NotFound)
    }

    /// The nodes below a node, by path: those that begin with it and a `/`, which `0` follows.
    fn below(&self, path: &str) -> impl Iterator<Item = (&String, &Node)> {
        let top = path.trim_end_matches('/');
        self.nodes.range(format!("{top}/")..format!("{top}0"))
    }
}
