//! The tiered file: the past of a store in a fixed number of bytes.
//!
//! [`History`] reads a file, a `Writer` fills it. `history/FORMAT.md` has every byte of the format
//! and the rules behind it.

pub mod errors;
mod merge;
pub mod model;
mod options;
pub mod order;
mod reader;

pub use errors::{OpenError, ReadError, WriteError};
pub use model::*;
pub use options::{Options, TierOptions};
pub use reader::{History, Stats, TierStats, Tree};
