//! What links a client to the outside: a socket, a page that it shares with us, or rings in a
//! memory file.

mod keeping;
mod ring;
mod shared;
mod socket;
mod spoken;

pub(super) use keeping::{Keeping, SocketKeeping};
pub(super) use ring::RingLink;
pub(super) use shared::{Granted, SharedLink, unsent};
pub(super) use socket::SocketLink;
