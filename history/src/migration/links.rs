//! What the records of a stream must be to each other.

use std::collections::{HashMap, HashSet};

use ahash::RandomState;

use super::{Link, Record, Wrong};

/// Looks at record after record whether each refers to what is there.
///
/// A node's parent comes before it; so does the connection of a watch or a transaction. No two
/// connections have one number, domain or descriptor, and no two nodes one path.
///
/// ```
/// use myriad_history::migration::{Depth, Links, Record, Watch};
///
/// let watch = Watch { conn: 7, path: b"/a", token: b"t", depth: Depth::All };
/// let error = Links::default().note(&Record::Watch(watch)).unwrap_err();
/// assert!(error.to_string().contains("connection 7"));
/// ```
#[derive(Debug, Default)]
pub struct Links {
    counts: Counts,
    connections: HashSet<u32, RandomState>,
    places: HashSet<(bool, i64), RandomState>,
    transactions: HashSet<(u32, u32), RandomState>,
    domains: HashSet<u16, RandomState>,
    nodes: HashMap<Box<[u8]>, (), RandomState>,
}

/// How many records of each kind there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// GLOBAL_DATA.
    pub globals: usize,
    /// CONNECTION_DATA.
    pub connections: usize,
    /// WATCH_DATA and WATCH_DATA_EXTENDED.
    pub watches: usize,
    /// TRANSACTION_DATA.
    pub transactions: usize,
    /// NODE_DATA, of the store.
    pub nodes: usize,
    /// NODE_DATA, of transactions.
    pub pending: usize,
    /// GLOBAL_QUOTA_DATA.
    pub quotas: usize,
    /// DOMAIN_DATA.
    pub domains: usize,
}

impl Links {
    /// Takes note of a record.
    ///
    /// # Errors
    /// [`Wrong::Unknown`] and [`Wrong::Twice`].
    pub fn note(&mut self, record: &Record<'_>) -> Result<(), Wrong> {
        let name = record.name();
        let counts = &mut self.counts;
        match record {
            Record::Global(_) => once(name, &mut counts.globals),
            Record::GlobalQuota(_) => once(name, &mut counts.quotas),
            Record::Connection(connection) => {
                counts.connections += 1;
                new(self.connections.insert(connection.id), name, || {
                    format!(" with the number {}", connection.id)
                })?;
                let (place, of) = match connection.link {
                    Link::Ring { domid, .. } => ((true, domid.into()), "domain"),
                    Link::Socket { fd } => ((false, fd.into()), "descriptor"),
                };
                new(self.places.insert(place), name, || format!(" of {of} {}", place.1))
            }
            Record::Watch(watch) => {
                counts.watches += 1;
                self.knows(watch.conn, name)
            }
            Record::Transaction(open) => {
                counts.transactions += 1;
                self.knows(open.conn, name)?;
                let key = (open.conn, open.id);
                new(self.transactions.insert(key), name, || format!(" with the number {}", open.id))
            }
            Record::Node(node) if node.conn != 0 => {
                counts.pending += 1;
                if self.transactions.contains(&(node.conn, node.tx)) {
                    return Ok(());
                }
                let number = format!("{} of connection {}", node.tx, node.conn);
                Err(Wrong::Unknown { record: name, what: "transaction", name: number })
            }
            Record::Node(node) => {
                counts.nodes += 1;
                let parent = parent(node.path).filter(|parent| !self.nodes.contains_key(*parent));
                if let Some(parent) = parent {
                    let (what, parent) = ("the parent", text(parent));
                    return Err(Wrong::Unknown { record: name, what, name: parent });
                }
                let is_new = self.nodes.insert(node.path.into(), ()).is_none();
                new(is_new, name, || format!(" of {}", text(node.path)))
            }
            Record::Domain(domain) => {
                counts.domains += 1;
                let is_new = self.domains.insert(domain.domid);
                new(is_new, name, || format!(" of domain {}", domain.domid))
            }
        }
    }

    /// What there was.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    fn knows(&self, conn: u32, record: &'static str) -> Result<(), Wrong> {
        let is_known = self.connections.contains(&conn);
        let wrong = || Wrong::Unknown { record, what: "connection", name: conn.to_string() };
        is_known.then_some(()).ok_or_else(wrong)
    }
}

fn once(record: &'static str, count: &mut usize) -> Result<(), Wrong> {
    *count += 1;
    new(*count == 1, record, String::new)
}

fn new(is_new: bool, record: &'static str, of: impl FnOnce() -> String) -> Result<(), Wrong> {
    if is_new { Ok(()) } else { Err(Wrong::Twice { record, of: of() }) }
}

/// The path of a node's parent; none for the root and for special nodes.
fn parent(path: &[u8]) -> Option<&[u8]> {
    if path == b"/" || path.first() != Some(&b'/') {
        return None;
    }
    let slash = path.iter().rposition(|byte| *byte == b'/')?;
    Some(path.get(..slash.max(1)).unwrap_or_default())
}

fn text(path: &[u8]) -> String {
    path.escape_ascii().to_string()
}
