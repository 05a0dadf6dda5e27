//! What a store remembers.
//!
//! Two files with two jobs, and a stream:
//!
//! - [`mod@file`]: the past, in a file whose size never changes: every recent commit, then ever
//!   coarser versions. Read by a library that needs no daemon.
//! - [`recovery`]: what a killed daemon comes back from: a journal of commits, checkpoints of the
//!   whole store, and a slot for each ring. On tmpfs, gone with the host's memory.
//! - [`migration`]: what one xenstored hands to the next, in Xen's format.

#![deny(unsafe_code)]

mod adapter;
pub mod file;
pub mod limits;
pub mod migration;
pub mod recovery;
mod sync;

pub use adapter::Recorder;
