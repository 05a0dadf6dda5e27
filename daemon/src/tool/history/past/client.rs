//! One client of the past.

use std::{
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    time::Duration,
};

use myriad_core::{Caller, ConnId, Errno, Store};
use myriad_ring::v1::{
    Assembler, Connection, Op,
    connection::{Peer, Progress},
    reply,
};

use super::gate::{Gone, is_refused};
use crate::tool::history::limits::{PAST_OUTPUT, PAST_READ};

/// A connection, its socket, and the gate between them.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) socket: UnixStream,
    pub(super) conn: Connection,
    input: Assembler,
    /// What is to be sent, in order.
    output: Vec<u8>,
}

/// What a client is at.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It waits for its socket.
    Waits,
    /// Events up to this publication must be queued to it and to others; then call
    /// [`Client::serve`] again.
    Held(u64),
    /// It has gone, or has broken the protocol.
    Ended,
}

impl Client {
    pub(super) fn new(socket: UnixStream, number: u64) -> io::Result<Client> {
        socket.set_nonblocking(true)?;
        let id = ConnId::new(0, number);
        let conn = Connection::new(id, Peer::Socket(number), Caller::Control);
        Ok(Client { socket, conn, input: Assembler::default(), output: Vec::new() })
    }

    /// Whether it should be read from.
    pub(super) fn wants_input(&self) -> bool {
        self.output.len() < PAST_OUTPUT
    }

    pub(super) fn has_output(&self) -> bool {
        !self.output.is_empty() || self.conn.has_output()
    }

    /// Reads once.
    pub(super) fn read(&mut self) -> State {
        let mut bytes = [0; PAST_READ];
        match self.socket.read(&mut bytes) {
            Ok(0) => State::Ended,
            Ok(count) => {
                // There is room: every whole message has been taken out.
                let taken = self.input.push(bytes.get(..count).unwrap_or_default());
                if taken == count { State::Waits } else { State::Ended }
            }
            Err(error) if is_transient(&error) => State::Waits,
            Err(_) => State::Ended,
        }
    }

    /// Executes what is complete, up to a reply that must wait for events.
    pub(super) fn serve(&mut self, store: &Store, now: Duration) -> State {
        loop {
            match self.conn.step(store, &mut Gone, now) {
                Progress::Held { seq } => return State::Held(seq),
                Progress::Idle => {}
                Progress::Stalled | Progress::Waiting => return State::Waits,
                Progress::Failed(_) => return State::Ended,
            }
            self.collect(store);
            let Ok(message) = self.input.message() else { return State::Ended };
            let Some(message) = message else { return State::Waits };
            if Op::from_number(message.header.op).is_some_and(is_refused) {
                reply::put_error(&mut self.output, &message.header, Errno::EROFS);
            } else {
                let header = message.header.to_bytes();
                self.conn.input(&header);
                self.conn.input(message.payload);
            }
            self.input.take();
        }
    }

    /// The events that a held reply waited for are queued.
    pub(super) fn release(&mut self, now: Duration) {
        self.conn.release(now);
    }

    /// Sends what the socket takes.
    pub(super) fn send(&mut self, store: &Store) -> State {
        self.collect(store);
        while !self.output.is_empty() {
            match self.socket.write(&self.output) {
                Ok(0) => return State::Ended,
                Ok(count) => drop(self.output.drain(..count)),
                Err(error) if is_transient(&error) => break,
                Err(_) => return State::Ended,
            }
        }
        State::Waits
    }

    /// Takes over what the connection has queued.
    fn collect(&mut self, store: &Store) {
        let before = self.output.len();
        for bytes in self.conn.unsent() {
            self.output.extend_from_slice(bytes);
        }
        self.conn.advance(self.output.len() - before, store);
    }
}

fn is_transient(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
