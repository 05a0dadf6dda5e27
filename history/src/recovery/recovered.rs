//! What a killed daemon left: the newest checkpoint, and the records that follow it.
//! (J11: `chain.rs`.)

use std::{io, path::Path};

use super::{
    chain::{Record, chain, scan},
    checkpoint::{Checkpoint, Covered, Head, Kind, contents},
    directory::{BootId, CHECKPOINTS, Directory, JOURNAL, options},
    error::RecoveryError,
    header::{Header, NEEDED, STATE},
    map::Map,
    record::Found,
    state,
    words::{WORD, Words},
};

/// What was found.
#[derive(Debug)]
pub struct Recovered {
    checkpoint: Checkpoint,
    records: Vec<Record>,
    earlier: Vec<Record>,
    suspended: Option<u64>,
    unmarked: u64,
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
                1 => Ok(Recovered {
                    checkpoint,
                    records: vec![],
                    earlier: vec![],
                    suspended: None,
                    unmarked: 0,
                }),
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
            None => {
                let covered = checkpoint.head.covered;
                let base = (covered.seq, covered.record);
                chain(&words, (header.shape(), header.key), &found, base)
                    .map_err(|broken| RecoveryError::damaged(path, broken.to_string()))?
            }
            Some(_) => Vec::new(), // Some are missing.
        };
        let covered = checkpoint.head.covered.seq;
        let earlier = found.iter().filter(|one| one.is_marked && one.head.seq <= covered);
        let body = |one: &Found| {
            let body = one.body(&words, header.shape(), header.key)?;
            Some(Record { id: one.id, head: one.head, body })
        };
        let earlier = earlier.filter_map(body).collect();
        Ok(Recovered { checkpoint, records, earlier, suspended, unmarked })
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

    /// Marked records that the checkpoint covers and that are still there, in no order. What was
    /// done with a commit beside the store may not be in the checkpoint: so the segment of a record
    /// stays until [`Journal::end`](super::Journal::end).
    #[must_use]
    pub fn earlier(&self) -> &[Record] {
        &self.earlier
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
