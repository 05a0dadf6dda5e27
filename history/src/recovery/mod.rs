//! What a killed daemon comes back from: a journal of commits, checkpoints of the whole store, and
//! a slot for each ring.
//!
//! All of it lies in files of a tmpfs, mapped and shared: a store of the processor that was retired
//! is in the file, whatever becomes of the process. Nothing here withstands a loss of power, and
//! nothing needs to: domains don't outlive it either.
//!
//! What a record and a checkpoint say is not known here: they are bytes.
//!
//! # How it is used
//! At the start: [`Directory::open`], [`Recovered::read`]; a checkpoint of the store that was made
//! of it, or of the new one; [`Journal::create`] on top of that checkpoint, with the next
//! incarnation; then clients may be served. RECOVERY.md argues why each step may be the last.

mod chain;
mod checkpoint;
mod directory;
mod error;
pub mod failpoint;
mod header;
mod journal;
mod keeper;
mod log;
mod map;
mod record;
mod recorder;
mod recovered;
mod slot;
mod slot_writer;
mod slots;
mod state;
#[cfg(test)]
mod tests;
mod words;

pub use chain::Record;
pub use checkpoint::{CheckpointWriter, Complete, Covered};
pub use directory::{BootId, Directory};
pub use error::RecoveryError;
pub use journal::{Journal, JournalConfig, Reserved};
pub use keeper::Keeper;
pub use log::{Full, Place};
pub use record::{RecordHead, RecordId};
pub use recorder::{Begun, Ended};
pub use recovered::Recovered;
pub use slot::SlotContent;
pub use slot_writer::SlotWriter;
pub use slots::{SlotError, Slots, UsedSlot};
