//! Every bound of the daemon, by name. (What a connection may hold is bounded in
//! [`myriad_ring::v1::limits`], what guests may by quotas.)

use std::time::Duration;

use myriad_core::limits::{FEED_SLOTS, GUEST_TRANSACTION_BYTES};

/// Workers that are started when the command line doesn't say (or one per core, if fewer).
pub const DEFAULT_WORKERS: u16 = 4;
/// The most workers that may be asked for.
pub const MAX_WORKERS: u16 = 250;
/// The greatest number that an option takes (`INT_MAX`, as in C).
pub const OPTION_NUMBER_MAX: u32 = 0x7FFF_FFFF;
/// The longest path that `-M` can allow (`XENSTORE_REL_PATH_MAX` in `xs_wire.h`).
pub const PATH_MAX: u32 = 2048;
/// Seconds for which an event is kept for a guest that doesn't read (C's default).
pub const WATCH_EVENT_TIMEOUT: u32 = 20;

/// Entries, of some lines each, that wait for the thread that writes logs; further ones are
/// dropped and counted.
#[cfg(not(test))]
pub const LOG_QUEUE_ENTRIES: usize = 8192;
/// Small under test, so that it overflows.
#[cfg(test)]
pub const LOG_QUEUE_ENTRIES: usize = 16;
/// Bytes of the entries that wait.
#[cfg(not(test))]
pub const LOG_QUEUE_BYTES: u64 = 16 << 20;
/// Small under test, so that it overflows.
#[cfg(test)]
pub const LOG_QUEUE_BYTES: u64 = 4096;
/// Bytes of lines that a worker gathers before it hands them on.
pub const LOG_BATCH_BYTES: usize = 64 << 10;
/// How often a line is offered to the system's log: over the socket at hand, then over a new one.
pub const SYSLOG_ATTEMPTS: usize = 2;
/// Bytes of client data that a log line shows.
pub const LOG_DATA_MAX: usize = 512;

/// Connections that wait to be accepted.
pub const LISTEN_BACKLOG: i32 = 1024;
/// How often a lock file is opened again because its last holder removed it meanwhile.
pub const LOCK_ATTEMPTS: usize = 16;

/// Descriptors that one wait can report.
pub const EVENTS_PER_SWEEP: usize = 256;
/// Bytes of lines in an answer to a CONTROL command: a message less a closing line.
pub const CONTROL_TEXT_MAX: usize = 4000;
/// What a check of the store found, as far as it is logged one by one.
pub const FINDINGS_LOGGED: usize = 100;

/// Messages that one system call sends to a client (the kernel's bound is 1024).
pub const PIECES_PER_WRITE: usize = 64;
/// Clients that are taken in per sweep.
pub const ACCEPTS_PER_SWEEP: usize = 64;
/// How long no client is taken in after the system had no descriptor for one.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Processes full of simulated guests, each with a thread of the daemon.
pub const MACHINES: usize = 64;
/// Descriptors that one message to a machine carries (the kernel's bound is 253): workers and two.
pub const MACHINE_DESCRIPTORS: usize = 253;
/// Bytes of a message of a machine.
pub const MACHINE_MESSAGE: usize = 256;
/// How long a machine whose daemon has ended waits before it looks for the next one again.
pub const RECONNECT_PAUSE: Duration = Duration::from_millis(2);
/// Times that a worker reads its event channels' ports in a sweep, 256 each.
pub const PORT_READS_PER_SWEEP: usize = 16;
/// For how long at most a worker waits for a doorbell without sleeping, after it has heard one …
pub const HOT: Duration = Duration::from_micros(50);
/// … and at least, so that it finds out when waiting is worth while again.
pub const HOT_LEAST: Duration = Duration::from_micros(5);
/// How often it looks for one between two looks at what is dearer: the clock, its messages, and the
/// commits of other workers.
pub const LOOKS_PER_CLOCK: u32 = 16;
/// How often a worker that doesn't sleep looks at sockets and other descriptors.
pub const POLL_WHILE_HOT: Duration = Duration::from_millis(1);
/// The same where a socket was served for less than that ago.
pub const POLL_WHILE_WARM: Duration = Duration::from_micros(20);
/// Sweeps that have served sockets after which a worker looks out for their next request once,
/// where that has been in vain.
pub const SWEEPS_PER_LOOKOUT: u32 = 64;
/// Requests of one connection that are executed before the others get their turn.
pub const REQUESTS_PER_SWEEP: usize = 64;
/// Clients of one worker.
pub const SLOTS: usize = 1 << 20;
/// Rings of real domains that a worker looks at without waiting for their event channels.
pub const HOT_RINGS: usize = 64;
/// Clients of one worker that have rings in a memory file: each takes up to 2 MiB and a mapping,
/// and is looked at while the worker doesn't sleep.
pub const SHARED_RINGS: usize = 64;
/// Clients with answers that wait, in one sweep, before they are sent: so that ten thousand who
/// ask at once aren't held in memory all together.
pub const DIRTY_MAX: usize = 64;
/// Records of rings' requests that a worker holds back until slots are written: past that it sends.
pub const RECORDS_HELD: usize = 16;
/// The smallest journal: a message, or a transaction of a guest, fits into a segment …
pub const JOURNAL_LEAST: u64 = 1 << 20;
/// … and the largest.
pub const JOURNAL_MOST: u64 = 64 << 30;
/// Segments that a journal has at least …
pub const JOURNAL_SEGMENTS: u64 = 8;
/// … and bytes that one has at most: twice what a guest's largest transaction takes, so that none
/// is too large for a journal of the usual size.
pub const JOURNAL_SEGMENT_BYTES: u64 = 4 << 20;
/// Descriptors of clients that systemd is given to keep, at most: those of its own bound that are
/// left for others.
pub const FDSTORE_SPARE: u32 = 8;
/// Generations that are passed over when the daemon comes back: those that a version had which
/// nobody has seen are among them.
pub const GENERATION_GAP: u64 = 1 << 16;
/// Records of the commit feed that are kept while history is written …
pub const HISTORY_FEED_SLOTS: usize = 1 << 16;
/// … and their bytes, about.
pub const HISTORY_FEED_BYTES: u64 = 16 << 20;
/// By how much the writer of history is nicer than the workers.
pub const HISTORY_NICE: i32 = 10;
/// How long the writer of history sleeps between two looks …
pub const HISTORY_PAUSE: Duration = Duration::from_millis(100);
/// … and when the last look has found more than so many commits.
pub const HISTORY_PAUSE_SHORT: Duration = Duration::from_millis(5);
/// See [`HISTORY_PAUSE_SHORT`].
pub const HISTORY_BATCH: usize = 256;
/// Wishes to have history written up to the present that may wait; then who has one waits.
pub const HISTORY_FLUSHES: usize = 4;
/// Questions of subscriptions to the reader of history that may wait.
pub const PAST_QUESTIONS: usize = 4096;
/// Bytes that it tells one of them at a time, about.
pub const PAST_PIECE: usize = 128 << 10;
/// How long it waits for history to be written up to the present.
pub const PAST_PATIENCE: Duration = Duration::from_secs(5);
/// Times that it reads again what was overwritten meanwhile.
pub const PAST_TRIES: u32 = 4;
/// How long it keeps in mind what is where in the file while nobody asks.
pub const PAST_IDLE: Duration = Duration::from_secs(10);
/// How long the writer of checkpoints waits after one has failed.
pub const CHECKPOINT_PAUSE: Duration = Duration::from_secs(1);
/// Bytes of replies that wait for a ring which can be taken up after a crash; past that its next
/// request waits: what waits has to fit into its slot.
pub const RING_REPLIES_KEPT: usize = 1024;
/// Bytes of its requests that wait likewise, before more are taken: a message.
pub const RING_REQUESTS_KEPT: usize = 4112;
/// Commits, as [`crate::worker`] weighs them, after which all workers are woken: so that none
/// falls behind the feed's bounds in its sleep, and open transactions are looked at in time.
pub const FOLLOW_EVERY: u64 = FEED_SLOTS as u64 / 4;
/// Changes and events that weigh as much as a commit.
pub const FOLLOW_CHANGES: u64 = 16;
/// How often connections are looked at that have transactions open, or events that may expire.
pub const TEND_EVERY: Duration = Duration::from_millis(100);
/// How many of them are looked at in one sweep.
pub const TENDED_PER_SWEEP: usize = 16;
/// How long guests are held back, from the beginning of the next attempt, whose writes made a
/// transaction of the control domain fail; twice as long for each further failure in a row …
pub const PAUSE: Duration = Duration::from_millis(40);
/// … but never longer. An attempt waits no longer than this for them to have stopped.
pub const PAUSE_MAX: Duration = Duration::from_millis(160);
/// For how long after a pause it is remembered for which node it was: a guest is logged again only
/// after that, and until then it is held back with the others that change the node.
pub const PAUSE_REMEMBERED: Duration = Duration::from_secs(10);
/// Versions that wait to be freed when the thread is woken that does so …
pub const RECLAIM_BATCH: usize = 32;
/// … and sweeps for which any may wait, at most.
pub const RECLAIM_SWEEPS: u32 = 64;
/// For how long a program has its turn at a node while others wait for theirs.
pub const TURN: Duration = Duration::from_millis(10);
/// For how long it has it to try once more after it has failed all the same.
pub const TURN_AGAIN: Duration = Duration::from_millis(1);
/// For how long a program waits for its turn before it goes on without.
pub const TURN_WAIT: Duration = Duration::from_millis(100);
/// Nodes at which programs have turns, for each worker.
pub const TURN_LINES: usize = 64;
/// Requests of other workers' guests whose events a worker has not queued yet. Each guest has a
/// bounded number outstanding; past this the rest count as done.
pub const TICKETS_KEPT: usize = 1 << 16;

const _: () = assert!(JOURNAL_SEGMENT_BYTES >= 2 * GUEST_TRANSACTION_BYTES as u64);
