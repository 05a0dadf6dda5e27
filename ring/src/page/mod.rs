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
//!   why that is sound).
//! - An index is an allegation until it is a [`Window`] (A1). A pair that can't be is a
//!   [`BadIndex`]: the ring fails, its domain doesn't.
//! - Rings begin anywhere, wrap at 2³², carry parts of messages, and may be emptied at any time.
//! - No wake-up is lost, even of guests that ring only when they must (`end.rs`).
//!
//! A worker's sweep of one ring, which says whether there is more to do. Where it fails, the
//! guest has lied about its indices: [`Connection::fail`](crate::v1::Connection::fail) with
//! [`Failure::RingIndex`](crate::v1::connection::Failure::RingIndex), and the ring needs nothing
//! more. (`deliver` queues the events of commits up to a publication, to this connection and to
//! others.)
//!
//! ```
//! # use std::time::Duration;
//! # use myriad_core::Store;
//! # use myriad_ring::page::{BadIndex, Scratch, ServerEnd};
//! # use myriad_ring::v1::connection::{Connection, Failure, Host, Progress};
//! # fn sweep(ring: &mut ServerEnd, scratch: &mut Scratch, conn: &mut Connection, store: &Store,
//! #     host: &mut dyn Host, now: Duration, deliver: fn(u64), notify: fn())
//! #     -> Result<bool, BadIndex> {
//! if ring.wants_reconnect() {
//!     conn.reset(store);
//!     ring.reconnect();
//! }
//! // The requests' index is read here, and the store in `step`: a request sees all that was
//! // acknowledged before it was sent.
//! if conn.wants_input() {
//!     ring.receive(scratch, |bytes| conn.input(bytes))?;
//! }
//! loop {
//!     match conn.step(store, host, now) {
//!         Progress::Held { seq } => {
//!             deliver(seq);
//!             conn.release(now);
//!         }
//!         Progress::Idle | Progress::Waiting | Progress::Stalled => break,
//!         Progress::Failed(failure) => break ring.fail(failure),
//!     }
//! }
//! let count = ring.send(conn.unsent())?;
//! conn.advance(count, store);
//! if ring.take_doorbell() {
//!     notify(); // Once, after the last index was stored.
//! }
//! // Whoever would sleep now looks again first: after unmasking the event channel.
//! ring.look_again(conn.wants_input(), conn.has_output())
//! # }
//! ```
//!
//! What the worker must see to besides: a guest that is over a limit isn't read, and rings no more
//! while bytes of it wait, so sweep it when the limit is lifted; MiniOS doesn't ring when it has
//! made room, so sweep a ring that has output waiting now and then.

mod client;
mod copy;
mod doorbells;
mod end;
#[cfg(any(fuzzing, test, feature = "fuzz"))]
mod fuzz;
pub mod guest;
mod indices;
mod later;
pub mod layout;
mod memfd;
mod raw;
mod region;
#[cfg(any(fuzzing, test, feature = "fuzz"))]
mod rig;
mod server;
mod shared;
mod spoken;
#[cfg(test)]
mod tests;
mod window;

pub use doorbells::Doorbells;
#[cfg(any(fuzzing, test, feature = "fuzz"))]
pub use fuzz::page as fuzz;
pub use indices::Indices;
pub use layout::{Lane, Word};
pub use memfd::Memfd;
pub use raw::{Mapping, Page};
pub(crate) use region::{Memory, Region};
pub use server::{Scratch, ServerEnd};
pub use window::{BadIndex, Span, Window};
