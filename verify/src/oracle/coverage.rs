//! Which operation gave which answer how often, and which of these pairs can occur at all.

use std::{collections::BTreeMap, fmt};

use myriad_core::Errno;
use myriad_ring::v1::Op;

use super::{
    cells::{GUESTS, SOCKETS, TORN},
    limits::HITS,
    step::op_name,
    tree::Answer,
    who,
};

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

#[cfg(test)]
mod tests {
    use super::*;

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
