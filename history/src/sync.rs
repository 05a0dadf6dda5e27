//! The one door to atomics: the standard library's, or loom's under `cfg(loom)`.
//!
//! What lies in a mapped file comes from elsewhere and is always the standard library's
//! ([`MappedU64`]): the models bring loom's behind the trait `Words`, which is all that the
//! journal's protocol knows of a file.

#[allow(clippy::disallowed_types)]
pub(crate) use std::sync::atomic::AtomicU64 as MappedU64;

#[cfg(not(loom))]
#[allow(clippy::disallowed_types)]
pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
