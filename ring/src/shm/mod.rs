//! Rings in a memory file: how a program on the host talks to the daemon without system calls.
//!
//! A client that speaks v2 on its socket asks for them ([`Op::Ring`](crate::v2::Op)), and gets a
//! sealed memory file with the answer: a page of words ([`Place`]) and two rings behind it, as
//! large as was agreed upon ([`Sizes`]). From then on [`ServerEnd`] and [`ClientEnd`] move the
//! bytes of v2; the socket carries doorbells alone, and its end is the connection's.
//!
//! What holds, of a client that writes the memory at will:
//!
//! - No reference to shared memory; every byte is copied once, out or in, by the accesses that
//!   pages have (`page/raw.rs` says why that is sound).
//! - Each side keeps its own indices, and only publishes them. Of the other's it reads one index
//!   for one decision, once; it is an allegation until it is a [`Window`](crate::page::Window).
//!   One that can't be is a [`BadIndex`](crate::page::BadIndex), and ends the connection.
//! - No wake-up is lost between two that keep the rules, and a bell is rung only for who sleeps and
//!   waits for what has happened (`end.rs`).
//!
//! Bells are bytes on the socket, not eventfds: `O_NONBLOCK` of an eventfd is shared by all who
//! hold it, so that a client could clear it, fill the counter, and stop a worker that rings. To
//! send a byte can be asked for without waiting, whatever the other side does; and who waits for
//! the bell hears of the other's end by the same descriptor.

mod client;
mod end;
mod file;
mod places;
mod server;
mod sizes;
#[cfg(test)]
mod tests;
mod words;

pub use client::ClientEnd;
pub use file::{Liar, Rings};
pub use places::{FOR_BYTES, FOR_ROOM, MAGIC, Place, VERSION};
pub use server::ServerEnd;
pub use sizes::Sizes;
