//! What a killed daemon left: the newest checkpoint, and the records that follow it.
//!
//! **J11** Each record that is followed is marked, and names the one before it as its parent; the
//! first names the checkpoint's. A marked record that doesn't hang in this chain can't be left by
//! a killed daemon: it is an error, and nothing is guessed.

use std::{io, path::Path};

use super::{
    checkpoint::{Checkpoint, Covered, Head, Kind, contents},
    directory::{BootId, CHECKPOINTS, Directory, JOURNAL, options},
    error::RecoveryError,
    header::{Header, NEEDED, STATE},
    map::Map,
    record::{self, Found, RecordHead, RecordId, Shape},
    state,
    words::{WORD, Words},
};

/// What was found.
#[derive(Debug)]
pub struct Recovered {
    checkpoint: Checkpoint,
    records: Vec<Record>,
    suspended: Option<u64>,
    unmarked: u64,
}

/// A record of a commit that somebody may have seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its place in the old journal.
    pub id: RecordId,
    /// What it says besides its body.
    pub head: RecordHead,
    /// The parts, one after another.
    pub body: Vec<u8>,
}

impl Recovered {
    /// Reads what is there. None where nothing is, or where it is of another life of the host:
    /// then it is removed. Nothing else is changed, so that it can be read again.
    ///
    /// # Errors
    /// [`RecoveryError::Damaged`], [`RecoveryError::Version`]; the system's.
    pub fn read(directory: &Directory) -> Result<Option<Recovered>, RecoveryError> {
        let boot = directory.boot();
        let (mut found, mut are_there) = (Vec::new(), false);
        for name in CHECKPOINTS {
            let path = directory.file(name);
            let Some(bytes) = contents(&path)? else { continue };
            are_there = true;
            match Head::read(&bytes, boot, &path)? {
                Kind::Whole(head) => found.push((head, bytes)),
                Kind::Torn => {}
                Kind::Foreign => return directory.clear().map(|()| None),
            }
        }
        found.sort_by_key(|(head, _)| std::cmp::Reverse(head.number));
        let path = directory.file(JOURNAL);
        let journal = match mapped(&path)? {
            None => None,
            Some((words, bytes)) => match header(&words, bytes, boot, &path)? {
                None => return directory.clear().map(|()| None),
                Some(header) => Some((header, words)),
            },
        };
        let Some(checkpoint) =
            found.into_iter().find_map(|(head, bytes)| Checkpoint::of(bytes, head))
        else {
            // Before the first checkpoint is complete there is no journal, and nobody is served.
            return match journal.is_some() && are_there {
                true => Err(RecoveryError::damaged(path, "there is no whole checkpoint to it")),
                false => Ok(None),
            };
        };
        Recovered::follow(checkpoint, journal, &path).map(Some)
    }

    fn follow(
        checkpoint: Checkpoint,
        journal: Option<(Header, Map)>,
        path: &Path,
    ) -> Result<Recovered, RecoveryError> {
        let number = checkpoint.head.number;
        let Some((header, words)) = journal else {
            // The first one is complete before there is a journal.
            return match number {
                1 => Ok(Recovered { checkpoint, records: vec![], suspended: None, unmarked: 0 }),
                _ => Err(RecoveryError::damaged(path, "it is missing")),
            };
        };
        if words.get(NEEDED) > number {
            let what = format!("it needs checkpoint {}, and {number} is here", words.get(NEEDED));
            return Err(RecoveryError::damaged(path, what));
        }
        let suspended = (!state::says_recording(words.get(STATE))).then(|| words.get(STATE + 1));
        let found = scan(&words, header.shape(), header.key);
        let unmarked = found.iter().filter(|found| !found.is_marked).count() as u64;
        let records = match suspended {
            None => chain(&words, &header, &found, checkpoint.head.covered, path)?,
            Some(_) => Vec::new(), // Some are missing.
        };
        Ok(Recovered { checkpoint, records, suspended, unmarked })
    }

    /// What the checkpoint is of.
    #[must_use]
    pub fn covered(&self) -> Covered {
        self.checkpoint.head.covered
    }

    /// What was written into the checkpoint.
    #[must_use]
    pub fn checkpoint(&self) -> &[u8] {
        self.checkpoint.body()
    }

    /// The records that follow it, in order.
    #[must_use]
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// About the publication from which on commits were made that are nowhere: what is here is
    /// older than what was seen, and must not be served. None where all is here.
    #[must_use]
    pub fn suspended(&self) -> Option<u64> {
        self.suspended
    }

    /// The life of the daemon that left it: the next one's number is larger.
    #[must_use]
    pub fn incarnation(&self) -> u64 {
        self.checkpoint.head.incarnation
    }

    /// Records that were found and not followed since nobody can have seen them.
    #[must_use]
    pub fn unmarked(&self) -> u64 {
        self.unmarked
    }
}

/// A file as words, and its length; none where it isn't there.
fn mapped(path: &Path) -> Result<Option<(Map, u64)>, RecoveryError> {
    let system = |doing| RecoveryError::system(path, doing);
    let file = match options().open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(system("open it"))?,
    };
    let bytes = file.metadata().map_err(system("look at it"))?.len();
    if bytes < WORD as u64 {
        return Err(RecoveryError::damaged(path, "it is empty"));
    }
    let words = Map::of(&file, bytes / WORD as u64 * WORD as u64).map_err(system("map it"))?;
    Ok(Some((words, bytes)))
}

/// The head of a journal's file; none of another life of the host.
fn header(
    words: &impl Words,
    bytes: u64,
    boot: BootId,
    path: &Path,
) -> Result<Option<Header>, RecoveryError> {
    let Some(header) = Header::read(words, boot, path)? else { return Ok(None) };
    let whole = header.file_bytes();
    if whole != bytes {
        let what = format!("it has {bytes} bytes and was made with {whole}");
        return Err(RecoveryError::damaged(path, what));
    }
    Ok(Some(header))
}

/// Every record, wherever it lies.
pub(crate) fn scan(words: &impl Words, shape: Shape, key: u64) -> Vec<Found> {
    let (mut found, mut line) = (Vec::new(), 0);
    while line < shape.total() {
        // The lines of a record are passed over: it's whole (J1). Behind a line without one there
        // may be others: of two that took space, the second may have been faster.
        match record::find(words, shape, key, line) {
            Some(one) => {
                line += one.lines();
                found.push(one);
            }
            None => line += 1,
        }
    }
    found
}

/// The marked records after a checkpoint, each of which follows from the one before.
pub(crate) fn chain(
    words: &impl Words,
    header: &Header,
    found: &[Found],
    covered: Covered,
    path: &Path,
) -> Result<Vec<Record>, RecoveryError> {
    let is_later = |one: &&Found| one.is_marked && one.head.seq > covered.seq;
    let mut marked: Vec<&Found> = found.iter().filter(is_later).collect();
    marked.sort_by_key(|one| one.head.seq);
    let mut records = Vec::with_capacity(marked.len());
    let (mut seq, mut id) = (covered.seq, covered.record);
    for one in marked {
        let what = |what: &str| {
            let what = format!("record {} of publication {}: {what}", one.id.0, one.head.seq);
            RecoveryError::damaged(path, what)
        };
        if one.head.seq == seq {
            return Err(what("another one of this publication is marked too"));
        }
        if one.head.parent != id {
            let parent = found.iter().find(|other| other.id == one.head.parent);
            return Err(what(match parent {
                Some(parent) if !parent.is_marked => "its parent is not marked",
                Some(_) => "its parent is not the one before it",
                None => "its parent is missing",
            }));
        }
        let Some(body) = one.body(words, header.shape(), header.key) else {
            return Err(what("it is not as it was written"));
        };
        (seq, id) = (one.head.seq, one.id);
        records.push(Record { id, head: one.head, body });
    }
    Ok(records)
}
