//! Moves what a connection has to send into its socket.

use std::io::IoSlice;

use myriad_core::Store;
use myriad_history::recovery::failpoint::{self, Point};
use myriad_ring::v1::connection::Connection;
use rustix::{fd::AsFd, io::Errno};

use crate::limits;

/// How far sending came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// Nothing is left.
    All,
    /// The client must read first.
    Blocked,
    /// The client is gone.
    Closed,
}

/// Sends as much as the socket takes without waiting, many messages per system call.
pub(super) fn send(socket: impl AsFd, conn: &mut Connection, store: &Store) -> Sent {
    while conn.has_output() {
        let mut pieces = [IoSlice::new(&[]); limits::PIECES_PER_WRITE];
        let mut used = 0;
        for (slot, piece) in pieces.iter_mut().zip(conn.unsent()) {
            *slot = IoSlice::new(piece);
            used += 1;
        }
        let pieces = pieces.get(..used).unwrap_or_default();
        let wanted: usize = pieces.iter().map(|piece| piece.len()).sum();
        failpoint::hit(Point::Acknowledge);
        match rustix::io::writev(&socket, pieces) {
            Ok(count) => {
                failpoint::hit(Point::Acknowledge);
                conn.advance(count, store);
                // A short write means that the socket is full: epoll says when it isn't.
                if count < wanted {
                    return Sent::Blocked;
                }
            }
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return Sent::Blocked,
            Err(_) => return Sent::Closed,
        }
    }
    Sent::All
}

#[cfg(test)]
mod tests {
    use super::*;
    use myriad_core::{Caller, Config, ConnId};
    use myriad_ring::v1::connection::{Event, Peer};
    use std::{io::Read, os::unix::net::UnixStream, time::Duration};

    fn connection() -> Connection {
        Connection::new(ConnId::new(0, 1), Peer::Socket(1), Caller::Control)
    }

    fn deliver(conn: &mut Connection, number: u32) {
        let token = number.to_string();
        let event = Event { seq: 1, at: 0, path: b"/a", token: token.as_bytes(), ticket: None };
        conn.deliver(event, Duration::ZERO);
    }

    #[test]
    fn everything_arrives_in_order_through_a_socket_that_blocks() {
        let (here, mut there) = UnixStream::pair().unwrap();
        here.set_nonblocking(true).unwrap();
        let store = Store::new(&Config::default()).unwrap();
        let mut conn = connection();
        (0..20_000).for_each(|number| deliver(&mut conn, number));
        let expected: Vec<u8> = conn.unsent().flatten().copied().collect();
        let (mut seen, mut piece, mut blocked) = (Vec::new(), [0; 65_536], 0);
        while send(&here, &mut conn, &store) == Sent::Blocked {
            blocked += 1;
            let count = there.read(&mut piece).unwrap();
            seen.extend_from_slice(&piece[..count]);
        }
        drop(here);
        there.read_to_end(&mut seen).unwrap();
        assert!(seen == expected && blocked > 1);
    }

    #[test]
    fn a_client_that_is_gone_is_noticed() {
        let (here, there) = UnixStream::pair().unwrap();
        drop(there);
        let store = Store::new(&Config::default()).unwrap();
        let mut conn = connection();
        assert_eq!(send(&here, &mut conn, &store), Sent::All);
        deliver(&mut conn, 1);
        assert_eq!(send(&here, &mut conn, &store), Sent::Closed);
    }
}
