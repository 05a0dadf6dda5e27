//! Three connections on one store, fed with interleaved input.

use std::{collections::VecDeque, time::Duration};

use myriad_core::{DomId, Errno, Quota};

use crate::v1::{Assembler, HEADER_LEN, Header, Op, connection::Progress, world::World};

/// Takes `data` for commands to three clients of one store: a privileged one, and the guests 5
/// and 6 with small quotas. They send requests and garbage, read some of what they are sent, and
/// time passes. Each request must get one reply, in order, with its ids and its operation or an
/// error that clients know; guests get EACCES for what needs privilege; events have no ids. In the
/// end the store's accounts must add up.
///
/// # Panics
/// Where that doesn't hold.
pub fn connection(data: &[u8]) {
    let mut run = Run::new();
    let mut data = data.iter().copied();
    while let Some(command) = data.next() {
        let at = usize::from(command % 3);
        match (command / 3) % 16 {
            0..=9 => {
                let request = request(&mut data);
                run.send(at, &request);
            }
            10 => {
                let len = usize::from(data.next().unwrap_or(0) % 64);
                let garbage: Vec<u8> = data.by_ref().take(len).collect();
                run.send(at, &garbage);
            }
            11 | 12 => run.read(at, usize::from(data.next().unwrap_or(0)) * 8),
            13 => run.pass(Duration::from_secs(u64::from(data.next().unwrap_or(0) % 32))),
            14 => run.world.deliver(None),
            _ => run.restart(at),
        }
    }
    run.finish();
}

/// A request: mostly of its operation's form, else out of any pieces.
fn request(data: &mut impl Iterator<Item = u8>) -> Vec<u8> {
    let mut byte = || data.next().unwrap_or(0);
    let (number, tx, shape) = (byte() % 28, byte(), byte());
    let tx_id = if tx < 128 { 0 } else { tx % 4 };
    let op = Op::from_number(number.into()).filter(|_| shape >= 32);
    let forms: &[&[&[u8]]] = match op {
        None => &[PATHS, PATHS, PERMS, NAMES, NUMBERS],
        Some(Op::Watch) if shape < 64 => &[PATHS, NAMES, NUMBERS],
        Some(Op::Watch | Op::Unwatch) => &[PATHS, NAMES],
        Some(Op::Write) => &[PATHS],
        Some(Op::SetPerms) if shape < 100 => &[PATHS, PERMS, PERMS, PERMS],
        Some(Op::SetPerms) => &[PATHS, PERMS],
        Some(Op::DirectoryPart) => &[PATHS, NUMBERS],
        Some(Op::TransactionEnd) => &[&[b"T", b"T", b"F"]],
        Some(Op::Introduce) => &[NUMBERS, NUMBERS, NUMBERS],
        Some(Op::SetTarget | Op::SetFeature) => &[NUMBERS, NUMBERS],
        Some(Op::GetFeature) if shape < 128 => &[],
        Some(Op::Release | Op::Resume | Op::GetDomainPath | Op::GetFeature) => &[NUMBERS],
        Some(Op::IsDomainIntroduced) => &[NUMBERS],
        Some(Op::GetQuota) => &[NAMES],
        Some(Op::SetQuota) => &[NAMES, NUMBERS],
        Some(Op::Control) => &[NAMES, NAMES],
        Some(_) => &[PATHS],
    };
    let mut payload = Vec::new();
    for &choices in forms {
        let (at, end) = (usize::from(byte()), shape != 33);
        payload.extend_from_slice(choices.get(at % choices.len()).copied().unwrap_or_default());
        payload.extend(end.then_some(0));
    }
    if op == Some(Op::Write) {
        let len = usize::from(byte()) * 12;
        payload.resize(payload.len().saturating_add(len), b'v');
    }
    let len = u32::try_from(payload.len()).unwrap_or(0);
    let header = Header { op: number.into(), req_id: shape.into(), tx_id: tx_id.into(), len };
    [&header.to_bytes()[..], &payload].concat()
}

const PATHS: &[&[u8]] = &[
    b"a",
    b"a/b",
    b"/local/domain/5/a",
    b"/local/domain/5",
    b"/local/domain/6/b/c",
    b"/shared",
    b"/shared/x",
    b"/shared/x/y",
    b"/",
    b"@releaseDomain",
    b"@introduceDomain",
    b"\xff",
];
const PERMS: &[&[u8]] = &[b"n5", b"b6", b"r0", b"r32757", b"n7", b"n9", b"x"];
const NUMBERS: &[&[u8]] = &[b"5", b"6", b"7", b"0", b"2", b"9", b"-1", b"x"];
const NAMES: &[&[u8]] =
    &[b"t", b"", b"memory", b"nodes", b"outstanding", b"live-update", b"print", b"check"];

struct Run {
    world: World,
    clients: [Client; 3],
}

/// What a client has sent and must still be answered, and what it has received.
#[derive(Default)]
struct Client {
    sent: Assembler,
    expected: VecDeque<Header>,
    received: Vec<u8>,
}

impl Run {
    fn new() -> Run {
        let mut world = World::new();
        world.socket();
        world.guest(5);
        world.guest(6);
        world.desk.alive.push(DomId(7));
        let small = [
            (Quota::Nodes, 8),
            (Quota::Watches, 4),
            (Quota::Transactions, 3),
            (Quota::Outstanding, 4),
            (Quota::TransactionNodes, 16),
            (Quota::SoftMemory, 2000),
            (Quota::Memory, 4000),
        ];
        for (quota, value) in small {
            let set = world.store.edit(|edit| edit.set_quota(None, quota, value));
            assert!(set.result.is_ok());
        }
        let mut run = Run { world, clients: Default::default() };
        let set_up: [(Op, &[u8]); 5] = [
            (Op::Mkdir, b"/local/domain/5\0"),
            (Op::SetPerms, b"/local/domain/5\0n5\0r6\0"),
            (Op::Mkdir, b"/shared\0"),
            (Op::SetPerms, b"/shared\0b0\0"),
            (Op::Mkdir, b"/local/domain/6\0"),
        ];
        for (op, payload) in set_up {
            let len = u32::try_from(payload.len()).unwrap_or(0);
            let header = Header { op: op as u32, req_id: 0, tx_id: 0, len };
            run.send(0, &[&header.to_bytes()[..], payload].concat());
            run.read(0, usize::MAX);
        }
        run
    }

    fn send(&mut self, at: usize, bytes: &[u8]) {
        let taken = self.world.bytes(at, bytes);
        assert!(taken <= bytes.len());
        if let Some(client) = self.clients.get_mut(at) {
            assert_eq!(client.sent.push(bytes.get(..taken).unwrap_or_default()), taken);
            while let Ok(Some(message)) = client.sent.message() {
                client.expected.push_back(message.header);
                client.sent.take();
            }
        }
        self.forget_resets();
    }

    fn read(&mut self, at: usize, most: usize) {
        let bytes = self.world.take(at, most);
        let Some(client) = self.clients.get_mut(at) else { return };
        client.received.extend(bytes);
        client.check(at > 0);
        self.run(at);
    }

    fn pass(&mut self, time: Duration) {
        self.world.now = self.world.now.saturating_add(time);
        let world = &mut self.world;
        for conn in &mut world.conns {
            conn.tend(&world.store, &mut world.desk, world.now);
        }
    }

    fn run(&mut self, at: usize) {
        while self.world.run(at) == Some(Progress::Waiting) {
            if let Some(conn) = self.world.conn(at) {
                conn.answer(&Err(Errno::EBUSY));
            }
        }
        self.forget_resets();
    }

    /// The client closes its connection, or its domain is introduced again.
    fn restart(&mut self, at: usize) {
        let world = &mut self.world;
        if let Some(conn) = world.conns.get_mut(at) {
            conn.reset(&world.store);
            assert!(!conn.has_output());
            world.reset.push(at);
        }
        self.forget_resets();
    }

    fn forget_resets(&mut self) {
        for at in std::mem::take(&mut self.world.reset) {
            if let Some(client) = self.clients.get_mut(at) {
                *client = Client::default();
            }
        }
    }

    fn finish(mut self) {
        for at in 0..self.clients.len() {
            self.run(at);
            while self.world.conn(at).is_some_and(|conn| conn.has_output()) {
                self.read(at, usize::MAX);
            }
            let stalled = self.world.run(at) == Some(Progress::Stalled);
            let failed = self.world.conn(at).is_none_or(|conn| conn.is_failed());
            if let Some(client) = self.clients.get(at)
                && !stalled
                && !failed
            {
                assert!(client.expected.is_empty(), "unanswered: {:?}", client.expected);
            }
        }
        let world = &mut self.world;
        for conn in &mut world.conns {
            conn.close(&world.store);
            assert!(!conn.has_output());
        }
        assert_eq!(world.store.pin().watches(), 0);
        assert_eq!(world.store.pin().check(), Ok(()));
    }
}

impl Client {
    /// Checks the messages that are complete.
    fn check(&mut self, is_guest: bool) {
        while let Some((header, rest)) = self.received.split_first_chunk::<HEADER_LEN>() {
            let header = Header::from_bytes(*header);
            let len = usize::try_from(header.len).unwrap_or(usize::MAX);
            let Some(payload) = rest.get(..len) else { return };
            if header.op == Op::WatchEvent as u32 {
                assert_eq!((header.req_id, header.tx_id), (0, 0));
                assert_eq!(payload.iter().filter(|&&byte| byte == 0).count(), 2);
            } else {
                let request = self.expected.pop_front();
                let Some(request) = request else { unreachable!("a reply to nothing") };
                answers(&request, &header, payload, is_guest);
            }
            self.received.drain(..HEADER_LEN.saturating_add(len));
        }
    }
}

fn answers(request: &Header, reply: &Header, payload: &[u8], is_guest: bool) {
    assert_eq!((request.req_id, request.tx_id), (reply.req_id, reply.tx_id));
    let op = Op::from_number(request.op).filter(|op| op.is_request());
    let error = if reply.op == Op::Error as u32 {
        let known = payload.strip_suffix(b"\0").and_then(Errno::from_name);
        assert!(known.is_some(), "no client knows the error {payload:?}");
        known
    } else {
        assert_eq!(request.op, reply.op);
        None
    };
    match op {
        None => assert_eq!(error, Some(Errno::ENOSYS)),
        Some(op) if is_guest && op.needs_privilege() => assert_eq!(error, Some(Errno::EACCES)),
        Some(_) => assert_ne!(error, Some(Errno::ENOSYS)),
    }
}
