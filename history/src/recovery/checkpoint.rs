//! Checkpoints: the whole store at one publication, in the older of two files.
//!
//! ```text
//! word 0   "MYRCHKP1"
//!      1   version of the format
//!      2,3 boot id
//!      4   incarnation of the daemon
//!      5   number: one more than any before
//!      6   seq           7  generation
//!      8   record of that version, 0: none
//!      9   when, ns since 1970
//!      10  length of the body    11  its CRC32C, salted with the number
//!      12… 0
//!      15  CRC32C of words 0 to 14
//! byte 128 body
//! ```
//!
//! **K1** A head is written when all of the body is in the file, and wiped before any of it
//! changes. So a head that holds is of a whole checkpoint.
//! **K2** The newest whole checkpoint is never the file that is written to.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use super::{
    directory::{BootId, CHECKPOINTS, Directory, options},
    error::RecoveryError,
    failpoint::{self, Point},
    header::sum,
    record::RecordId,
    words::{WORD, index},
};
use crate::limits::CHECKPOINT_BUFFER;

/// What a checkpoint is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Covered {
    /// The publication: it and all before are in it.
    pub seq: u64,
    /// The newest generation in it.
    pub generation: u64,
    /// The record of that publication.
    pub record: RecordId,
    /// When, in ns since 1970.
    pub at: u64,
}

/// A checkpoint that is in its file whole. To be had from [`CheckpointWriter::finish`] alone.
#[derive(Debug, PartialEq, Eq)]
pub struct Complete {
    /// What it is of.
    pub(crate) covered: Covered,
    pub(crate) incarnation: u64,
    pub(crate) number: u64,
}

/// A checkpoint that is being written.
#[derive(Debug)]
pub struct CheckpointWriter {
    file: File,
    path: PathBuf,
    boot: BootId,
    incarnation: u64,
    number: u64,
    /// What isn't written yet, and the bytes of the body before it.
    buffer: Vec<u8>,
    before: u64,
    crc: u32,
}

impl Complete {
    /// What it is of.
    #[must_use]
    pub fn covered(&self) -> Covered {
        self.covered
    }
}

impl CheckpointWriter {
    /// Begins one, in the older of the two files.
    ///
    /// # Errors
    /// The system's.
    pub fn begin(
        directory: &Directory,
        incarnation: u64,
    ) -> Result<CheckpointWriter, RecoveryError> {
        let [first, second] = CHECKPOINTS.map(|name| directory.file(name));
        let numbers = [number(&first, directory.boot())?, number(&second, directory.boot())?];
        let path = if numbers[0] <= numbers[1] { first } else { second };
        let number = numbers[0].max(numbers[1]) + 1;
        failpoint::hit(Point::Checkpoint);
        let file = options().create(true).truncate(false).open(&path);
        let file = file.map_err(RecoveryError::system(&path, "open it"))?;
        let wiped = file.write_all_at(&[0; HEAD_BYTES], 0);
        wiped.map_err(RecoveryError::system(&path, "write it"))?;
        let (boot, buffer) = (directory.boot(), Vec::with_capacity(CHECKPOINT_BUFFER));
        let crc = salt(number);
        Ok(CheckpointWriter { file, path, boot, incarnation, number, buffer, before: 0, crc })
    }

    /// Adds to the body.
    ///
    /// # Errors
    /// The system's, such as a file system without room: then the checkpoint before it holds.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), RecoveryError> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= CHECKPOINT_BUFFER { self.flush() } else { Ok(()) }
    }

    /// Bytes of the body so far.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.before + self.buffer.len() as u64
    }

    /// Makes it one that holds.
    ///
    /// # Errors
    /// The system's: then the checkpoint before it holds.
    pub fn finish(mut self, covered: Covered) -> Result<Complete, RecoveryError> {
        self.flush()?;
        failpoint::hit(Point::Checkpoint);
        let head = Head {
            boot: self.boot,
            incarnation: self.incarnation,
            number: self.number,
            covered,
            len: self.before,
            crc: self.crc,
        };
        let system = |doing| RecoveryError::system(&self.path, doing);
        self.file.set_len(HEAD_BYTES as u64 + self.before).map_err(system("shorten it"))?;
        self.file.write_all_at(&head.bytes(), 0).map_err(system("write it"))?;
        failpoint::hit(Point::Checkpoint);
        Ok(Complete { covered, incarnation: self.incarnation, number: self.number })
    }

    fn flush(&mut self) -> Result<(), RecoveryError> {
        let at = HEAD_BYTES as u64 + self.before;
        let written = self.file.write_all_at(&self.buffer, at);
        written.map_err(RecoveryError::system(&self.path, "write it"))?;
        self.crc = crc32c::crc32c_append(self.crc, &self.buffer);
        self.before += self.buffer.len() as u64;
        self.buffer.clear();
        failpoint::hit(Point::Checkpoint);
        Ok(())
    }
}

/// A checkpoint that was found.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    pub(crate) head: Head,
    /// The file: head and body.
    bytes: Vec<u8>,
}

impl Checkpoint {
    pub(crate) fn body(&self) -> &[u8] {
        let body = self.bytes.get(HEAD_BYTES..).unwrap_or_default();
        body.get(..index(self.head.len)).unwrap_or_default()
    }

    /// What a file holds: none where it is whole no more or not yet.
    pub(crate) fn of(bytes: Vec<u8>, head: Head) -> Option<Checkpoint> {
        let checkpoint = Checkpoint { head, bytes };
        let body = checkpoint.body();
        let is_whole = body.len() as u64 == head.len
            && crc32c::crc32c_append(salt(head.number), body) == head.crc;
        is_whole.then_some(checkpoint)
    }
}

/// What the head of a file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) boot: BootId,
    pub(crate) incarnation: u64,
    pub(crate) number: u64,
    pub(crate) covered: Covered,
    pub(crate) len: u64,
    pub(crate) crc: u32,
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A checkpoint.
    Whole(Head),
    /// Not a checkpoint any more, or not yet.
    Torn,
    /// Of another life of the host.
    Foreign,
}

impl Head {
    /// What a file is by its first bytes.
    pub(crate) fn read(bytes: &[u8], boot: BootId, path: &Path) -> Result<Kind, RecoveryError> {
        let (words, _) = bytes.as_chunks::<WORD>();
        let Some(words) = words.first_chunk::<HEAD_WORDS>() else { return Ok(Kind::Torn) };
        let words = words.map(u64::from_ne_bytes);
        let [all @ .., crc] = words;
        let [magic, version, boot_1, boot_2, incarnation, number, seq, generation, ..] = all;
        let [.., record, at, len, body, _, _, _] = all;
        // First of all: a head that isn't there whole may look as if it were of another boot.
        if magic != MAGIC || crc != sum(&all) {
            return Ok(Kind::Torn);
        }
        if [boot_1, boot_2] != boot.words() {
            return Ok(Kind::Foreign);
        }
        if version != VERSION {
            let (path, found) = (path.to_owned(), version);
            return Err(RecoveryError::Version { path, found, known: VERSION });
        }
        let Ok(body) = u32::try_from(body) else { return Ok(Kind::Torn) };
        let covered = Covered { seq, generation, record: RecordId(record), at };
        Ok(Kind::Whole(Head { boot, incarnation, number, covered, len, crc: body }))
    }

    fn bytes(&self) -> [u8; HEAD_BYTES] {
        let [boot_1, boot_2] = self.boot.words();
        let Covered { seq, generation, record, at } = self.covered;
        let (number, crc) = (self.number, u64::from(self.crc));
        let all = [
            [MAGIC, VERSION, boot_1, boot_2, self.incarnation, number, seq, generation],
            [record.0, at, self.len, crc, 0, 0, 0, 0],
        ];
        let mut bytes = [0; HEAD_BYTES];
        let words = all.as_flattened();
        let sum = [sum(words.split_last().map_or(&[], |(_, rest)| rest))];
        let words = words.iter().take(HEAD_WORDS - 1).chain(&sum);
        for (to, word) in bytes.as_chunks_mut::<WORD>().0.iter_mut().zip(words) {
            *to = word.to_ne_bytes();
        }
        bytes
    }
}

/// The number of the checkpoint in a file; 0 where there is none that holds.
fn number(path: &Path, boot: BootId) -> Result<u64, RecoveryError> {
    let mut bytes = [0; HEAD_BYTES];
    let read = File::open(path).and_then(|file| file.read_exact_at(&mut bytes, 0));
    match read {
        Err(error) if is_nothing(&error) => return Ok(0),
        other => other.map_err(RecoveryError::system(path, "read it"))?,
    }
    Ok(match Head::read(&bytes, boot, path)? {
        Kind::Whole(head) => head.number,
        Kind::Torn | Kind::Foreign => 0,
    })
}

/// All of a file; none where it isn't there.
pub(crate) fn contents(path: &Path) -> Result<Option<Vec<u8>>, RecoveryError> {
    match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some).map_err(RecoveryError::system(path, "read it")),
    }
}

fn is_nothing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof)
}

fn salt(number: u64) -> u32 {
    crc32c::crc32c(&number.to_le_bytes())
}

const MAGIC: u64 = u64::from_le_bytes(*b"MYRCHKP1");
/// The format that is written here. Words 0 to 3 and the sum are the same in every one.
const VERSION: u64 = 1;
const HEAD_WORDS: usize = 16;
const HEAD_BYTES: usize = HEAD_WORDS * WORD;
