//! A small model of a subtree: what each change makes of it.

use std::collections::BTreeMap;

use super::fault::show;

/// A node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Its value.
    pub value: Vec<u8>,
    /// Its permissions, as GET_PERMS tells them.
    pub perms: Vec<u8>,
    /// Its children's names, in order of creation.
    pub children: Vec<String>,
}

/// A subtree: nodes by path, of which the first is `""`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree(pub BTreeMap<String, Node>);

/// What a request, or a transaction, does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// WRITE: path and value.
    Write(String, Vec<u8>),
    /// MKDIR.
    Mkdir(String),
    /// RM.
    Rm(String),
    /// SET_PERMS: path and list, as GET_PERMS tells it.
    SetPerms(String, Vec<u8>),
    /// A transaction's changes: all or none.
    All(Vec<Change>),
}

impl Tree {
    /// A subtree of one node.
    #[must_use]
    pub fn new(perms: &[u8]) -> Tree {
        let root = Node { perms: perms.into(), ..Node::default() };
        Tree(BTreeMap::from([(String::new(), root)]))
    }

    /// Whether a node is there.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        self.0.contains_key(path)
    }

    /// What a change is answered with: none for OK, or the error.
    #[must_use]
    pub fn refusal(&self, change: &Change) -> Option<&'static str> {
        let absent = match change {
            Change::Rm(path) => !self.has(path) && !self.has(parent(path)),
            Change::SetPerms(path, _) => !self.has(path),
            _ => false,
        };
        absent.then_some("ENOENT")
    }

    /// Applies a change; one that is refused changes nothing.
    pub fn apply(&mut self, change: &Change) {
        match change {
            Change::Write(path, value) => {
                self.make(path);
                if let Some(node) = self.0.get_mut(path) {
                    node.value.clone_from(value);
                }
            }
            Change::Mkdir(path) => self.make(path),
            Change::Rm(path) => {
                if self.has(path) {
                    let below = format!("{path}/");
                    self.0.retain(|other, _| other != path && !other.starts_with(&below));
                    if let Some(above) = self.0.get_mut(parent(path)) {
                        above.children.retain(|name| name != leaf(path));
                    }
                }
            }
            Change::SetPerms(path, perms) => {
                if let Some(node) = self.0.get_mut(path) {
                    node.perms.clone_from(perms);
                }
            }
            Change::All(changes) => changes.iter().for_each(|change| self.apply(change)),
        }
    }

    /// The same after a change.
    #[must_use]
    pub fn after(&self, change: &Change) -> Tree {
        let mut tree = self.clone();
        tree.apply(change);
        tree
    }

    /// The same with children in order of names.
    #[must_use]
    pub fn sorted(&self) -> Tree {
        let mut tree = self.clone();
        tree.0.values_mut().for_each(|node| node.children.sort_unstable());
        tree
    }

    /// The first difference from what should be there.
    #[must_use]
    pub fn difference(&self, wanted: &Tree) -> String {
        let paths = wanted.0.keys().chain(self.0.keys());
        let path = paths.into_iter().find(|path| self.0.get(*path) != wanted.0.get(*path));
        let Some(path) = path else { return "no difference".into() };
        match (self.0.get(path), wanted.0.get(path)) {
            (None, _) => format!("`{path}` is not there"),
            (_, None) => format!("`{path}` is there and should not be"),
            (Some(found), Some(wanted)) if found.value != wanted.value => {
                let (found, wanted) = (show(&found.value), show(&wanted.value));
                format!("`{path}` is {found} and should be {wanted}")
            }
            (Some(found), Some(wanted)) if found.perms != wanted.perms => {
                let (found, wanted) = (show(&found.perms), show(&wanted.perms));
                format!("`{path}` has permissions {found} and should have {wanted}")
            }
            (Some(found), Some(wanted)) => {
                let (found, wanted) = (&found.children, &wanted.children);
                format!("`{path}` has the children {found:?} and should have {wanted:?}")
            }
        }
    }

    /// Creates a node with its parents, if it isn't there.
    fn make(&mut self, path: &str) {
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        for end in ends {
            let path = path.get(..end).unwrap_or_default();
            if self.has(path) {
                continue;
            }
            let Some(above) = self.0.get_mut(parent(path)) else { return };
            above.children.push(leaf(path).to_owned());
            let perms = above.perms.clone();
            self.0.insert(path.to_owned(), Node { perms, ..Node::default() });
        }
    }
}

/// The path above; the top's is the top's own.
fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

fn leaf(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, leaf)| leaf)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_do_what_requests_do() {
        let mut tree = Tree::new(b"n0\0");
        tree.apply(&Change::Write("a/b".into(), b"1".into()));
        tree.apply(&Change::Mkdir("c".into()));
        tree.apply(&Change::SetPerms("a".into(), b"n0\0r5\0".into()));
        tree.apply(&Change::Mkdir("a/d".into()));
        tree.apply(&Change::Rm("a/b".into()));
        tree.apply(&Change::Write("a/b".into(), b"2".into()));
        assert_eq!(tree.0[""].children, ["a", "c"]);
        assert_eq!(tree.0["a"].children, ["d", "b"]);
        assert_eq!(tree.0["a/d"].perms, b"n0\0r5\0");
        assert_eq!(tree.0["a/b"].value, b"2");
        assert_eq!(tree.refusal(&Change::Rm("x".into())), None);
        assert_eq!(tree.refusal(&Change::Rm("x/y".into())), Some("ENOENT"));
        assert_eq!(tree.refusal(&Change::SetPerms("x".into(), vec![])), Some("ENOENT"));
        tree.apply(&Change::Rm("a".into()));
        assert_eq!(tree.0.len(), 2);
    }
}
