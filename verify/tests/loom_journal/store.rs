//! A store in small that commits through the journal, and what must be found of it.

use std::{cell::Cell, sync::Arc};

use loom::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use crate::{
    chain::{chain, scan},
    header::STATE,
    log::{Full, Log, Place},
    memory::{HEADER, Loads, Memory, loads},
    record::{LINE_WORDS, RecordHead, RecordId, Shape},
    recorder::Recorder,
    state::says_recording,
    words::Words,
};

/// A version in a word: its publication, and its record in the lower half.
type Version = u64;

#[derive(Clone)]
pub struct Small {
    pub(crate) recorder: Arc<Recorder<Memory>>,
    memory: Memory,
    shape: Shape,
    root: Arc<AtomicU64>,
    /// The newest checkpoint: a version, of thread-local use but for its end.
    covered: Arc<std::sync::atomic::AtomicU64>,
}

impl Small {
    pub fn new(segments: u64, lines: u64) -> Small {
        let shape = Shape { first: HEADER, lines, segments };
        assert_eq!(HEADER % LINE_WORDS, 0);
        let memory = Memory::new(shape.total() as usize);
        let recorder = Arc::new(Recorder::new(Log::new(memory.clone(), shape, KEY)));
        let root = Arc::new(AtomicU64::new(0));
        Small { recorder, memory, shape, root, covered: Arc::default() }
    }

    pub(crate) fn root(&self) -> Version {
        match loads() {
            Loads::Newest => self.root.fetch_add(0, Ordering::Acquire),
            Loads::Older => self.root.load(Ordering::Acquire),
        }
    }

    pub(crate) fn reserve(&self, base: Version, len: usize) -> Result<Place, Full> {
        let head = RecordHead { seq: (base >> 32) + 1, parent: record(base), at: 0 };
        self.recorder.reserve(&head, &[&[1; 30][..len]])
    }

    /// One try of a commit: whether it was let in.
    pub(crate) fn commit(&self, len: usize) -> Result<bool, Full> {
        let base = self.root();
        self.recorder.mark(record(base));
        let place = self.reserve(base, len)?;
        let new = ((base >> 32) + 1) << 32 | place.record().to_raw();
        let won = self.root.compare_exchange(base, new, Ordering::AcqRel, Ordering::Relaxed);
        if won.is_ok() {
            self.recorder.mark(place.record());
        }
        self.recorder.end(place);
        Ok(won.is_ok())
    }

    /// A whole checkpoint; whether it has ended a suspension.
    pub(crate) fn checkpoint(&self) -> bool {
        let mut waits = 0..2;
        let begun =
            self.recorder.begin_checkpoint(|| waits.next().map(|_| thread::yield_now()).is_some());
        let version = self.root();
        self.covered.store(version, std::sync::atomic::Ordering::Relaxed);
        self.recorder.end_checkpoint(begun, 1, version >> 32).resumed
    }

    /// What is found when all threads are done: everything, unless it says that something is
    /// missing. Whether it is everything.
    pub(crate) fn recover(&self) -> bool {
        let covered = self.covered.load(std::sync::atomic::Ordering::Relaxed);
        let root = self.root();
        if !says_recording(self.memory.load(STATE, Ordering::Acquire)) {
            return false;
        }
        let found = scan(&self.memory, self.shape, KEY);
        for one in &found {
            let number = |id: RecordId| id.to_raw() / self.shape.lines;
            let others = found.iter().map(|other| number(other.id).abs_diff(number(one.id)));
            let is_one_lap =
                others.filter(|apart| apart % self.shape.segments == 0).all(|n| n == 0);
            assert!(is_one_lap, "a record of another lap: {found:?}");
        }
        let base = (covered >> 32, record(covered));
        let records = chain(&self.memory, (self.shape, KEY), &found, base).unwrap();
        let end = records.last().map_or(covered >> 32, |last| last.head.seq);
        assert_eq!(end, root >> 32, "what was answered for is not found");
        assert!(records.iter().all(|record| record.body.iter().all(|byte| *byte == 1)));
        true
    }

    /// Whether a record is there and nobody has marked it.
    pub(crate) fn is_unmarked(&self, id: RecordId) -> bool {
        let found = scan(&self.memory, self.shape, KEY);
        found.iter().any(|found| found.id == id && !found.is_marked)
    }

    pub(crate) fn saw_full(&self, full: bool) {
        if full { FULL.set(true) } else { ROOM.set(true) }
    }

    pub(crate) fn saw_resumed(&self, resumed: bool) {
        if resumed { RESUMED.set(true) } else { STAYED.set(true) }
    }
}

fn record(version: Version) -> RecordId {
    RecordId::from_raw(version & u64::from(u32::MAX))
}

thread_local! {
    // loom runs all threads of a model on the one that called it.
    pub static FULL: Cell<bool> = const { Cell::new(false) };
    pub static ROOM: Cell<bool> = const { Cell::new(false) };
    pub static RESUMED: Cell<bool> = const { Cell::new(false) };
    pub static STAYED: Cell<bool> = const { Cell::new(false) };
}

const KEY: u64 = 0x0123_4567_89ab_cdef;
