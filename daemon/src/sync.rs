//! The daemon's one door to atomics.
//!
//! # Synchronization
//! What lies behind these is counters and switches that carry no data: each is read and written
//! with `Relaxed`, and no other memory is published through them.
#![allow(clippy::disallowed_types)]

pub(crate) use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
