//! The journal as a store's: what `myriad-core` tells of publications becomes records.
//!
//! The body of a record: the generation (8), the origin of its request (at 8, conn 8, upto 8,
//! request 4, transaction 4, op 1), and the delta as the store wrote it. Little-endian.
//!
//! # Synchronization
//! The journal is set once, before any client is served. `asked` is a hint: at worst a checkpoint
//! is asked for twice, or by the next commit. What a thread holds back is its own.

use std::{
    cell::{Cell, RefCell},
    sync::OnceLock,
    thread::Thread,
    time::Instant,
};

use myriad_core::{
    ConnId, Origin, Snapshot, Store,
    journal::{Entry, Journal as StoreJournal, Place as Kept},
};

use super::{
    chain::Record,
    checkpoint::{CheckpointWriter, Complete, Covered},
    directory::Directory,
    error::RecoveryError,
    failpoint::{self, Point},
    journal::Journal,
    log::{Full, Place},
    record::{RecordHead, RecordId},
    recorder::Ended,
};
use crate::{
    limits::{FULL_PATIENCE, FULL_PAUSE, FULL_YIELDS},
    sync::{AtomicBool, Ordering::Relaxed},
};

thread_local! {
    /// Places that this thread is done with, and that are given back later.
    static HELD: RefCell<Vec<Place>> = const { RefCell::new(Vec::new()) };
    /// Whether they are given back later.
    static HOLDS: Cell<bool> = const { Cell::new(false) };
}

/// Keeps the records of a store's publications in a [`Journal`], from when there is one.
///
/// ```
/// use std::sync::Arc;
/// use myriad_core::{Caller, Config, Path, Store, Writes};
/// use myriad_history::recovery::{BootId, Directory, Journal, JournalConfig, Keeper, Recovered};
///
/// let at = tempfile::tempdir()?;
/// let directory = Directory::open(at.path(), BootId([1; 16]))?;
/// let keeper = Arc::new(Keeper::default());
/// let config = Config { journal: Some(keeper.clone()), ..Config::default() };
/// let store = Store::new(&config)?;
/// let first = keeper.write_checkpoint(&directory, &store, 1)?;
/// keeper.begin(Journal::create(&directory, &JournalConfig::default(), &first)?);
/// store.edit(|edit| edit.write(&Caller::Control, Path::new("/a")?, b"1")).result?;
///
/// // A process that is killed here comes back with this:
/// let found = Recovered::read(&directory)?.unwrap();
/// let mut restore = myriad_core::Restore::new(&Config::default(), found.checkpoint())?;
/// for record in found.records() {
///     restore.replay(&record.entry().unwrap())?;
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct Keeper {
    journal: OnceLock<Journal>,
    checkpointer: OnceLock<Thread>,
    /// A checkpoint was asked for and has not begun.
    asked: AtomicBool,
}

impl Keeper {
    /// From now on publications are recorded. The journal follows a checkpoint of the store as it
    /// is: nothing may be published in between.
    pub fn begin(&self, journal: Journal) {
        // A second one would be of another store.
        let _ = self.journal.set(journal);
    }

    /// The journal, where there is one.
    #[must_use]
    pub fn journal(&self) -> Option<&Journal> {
        self.journal.get()
    }

    /// Which thread is woken when a checkpoint is due.
    pub fn wakes(&self, checkpointer: Thread) {
        let _ = self.checkpointer.set(checkpointer);
    }

    /// Places in the journal which this thread is done with from now on are given back by
    /// [`Keeper::settle`] alone (`hold`), or at once: what is held stays readable, even past a
    /// checkpoint, until what followed from it is kept elsewhere. It keeps segments from being
    /// used again, so it is to be little.
    pub fn hold_back(hold: bool) {
        HOLDS.set(hold);
    }

    /// How many places this thread holds back.
    #[must_use]
    pub fn held() -> usize {
        HELD.with_borrow(Vec::len)
    }

    /// Gives back what was held back, but for the first `but`.
    pub fn settle(&self, but: usize) {
        let Some(journal) = self.journal.get() else { return };
        HELD.with_borrow_mut(|held| {
            let from = but.min(held.len());
            held.drain(from..).for_each(|place| journal.end(place));
        });
    }

    /// Writes a checkpoint of a store that has no journal yet.
    ///
    /// # Errors
    /// The system's.
    pub fn write_checkpoint(
        &self,
        directory: &Directory,
        store: &Store,
        incarnation: u64,
    ) -> Result<Complete, RecoveryError> {
        write(directory, &store.snapshot(), incarnation)
    }

    /// Whether a checkpoint is due. Who asks is told of the next one, too: by being woken.
    #[must_use]
    pub fn is_due(&self) -> bool {
        // Before the look: who finds it set has asked for one that isn't begun. Relaxed: a hint.
        self.asked.store(false, Relaxed);
        self.journal.get().is_some_and(Journal::needs_checkpoint)
    }

    /// Writes a checkpoint, and releases what the journal need not keep any more. For one thread.
    ///
    /// # Errors
    /// The system's, such as a file system without room: the journal goes on until it is full.
    pub fn checkpoint(
        &self,
        directory: &Directory,
        store: &Store,
    ) -> Result<Option<Ended>, RecoveryError> {
        self.asked.store(false, Relaxed); // Relaxed: a hint.
        let Some(journal) = self.journal.get() else { return Ok(None) };
        let begun = journal.begin_checkpoint();
        let complete = write(directory, &store.snapshot(), journal.incarnation())?;
        Ok(Some(journal.end_checkpoint(begun, &complete)))
    }

    fn ask(&self, journal: &Journal) {
        // Relaxed: a hint.
        if journal.needs_checkpoint()
            && !self.asked.load(Relaxed)
            && !self.asked.swap(true, Relaxed)
            && let Some(thread) = self.checkpointer.get()
        {
            thread.unpark();
        }
    }

    fn reserve(&self, journal: &Journal, head: &RecordHead, parts: &[&[u8]]) -> Option<Kept> {
        let (mut yields, mut since) = (0, None);
        // Ends: it counts, then it looks at the clock; and once suspended there is always leave to
        // go without.
        loop {
            let patient = match journal.reserve(head, parts) {
                Ok(reserved) => {
                    let place = reserved.into_place();
                    return Some(Kept { at: place.id.to_raw(), stamp: place.lines });
                }
                Err(Full::TooLarge { .. }) => false,
                Err(Full::Segments) => {
                    since.get_or_insert_with(Instant::now).elapsed() < FULL_PATIENCE
                }
            };
            if !patient {
                journal.suspend(head.seq);
                since = None;
                continue;
            }
            self.ask(journal);
            match yields < FULL_YIELDS {
                true => std::thread::yield_now(),
                false => std::thread::park_timeout(FULL_PAUSE),
            }
            yields += 1;
        }
    }
}

impl StoreJournal for Keeper {
    fn keep(&self, entry: &Entry<'_>) -> Option<Kept> {
        let journal = self.journal.get()?;
        let parent = entry.parent.map_or(RecordId::NONE, |place| RecordId::from_raw(place.at));
        let head = RecordHead { seq: entry.seq, parent, at: entry.origin.at };
        let kept = self.reserve(journal, &head, &[&fixed(entry), entry.delta]);
        self.ask(journal);
        failpoint::hit(Point::Cas);
        kept
    }

    fn mark(&self, place: Kept) {
        failpoint::hit(Point::Cas);
        if let Some(journal) = self.journal.get() {
            journal.mark(RecordId::from_raw(place.at));
        }
    }

    /// Only of versions from before there was a journal.
    fn unkept(&self, _: u64) {}

    fn done(&self, place: Kept) {
        let Some(journal) = self.journal.get() else { return };
        let place = Place { id: RecordId::from_raw(place.at), lines: place.stamp };
        match HOLDS.get() {
            true => HELD.with_borrow_mut(|held| held.push(place)),
            false => journal.end(place),
        }
    }
}

impl Record {
    /// What the record says, for [`Restore::replay`](myriad_core::Restore::replay); none where it
    /// isn't a [`Keeper`]'s.
    #[must_use]
    pub fn entry(&self) -> Option<Entry<'_>> {
        let (generation, rest) = self.body.split_first_chunk()?;
        let (at, rest) = rest.split_first_chunk()?;
        let (conn, rest) = rest.split_first_chunk()?;
        let (upto, rest) = rest.split_first_chunk()?;
        let (request, rest) = rest.split_first_chunk()?;
        let (transaction, rest) = rest.split_first_chunk()?;
        let (op, delta) = rest.split_first()?;
        let origin = Origin {
            at: u64::from_le_bytes(*at),
            conn: ConnId(u64::from_le_bytes(*conn)),
            upto: u64::from_le_bytes(*upto),
            request: u32::from_le_bytes(*request),
            transaction: u32::from_le_bytes(*transaction),
            op: *op,
        };
        let generation = u64::from_le_bytes(*generation);
        Some(Entry { seq: self.head.seq, generation, parent: None, origin, delta })
    }
}

fn write(
    directory: &Directory,
    snapshot: &Snapshot,
    incarnation: u64,
) -> Result<Complete, RecoveryError> {
    let mut writer = CheckpointWriter::begin(directory, incarnation)?;
    snapshot.export(&mut |bytes| writer.write(bytes))?;
    let record = snapshot.kept().map_or(RecordId::NONE, |place| RecordId::from_raw(place.at));
    let (seq, generation) = (snapshot.seq(), snapshot.generation());
    writer.finish(Covered { seq, generation, record, at: 0 })
}

fn fixed(entry: &Entry<'_>) -> [u8; FIXED] {
    let Origin { at, conn, upto, request, transaction, op } = entry.origin;
    let mut bytes = [0; FIXED];
    let fields: [&[u8]; 7] = [
        &entry.generation.to_le_bytes(),
        &at.to_le_bytes(),
        &conn.0.to_le_bytes(),
        &upto.to_le_bytes(),
        &request.to_le_bytes(),
        &transaction.to_le_bytes(),
        &[op],
    ];
    let all = fields.into_iter().flatten();
    bytes.iter_mut().zip(all).for_each(|(to, from)| *to = *from);
    bytes
}

/// Bytes of a record before its delta.
const FIXED: usize = 4 * 8 + 2 * 4 + 1;
