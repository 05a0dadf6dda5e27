//! Which operation gave which answer how often, and which of these pairs can occur at all.

use std::{collections::BTreeMap, fmt};

use myriad_core::Errno;
use myriad_ring::v1::Op;

use super::{limits::HITS, step::op_name, tree::Answer};

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Row {
    /// An operation of 4.17.
    Op(u32),
    /// A type that is no operation.
    Unknown,
    /// A header that claims too long a payload.
    Oversized,
}

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Column {
    /// No error.
    Ok,
    /// An error.
    Error(Errno),
    /// The connection was closed.
    Closed,
}

type Cell = (Row, Column);

/// The table of a run.
#[derive(Clone, Debug, Default)]
pub struct Coverage(BTreeMap<Cell, u64>);

impl Coverage {
    /// Notes an answer to an operation.
    pub fn note(&mut self, op: u32, answer: &Answer) {
        let column = match answer {
            Ok(_) => Column::Ok,
            Err(errno) => Column::Error(*errno),
        };
        *self.0.entry((row(op), column)).or_default() += 1;
    }

    /// Notes that an oversized header ended a connection.
    pub fn note_closed(&mut self) {
        *self.0.entry((Row::Oversized, Column::Closed)).or_default() += 1;
    }

    /// What is wrong with the table of a full run: cells that were not hit often enough, and cells
    /// that were hit though they are not among those that can occur.
    #[must_use]
    pub fn gaps(&self) -> Vec<String> {
        let mut gaps = self.surprises();
        for (row, columns) in CELLS {
            for column in *columns {
                let hits = self.0.get(&(*row, *column)).copied().unwrap_or(0);
                if hits < HITS {
                    let (row, column) = (row_name(*row), column_name(*column));
                    gaps.push(format!("{row} {column}: {hits} times, {HITS} wanted"));
                }
            }
        }
        gaps
    }

    /// Cells that were hit though they are not among those that can occur.
    #[must_use]
    pub fn surprises(&self) -> Vec<String> {
        let expected = |cell: &Cell| can_occur(cell.0, cell.1) || TORN.contains(cell);
        let hit = self.0.keys().filter(|cell| !expected(cell));
        hit.map(|(row, column)| {
            format!("{} {}: held impossible", row_name(*row), column_name(*column))
        })
        .collect()
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut columns: Vec<Column> = self.0.keys().map(|(_, column)| *column).collect();
        columns.sort_unstable();
        columns.dedup();
        write!(f, "{:20}", "")?;
        for column in &columns {
            write!(f, "{:>9}", column_name(*column))?;
        }
        writeln!(f)?;
        for (row, _) in CELLS {
            write!(f, "{:20}", row_name(*row))?;
            for column in &columns {
                match self.0.get(&(*row, *column)) {
                    Some(hits) => write!(f, "{hits:>9}")?,
                    None if can_occur(*row, *column) => write!(f, "{:>9}", 0)?,
                    None => write!(f, "{:>9}", "-")?,
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// Why a client of the socket never gets an error from an operation that is not in [`CELLS`] with
/// it; None for those that are only particular to other operations.
#[must_use]
pub fn why_never(errno: Errno) -> Option<&'static str> {
    Some(match errno {
        Errno::EACCES | Errno::EPERM => "a client of the socket is privileged",
        Errno::ENOSPC => "quotas bind guests only",
        Errno::EISDIR | Errno::ENOTEMPTY | Errno::EISCONN => "C never sends it",
        Errno::EROFS => "C has no read-only nodes; ours, below /@index, are left alone",
        Errno::EIO => "only when C's database is broken, or a transaction's view of it",
        Errno::EEXIST => "only WATCH looks for what exists",
        Errno::EBUSY => "only TRANSACTION_START refuses a transaction",
        Errno::E2BIG => "only DIRECTORY answers more than a request can hold",
        Errno::EAGAIN | Errno::ENOMEM => "only a commit fails for others' sake",
        Errno::ENOSYS => "only what is no operation",
        Errno::EINVAL | Errno::ENOENT => return None,
    })
}

fn can_occur(row: Row, column: Column) -> bool {
    CELLS.iter().any(|(r, columns)| *r == row && columns.contains(&column))
}

fn row(op: u32) -> Row {
    let known = Op::from_number(op).is_some_and(|op| op <= Op::DirectoryPart);
    if known && op != Op::WatchEvent as u32 && op != Op::Error as u32 {
        Row::Op(op)
    } else {
        Row::Unknown
    }
}

fn row_name(row: Row) -> String {
    match row {
        Row::Op(op) => op_name(op),
        Row::Unknown => "(no operation)".to_owned(),
        Row::Oversized => "(oversized)".to_owned(),
    }
}

fn column_name(column: Column) -> &'static str {
    match column {
        Column::Ok => "OK",
        Column::Error(errno) => errno.name(),
        Column::Closed => "closed",
    }
}

const OK: Column = Column::Ok;
const EINVAL: Column = Column::Error(Errno::EINVAL);
const ENOENT: Column = Column::Error(Errno::ENOENT);
const USUAL: &[Column] = &[OK, EINVAL, ENOENT];

/// What C 4.17 answers in a transaction that it shows a torn tree: a listing from before another
/// client's RM, and a child from after it. Such a transaction can't commit; one that reads as of
/// its start never gets there, so no number of hits is asked for.
const TORN: &[Cell] = &[(Row::Op(Op::Rm as u32), Column::Error(Errno::EIO))];

/// The cells that can occur for a client of the socket with C 4.17. ENOENT is also the answer to
/// an unknown transaction, by every operation that looks at the transaction id.
pub const CELLS: &[(Row, &[Column])] = &[
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_that_is_missing_somewhere_has_its_reason() {
        for errno in Errno::ALL {
            let everywhere =
                CELLS.iter().filter(|(_, c)| c.contains(&Column::Error(errno))).count();
            assert!(why_never(errno).is_some() || everywhere > 10, "{errno:?}");
        }
    }

    #[test]
    fn gaps_and_surprises_are_named() {
        let mut coverage = Coverage::default();
        coverage.note(2, &Err(Errno::EPERM));
        assert_eq!(coverage.surprises(), ["READ EPERM: held impossible"]);
        assert!(coverage.gaps().iter().any(|gap| gap.starts_with("WRITE OK: 0 times")));
    }
}
