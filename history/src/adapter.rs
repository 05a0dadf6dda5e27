//! A store's own records and versions as a history takes them.

use myriad_core::{
    Access, Caller, DomId, DomainChange, Instance, Item, Origin, Perms, Record, Snapshot, What,
};

use crate::file::{
    Author, CONTROL, Change, Commit, Perm, SnapshotNode, WriteError, Writer, storage::Storage,
};

/// Adds what a store publishes to a history.
///
/// ```
/// use myriad_core::{Caller, Config, FeedItem, Path, Store, Writes};
/// use myriad_history::{Recorder, file::{History, Options, Writer}};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("history");
/// let writer = Writer::open(&path, &Options::sized(1 << 20))?;
/// let store = Store::new(&Config::default())?;
/// let mut feed = store.feed();
/// let mut recorder = Recorder::new(writer);
/// recorder.snapshot(&store.snapshot(), 0)?;
/// store.edit(|edit| edit.write(&Caller::Control, Path::new("/a")?, b"1")).result?;
/// while let FeedItem::Record(record) = feed.next() {
///     recorder.append(&record, 1)?;
/// }
/// recorder.close()?;
/// let history = History::open(&path)?;
/// let newest = history.versions().last().unwrap().generation;
/// assert_eq!(*history.tree(newest)?.get("/a").unwrap().value, *b"1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Recorder<S: Storage> {
    writer: Writer<S>,
    perms: Vec<Perm>,
    /// The publication that was added last.
    seq: u64,
}

impl<S: Storage> Recorder<S> {
    /// Adds to this writer's history. A [`snapshot`](Recorder::snapshot) comes first.
    pub fn new(writer: Writer<S>) -> Recorder<S> {
        Recorder { writer, perms: Vec::new(), seq: 0 }
    }

    /// The writer.
    pub fn writer(&mut self) -> &mut Writer<S> {
        &mut self.writer
    }

    /// The publication that was added last.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Adds a publication, unless it or a later one is in already; at a time in nanoseconds since
    /// 1970, where its request has none.
    ///
    /// # Errors
    /// As [`Writer::append`].
    pub fn append(&mut self, record: &Record, now: u64) -> Result<(), WriteError> {
        if record.seq <= self.seq {
            return Ok(());
        }
        self.seq = record.seq;
        self.perms.clear();
        // First the lists, then what borrows them.
        let mut lists = Vec::new();
        for item in record.items() {
            if let Item::Node(change) = item
                && let What::Created(_, perms) | What::Perms(perms) = change.what
            {
                let start = self.perms.len();
                self.perms.extend(entries(perms));
                lists.push(start..self.perms.len());
            }
        }
        let mut lists = lists.into_iter();
        let mut list = || {
            let range = lists.next().unwrap_or_default();
            self.perms.get(range).unwrap_or_default()
        };
        let requests = record.items().filter(|item| matches!(item, Item::Next(_))).count() as u64;
        let mut generation = record.generation.saturating_sub(requests);
        let (mut origin, mut caller) = (record.origin, Caller::Control);
        let mut notes: Vec<(Author, u64, String, String)> = Vec::new();
        let mut changes: Vec<Change<'_>> = Vec::new();
        for item in record.items() {
            match item {
                Item::By(by) => caller = by,
                Item::Next(next) => (origin, generation) = (next, generation + 1),
                Item::Node(change) => {
                    use crate::file::What as To;
                    let author = author(&change.author, &origin);
                    let what = match change.what {
                        What::Written(value) => To::Written { value },
                        What::Created(value, _) => To::Created { value, perms: list() },
                        What::Removed => To::Removed,
                        What::Perms(_) => To::Perms(list()),
                    };
                    changes.push(Change { author, generation, path: change.path, what });
                }
                Item::Domain(domid, change) => {
                    if let Some(text) = note(change) {
                        let path = format!("/local/domain/{domid}");
                        notes.push((author(&caller, &origin), generation, path, text));
                    }
                }
                Item::Quota(domid, quota, value) => {
                    let path = domid.map_or("/".to_owned(), |d| format!("/local/domain/{d}"));
                    let text = format!("quota {quota} {value}");
                    notes.push((author(&caller, &origin), generation, path, text));
                }
                _ => {}
            }
        }
        for (author, generation, path, text) in &notes {
            let what = crate::file::What::Noted(text);
            changes.push(Change { author: *author, generation: *generation, path, what });
        }
        let at = if record.origin.at == 0 { now } else { record.origin.at };
        let (seq, generation) = (record.seq, record.generation);
        self.writer.append(&Commit { seq, generation, at, changes: &changes })
    }

    /// Adds a snapshot, where the writer wants one or there is none yet.
    ///
    /// # Errors
    /// As [`Writer::snapshot`].
    pub fn snapshot(&mut self, version: &Snapshot, now: u64) -> Result<(), WriteError> {
        self.seq = self.seq.max(version.seq());
        let mut snapshot = self.writer.begin_snapshot(version.seq(), version.generation(), now)?;
        let mut list = Vec::new();
        version.walk(|path, value, perms, generation| {
            list.clear();
            list.extend(entries(perms));
            snapshot.node(&SnapshotNode { path, value, perms: &list, generation })
        })?;
        snapshot.finish()
    }

    /// Ends the history in order.
    ///
    /// # Errors
    /// The disk's.
    pub fn close(self) -> Result<S, WriteError> {
        self.writer.close()
    }
}

/// What is told of a domain; none of what changes nothing for people.
fn note(change: DomainChange) -> Option<String> {
    Some(match change {
        DomainChange::Introduced => "introduced".to_owned(),
        DomainChange::Gone => "released".to_owned(),
        DomainChange::Shutdown => "shut down".to_owned(),
        DomainChange::Resumed => "resumed".to_owned(),
        DomainChange::Target(target, _) => format!("serves domain {target}"),
        DomainChange::Features(bits) => format!("features {bits}"),
        DomainChange::Known(life) => format!("life {}", life.number()),
        _ => return None,
    })
}

fn author(caller: &Caller, origin: &Origin) -> Author {
    let (domid, instance) = caller.guest().unwrap_or((DomId::ZERO, Instance::CONTROL));
    Author {
        domid: domid.0,
        instance: instance.number(),
        conn: origin.conn.0,
        request: origin.request,
        transaction: origin.transaction,
        op: origin.op,
    }
}

fn entries(perms: Perms<'_>) -> impl Iterator<Item = Perm> + '_ {
    perms.entries().map(|(perm, instance)| Perm {
        access: match perm.access {
            Access::None => 0,
            Access::Read => Perm::READ,
            Access::Write => Perm::WRITE,
            Access::Both => Perm::READ | Perm::WRITE,
        },
        domid: perm.domid.0,
        instance: instance.number(),
    })
}

const _: () = assert!(CONTROL == 1);
