//! The tiered file: the past of a store in a fixed number of bytes.
//!
//! [`History`] reads a file, a [`Writer`] fills it. `history/FORMAT.md` has every byte of the
//! format and the rules behind it.

mod codec;
mod delta;
pub mod errors;
mod filter;
mod map;
mod merge;
pub mod model;
mod options;
pub mod order;
pub(crate) mod reader;
mod record;
mod snapshot;
pub mod storage;
mod superblock;
mod writer;

pub use errors::{OpenError, ReadError, WriteError};
pub use model::*;
pub use options::{Options, TierOptions};
pub use reader::{History, Stats, TierStats, Tree, Unbroken};
pub use writer::{Snapshot, Writer};
