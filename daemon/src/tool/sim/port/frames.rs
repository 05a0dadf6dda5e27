//! Protocol v2 on a socket that never blocks: requests that stand for those of v1, and messages out
//! of frames.

use std::io;

use myriad_core::Errno;
use myriad_ring::{
    v1::{HEADER_LEN, Header, Op},
    v2::{
        self, Frame, Request, Step, answers,
        frame::{EVENT, FRAME_HEAD, REPLY, first},
        limits::{FRAGMENT_MAX, MESSAGE_MAX},
        records::{ALL_LEVELS, Registration, Removal},
        status,
    },
};

use crate::tool::sim::actor::{self, Batch, Item};

/// The bytes of a request of v1: WATCH and UNWATCH of v2, others carried as they are.
pub(super) fn request(request: &actor::Request, id: u32) -> Vec<u8> {
    let payload = &request.payload;
    let mut words = payload.split(|byte| *byte == 0);
    let path = words.next().unwrap_or_default().to_vec();
    let token = words.next().and_then(|token| std::str::from_utf8(token).ok());
    let token = token.and_then(|token| u64::from_str_radix(token, 16).ok()).unwrap_or(0);
    match request.op {
        Op::Watch => batch(&Batch::Watch(vec![(token, path)]), id),
        Op::Unwatch => batch(&Batch::Unwatch(vec![(token, path)]), id),
        op => {
            let len = u32::try_from(payload.len()).unwrap_or(u32::MAX);
            let header = Header { op: op as u32, req_id: id, tx_id: request.tx, len };
            Request::Classic(header, payload).encode(id.into())
        }
    }
}

/// The bytes of what v2 says at once.
pub(super) fn batch<'b>(batch: &'b Batch, id: u32) -> Vec<u8> {
    let request = match batch {
        Batch::Commit(items) => {
            let step = |item: &'b Item| {
                let Item { kind, path, value } = item;
                Step { kind: *kind, path, value, stamp: 0 }
            };
            Request::Commit(items.iter().map(step).collect())
        }
        Batch::Watch(watches) => Request::Watch(each(watches, |token| Registration {
            token: token.into(),
            depth: ALL_LEVELS.into(),
            ..Registration::default()
        })),
        Batch::Unwatch(watches) => {
            let removal = |token: u64| Removal { token: token.into(), ..Removal::default() };
            Request::Unwatch(each(watches, removal))
        }
    };
    request.encode(id.into())
}

fn each<T>(watches: &[(u64, Vec<u8>)], head: impl Fn(u64) -> T) -> Vec<(T, &[u8])> {
    watches.iter().map(|(token, path)| (head(*token), path.as_slice())).collect()
}

/// Messages out of frames.
#[derive(Debug, Default)]
pub(super) struct Frames {
    bytes: Vec<u8>,
    /// The bodies of a message's frames so far.
    body: Vec<u8>,
}

/// What came, as v1 says it.
#[derive(Debug)]
pub(super) struct Said {
    /// The request that it answers; none for an event.
    pub(super) id: Option<u64>,
    pub(super) op: u32,
    pub(super) payload: Vec<u8>,
}

impl Frames {
    /// Takes bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next message, if it is whole.
    pub(super) fn next(&mut self) -> io::Result<Option<Said>> {
        // Ends: each turn takes a frame.
        loop {
            let Some(frame) = first(&self.bytes).copied() else { return Ok(None) };
            if frame.len() > FRAGMENT_MAX || self.body.len() > MESSAGE_MAX {
                return Err(io::Error::other("a frame that is too long, or a message"));
            }
            let end = FRAME_HEAD + frame.len();
            let Some(body) = self.bytes.get(FRAME_HEAD..end) else { return Ok(None) };
            self.body.extend_from_slice(body);
            self.bytes.drain(..end);
            if !frame.has_more() {
                return said(frame, std::mem::take(&mut self.body)).map(Some);
            }
        }
    }
}

fn said(frame: Frame, body: Vec<u8>) -> io::Result<Said> {
    let bad = || io::Error::other("an answer that is not one of its operation");
    if frame.flags.get() & EVENT != 0 {
        let event = answers::event(&body).map_err(|_| bad())?;
        let payload = format!("{}\0{:X}\0", event.path, event.token).into_bytes();
        return Ok(Said { id: None, op: Op::WatchEvent as u32, payload });
    }
    if frame.flags.get() & REPLY == 0 {
        return Err(bad());
    }
    let id = Some(frame.id.get());
    if frame.status.get() != 0 {
        let errno = status::errno(frame.status.get()).unwrap_or(Errno::EINVAL);
        let payload = format!("{}\0", errno.name()).into_bytes();
        return Ok(Said { id, op: Op::Error as u32, payload });
    }
    let op = match frame.operation() {
        Some(v2::Op::Classic) => {
            let (head, rest) = body.split_first_chunk::<HEADER_LEN>().ok_or_else(bad)?;
            return Ok(Said { id, op: Header::from_bytes(*head).op, payload: rest.to_vec() });
        }
        Some(v2::Op::Commit) => Op::TransactionEnd,
        Some(v2::Op::Watch) => Op::Watch,
        Some(v2::Op::Unwatch) => Op::Unwatch,
        _ => return Err(bad()),
    };
    Ok(Said { id, op: op as u32, payload: b"OK\0".to_vec() })
}
