//! The journal: each commit's record is in it before the commit, and marked before anybody hears
//! of it. It lies in memory that outlives the process.
//!
//! Per commit: [`reserve`](Journal::reserve) before the swap of the current version; after it,
//! [`mark`](Journal::mark) by whoever has seen the new version, before anything that follows from
//! it leaves the process and before a version is built on it; at last [`done`](Journal::done), or
//! [`abandon`](Journal::abandon) where the swap was lost.
//!
//! Per checkpoint, by one thread: [`begin_checkpoint`](Journal::begin_checkpoint), take the current
//! version, write it, [`end_checkpoint`](Journal::end_checkpoint).
//!
//! Nobody waits for anybody, but `begin_checkpoint` for a bounded time. The protocol is that of
//! `recorder.rs`, `log.rs` and `state.rs`.

use std::{
    fs::{self, File},
    io::{self, Read},
    thread,
};

use rustix::fs::{FallocateFlags, fallocate};

use super::{
    checkpoint::Complete,
    directory::{Directory, JOURNAL, JOURNAL_NEW, options},
    error::RecoveryError,
    header::{Header, NEEDED},
    log::{Full, Log, Place},
    map::Map,
    record::{LINE_WORDS, RecordHead, RecordId},
    recorder::{Begun, Ended, Recorder},
    words::{WORD, Words},
};
use crate::limits::{
    REJOIN_YIELDS, SEGMENT_BYTES, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN, SEGMENTS, SEGMENTS_MAX,
    SEGMENTS_MIN,
};

/// The journal of one life of the daemon, shared by all workers.
#[derive(Debug)]
pub struct Journal {
    recorder: Recorder<Map>,
    incarnation: u64,
}

/// How large a journal is. Values out of bounds are taken as the nearest within.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalConfig {
    /// How many segments, [`SEGMENTS_MIN`] to [`SEGMENTS_MAX`].
    pub segments: u64,
    /// Bytes of each, [`SEGMENT_BYTES_MIN`] to [`SEGMENT_BYTES_MAX`]; rounded up to a page.
    pub segment_bytes: u64,
    /// Now, in ns since 1970.
    pub at: u64,
}

/// Space for a record. Dropped, it is given up: the record will not be found, unless it is marked.
#[derive(Debug)]
#[must_use = "the record goes with the commit that follows"]
pub struct Reserved<'j> {
    journal: &'j Journal,
    place: Place,
}

impl Journal {
    /// Makes an empty journal, allocated whole, that follows a checkpoint. It replaces the one
    /// that is there at once, so it is to be called when all of that is in the checkpoint.
    ///
    /// # Errors
    /// The system's, such as a file system without room.
    pub fn create(
        directory: &Directory,
        config: &JournalConfig,
        base: &Complete,
    ) -> Result<Journal, RecoveryError> {
        let path = directory.file(JOURNAL_NEW);
        let system = |doing| RecoveryError::system(&path, doing);
        let bytes = config.segment_bytes.clamp(SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX);
        let header = Header {
            boot: directory.boot(),
            incarnation: base.incarnation,
            key: random().map_err(system("get a random key"))?,
            lines: bytes.next_multiple_of(SEGMENT_BYTES_MIN) / (LINE_WORDS * WORD) as u64,
            segments: config.segments.clamp(SEGMENTS_MIN, SEGMENTS_MAX),
            made_at: config.at,
        };
        // An unfinished one may be there; its bytes are not to be found in this one.
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(system("remove it")(error));
            }
            _ => {}
        }
        let file = options().create_new(true).open(&path).map_err(system("make it"))?;
        fallocate(&file, FallocateFlags::empty(), 0, header.file_bytes())
            .map_err(|error| system("allocate it")(error.into()))?;
        let words = Map::of(&file, header.file_bytes()).map_err(system("map it"))?;
        header.put(&words);
        words.put(NEEDED, base.number);
        let named = fs::rename(&path, directory.file(JOURNAL));
        named.map_err(system("give it its name"))?;
        let log = Log::new(words, header.shape(), header.key);
        Ok(Journal { recorder: Recorder::new(log), incarnation: header.incarnation })
    }

    /// Which life of the daemon it is.
    #[must_use]
    pub fn incarnation(&self) -> u64 {
        self.incarnation
    }

    /// Writes a record, before the commit that it is of. Its body is the parts, one after another.
    ///
    /// While the journal is suspended it gives leave to commit without: then the record is
    /// [`RecordId::NONE`].
    ///
    /// # Errors
    /// [`Full`]: try again a few times; a checkpoint may be about to end. Then [`suspend`].
    ///
    /// [`suspend`]: Journal::suspend
    #[inline]
    pub fn reserve(&self, head: &RecordHead, parts: &[&[u8]]) -> Result<Reserved<'_>, Full> {
        let place = self.recorder.reserve(head, parts)?;
        Ok(Reserved { journal: self, place })
    }

    /// Marks a record: its version was published. To be called by whoever has seen the version,
    /// before anything that follows from it leaves the process, and before a version is built on
    /// it. It can be called again, by anyone, at any time.
    #[inline]
    pub fn mark(&self, record: RecordId) {
        self.recorder.mark(record);
    }

    /// The commit was made and its record marked: the segment can be used again, when its time
    /// comes.
    #[inline]
    pub fn done(&self, reserved: Reserved<'_>) {
        drop(reserved);
    }

    /// The commit was not made: nobody marks the record.
    #[inline]
    pub fn abandon(&self, reserved: Reserved<'_>) {
        drop(reserved);
    }

    /// As [`done`](Journal::done) and [`abandon`](Journal::abandon), of a [`Reserved::into_place`].
    #[inline]
    pub fn end(&self, place: Place) {
        self.recorder.end(place);
    }

    /// Whether a checkpoint is due: more than half of the segments are in use, or commits go
    /// without records.
    #[inline]
    #[must_use]
    pub fn needs_checkpoint(&self) -> bool {
        self.recorder.needs_checkpoint()
    }

    /// Segments in use, and all.
    #[must_use]
    pub fn usage(&self) -> (u64, u64) {
        self.recorder.usage()
    }

    /// From now on commits go without records, and a process that is killed has lost what was
    /// published: the file says so. It ends with a checkpoint. `seq`: where it began, for people.
    /// Whether it wasn't so before.
    pub fn suspend(&self, seq: u64) -> bool {
        self.recorder.suspend(seq)
    }

    /// Whether a process that is killed now loses something: commits go without records, or have
    /// done and no checkpoint is complete since.
    #[inline]
    #[must_use]
    pub fn is_suspended(&self) -> bool {
        self.recorder.is_suspended()
    }

    /// Before the version of a checkpoint is taken. In a journal that was suspended, commits are
    /// recorded again from now on if there is space for it, and those without are waited for.
    pub fn begin_checkpoint(&self) -> Begun {
        let mut yields = 0..REJOIN_YIELDS;
        self.recorder.begin_checkpoint(|| yields.next().map(|_| thread::yield_now()).is_some())
    }

    /// After a checkpoint is complete: releases the segments that are not needed any more, and
    /// ends a suspension if it can. One that goes on ends with the next checkpoint.
    pub fn end_checkpoint(&self, begun: Begun, complete: &Complete) -> Ended {
        self.recorder.end_checkpoint(begun, complete.number, complete.covered.seq)
    }
}

impl Default for JournalConfig {
    fn default() -> JournalConfig {
        JournalConfig { segments: SEGMENTS, segment_bytes: SEGMENT_BYTES, at: 0 }
    }
}

impl Reserved<'_> {
    /// The record; [`RecordId::NONE`] where the commit goes without.
    #[inline]
    #[must_use]
    pub fn record(&self) -> RecordId {
        self.place.id
    }

    /// As a value without the journal, for [`Journal::end`], which has to be called.
    #[inline]
    pub fn into_place(mut self) -> Place {
        let place = self.take();
        std::mem::forget(self);
        place
    }

    fn take(&mut self) -> Place {
        Place { id: self.place.id, lines: self.place.lines }
    }
}

impl Drop for Reserved<'_> {
    #[inline]
    fn drop(&mut self) {
        let place = self.take();
        self.journal.end(place);
    }
}

fn random() -> io::Result<u64> {
    let mut bytes = [0; WORD];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

const _: () = assert!(SEGMENT_BYTES_MIN.is_multiple_of((LINE_WORDS * WORD) as u64));
