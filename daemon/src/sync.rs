//! The daemon's one door to atomics.
//!
//! # Synchronization
//! What lies behind these is counters and switches that carry no data: no other memory is
//! published through them. Where an order matters, the user makes it with fences and says so
//! (`worker::bell`).
#![allow(clippy::disallowed_types)]

pub(crate) use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, fence};
