//! The page that a guest shares with the server: rings in memory that the other side writes at
//! will.
//!
//! A [`Mapping`] is 4096 bytes of shared memory, a [`Page`] a handle on it. [`ServerEnd`] is the
//! server's end of its two rings, [`guest`] the other one. Both move bytes; a
//! [`Connection`](crate::v1::Connection) turns them into requests, as it does for a socket's.
//!
//! What holds:
//!
//! - No reference to shared memory; every byte is copied once, out or in, by atomics (`raw.rs` says
//!   why that is sound, and has the only `unsafe`).
//! - An index is an allegation until it is a [`Window`] (A1). A pair that can't be is a
//!   [`BadIndex`]: the ring fails, its domain doesn't.
//! - Rings begin anywhere, wrap at 2³², carry parts of messages, and may be emptied at any time.
//! - No wake-up is lost, even of guests that ring only when they must (`end.rs`).
//!
//! A worker's sweep of one ring:
//!
//! ```
//! # use std::time::Duration;
//! # use myriad_core::Store;
//! # use myriad_ring::page::{Scratch, ServerEnd};
//! # use myriad_ring::v1::connection::{Connection, Failure, Host, Progress};
//! # fn sweep(ring: &mut ServerEnd, scratch: &mut Scratch, conn: &mut Connection, store: &Store,
//! #     host: &mut dyn Host, now: Duration, deliver_up_to: fn(u64), ring_the_bell: fn()) -> bool {
//! if ring.wants_reconnect() {
//!     conn.reset(store);
//!     ring.reconnect();
//! }
//! // The request index is read here, before the store is: what was acknowledged before a request
//! // was sent, the request sees.
//! if conn.wants_input() && ring.receive(scratch, |bytes| conn.input(bytes)).is_err() {
//!     conn.fail(store, Failure::RingIndex);
//! }
//! loop {
//!     match conn.step(store, host, now) {
//!         Progress::Held { seq } => {
//!             deliver_up_to(seq);
//!             conn.release(now);
//!         }
//!         Progress::Idle | Progress::Waiting | Progress::Stalled => break,
//!         Progress::Failed(failure) => {
//!             ring.fail(failure);
//!             break;
//!         }
//!     }
//! }
//! match ring.send(conn.unsent()) {
//!     Ok(count) => conn.advance(count, store),
//!     Err(_) => conn.fail(store, Failure::RingIndex),
//! }
//! if ring.take_doorbell() {
//!     ring_the_bell(); // once, after the last index
//! }
//! // Before the ring may grow cold: is there really nothing to do?
//! ring.look_again(conn.wants_input(), conn.has_output()).unwrap_or(false)
//! # }
//! ```

mod end;
pub mod guest;
pub mod layout;
mod memfd;
mod raw;
mod server;
mod shared;
mod window;

pub use end::Doorbells;
pub use layout::{Lane, Word};
pub use memfd::Memfd;
pub(crate) use raw::Memory;
pub use raw::{Mapping, Page};
pub use server::{Scratch, ServerEnd};
pub use window::{BadIndex, Span, Window};
