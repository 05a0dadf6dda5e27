//! Which operation gave which answer how often, and which of these pairs can occur at all.

use std::{collections::BTreeMap, fmt};

use myriad_core::Errno;
use myriad_ring::v1::Op;

use super::{limits::HITS, step::op_name, tree::Answer, who};

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

/// Half of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Half {
    /// Clients of the socket, who are privileged.
    Sockets,
    /// Guests on rings.
    Guests,
}

type Cell = (Half, Row, Column);

/// The table of a run.
#[derive(Clone, Debug, Default)]
pub struct Coverage(BTreeMap<Cell, u64>);

impl Half {
    const BOTH: [Half; 2] = [Half::Sockets, Half::Guests];

    /// That of a client.
    #[must_use]
    pub fn of(client: usize) -> Half {
        if who::domid(client).is_some() { Half::Guests } else { Half::Sockets }
    }

    /// The cells that can occur with C 4.17.
    #[must_use]
    pub fn cells(self) -> &'static [(Row, &'static [Column])] {
        match self {
            Half::Sockets => SOCKETS,
            Half::Guests => GUESTS,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Half::Sockets => "sockets",
            Half::Guests => "guests",
        }
    }
}

impl Coverage {
    /// Notes an answer to an operation of a client's.
    pub fn note(&mut self, client: usize, op: u32, answer: &Answer) {
        let column = match answer {
            Ok(_) => Column::Ok,
            Err(errno) => Column::Error(*errno),
        };
        *self.0.entry((Half::of(client), row(op), column)).or_default() += 1;
    }

    /// Notes that an oversized header ended a client's connection.
    pub fn note_closed(&mut self, client: usize) {
        let cell = (Half::of(client), Row::Oversized, Column::Closed);
        *self.0.entry(cell).or_default() += 1;
    }

    /// What is wrong with the table of a full run: cells that were not hit often enough, and cells
    /// that were hit though they are not among those that can occur.
    #[must_use]
    pub fn gaps(&self) -> Vec<String> {
        let mut gaps = self.surprises();
        for half in Half::BOTH {
            let cells = half.cells().iter().flat_map(|(r, cs)| cs.iter().map(|c| (*r, *c)));
            for (row, column) in cells {
                let hits = self.0.get(&(half, row, column)).copied().unwrap_or(0);
                if hits < HITS {
                    let cell = cell_name((half, row, column));
                    gaps.push(format!("{cell}: {hits} times, {HITS} wanted"));
                }
            }
        }
        gaps
    }

    /// Cells that were hit though they are not among those that can occur.
    #[must_use]
    pub fn surprises(&self) -> Vec<String> {
        let torn = |cell: &Cell| TORN.contains(&(cell.1, cell.2));
        let hit = self.0.keys().filter(|cell| !can_occur(**cell) && !torn(cell));
        hit.map(|cell| format!("{}: held impossible", cell_name(*cell))).collect()
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for half in Half::BOTH {
            self.show(half, f)?;
        }
        Ok(())
    }
}

impl Coverage {
    fn show(&self, half: Half, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hit = self.0.keys().filter(|cell| cell.0 == half).map(|cell| cell.2);
        let mut columns: Vec<Column> = hit.collect();
        columns.sort_unstable();
        columns.dedup();
        write!(f, "{:20}", half.name())?;
        for column in &columns {
            write!(f, "{:>8}", column_name(*column))?;
        }
        writeln!(f)?;
        for (row, _) in half.cells() {
            write!(f, "{:20}", row_name(*row))?;
            for column in &columns {
                let cell = (half, *row, *column);
                match self.0.get(&cell) {
                    Some(hits) => write!(f, "{hits:>8}")?,
                    None if can_occur(cell) => write!(f, "{:>8}", 0)?,
                    None => write!(f, "{:>8}", "-")?,
                }
            }
            writeln!(f)?;
        }
        writeln!(f)
    }
}

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

fn can_occur((half, row, column): Cell) -> bool {
    half.cells().iter().any(|(r, columns)| *r == row && columns.contains(&column))
}

fn cell_name((half, row, column): Cell) -> String {
    format!("{}: {} {}", half.name(), row_name(row), column_name(column))
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
const TORN: &[(Row, Column)] = &[(Row::Op(Op::Rm as u32), Column::Error(Errno::EIO))];

const EACCES: Column = Column::Error(Errno::EACCES);
const ENOSPC: Column = Column::Error(Errno::ENOSPC);
/// Reserved for dom0, which is looked at before anything else.
const RESERVED: &[Column] = &[EACCES];
/// ENOSPC: the transaction has touched too many nodes, or a quota refuses the change.
const OF_GUESTS: &[Column] = &[OK, EINVAL, ENOENT, EACCES, ENOSPC];

/// The cells that can occur for a client of the socket with C 4.17. ENOENT is also the answer to
/// an unknown transaction, by every operation that looks at the transaction id.
const SOCKETS: &[(Row, &[Column])] = &[
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
const GUESTS: &[(Row, &[Column])] = &[
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
const E2BIG: Column = Column::Error(Errno::E2BIG);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_that_is_missing_somewhere_has_its_reason() {
        for errno in Errno::ALL {
            let everywhere =
                SOCKETS.iter().filter(|(_, c)| c.contains(&Column::Error(errno))).count();
            assert!(why_never(errno).is_some() || everywhere > 10, "{errno:?}");
        }
    }

    #[test]
    fn gaps_and_surprises_are_named() {
        let mut coverage = Coverage::default();
        coverage.note(0, 2, &Err(Errno::EACCES));
        coverage.note(who::guest(1), 2, &Err(Errno::EACCES));
        assert_eq!(coverage.surprises(), ["sockets: READ EACCES: held impossible"]);
        assert!(coverage.gaps().iter().any(|gap| gap.starts_with("guests: WRITE OK: 0 times")));
        assert!(coverage.gaps().iter().any(|gap| gap.starts_with("guests: READ EACCES: 1 times")));
    }
}
