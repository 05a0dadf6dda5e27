//! What links a client to the outside: a socket, or a page that it shares with us.

mod ring;
mod socket;

pub(super) use ring::RingLink;
pub(super) use socket::SocketLink;
