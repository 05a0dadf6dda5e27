//! What links a client to the outside: a socket, or a page that it shares with us.

mod keeping;
mod ring;
mod socket;

pub(super) use keeping::{Keeping, SocketKeeping};
pub(super) use ring::RingLink;
pub(super) use socket::SocketLink;
