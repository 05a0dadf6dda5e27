//! An item of a COMMIT: a change, or a condition.

use std::fmt;

use myriad_core::Perm;

use super::act::Act;

/// An item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A change: WRITE, MKDIR, RM or SET_PERMS.
    Change(Act),
    /// The value is this.
    IfValue(String, String),
    /// There is no such node.
    IfAbsent(String),
    /// There is.
    IfExists(String),
}

impl Item {
    /// The node that it is about.
    #[must_use]
    pub fn path(&self) -> &str {
        match self {
            Item::Change(act) => act.path().unwrap_or_default(),
            Item::IfValue(path, _) | Item::IfAbsent(path) | Item::IfExists(path) => path,
        }
    }

    /// The item of its text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Item> {
        let mut words = text.splitn(3, ' ');
        let (verb, path) = (words.next()?, words.next()?.to_owned());
        let more = words.next().unwrap_or_default();
        let perms = || -> Option<Vec<Perm>> {
            more.split(' ').map(|p| Perm::parse(p.as_bytes()).ok()).collect()
        };
        Some(match verb {
            "write" => Item::Change(Act::Write(path, more.to_owned())),
            "mkdir" => Item::Change(Act::Mkdir(path)),
            "rm" => Item::Change(Act::Rm(path)),
            "perms" => Item::Change(Act::SetPerms(path, perms()?)),
            "is" => Item::IfValue(path, more.to_owned()),
            "absent" => Item::IfAbsent(path),
            "exists" => Item::IfExists(path),
            _ => return None,
        })
    }

    /// The items of a COMMIT in their text.
    #[must_use]
    pub fn parse_all(text: &str) -> Option<Vec<Item>> {
        text.split("; ").map(Item::parse).collect()
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Item::Change(Act::Write(path, value)) => write!(f, "write {path} {value}"),
            Item::Change(Act::Mkdir(path)) => write!(f, "mkdir {path}"),
            Item::Change(Act::Rm(path)) => write!(f, "rm {path}"),
            Item::Change(Act::SetPerms(path, perms)) => {
                write!(f, "perms {path}")?;
                perms.iter().try_for_each(|perm| write!(f, " {perm}"))
            }
            Item::Change(act) => write!(f, "{act}"),
            Item::IfValue(path, value) => write!(f, "is {path} {value}"),
            Item::IfAbsent(path) => write!(f, "absent {path}"),
            Item::IfExists(path) => write!(f, "exists {path}"),
        }
    }
}

/// Several items in a line.
pub(super) fn in_a_line<T: fmt::Display>(items: &[T]) -> String {
    items.iter().map(T::to_string).collect::<Vec<_>>().join("; ")
}
