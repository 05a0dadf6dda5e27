//! Clients of v2 and of v1 on one store, fed with interleaved input.

use std::{collections::VecDeque, time::Duration};

use myriad_core::{DomId, Errno, Quota};

use super::requests::with_request;
use crate::{
    v1::{HEADER_LEN, Header, Op as Classics, connection::Progress, world::World},
    v2::{
        Followed, Frame, Op, Record, Request, Step, answers,
        body::put,
        feed,
        frame::{EVENT, FRAME_HEAD, REPLY, first},
        limits::GUEST_MESSAGE_MAX,
        records::{self, HELLO, Hello, Kind},
        status,
    },
};

/// Takes `data` for commands to three clients of one store that speak v2: a privileged one, and
/// the guests 5 and 6 with small quotas. They send requests, changed ones and garbage, read some of
/// what they are sent, and time passes. Each request must get one answer, in order, with its id and
/// operation, whose body is one of that operation. In the end the store's accounts must add up.
///
/// # Panics
/// Where that doesn't hold.
pub fn connection_v2(data: &[u8]) {
    let mut run = Run::new();
    let mut data = data.iter().copied();
    while let Some(command) = data.next() {
        let at = usize::from(command % 3);
        match (command / 3) % 16 {
            0..=10 => {
                let id = u64::from(data.next().unwrap_or(0));
                let request = with_request(&mut data, |request| request.encode(id));
                run.send(at, request);
            }
            11 => {
                let mut bytes = with_request(&mut data, |request| request.encode(1));
                let (place, change) = (data.next().unwrap_or(0), data.next().unwrap_or(0));
                let place = usize::from(place).checked_rem(bytes.len()).unwrap_or(0);
                if let Some(byte) = bytes.get_mut(place) {
                    *byte ^= change;
                }
                run.send(at, bytes);
            }
            12 | 13 => run.read(at, usize::from(data.next().unwrap_or(0)) * 64),
            14 => run.pass(Duration::from_secs(u64::from(data.next().unwrap_or(0) % 32))),
            _ => run.restart(at),
        }
    }
    run.finish();
}

struct Run {
    world: World,
    clients: [Client; 3],
}

/// What a client has sent and must still be answered, and what it has received.
#[derive(Default)]
struct Client {
    sent: Vec<u8>,
    expected: VecDeque<Frame>,
    received: Vec<u8>,
    parts: Vec<u8>,
}

impl Run {
    fn new() -> Run {
        let mut world = World::new();
        world.socket();
        world.guest(5);
        world.guest(6);
        world.desk.alive.push(DomId(9));
        let small = [
            (Quota::Nodes, 8),
            (Quota::Watches, 4),
            (Quota::Transactions, 3),
            (Quota::Outstanding, 4),
            (Quota::TransactionNodes, 6),
            (Quota::SoftMemory, 8000),
            (Quota::Memory, 16_000),
        ];
        for (quota, value) in small {
            let set = world.store.edit(|edit| edit.set_quota(None, quota, value));
            assert!(set.result.is_ok());
        }
        let mut run = Run { world, clients: Default::default() };
        (0..3).for_each(|at| run.speak(at));
        let n5: &[u8] = &[5, 0, 0, 0, 6, 0, 1, 0];
        let step = |kind, path, value| Step { kind, path, value, stamp: 0 };
        let set_up = Request::Commit(vec![
            step(Kind::Create, b"/local/domain/5", b""),
            step(Kind::SetPerms, b"/local/domain/5", n5),
            step(Kind::Create, b"/shared", b""),
            step(Kind::SetPerms, b"/shared", &[0, 0, 3, 0]),
        ]);
        run.send(0, set_up.encode(0));
        run.read(0, usize::MAX);
        run
    }

    /// A client asks for v2, and gets it.
    fn speak(&mut self, at: usize) {
        let mut payload = Vec::new();
        let hello = Hello { version: 2.into(), features: u32::MAX.into(), ..Hello::default() };
        put(&mut payload, &hello);
        let len = u32::try_from(payload.len()).unwrap_or(0);
        let header = Header { op: HELLO, req_id: 0, tx_id: 0, len };
        self.world.bytes(at, &[&header.to_bytes()[..], &payload].concat());
        let answer = self.world.take(at, usize::MAX);
        let head = answer.first_chunk::<HEADER_LEN>().copied().map(Header::from_bytes);
        assert_eq!(head.map(|head| head.op), Some(HELLO));
    }

    fn send(&mut self, at: usize, bytes: Vec<u8>) {
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let taken = self.world.bytes(at, rest);
            let (sent, more) = rest.split_at(taken);
            if let Some(client) = self.clients.get_mut(at) {
                client.note_sent(sent);
            }
            rest = more;
            if taken == 0 {
                // It is over a limit: what isn't taken now was never sent.
                self.restart(at);
                return;
            }
        }
        self.settle(at);
    }

    fn read(&mut self, at: usize, most: usize) {
        let bytes = self.world.take(at, most);
        if let Some(client) = self.clients.get_mut(at) {
            client.received.extend(bytes);
            client.check();
        }
        self.settle(at);
    }

    fn pass(&mut self, time: Duration) {
        let world = &mut self.world;
        world.now = world.now.saturating_add(time);
        for conn in &mut world.conns {
            conn.tend(&world.store, &mut world.desk, world.now);
        }
    }

    fn settle(&mut self, at: usize) {
        while self.world.run(at) == Some(Progress::Waiting) {
            if let Some(conn) = self.world.conn(at) {
                conn.answer(&Err(Errno::EBUSY));
            }
        }
        self.follow(at);
        let failed = self.world.conn(at).is_none_or(|conn| conn.is_failed());
        if failed {
            self.restart(at);
        }
        for at in std::mem::take(&mut self.world.reset) {
            self.restart(at);
        }
    }

    /// What subscriptions have to be told; nobody keeps the past.
    fn follow(&mut self, at: usize) {
        let store = self.world.store.clone();
        let Some(conn) = self.world.conn(at) else { return };
        // Ends: nothing is published meanwhile, and what waits to be sent is bounded.
        while conn.follow(&store) == Followed::More && conn.can_follow() {}
        while let Some(past) = conn.asks() {
            conn.tell(&store, past.number, None);
        }
        assert!(conn.waiting() < 4 * crate::v1::limits::PRIVILEGED_REPLIES_MAX);
    }

    /// The connection begins anew, with v1, and agrees upon v2 again.
    fn restart(&mut self, at: usize) {
        let world = &mut self.world;
        if let Some(conn) = world.conns.get_mut(at) {
            conn.reset(&world.store);
            assert!(!conn.has_output() && !conn.is_v2() && !conn.has_pins());
        }
        if let Some(client) = self.clients.get_mut(at) {
            *client = Client::default();
        }
        self.world.deliver(None);
        self.speak(at);
    }

    fn finish(mut self) {
        for at in 0..self.clients.len() {
            self.settle(at);
            while self.world.conn(at).is_some_and(|conn| conn.has_output()) {
                self.read(at, usize::MAX);
            }
            let stalled = self.world.run(at) == Some(Progress::Stalled);
            if let Some(client) = self.clients.get(at)
                && !stalled
            {
                assert!(client.expected.is_empty(), "unanswered: {:?}", client.expected);
            }
        }
        let world = &mut self.world;
        for conn in &mut world.conns {
            conn.close(&world.store);
            assert!(!conn.has_output() && conn.pinned_bytes() == 0);
        }
        assert_eq!(world.store.pin().watches(), 0);
        assert_eq!(world.store.pin().check(), Ok(()));
    }
}

impl Client {
    /// Takes what was sent apart; of a message in fragments the last counts.
    fn note_sent(&mut self, bytes: &[u8]) {
        self.sent.extend_from_slice(bytes);
        while let Some(frame) = first(&self.sent).copied() {
            if frame.check_request().is_err() {
                return;
            }
            let end = FRAME_HEAD.saturating_add(frame.len());
            if self.sent.len() < end {
                return;
            }
            self.sent.drain(..end);
            if !frame.has_more() {
                self.expected.push_back(frame);
            }
        }
    }

    /// Checks the messages that are complete.
    fn check(&mut self) {
        while let Some(frame) = first(&self.received).copied() {
            let end = FRAME_HEAD.saturating_add(frame.len());
            assert!(frame.is_clean() && frame.len() <= crate::v2::limits::FRAGMENT_MAX);
            if self.received.len() < end {
                return;
            }
            let body: Vec<u8> = self.received.drain(..end).skip(FRAME_HEAD).collect();
            self.parts.extend(body);
            if frame.has_more() {
                continue;
            }
            let body = std::mem::take(&mut self.parts);
            if frame.flags.get() & EVENT != 0 {
                assert_eq!((frame.id.get(), frame.status.get()), (0, 0));
                match frame.operation() {
                    Some(Op::Feed) => assert!(feed::read(&body).is_ok()),
                    _ => assert!(answers::event(&body).is_ok()),
                }
                continue;
            }
            assert_eq!(frame.flags.get(), REPLY);
            let Some(request) = self.expected.pop_front() else {
                unreachable!("nothing was asked")
            };
            assert_eq!((request.op, request.id), (frame.op, frame.id));
            answered(&frame, &body);
        }
    }
}

/// Checks the answer to a request.
fn answered(frame: &Frame, body: &[u8]) {
    assert!(body.len() <= GUEST_MESSAGE_MAX.max(crate::v2::limits::MESSAGE_MAX));
    if frame.status.get() != 0 {
        assert!(status::errno(frame.status.get()).is_some() && answers::failure(body).is_ok());
        return;
    }
    let understood = match frame.operation() {
        Some(Op::Get) => answers::node(body).is_ok(),
        Some(Op::GetMany) => answers::nodes(body).is_ok(),
        Some(Op::List) => answers::page(body).is_ok(),
        Some(Op::Lookup) => answers::matches(body).is_ok(),
        Some(Op::Commit) => answers::record::<records::Committed>(body).is_ok(),
        Some(Op::Watch) => answers::record::<records::Watching>(body).is_ok(),
        Some(Op::Snapshot) => answers::record::<records::SnapshotOf>(body).is_ok(),
        Some(Op::Subscribe) => answers::record::<records::Subscribed>(body).is_ok(),
        Some(Op::Unwatch | Op::SnapshotEnd | Op::Unsubscribe) => body.is_empty(),
        Some(Op::Info) => body.len() > size_of::<records::Info>(),
        Some(Op::Classic) => {
            let head = body.first_chunk::<HEADER_LEN>().copied().map(Header::from_bytes);
            let known = |head: Header| Classics::from_number(head.op).is_some();
            head.is_some_and(known)
        }
        Some(Op::Ring) => answers::record::<records::RingSizes>(body).is_ok(),
        Some(Op::WatchEvent | Op::Feed | Op::History) | None => false,
    };
    assert!(understood, "{frame:?}: {body:?}");
}
