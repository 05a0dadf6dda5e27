//! The protocols of recovery, killed at every store.
//!
//! All memory is a [`Tape`](tape::Tape), which keeps every store in the order in which it was made.
//! What a process leaves that is killed is what some first part of the tape has made of the memory:
//! a thread's stores up to the kill are there, and a store of which another thread has seen
//! anything is too.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::disallowed_types, reason = "tests")]
#![allow(clippy::cast_possible_truncation, clippy::panic, reason = "as above")]

mod commits;
mod killed;
mod slots;
mod tape;
mod threads;
