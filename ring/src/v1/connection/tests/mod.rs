//! Bytes in, bytes out: every operation and every error, for privileged callers and guests.

mod domains;
mod errors;
mod guests;
mod order;
mod tree;

use crate::v1::{
    Op,
    world::{Seen, World},
};

impl World {
    /// Sends a request and gives its reply, the only one there is; events are dropped.
    fn ask(&mut self, at: usize, op: Op, tx_id: u32, payload: &[u8]) -> Result<Vec<u8>, String> {
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
    fn ok(&mut self, at: usize, op: Op, tx_id: u32, payload: &[u8]) -> Vec<u8> {
        match self.ask(at, op, tx_id, payload) {
            Ok(reply) => reply,
            Err(errno) => panic!("{op:?} {:?}: {errno}", String::from_utf8_lossy(payload)),
        }
    }

    /// The path and token of the events that were sent to a client, and `()` for each reply.
    fn events(&mut self, at: usize) -> Vec<Option<(String, String)>> {
        self.deliver(None);
        self.seen(at).iter().map(event).collect()
    }

    fn start(&mut self, at: usize) -> u32 {
        let id = self.ok(at, Op::TransactionStart, 0, b"\0");
        std::str::from_utf8(id.strip_suffix(b"\0").unwrap()).unwrap().parse().unwrap()
    }
}

fn event(seen: &Seen) -> Option<(String, String)> {
    if seen.header.op != Op::WatchEvent as u32 {
        return None;
    }
    assert_eq!((seen.header.req_id, seen.header.tx_id), (0, 0));
    let text = String::from_utf8(seen.payload.clone()).unwrap();
    let (path, token) = text.strip_suffix('\0').unwrap().split_once('\0').unwrap();
    Some((path.into(), token.into()))
}

fn some(path: &str, token: &str) -> Option<(String, String)> {
    Some((path.into(), token.into()))
}

const OK: &[u8] = b"OK\0";
