//! Bytes in, bytes out: every operation and every error, for privileged callers and guests.

mod batch;
mod client;
mod conflicts;
mod domains;
mod errors;
mod guests;
mod order;
mod pins;
mod remains;
mod tree;

use client::{event, messages, some};

const OK: &[u8] = b"OK\0";
