//! Requests as bytes: the codec alone, and a connection that runs them against a store.

use std::{hint::black_box, sync::Arc, time::Duration};

use myriad_core::{Caller, ConnId, DomId, Errno, Instance, Path, Store};
use myriad_ring::v1::{
    Assembler, Connection, ControlArgs, Header, Host, Op, Request,
    connection::{ControlReply, Peer, Progress},
    reply,
};

use super::Rounds;
use crate::{fail::or_die, subject::Subject};

/// The bytes of a READ.
fn read_request(path: &str) -> Box<[u8]> {
    let len = u32::try_from(path.len() + 1).unwrap_or(0);
    let header = Header { op: Op::Read as u32, req_id: 1, tx_id: 0, len };
    [&header.to_bytes()[..], path.as_bytes(), b"\0"].concat().into()
}

/// Parses a READ and writes a reply of eight bytes; one op is a request.
pub struct Codec {
    requests: Rounds<Box<[u8]>>,
    input: Assembler,
    out: Vec<u8>,
}

impl Codec {
    /// Goes round these paths.
    #[must_use]
    pub fn new(paths: &[Path<'static>]) -> Codec {
        let requests: Vec<_> = paths.iter().map(|path| read_request(path.as_str())).collect();
        let requests = Rounds::new(requests.into(), 1, 0);
        Codec { requests, input: Assembler::default(), out: Vec::new() }
    }
}

impl Subject for Codec {
    fn run(&mut self, ops: u64) {
        for _ in 0..ops {
            for bytes in self.requests.next() {
                self.input.push(bytes);
            }
            let message = or_die("message", self.input.message());
            let message = or_die("message", message.ok_or("not whole"));
            let op = or_die("operation", Op::from_number(message.header.op).ok_or("unknown"));
            black_box(or_die("request", Request::parse(op, message.payload)));
            self.out.clear();
            reply::put(&mut self.out, &message.header, b"8 bytes.");
            black_box(&self.out);
            self.input.take();
        }
    }
}

/// READs of the control domain through a connection, reply included; one op is a request.
pub struct Requests {
    store: Store,
    conn: Connection,
    requests: Rounds<Box<[u8]>>,
}

impl Requests {
    /// Goes round these paths.
    #[must_use]
    pub fn new(store: &Store, paths: &[Path<'static>]) -> Requests {
        let requests: Vec<_> = paths.iter().map(|path| read_request(path.as_str())).collect();
        let conn = Connection::new(ConnId::new(0, 1), Peer::Socket(1), Caller::Control);
        Requests { store: store.clone(), conn, requests: Rounds::new(Arc::from(requests), 1, 0) }
    }
}

impl Subject for Requests {
    fn run(&mut self, ops: u64) {
        for _ in 0..ops {
            for bytes in self.requests.next() {
                self.conn.input(bytes);
            }
            loop {
                match self.conn.step(&self.store, &mut Nobody, Duration::ZERO) {
                    // No watch is registered, so no event comes before the reply.
                    Progress::Held { .. } => self.conn.release(Duration::ZERO),
                    Progress::Idle => break,
                    other => or_die("a READ", Err(format!("{other:?}"))),
                }
            }
            let sent = self.conn.unsent().map(<[u8]>::len).sum();
            if sent <= myriad_ring::v1::HEADER_LEN {
                or_die("a READ", Err("no reply"))
            }
            self.conn.advance(sent, &self.store);
        }
    }
}

/// A host without domains.
struct Nobody;

impl Host for Nobody {
    fn domain_exists(&mut self, _: DomId) -> bool {
        false
    }
    fn connect(&mut self, _: DomId, _: u32) -> Result<(), Errno> {
        Err(Errno::EINVAL)
    }
    fn introduced(&mut self, _: DomId, _: Instance) {}
    fn released(&mut self, _: DomId, _: Instance) {}
    fn control(&mut self, _: &Store, _: &ControlArgs<'_>) -> ControlReply {
        ControlReply::Refused(Errno::EINVAL)
    }
}
