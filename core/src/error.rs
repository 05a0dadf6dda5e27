//! What can go wrong with an operation on the store, and who is to blame.

use crate::{domain::DomId, quota::Quota};

/// Why an operation was refused. Nothing of a refused operation has been applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// the path is not one: it must begin with `/`, hold only `[A-Za-z0-9-/_@]`, no `//`, and
    /// must not end with `/`
    #[error("the path is not valid: begin with /, use [A-Za-z0-9-/_@], no // and no / at the end")]
    InvalidPath,
    /// a value is out of its range or not of its form
    #[error("{0}")]
    InvalidValue(&'static str),
    /// the root can't be removed
    #[error("the root can't be removed")]
    RemoveRoot,
    /// there is no such node
    #[error("there is no such node")]
    NotFound,
    /// the caller lacks the permission (or may not know whether the node exists)
    #[error("permission denied")]
    AccessDenied,
    /// only the control domain may give a node to another owner
    #[error("only the control domain may change a node's owner")]
    OwnerChange,
    /// the path is below a reserved root that clients can't change
    #[error("the path lies below a reserved root, which is read-only")]
    ReadOnly,
    /// the watch is registered already
    #[error("this path and token are registered already")]
    Exists,
    /// it can't be done now
    #[error("not possible in this state")]
    Busy,
    /// the answer doesn't fit into one message
    #[error("the answer does not fit into one message")]
    TooBig,
    /// another commit changed what this transaction was answered by: run it again
    #[error("another commit changed what this transaction has read: run it again")]
    Conflict,
    /// the transaction has been over a quota and can only be aborted
    #[error("the transaction went over a quota and can only be aborted")]
    Poisoned,
    /// the domain is not known
    #[error("domain {0} is not known")]
    UnknownDomain(DomId),
    /// a quota is used up
    #[error("{0}")]
    Quota(Refusal),
    /// a memory quota is used up
    #[error("{0}")]
    OutOfMemory(Refusal),
}

/// Which quota refused an operation, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("domain {domain} is at its quota `{quota}` of {limit}")]
pub struct Refusal {
    /// Whose quota it is.
    pub domain: DomId,
    /// Which one.
    pub quota: Quota,
    /// Its value.
    pub limit: u32,
}
