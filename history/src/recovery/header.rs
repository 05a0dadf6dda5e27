//! The first page of the journal: what it is of, and what changes beside the records.
//!
//! ```text
//! word 0   "MYRJRNL1"
//!      1   version of the format
//!      2,3 boot id, as a number of 128 bits
//!      4   incarnation of the daemon
//!      5   key
//!      6   lines of a segment
//!      7   segments
//!      8   when it was made, ns since 1970
//!      9   CRC32C of words 0 to 8
//!      64  state (`state.rs`)
//!      65  the publication at which it was suspended last, about
//!      66  number of the checkpoint that is needed: segments have been released by it
//! ```
//!
//! **J9** Words 0 to 9 are there before the file has its name, and never change.
//! **J10** A checkpoint's number stands in word 66 before the first segment is released by it.
//!
//! # Synchronization
//! None here: a header is put before the file is shared.

use std::path::Path;

use super::{
    directory::BootId,
    error::RecoveryError,
    record::{LINE_WORDS, Shape},
    words::{WORD, Words},
};

/// What the words that never change say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) boot: BootId,
    pub(crate) incarnation: u64,
    pub(crate) key: u64,
    pub(crate) lines: u64,
    pub(crate) segments: u64,
    pub(crate) made_at: u64,
}

impl Header {
    /// Where the records lie.
    pub(crate) fn shape(&self) -> Shape {
        Shape { first: HEADER_WORDS, lines: self.lines, segments: self.segments }
    }

    /// Bytes of the file.
    pub(crate) fn file_bytes(&self) -> u64 {
        let lines = self.lines.saturating_mul(self.segments);
        lines
            .saturating_mul((LINE_WORDS * WORD) as u64)
            .saturating_add((HEADER_WORDS * WORD) as u64)
    }

    pub(crate) fn put(&self, words: &impl Words) {
        let all = self.words();
        for (at, word) in all.iter().enumerate() {
            words.put(at, *word);
        }
        words.put(all.len(), sum(&all));
    }

    /// What a file says; none where it is of another life of the host.
    pub(crate) fn read(
        words: &impl Words,
        boot: BootId,
        path: &Path,
    ) -> Result<Option<Header>, RecoveryError> {
        let all: [u64; FIXED] = std::array::from_fn(|at| words.get(at));
        let [magic, version, boot_1, boot_2, incarnation, key, lines, segments, made_at] = all;
        if magic != MAGIC {
            return Err(RecoveryError::damaged(path, "it does not begin as a journal"));
        }
        let is_whole = words.get(FIXED) == sum(&all);
        if is_whole && [boot_1, boot_2] != boot.words() {
            return Ok(None);
        }
        if version != VERSION {
            let (path, found) = (path.to_owned(), version);
            return Err(RecoveryError::Version { path, found, known: VERSION });
        }
        if !is_whole || lines == 0 || segments == 0 {
            return Err(RecoveryError::damaged(path, "its head is damaged"));
        }
        Ok(Some(Header { boot, incarnation, key, lines, segments, made_at }))
    }

    fn words(&self) -> [u64; FIXED] {
        let [boot_1, boot_2] = self.boot.words();
        let Header { incarnation, key, lines, segments, made_at, .. } = *self;
        [MAGIC, VERSION, boot_1, boot_2, incarnation, key, lines, segments, made_at]
    }
}

/// The CRC of words.
pub(crate) fn sum(words: &[u64]) -> u64 {
    let crc = words.iter().fold(0, |crc, word| crc32c::crc32c_append(crc, &word.to_le_bytes()));
    u64::from(crc)
}

const MAGIC: u64 = u64::from_le_bytes(*b"MYRJRNL1");
/// The format that is written here. Words 0 to 3 and the sum are the same in every one.
const VERSION: u64 = 1;
/// Words that never change, but for their sum.
const FIXED: usize = 9;
/// The word of the state, in a line of its own.
pub(crate) const STATE: usize = 64;
/// The word of the checkpoint that is needed.
pub(crate) const NEEDED: usize = STATE + 2;
/// Words of the page.
pub(crate) const HEADER_WORDS: usize = 512;

const _: () = assert!(FIXED < STATE && NEEDED < HEADER_WORDS);
const _: () = assert!(HEADER_WORDS.is_multiple_of(LINE_WORDS), "records begin at lines");
