//! Which operation can give which answer at all, and why not the others.

use myriad_core::Errno;
use myriad_ring::v1::Op;

use super::coverage::{Column, Row};

/// Why no client gets an error from an operation whose cells leave it out, here or in general;
/// None for those that are only particular to other operations.
#[must_use]
pub fn why_never(errno: Errno) -> Option<&'static str> {
    Some(match errno {
        Errno::EACCES => "a client of the socket is privileged; WATCH asks for no permission",
        Errno::EPERM => "only a guest's SET_PERMS that gives a node away",
        Errno::ENOSPC => "quotas bind guests only, and not what touches no node",
        Errno::EISDIR | Errno::ENOTEMPTY | Errno::EISCONN => "C never sends it",
        Errno::EROFS => "C has no read-only nodes; ours, below /@index, are left alone",
        Errno::EIO => "only when C's database is broken, or a transaction's view of it",
        Errno::EEXIST => "only WATCH looks for what exists",
        Errno::EBUSY => "only TRANSACTION_START refuses a transaction",
        Errno::E2BIG => "only DIRECTORY answers more than a request can hold; WATCH at its quota",
        Errno::EAGAIN | Errno::ENOMEM => "only a commit fails for others' sake",
        Errno::ENOSYS => "only what is no operation",
        Errno::EINVAL | Errno::ENOENT => return None,
    })
}

const OK: Column = Column::Ok;
const EINVAL: Column = Column::Error(Errno::EINVAL);
const ENOENT: Column = Column::Error(Errno::ENOENT);
const USUAL: &[Column] = &[OK, EINVAL, ENOENT];

/// What C 4.17 answers in a transaction that it shows a torn tree: a listing from before another
/// client's RM, and a child from after it. Such a transaction can't commit; one that reads as of
/// its start never gets there, so no number of hits is asked for.
pub(super) const TORN: &[(Row, Column)] = &[(Row::Op(Op::Rm as u32), Column::Error(Errno::EIO))];

const E2BIG: Column = Column::Error(Errno::E2BIG);
const EACCES: Column = Column::Error(Errno::EACCES);
const ENOSPC: Column = Column::Error(Errno::ENOSPC);
/// Reserved for dom0, which is looked at before anything else.
const RESERVED: &[Column] = &[EACCES];
/// ENOSPC: the transaction has touched too many nodes, or a quota refuses the change.
const OF_GUESTS: &[Column] = &[OK, EINVAL, ENOENT, EACCES, ENOSPC];

/// The cells that can occur for a client of the socket with C 4.17. ENOENT is also the answer to
/// an unknown transaction, by every operation that looks at the transaction id.
pub(super) const SOCKETS: &[(Row, &[Column])] = &[
    (Row::Op(Op::Control as u32), USUAL),
    (Row::Op(Op::Directory as u32), &[OK, EINVAL, ENOENT, Column::Error(Errno::E2BIG)]),
    (Row::Op(Op::Read as u32), USUAL),
    (Row::Op(Op::GetPerms as u32), USUAL),
    // WATCH and UNWATCH ignore the transaction; WATCH needs no node.
    (Row::Op(Op::Watch as u32), &[OK, EINVAL, Column::Error(Errno::EEXIST)]),
    (Row::Op(Op::Unwatch as u32), USUAL),
    // The payload is ignored.
    (Row::Op(Op::TransactionStart as u32), &[OK, ENOENT, Column::Error(Errno::EBUSY)]),
    (
        Row::Op(Op::TransactionEnd as u32),
        &[OK, EINVAL, ENOENT, Column::Error(Errno::EAGAIN), Column::Error(Errno::ENOMEM)],
    ),
    (Row::Op(Op::Introduce as u32), USUAL),
    (Row::Op(Op::Release as u32), USUAL),
    (Row::Op(Op::GetDomainPath as u32), USUAL),
    (Row::Op(Op::Write as u32), USUAL),
    (Row::Op(Op::Mkdir as u32), USUAL),
    (Row::Op(Op::Rm as u32), USUAL),
    (Row::Op(Op::SetPerms as u32), USUAL),
    (Row::Op(Op::IsDomainIntroduced as u32), USUAL),
    (Row::Op(Op::Resume as u32), USUAL),
    (Row::Op(Op::SetTarget as u32), USUAL),
    // The payload is ignored.
    (Row::Op(Op::ResetWatches as u32), &[OK, ENOENT]),
    (Row::Op(Op::DirectoryPart as u32), USUAL),
    (Row::Unknown, &[Column::Error(Errno::ENOSYS)]),
    (Row::Oversized, &[Column::Closed]),
];

/// The same for a guest on its ring.
pub(super) const GUESTS: &[(Row, &[Column])] = &[
    (Row::Op(Op::Control as u32), RESERVED),
    (Row::Op(Op::Directory as u32), &[OK, EINVAL, ENOENT, EACCES, ENOSPC, E2BIG]),
    (Row::Op(Op::Read as u32), OF_GUESTS),
    (Row::Op(Op::GetPerms as u32), OF_GUESTS),
    (Row::Op(Op::Watch as u32), &[OK, EINVAL, Column::Error(Errno::EEXIST), E2BIG]),
    (Row::Op(Op::Unwatch as u32), USUAL),
    (Row::Op(Op::TransactionStart as u32), &[OK, ENOENT, ENOSPC, Column::Error(Errno::EBUSY)]),
    (
        Row::Op(Op::TransactionEnd as u32),
        &[OK, EINVAL, ENOENT, ENOSPC, Column::Error(Errno::EAGAIN), Column::Error(Errno::ENOMEM)],
    ),
    (Row::Op(Op::Introduce as u32), RESERVED),
    (Row::Op(Op::Release as u32), RESERVED),
    (Row::Op(Op::GetDomainPath as u32), USUAL),
    (Row::Op(Op::Write as u32), OF_GUESTS),
    (Row::Op(Op::Mkdir as u32), OF_GUESTS),
    (Row::Op(Op::Rm as u32), OF_GUESTS),
    (
        Row::Op(Op::SetPerms as u32),
        &[OK, EINVAL, ENOENT, EACCES, ENOSPC, Column::Error(Errno::EPERM)],
    ),
    (Row::Op(Op::IsDomainIntroduced as u32), RESERVED),
    (Row::Op(Op::Resume as u32), RESERVED),
    (Row::Op(Op::SetTarget as u32), RESERVED),
    (Row::Op(Op::ResetWatches as u32), &[OK, ENOENT]),
    (Row::Op(Op::DirectoryPart as u32), OF_GUESTS),
    (Row::Unknown, &[Column::Error(Errno::ENOSYS)]),
    (Row::Oversized, &[Column::Closed]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_that_is_missing_somewhere_has_its_reason() {
        for errno in Errno::ALL {
            let column = Column::Error(errno);
            let everywhere = SOCKETS.iter().filter(|(_, c)| c.contains(&column)).count();
            assert!(why_never(errno).is_some() || everywhere > 10, "{errno:?}");
        }
    }
}
