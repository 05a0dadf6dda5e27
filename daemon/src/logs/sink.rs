//! The thread that writes logs, and the handle to it.
//!
//! # Synchronization
//! Relaxed throughout: switches that take effect some time soon, and counts of bytes and losses.
//! The lines themselves go through a channel, which orders what it hands over.

use std::{
    io,
    path::Path,
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
};

use super::{Destination, TRACE_IO, TRACE_OBJ, TRACE_SWITCHES, syslog::Severity};
use crate::{
    limits,
    sync::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed},
};

/// Which log a line belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Messages and traces.
    Main,
    /// Accesses.
    Access,
}

/// The handle to the writer thread; every thread has its own.
#[derive(Clone, Debug)]
pub struct Logs {
    queue: SyncSender<Item>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// Bit per entry of [`TRACE_SWITCHES`].
    switches: AtomicU32,
    /// Whether the main log is a file that is open: only then are messages traced.
    tracing: AtomicBool,
    accesses: AtomicBool,
    json: AtomicBool,
    lost: AtomicU64,
    /// Bytes of the lines in the queue.
    queued: AtomicU64,
}

enum Item {
    Line(Stream, Severity, Vec<u8>),
    Reopen,
    Main(Destination),
    Off,
    Flushed(SyncSender<()>),
    Run(Task),
}

/// Something for the writer thread to do, such as to confine itself.
type Task = Box<dyn FnOnce() + Send>;

impl Logs {
    /// Starts the thread that writes.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub fn start(main: Destination, access: Option<Destination>) -> io::Result<Logs> {
        let (queue, items) = sync_channel(limits::LOG_QUEUE_ENTRIES);
        let shared = Arc::new(Shared {
            // C's defaults (`trace_flags` in `core.c`).
            switches: AtomicU32::new(1 << TRACE_OBJ | 1 << TRACE_IO),
            tracing: AtomicBool::new(matches!(main, Destination::File { .. })),
            accesses: AtomicBool::new(access.is_some()),
            json: AtomicBool::new(false),
            lost: AtomicU64::new(0),
            queued: AtomicU64::new(0),
        });
        let writer = Writer { main, access, shared: Arc::clone(&shared), off: false };
        std::thread::Builder::new().name("log".into()).spawn(move || writer.run(&items))?;
        Ok(Logs { queue, shared })
    }

    /// Whether accesses are logged.
    #[must_use]
    pub fn logs_accesses(&self) -> bool {
        self.shared.accesses.load(Relaxed)
    }

    /// Whether a switch is on, and there is a trace file for what it traces.
    #[must_use]
    pub fn traces(&self, index: usize) -> bool {
        self.shared.tracing.load(Relaxed) && self.switch(index)
    }

    /// Whether a switch of [`TRACE_SWITCHES`] is on.
    #[must_use]
    pub fn switch(&self, index: usize) -> bool {
        self.shared.switches.load(Relaxed) & (1 << index) != 0
    }

    /// Turns a switch of [`TRACE_SWITCHES`] on or off.
    pub fn set_switch(&self, index: usize, on: bool) {
        debug_assert!(index < TRACE_SWITCHES.len());
        if on {
            self.shared.switches.fetch_or(1 << index, Relaxed);
        } else {
            self.shared.switches.fetch_and(!(1 << index), Relaxed);
        }
    }

    /// Whether the main log holds one JSON object a line.
    #[must_use]
    pub fn is_json(&self) -> bool {
        self.shared.json.load(Relaxed)
    }

    /// Sets whether the main log holds one JSON object a line.
    pub fn set_json(&self, json: bool) {
        self.shared.json.store(json, Relaxed);
    }

    /// Queues whole lines of accesses or traces; drops them when the queue is full.
    pub fn lines(&self, stream: Stream, lines: Vec<u8>) {
        self.send(stream, Severity::Debug, lines);
    }

    pub(super) fn send(&self, stream: Stream, severity: Severity, lines: Vec<u8>) {
        let shared = &self.shared;
        let len = size(&lines);
        let room = shared.queued.fetch_add(len, Relaxed) < limits::LOG_QUEUE_BYTES;
        let item = Item::Line(stream, severity, lines);
        if !room || matches!(self.queue.try_send(item), Err(TrySendError::Full(_))) {
            shared.queued.fetch_sub(len, Relaxed);
            shared.lost.fetch_add(1, Relaxed);
        }
    }

    /// Opens the files again, for who has renamed them. It may wait for the writer, so it's not
    /// for a thread that serves clients.
    pub fn reopen(&self) {
        // It fails only when the writer is gone, and with it the files.
        let _ = self.queue.send(Item::Reopen);
    }

    /// Opens the files again (`CONTROL log on`).
    ///
    /// # Errors
    /// [`Busy`]: nothing has changed.
    pub fn try_reopen(&self) -> Result<(), Busy> {
        self.change(Item::Reopen)
    }

    /// Stops the main log, where it is a file, until it is reopened (`CONTROL log off`).
    ///
    /// # Errors
    /// [`Busy`]: nothing has changed.
    pub fn off(&self) -> Result<(), Busy> {
        self.change(Item::Off)?;
        self.shared.tracing.store(false, Relaxed);
        Ok(())
    }

    /// Sends the main log to another file (`CONTROL logfile`).
    ///
    /// # Errors
    /// The file can't be opened, or the writer is [`Busy`]: nothing has changed.
    pub fn set_file(&self, path: &Path) -> io::Result<()> {
        let main = Destination::file(path)?;
        self.change(Item::Main(main))
            .map_err(|busy| io::Error::new(io::ErrorKind::WouldBlock, busy))?;
        self.shared.tracing.store(true, Relaxed);
        Ok(())
    }

    /// Waits until all lines queued so far are written.
    pub fn flush(&self) {
        let (done, flushed) = sync_channel(1);
        let _ = self.queue.send(Item::Flushed(done));
        // An error means that the writer is gone, and nothing is left to wait for.
        let _ = flushed.recv();
    }

    /// Has the writer thread do something, after the lines queued so far. Where there is none any
    /// more, it is dropped.
    pub fn run(&self, task: Task) {
        let _ = self.queue.send(Item::Run(task));
    }

    fn change(&self, item: Item) -> Result<(), Busy> {
        self.queue.try_send(item).map_err(|_| Busy)
    }
}

/// the log's queue is full: its disk is too slow; try again
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the log's queue is full: its disk is too slow; try again")]
pub struct Busy;

struct Writer {
    main: Destination,
    access: Option<Destination>,
    shared: Arc<Shared>,
    off: bool,
}

impl Writer {
    fn run(mut self, items: &Receiver<Item>) {
        while let Ok(item) = items.recv() {
            match item {
                Item::Line(stream, severity, line) => {
                    self.write(stream, severity, &line);
                    self.shared.queued.fetch_sub(size(&line), Relaxed);
                }
                Item::Reopen => self.reopen(),
                Item::Main(destination) => {
                    self.main = destination;
                    self.off = false;
                }
                Item::Off => self.off = matches!(self.main, Destination::File { .. }),
                Item::Flushed(done) => drop(done.send(())),
                Item::Run(task) => task(),
            }
        }
    }

    fn reopen(&mut self) {
        self.off = false;
        self.main.reopen();
        if let Some(access) = &mut self.access {
            access.reopen();
        }
        let is_file = matches!(self.main, Destination::File { .. });
        self.shared.tracing.store(is_file, Relaxed);
    }

    fn write(&mut self, stream: Stream, severity: Severity, line: &[u8]) {
        let lost = self.shared.lost.swap(0, Relaxed);
        if lost > 0 && !self.off {
            let note = format!(
                "{lost} log entries were lost: they came faster than they could be \
                                written\n"
            );
            self.main.write(Severity::Warning, note.as_bytes());
        }
        match stream {
            Stream::Main if self.off => {}
            Stream::Main => self.main.write(severity, line),
            Stream::Access => {
                if let Some(access) = &mut self.access {
                    access.write(severity, line);
                }
            }
        }
    }
}

fn size(lines: &[u8]) -> u64 {
    u64::try_from(lines.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
