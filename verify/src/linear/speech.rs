//! Protocol v2 on a client's socket: each request in its form, each answer as v1 would write it.
//!
//! A READ is a GET, a WATCH a batch of one, a transaction a snapshot. A change alone is carried as
//! v1 has it, since a COMMIT tells of a removal as a transaction does: to who could read the node,
//! and not to who can read its parent alone.

use std::collections::VecDeque;

use myriad_core::{Errno, Perm};
use myriad_ring::{
    v1::{HEADER_LEN, Header, Op},
    v2::{
        self, Frame, Request, Step, answers,
        body::{BadBody, put},
        frame::{EVENT, FRAME_HEAD, first},
        permission,
        records::{
            ALL_LEVELS, Get, GetMany, HELLO, Hello, Kind, List, PERMS, Registration, Removal,
            SnapshotOf, VALUE, VALUES, VERSION,
        },
        status,
    },
};

use super::{
    act::{Act, Ask, strings},
    item::Item,
};
use crate::oracle::wire::Message;

/// What was asked and not answered yet, and what came of the next message.
#[derive(Debug, Default)]
pub(super) struct Speech {
    asked: VecDeque<Option<Act>>,
    bytes: Vec<u8>,
    body: Vec<u8>,
}

/// What a client sends first, in v1.
pub(super) fn hello() -> Vec<u8> {
    let mut payload = Vec::new();
    let hello = Hello { version: VERSION.into(), features: u32::MAX.into(), ..Hello::default() };
    put(&mut payload, &hello);
    crate::oracle::wire::encode(HELLO, 0, 0, &payload)
}

impl Speech {
    /// A request in `snapshot`, where it is asked in a transaction.
    pub(super) fn ask(&mut self, ask: &Ask, id: u32, snapshot: u32) -> Vec<u8> {
        self.asked.push_back(Some(ask.act.clone()));
        encode(&ask.act, id, if ask.tx { snapshot } else { 0 })
    }

    /// A request of v1.
    pub(super) fn classic(&mut self, op: Op, id: u32, payload: &[u8]) -> Vec<u8> {
        self.asked.push_back(None);
        classic(op, id.into(), payload)
    }

    /// Takes bytes as they came.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next message as v1 would write it, if it is whole; an error where it can't be one.
    pub(super) fn message(&mut self) -> Result<Option<Message>, BadBody> {
        // Ends: each turn takes a frame.
        loop {
            let Some(frame) = first(&self.bytes).copied() else { return Ok(None) };
            let end = FRAME_HEAD.saturating_add(frame.len());
            let Some(body) = self.bytes.get(FRAME_HEAD..end) else { return Ok(None) };
            self.body.extend_from_slice(body);
            self.bytes.drain(..end);
            if !frame.has_more() {
                let body = std::mem::take(&mut self.body);
                return self.said(&frame, &body).map(Some);
            }
        }
    }

    fn said(&mut self, frame: &Frame, body: &[u8]) -> Result<Message, BadBody> {
        let req_id = u32::try_from(frame.id.get()).unwrap_or(u32::MAX);
        let message = |op: u32, payload: Vec<u8>| Message { op, req_id, tx_id: 0, payload };
        if frame.flags.get() & EVENT != 0 {
            let event = answers::event(body)?;
            let payload = format!("{}\0t{}\0", event.path, event.token).into_bytes();
            return Ok(message(Op::WatchEvent as u32, payload));
        }
        let act = self.asked.pop_front().ok_or(BadBody::Trailing)?;
        if frame.status.get() != 0 {
            let errno = status::errno(frame.status.get()).unwrap_or(Errno::EINVAL).name();
            let item = answers::failure(body)?.item;
            let is_batch = matches!(act, Some(Act::Commit(_) | Act::WatchAll(_)));
            let text = match item.filter(|_| is_batch) {
                Some(item) => format!("{errno} {item}\0"),
                None => format!("{errno}\0"),
            };
            return Ok(message(Op::Error as u32, text.into_bytes()));
        }
        let is_classic = frame.operation() == Some(v2::Op::Classic);
        let Some(act) = act.filter(|_| !is_classic) else {
            let (head, rest) = body.split_first_chunk::<HEADER_LEN>().ok_or(BadBody::Short)?;
            return Ok(message(Header::from_bytes(*head).op, rest.to_vec()));
        };
        Ok(message(act.op() as u32, payload(&act, body)?))
    }
}

/// An answer's payload in v1.
fn payload(act: &Act, body: &[u8]) -> Result<Vec<u8>, BadBody> {
    let told = |value: Result<Vec<u8>, Errno>| match value {
        Ok(value) => value,
        Err(errno) => format!("!{}", errno.name()).into_bytes(),
    };
    Ok(match act {
        Act::Read(_) => answers::node(body)?.value,
        Act::GetPerms(_) => strings(&answers::node(body)?.perms).into_bytes(),
        Act::GetMany(_) => {
            let nodes = answers::nodes(body)?.1.into_iter().map(|node| node.map(|n| n.value));
            nodes.flat_map(|node| [told(node), vec![0]].concat()).collect()
        }
        Act::List(_) | Act::ListValues(_) => {
            let entries = answers::page(body)?.entries.into_iter();
            let one = |entry: answers::EntrySeen| {
                let value = told(entry.value.map(|(value, _)| value));
                let value =
                    if matches!(act, Act::List(_)) { vec![] } else { [b"=", &value[..]].concat() };
                [entry.name.as_bytes(), &value, &[0]].concat()
            };
            entries.flat_map(one).collect()
        }
        Act::LookUp(_) => {
            let found = answers::matches(body)?;
            found.iter().flat_map(|(d, owner)| format!("{d} {}\0", owner.0).into_bytes()).collect()
        }
        Act::Start => {
            let of: SnapshotOf = answers::record(body)?;
            format!("{}\0", of.snapshot.get()).into_bytes()
        }
        _ => b"OK\0".to_vec(),
    })
}

fn encode(act: &Act, id: u32, snapshot: u32) -> Vec<u8> {
    let id = u64::from(id);
    let snapshot_of = snapshot.into();
    let get = |want: u16, path: &String| {
        let head = Get { snapshot: snapshot_of, want: want.into(), ..Get::default() };
        Request::Get(head, path.as_bytes()).encode(id)
    };
    let list = |flags: u16, path: &String| {
        let head = List { snapshot: snapshot_of, flags: flags.into(), ..List::default() };
        Request::List(head, path.as_bytes()).encode(id)
    };
    let watch = |(path, token): &(String, String)| {
        let (token, depth) = (number(token).into(), ALL_LEVELS.into());
        (Registration { token, depth, ..Registration::default() }, path.clone())
    };
    let watches = |all: &[(String, String)]| {
        let all: Vec<_> = all.iter().map(watch).collect();
        let all = all.iter().map(|(head, path)| (*head, path.as_bytes())).collect();
        Request::Watch(all).encode(id)
    };
    match act {
        Act::Read(path) => get(VALUE, path),
        Act::GetPerms(path) => get(PERMS, path),
        Act::List(path) => list(0, path),
        Act::ListValues(path) => list(VALUES, path),
        Act::GetMany(paths) => {
            let head = GetMany { snapshot: snapshot_of, want: VALUE.into(), ..GetMany::default() };
            Request::GetMany(head, paths.iter().map(String::as_bytes).collect()).encode(id)
        }
        Act::LookUp(key) => {
            let (index, key) = (&b"domain-name"[..], key.as_bytes());
            Request::Lookup { snapshot, index, key }.encode(id)
        }
        Act::Watch(path, token) => watches(&[(path.clone(), token.clone())]),
        Act::WatchAll(all) => watches(all),
        Act::Unwatch(path, token) => {
            let head = Removal { token: number(token).into(), ..Removal::default() };
            Request::Unwatch(vec![(head, path.as_bytes())]).encode(id)
        }
        Act::Start => Request::Snapshot.encode(id),
        Act::End(_) => Request::SnapshotEnd(snapshot).encode(id),
        Act::Commit(items) => commit(items, id),
        change => classic(change.op(), id, &change.payload()),
    }
}

fn classic(op: Op, id: u64, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    let req_id = u32::try_from(id).unwrap_or(u32::MAX);
    Request::Classic(Header { op: op as u32, req_id, tx_id: 0, len }, payload).encode(id)
}

fn commit(items: &[Item], id: u64) -> Vec<u8> {
    let perms = |perms: &[Perm]| {
        let mut list = Vec::new();
        perms.iter().for_each(|perm| put(&mut list, &permission(perm)));
        list
    };
    let step = |item: &Item| match item {
        Item::Change(Act::Mkdir(_)) => (Kind::Create, Vec::new()),
        Item::Change(Act::Rm(_)) => (Kind::Remove, Vec::new()),
        Item::Change(Act::SetPerms(_, list)) => (Kind::SetPerms, perms(list)),
        Item::Change(Act::Write(_, value)) => (Kind::SetValue, value.clone().into_bytes()),
        Item::Change(_) | Item::IfExists(_) => (Kind::IfExists, Vec::new()),
        Item::IfValue(_, value) => (Kind::IfValue, value.clone().into_bytes()),
        Item::IfAbsent(_) => (Kind::IfAbsent, Vec::new()),
    };
    let steps: Vec<(Kind, Vec<u8>)> = items.iter().map(step).collect();
    let steps = items.iter().zip(&steps).map(|(item, (kind, value))| Step {
        kind: *kind,
        path: item.path().as_bytes(),
        value,
        stamp: 0,
    });
    v2::Request::Commit(steps.collect()).encode(id)
}

/// The number of a token, which is `t` and that.
fn number(token: &str) -> u64 {
    token.strip_prefix('t').and_then(|number| number.parse().ok()).unwrap_or(u64::MAX)
}
