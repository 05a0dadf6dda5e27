//! The thread that writes history: it reads the commit feed and nobody waits for it.
//!
//! A disk that stalls or fails costs history a gap, which is recorded, and no commit anything. The
//! thread sleeps between looks, briefly while there is much to write, so that the feed's bounds
//! ([`limits::HISTORY_FEED_SLOTS`]) are far.
//!
//! # Synchronization
//! `park` and `unpark` of the standard library. `stop` is set before the thread is woken. Whoever
//! wants all written sends a channel, wakes the thread, and waits at the other end.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{Builder, JoinHandle, Thread},
    time::{Duration, SystemTime},
};

use myriad_core::{FeedItem, Store};
use myriad_history::{
    Recorder,
    file::{GapReason, History, OpenError, Options, WriteError, Writer, storage::Disk},
};
use tracing::{error, info, warn};

use crate::{
    limits,
    sync::{AtomicBool, Ordering::Relaxed},
};

/// A history file that is open for writing.
#[derive(Debug)]
pub struct HistoryFile {
    writer: Writer<Disk>,
    path: PathBuf,
}

/// The thread; dropped, it writes what is left, and ends.
#[derive(Debug)]
pub struct HistoryThread {
    thread: Option<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
    flusher: Flusher,
}

impl HistoryFile {
    /// Opens the file, or makes it. None, with the reason in the log, where it can't be had: the
    /// store is served all the same.
    #[must_use]
    pub fn open(path: &Path, size: u64) -> Option<HistoryFile> {
        if let Some(folder) = path.parent() {
            // What is wrong with it is said below.
            let _ = std::fs::create_dir_all(folder);
        }
        match Writer::open(path, &Options::sized(size)) {
            Ok(writer) => {
                info!("history in {}", path.display());
                Some(HistoryFile { writer, path: path.into() })
            }
            Err(error) => {
                error!("no history is written: {error}");
                None
            }
        }
    }

    /// The last generation that it has: a store goes on after it.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.writer.last().map_or(0, |(_, generation, _)| generation)
    }

    /// By which its generations are told from those of another.
    pub(crate) fn number(&self) -> u64 {
        self.writer.id().first_chunk().map_or(1, |id| u64::from_le_bytes(*id).max(1))
    }

    /// Reads the same file, once it is written: none, with the reason in the log, where that can't
    /// be had.
    pub(crate) fn reader(&self) -> Option<Reader> {
        match History::prepare(&self.path) {
            Ok(source) => Some(Box::new(move || History::on(Box::new(source.clone())))),
            Err(error) => {
                error!("history is written, but not told from: {error}");
                None
            }
        }
    }

    /// Writes from now on what becomes of a store.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub fn follow(self, store: Store) -> io::Result<HistoryThread> {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, follower) = (Arc::clone(&stop), Follower::new(self.writer, store));
        let (wanted, flushes) = sync_channel(limits::HISTORY_FLUSHES);
        let run = move || follower.run(&stopped, &flushes);
        let thread = Builder::new().name("history".into()).spawn(run)?;
        let flusher = Flusher { wanted, thread: thread.thread().clone() };
        Ok(HistoryThread { thread: Some(thread), stop, flusher })
    }
}

/// What opens a history file, as often as wanted.
pub(crate) type Reader = Box<dyn Fn() -> Result<History, OpenError> + Send>;

/// Has all written that was published.
#[derive(Clone, Debug)]
pub struct Flusher {
    wanted: SyncSender<SyncSender<()>>,
    thread: Thread,
}

impl Flusher {
    /// Waits until all is written that was published before, for about so long at most. False where
    /// it is not.
    pub(crate) fn flush(&self, patience: Duration) -> bool {
        let (done, written) = sync_channel(1);
        if self.wanted.send(done).is_err() {
            return false;
        }
        self.thread.unpark();
        written.recv_timeout(patience).is_ok()
    }
}

impl HistoryThread {
    /// Has all written that was published.
    #[must_use]
    pub fn flusher(&self) -> Flusher {
        self.flusher.clone()
    }
}

impl Drop for HistoryThread {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // One that panicked has said so.
            let _ = thread.join();
        }
    }
}

struct Follower {
    recorder: Recorder<Disk>,
    store: Store,
    feed: myriad_core::Feed,
    /// Whether the last look failed: it is said once.
    failed: bool,
}

impl Follower {
    fn new(writer: Writer<Disk>, store: Store) -> Follower {
        let feed = store.feed();
        let mut follower = Follower { recorder: Recorder::new(writer), store, feed, failed: false };
        let began = follower.snapshot();
        follower.note(began);
        follower
    }

    fn run(mut self, stop: &AtomicBool, flushes: &Receiver<SyncSender<()>>) {
        // Where there is too little processor time for all, clients have their answers, and history
        // a gap. (On Linux this is of the thread alone.)
        if let Err(error) = rustix::process::nice(limits::HISTORY_NICE) {
            warn!("history competes with the workers for processor time: {error}");
        }
        loop {
            let wanted: Vec<_> = flushes.try_iter().collect();
            // Relaxed: the thread is woken after it was set, and looks again.
            let last = stop.load(Relaxed);
            // No further: what is published meanwhile may not end.
            let newest = self.store.pin().seq();
            let (read, done) = self.drain(newest);
            self.note(done);
            if self.recorder.writer().wants_snapshot() {
                let done = self.snapshot();
                self.note(done);
            }
            let done = self.recorder.writer().tick(now());
            self.note(done);
            if !wanted.is_empty() {
                let done = self.recorder.writer().flush();
                self.note(done);
                for waits in wanted {
                    // Who doesn't wait any more has gone on without.
                    let _ = waits.try_send(());
                }
            }
            if last {
                break;
            }
            let much = read > limits::HISTORY_BATCH;
            std::thread::park_timeout(if much {
                limits::HISTORY_PAUSE_SHORT
            } else {
                limits::HISTORY_PAUSE
            });
        }
        if let Err(error) = self.recorder.close() {
            warn!("the end of history is not written: {error}");
        }
    }

    /// Adds what was published, up to a publication; says how many there were.
    fn drain(&mut self, up_to: u64) -> (usize, Result<(), WriteError>) {
        let (mut read, mut done) = (0, Ok(()));
        while self.feed.seq() < up_to {
            let next = match self.feed.next() {
                FeedItem::Record(record) => self.recorder.append(&record, now()),
                FeedItem::Empty => break,
                FeedItem::Overrun => {
                    let from = self.recorder.seq() + 1;
                    self.recorder.writer().gap(GapReason::Overrun, from, now())
                }
            };
            read += 1;
            done = done.and(next);
        }
        (read, done)
    }

    /// Adds a snapshot of what is current.
    fn snapshot(&mut self) -> Result<(), WriteError> {
        let version = self.store.snapshot();
        let (_, done) = self.drain(version.seq());
        done.and(self.recorder.snapshot(&version, now()))
    }

    fn note(&mut self, done: Result<(), WriteError>) {
        match done {
            Ok(()) => self.failed = false,
            Err(error) if !self.failed => {
                self.failed = true;
                error!("history has a gap: {error}");
            }
            Err(_) => {}
        }
    }
}

fn now() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}
