//! The table of the simulated host's domains in a file, which outlives the daemon as real domains
//! outlive theirs.
//!
//! | at | bytes | |
//! |---|---|---|
//! | 0 | 16 | `myriad-sim-host1` |
//! | 16 | 40 | the host's boot (`/proc/sys/kernel/random/boot_id`), padded with zeros |
//! | 56 | 8 | unique ids from this one on have never been given |
//! | 64 + 16 × domid | 8 | the domain's word, as [`super::Host`] has it |
//! | … + 8 | 8 | which page its ring is: the inode of its memory file; 0: none |
//!
//! Numbers are in the machine's byte order: the file is of one machine and one boot of it. A table
//! of another boot is begun anew, since its domains are gone. Invariants:
//! - whoever has a table open holds its lock, so that a daemon has it alone;
//! - what [`Table::save`] is given last is what a process killed at any moment leaves behind: words
//!   are written by `pwrite` into the page cache, whole, and nothing is flushed. A loss of power
//!   ends the boot.

use std::{
    fs::File,
    io::{self, Write},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use myriad_core::DomId;
use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};

/// The name of the file in the simulated host's directory.
pub const FILE: &str = "host";

/// Why the table of domains can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// the system refuses
    #[error("can't use the simulated host's table {path}: {source}")]
    System {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// another process has it
    #[error("the simulated host's table {path} is in use by another xenstored: stop that first")]
    Held {
        /// The file.
        path: PathBuf,
    },
    /// it is something else
    #[error(
        "{path} is no table of simulated domains, or of another version: remove it, and they are \
         gone"
    )]
    Other {
        /// The file.
        path: PathBuf,
    },
}

/// The open table.
#[derive(Debug)]
pub(super) struct Table(File);

/// What a table holds at first sight.
#[derive(Debug)]
pub(super) struct Contents {
    pub(super) next_unique_id: u64,
    /// A word for each domain id.
    pub(super) words: Vec<u64>,
}

impl Table {
    /// Opens the table of this boot, or makes an empty one, whose first unique id is 1.
    pub(super) fn open(path: &Path) -> Result<(Table, Contents), TableError> {
        let system = |source: io::Error| TableError::System { path: path.into(), source };
        let boot = boot().map_err(system)?;
        let open = || File::options().read(true).write(true).open(path);
        let found = match open() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                put(path, &boot).map_err(system)?;
                open()
            }
            found => found,
        };
        let file = found.map_err(system)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Err(TableError::Held { path: path.into() }),
            Err(error) => return Err(system(error.into())),
        }
        let other = || TableError::Other { path: path.into() };
        let len = file.metadata().map_err(system)?.len();
        if usize::try_from(len).ok() != Some(LEN) {
            return Err(other());
        }
        let mut bytes = vec![0; LEN];
        file.read_exact_at(&mut bytes, 0).map_err(system)?;
        if bytes.get(..MAGIC.len()) != Some(MAGIC) {
            return Err(other());
        }
        if bytes.get(MAGIC.len()..NEXT) != Some(&boot) {
            bytes = empty(&boot);
            file.write_all_at(&bytes, 0).map_err(system)?;
        }
        let next_unique_id = number(&bytes, NEXT).ok_or_else(other)?;
        let words = (0..DomId::SELF.0).map(|domid| number(&bytes, place(DomId(domid))));
        let words = words.collect::<Option<_>>().ok_or_else(other)?;
        Ok((Table(file), Contents { next_unique_id, words }))
    }

    /// Keeps the word of a domain.
    pub(super) fn save(&self, domid: DomId, word: u64) -> io::Result<()> {
        self.put(place(domid), word)
    }

    /// Keeps from which unique id on none was given.
    pub(super) fn save_next(&self, unique_id: u64) -> io::Result<()> {
        self.put(NEXT, unique_id)
    }

    /// Keeps which page the ring of a domain is.
    pub(super) fn save_page(&self, domid: DomId, inode: u64) -> io::Result<()> {
        self.put(place(domid) + 8, inode)
    }

    /// Which page the ring of a domain is; 0 for none.
    pub(super) fn page(&self, domid: DomId) -> io::Result<u64> {
        let mut bytes = [0; 8];
        self.0.read_exact_at(&mut bytes, offset(place(domid) + 8))?;
        Ok(u64::from_ne_bytes(bytes))
    }

    fn put(&self, at: usize, word: u64) -> io::Result<()> {
        self.0.write_all_at(&word.to_ne_bytes(), offset(at))
    }
}

/// Puts an empty table in its place, whole.
fn put(path: &Path, boot: &[u8]) -> io::Result<()> {
    let mut file = tempfile_beside(path)?;
    file.1.write_all(&empty(boot))?;
    std::fs::rename(&file.0, path)
}

/// A file of this process beside another.
fn tempfile_beside(path: &Path) -> io::Result<(PathBuf, File)> {
    use std::os::unix::fs::OpenOptionsExt;
    let path = path.with_file_name(format!(".{FILE}.{}", std::process::id()));
    let mut options = File::options();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(&path)?;
    Ok((path, file))
}

fn empty(boot: &[u8]) -> Vec<u8> {
    let mut bytes = [MAGIC, boot, &1_u64.to_ne_bytes()].concat();
    bytes.resize(LEN, 0);
    bytes
}

/// This boot of the host, as the table has it.
fn boot() -> io::Result<Vec<u8>> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    let mut bytes = text.trim().as_bytes().to_vec();
    bytes.resize(NEXT - MAGIC.len(), 0);
    Ok(bytes)
}

fn place(domid: DomId) -> usize {
    SLOTS + SLOT * usize::from(domid.0)
}

fn offset(at: usize) -> u64 {
    u64::try_from(at).unwrap_or(u64::MAX)
}

fn number(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u64::from_ne_bytes(*bytes))
}

const MAGIC: &[u8] = b"myriad-sim-host1";
const NEXT: usize = 56;
const SLOTS: usize = 64;
const SLOT: usize = 16;
const LEN: usize = SLOTS + SLOT * DomId::SELF.0 as usize;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_keeps_what_it_was_given_and_has_one_holder() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        let (table, contents) = Table::open(&path).unwrap();
        assert_eq!(contents.next_unique_id, 1);
        assert!(contents.words.iter().all(|word| *word == 0));
        assert!(matches!(Table::open(&path), Err(TableError::Held { .. })));
        table.save(DomId(0), 9).unwrap();
        table.save(DomId(32_751), 7).unwrap();
        table.save_next(4).unwrap();
        table.save_page(DomId(32_751), 77).unwrap();
        drop(table);
        let (table, contents) = Table::open(&path).unwrap();
        assert_eq!((contents.next_unique_id, contents.words.len()), (4, 32_752));
        assert_eq!((contents.words[0], contents.words[32_751]), (9, 7));
        assert_eq!(table.page(DomId(32_751)).unwrap(), 77);
        assert_eq!(table.page(DomId(0)).unwrap(), 0);
    }

    #[test]
    fn after_another_boot_the_table_is_empty() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        let (table, _) = Table::open(&path).unwrap();
        table.save(DomId(5), 9).unwrap();
        table.0.write_all_at(b"another", 16).unwrap();
        drop(table);
        let (_table, contents) = Table::open(&path).unwrap();
        assert_eq!((contents.next_unique_id, contents.words[5]), (1, 0));
    }

    #[test]
    fn what_is_no_table_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        for bytes in [vec![], vec![1; LEN], empty(&boot().unwrap())[..LEN - 1].to_vec()] {
            std::fs::write(&path, &bytes).unwrap();
            let error = Table::open(&path).unwrap_err();
            assert!(matches!(error, TableError::Other { .. }), "{error}");
            assert_eq!(std::fs::read(&path).unwrap(), bytes);
        }
        assert!(Table::open(dir.path()).is_err());
    }
}
