//! What a client may ask for, and how that looks on the wire.

use std::fmt;

use myriad_core::Perm;
use myriad_ring::v1::Op;

use super::item::{Item, in_a_line};

/// An operation of the protocol. Paths are absolute. The last five are v2's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// READ.
    Read(String),
    /// DIRECTORY.
    List(String),
    /// GET_PERMS.
    GetPerms(String),
    /// WRITE of a value.
    Write(String, String),
    /// MKDIR.
    Mkdir(String),
    /// RM.
    Rm(String),
    /// SET_PERMS.
    SetPerms(String, Vec<Perm>),
    /// WATCH with a token.
    Watch(String, String),
    /// UNWATCH with a token.
    Unwatch(String, String),
    /// TRANSACTION_START.
    Start,
    /// TRANSACTION_END; true: what was done is to be kept.
    End(bool),
    /// COMMIT.
    Commit(Vec<Item>),
    /// GET_MANY: the answer is the values, each closed by a NUL; `!` and an error where it has one.
    GetMany(Vec<String>),
    /// LIST with values: the answer is the children, each a name, `=`, and what GET_MANY says.
    ListValues(String),
    /// LOOKUP in the index of names: the answer is the matches, each a domain and its owner.
    LookUp(String),
    /// WATCH of several: path and token each.
    WatchAll(Vec<(String, String)>),
}

/// A request of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// What is asked for.
    pub act: Act,
    /// In the client's transaction, of which it has one at a time.
    pub tx: bool,
}

/// A reply's payload, or the name of the error; of a batch of v2 with the item that is to blame.
pub type Reply = Result<Vec<u8>, String>;

impl Act {
    /// Its number in v1, or that of what is nearest to it.
    #[must_use]
    pub fn op(&self) -> Op {
        match self {
            Act::Read(_) => Op::Read,
            Act::List(_) => Op::Directory,
            Act::GetPerms(_) => Op::GetPerms,
            Act::Write(..) => Op::Write,
            Act::Mkdir(_) => Op::Mkdir,
            Act::Rm(_) => Op::Rm,
            Act::SetPerms(..) => Op::SetPerms,
            Act::Watch(..) => Op::Watch,
            Act::Unwatch(..) => Op::Unwatch,
            Act::Start => Op::TransactionStart,
            Act::End(_) | Act::Commit(_) => Op::TransactionEnd,
            Act::GetMany(_) => Op::Read,
            Act::ListValues(_) | Act::LookUp(_) => Op::Directory,
            Act::WatchAll(_) => Op::Watch,
        }
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Act::Commit(_) => "COMMIT",
            Act::GetMany(_) => "GET_MANY",
            Act::ListValues(_) => "LIST",
            Act::LookUp(_) => "LOOKUP",
            Act::WatchAll(_) => "WATCH_ALL",
            _ => self.op().name(),
        }
    }

    /// The node that it is about; none for those of transactions.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        match self {
            Act::Read(path) | Act::List(path) | Act::GetPerms(path) | Act::Mkdir(path) => {
                Some(path)
            }
            Act::Write(path, _) | Act::Rm(path) | Act::SetPerms(path, _) => Some(path),
            Act::Watch(path, _) | Act::Unwatch(path, _) | Act::ListValues(path) => Some(path),
            Act::Commit(items) => items.first().map(Item::path),
            Act::GetMany(paths) => paths.first().map(String::as_str),
            Act::Start | Act::End(_) | Act::LookUp(_) | Act::WatchAll(_) => None,
        }
    }

    /// Whether it may change a node.
    #[must_use]
    pub fn changes(&self) -> bool {
        matches!(
            self,
            Act::Write(..) | Act::Mkdir(_) | Act::Rm(_) | Act::SetPerms(..) | Act::Commit(_)
        )
    }

    /// What follows the header in v1; nothing for what is v2's.
    #[must_use]
    pub fn payload(&self) -> Vec<u8> {
        let text = match self {
            Act::Write(path, value) => format!("{path}\0{value}"),
            Act::SetPerms(path, perms) => format!("{path}\0{}", strings(perms)),
            Act::Watch(path, token) | Act::Unwatch(path, token) => format!("{path}\0{token}\0"),
            Act::Start => "\0".into(),
            Act::End(commit) => format!("{}\0", if *commit { 'T' } else { 'F' }),
            Act::Read(path) | Act::List(path) | Act::GetPerms(path) => format!("{path}\0"),
            Act::Mkdir(path) | Act::Rm(path) => format!("{path}\0"),
            Act::Commit(_) | Act::GetMany(_) | Act::ListValues(_) => String::new(),
            Act::LookUp(_) | Act::WatchAll(_) => String::new(),
        };
        text.into_bytes()
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name())?;
        match self {
            Act::Commit(_) | Act::GetMany(_) => {}
            _ => self.path().map_or(Ok(()), |path| write!(f, " {path}"))?,
        }
        match self {
            Act::Commit(items) => write!(f, " {}", in_a_line(items)),
            Act::GetMany(paths) => write!(f, " {}", in_a_line(paths)),
            Act::LookUp(key) => write!(f, " {key}"),
            Act::WatchAll(watches) => {
                watches.iter().try_for_each(|(path, token)| write!(f, " {path} {token}"))
            }
            Act::Write(_, more) | Act::Watch(_, more) | Act::Unwatch(_, more) => {
                write!(f, " {more}")
            }
            Act::SetPerms(_, perms) => perms.iter().try_for_each(|perm| write!(f, " {perm}")),
            Act::End(commit) => f.write_str(if *commit { " T" } else { " F" }),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.tx { "tx " } else { "" }, self.act)
    }
}

/// Permissions as GET_PERMS gives them.
#[must_use]
pub fn strings(perms: &[Perm]) -> String {
    perms.iter().map(|perm| format!("{perm}\0")).collect()
}
