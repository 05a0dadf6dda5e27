//! A client of the test's server.

use std::cell::Cell;

use myriad_core::Quota;

use crate::v1::{
    HEADER_LEN, Header, Op,
    connection::{Connection, Report},
    world::{Desk, World},
};

/// A message as a client sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) header: Header,
    pub(super) payload: Vec<u8>,
}

thread_local! {
    static REQUESTS: Cell<u32> = const { Cell::new(0) };
}

impl World {
    /// How many watches a connection has in the store.
    pub(super) fn watches(&self, at: usize) -> usize {
        let id = self.conns.get(at).map(Connection::id);
        id.map_or(0, |id| self.store.pin().all_fires(id).len())
    }

    /// Sends a request; gives its id.
    pub(super) fn send(&mut self, at: usize, op: Op, tx_id: u32, payload: &[u8]) -> u32 {
        let req_id = REQUESTS.get() + 1;
        REQUESTS.set(req_id);
        let len = u32::try_from(payload.len()).unwrap();
        let header = Header { op: op as u32, req_id, tx_id, len };
        self.bytes(at, &[&header.to_bytes()[..], payload].concat());
        req_id
    }

    /// Takes all messages that were sent to a client.
    pub(super) fn seen(&mut self, at: usize) -> Vec<Seen> {
        messages(&self.take(at, usize::MAX))
    }

    /// Sends a request and gives its reply, the only one there is; events are dropped.
    pub(super) fn ask(
        &mut self,
        at: usize,
        op: Op,
        tx_id: u32,
        payload: &[u8],
    ) -> Result<Vec<u8>, String> {
        let req_id = self.send(at, op, tx_id, payload);
        let mut replies = self.seen(at);
        replies.retain(|seen| event(seen).is_none());
        let [reply] = <[Seen; 1]>::try_from(replies).expect("there is one reply");
        assert_eq!((reply.header.req_id, reply.header.tx_id), (req_id, tx_id), "{op:?}");
        match Op::from_number(reply.header.op) {
            Some(Op::Error) => {
                let name = reply.payload.strip_suffix(b"\0").unwrap();
                Err(String::from_utf8(name.to_vec()).unwrap())
            }
            got => {
                assert_eq!(got, Some(op));
                Ok(reply.payload)
            }
        }
    }

    /// The same, where it must succeed.
    pub(super) fn ok(&mut self, at: usize, op: Op, tx_id: u32, payload: &[u8]) -> Vec<u8> {
        match self.ask(at, op, tx_id, payload) {
            Ok(reply) => reply,
            Err(errno) => panic!("{op:?} {:?}: {errno}", String::from_utf8_lossy(payload)),
        }
    }

    /// The path and token of the events that were sent to a client, and `()` for each reply.
    pub(super) fn events(&mut self, at: usize) -> Vec<Option<(String, String)>> {
        self.deliver(None);
        self.seen(at).iter().map(event).collect()
    }

    pub(super) fn start(&mut self, at: usize) -> u32 {
        let id = self.ok(at, Op::TransactionStart, 0, b"\0");
        std::str::from_utf8(id.strip_suffix(b"\0").unwrap()).unwrap().parse().unwrap()
    }
}

pub(super) fn event(seen: &Seen) -> Option<(String, String)> {
    if seen.header.op != Op::WatchEvent as u32 {
        return None;
    }
    assert_eq!((seen.header.req_id, seen.header.tx_id), (0, 0));
    let text = String::from_utf8(seen.payload.clone()).unwrap();
    let (path, token) = text.strip_suffix('\0').unwrap().split_once('\0').unwrap();
    Some((path.into(), token.into()))
}

pub(super) fn some(path: &str, token: &str) -> Option<(String, String)> {
    Some((path.into(), token.into()))
}

/// Splits a stream that ends with a whole message.
pub(super) fn messages(mut bytes: &[u8]) -> Vec<Seen> {
    let mut found = Vec::new();
    while let Some((header, rest)) = bytes.split_first_chunk::<HEADER_LEN>() {
        let header = Header::from_bytes(*header);
        let len = usize::try_from(header.len).unwrap_or(usize::MAX);
        let Some((payload, rest)) = rest.split_at_checked(len) else { break };
        found.push(Seen { header, payload: payload.to_vec() });
        bytes = rest;
    }
    assert!(bytes.is_empty(), "the stream ends within a message");
    found
}

impl Desk {
    /// The quotas whose refusals were reported.
    pub(crate) fn refused(&self) -> Vec<Quota> {
        let quota = |report: &Report| match report {
            Report::Refused(refusal) => Some(refusal.quota),
            _ => None,
        };
        self.reports.iter().filter_map(quota).collect()
    }
}
