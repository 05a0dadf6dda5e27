//! What the daemon tells of itself: messages, traces and accesses.
//!
//! Invariants:
//! - no thread that serves clients writes to a file or socket of a log: lines go through a
//!   bounded queue to one writer thread (`sink`);
//! - where the writer can't keep up, lines are dropped and the next one says how many; a slow
//!   or full disk therefore never delays a client;
//! - what clients send is escaped and bounded before it gets into a line.

mod access;
mod clock;
mod destination;
mod setup;
mod sink;
mod syslog;

pub use access::{Name, access_line, access_name, escape, json_line, trace_line};
pub use clock::Stamp;
pub use destination::{Destination, SystemLog};
pub use setup::{LogError, install};
pub use sink::{Busy, Logs, Stream};

/// The trace switches, by the names that C gives them. `io` traces messages and `obj`
/// connections; the others are accepted and listed, but have nothing to trace here.
pub const TRACE_SWITCHES: [&str; 5] = ["obj", "io", "wrl", "acc", "tdb"];

/// Index of `obj` in [`TRACE_SWITCHES`].
pub const TRACE_OBJ: usize = 0;
/// Index of `io` in [`TRACE_SWITCHES`].
pub const TRACE_IO: usize = 1;
