//! A connection whose server is killed, and what the next one makes of its remains.

use myriad_core::{Caller, Errno};

use super::client::{event, messages, some};
use crate::v1::{
    HEADER_LEN, Header, Op,
    connection::{Answered, Connection, Remains},
    world::World,
};

fn remains(world: &World, at: usize) -> Remains {
    let mut bytes = Vec::new();
    world.conns[at].keep(&mut bytes);
    Remains::read(&bytes).unwrap()
}

/// The server is killed; the next one begins with what was kept.
fn restart(world: &mut World, at: usize, mut kept: Remains, answered: &[Answered]) {
    let old = &world.conns[at];
    let mut conn = Connection::new(old.id(), old.peer(), Caller::Control);
    kept.answered = answered.to_vec();
    let mut bytes = Vec::new();
    kept.write(&mut bytes);
    assert_eq!(Remains::read(&bytes).as_ref(), Ok(&kept));
    conn.resume(kept);
    // As if it were killed again at once.
    let mut again = Vec::new();
    conn.keep(&mut again);
    assert_eq!(again, bytes);
    conn.overrun(&world.store, world.now);
    world.conns[at] = conn;
}

fn request(op: Op, tx_id: u32, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len()).unwrap();
    [&Header { op: op as u32, req_id: 77, tx_id, len }.to_bytes()[..], payload].concat()
}

#[test]
fn a_request_that_came_in_part_is_executed_when_the_rest_comes() {
    let mut world = World::new();
    let at = world.socket();
    world.ok(at, Op::Write, 0, b"/a\0one");
    let bytes = request(Op::Write, 0, b"/a\0two");
    let (first, rest) = bytes.split_at(HEADER_LEN + 4);
    world.bytes(at, first);
    let kept = remains(&world, at);
    assert_eq!((kept.executed, &*kept.input), (HEADER_LEN as u64 + 6, first));
    restart(&mut world, at, kept, &[]);
    world.bytes(at, rest);
    assert_eq!(world.seen(at).len(), 1);
    assert_eq!(world.ok(at, Op::Read, 0, b"/a\0"), b"two");
}

#[test]
fn what_is_left_of_an_answer_is_sent() {
    let mut world = World::new();
    let at = world.socket();
    world.ok(at, Op::Write, 0, &[b"/a\0", &[b'x'; 3000][..]].concat());
    world.send(at, Op::Read, 0, b"/a\0");
    let mut seen = world.take(at, 1024);
    let kept = remains(&world, at);
    assert_eq!(kept.output.len(), HEADER_LEN + 3000 - 1024);
    restart(&mut world, at, kept, &[]);
    seen.extend(world.take(at, usize::MAX));
    assert_eq!(messages(&seen)[0].payload, [b'x'; 3000]);
}

#[test]
fn events_behind_an_answer_are_lost_and_every_watch_fires_once() {
    let mut world = World::new();
    let (at, other) = (world.socket(), world.socket());
    world.ok(at, Op::Watch, 0, b"/a\0t\0");
    world.events(at);
    world.ok(other, Op::Write, 0, b"/a/b\0x");
    world.deliver(None);
    // The first byte of the event is out: the rest of it must follow.
    let mut seen = world.take(at, 1);
    let kept = remains(&world, at);
    restart(&mut world, at, kept, &[]);
    seen.extend(world.take(at, usize::MAX));
    let events: Vec<_> = messages(&seen).iter().map(event).collect();
    assert_eq!(events, [some("/a/b", "t"), some("/a", "t")]);
}

#[test]
fn a_request_that_was_executed_is_answered_and_not_executed_again() {
    let mut world = World::new();
    let at = world.socket();
    let kept = remains(&world, at);
    let removal = request(Op::Rm, 0, b"/a\0");
    let failing = request(Op::Write, 0, b"/b\0no");
    let last = request(Op::Write, 0, b"/c\0yes");
    // The journal has the first two, one of which had failed; neither left its mark here.
    let upto = |count: usize| count as u64;
    let answered = [
        Answered { upto: upto(removal.len()), result: Ok(()) },
        Answered { upto: upto(removal.len() + failing.len()), result: Err(Errno::EACCES) },
    ];
    let setup = world.socket();
    world.ok(setup, Op::Write, 0, b"/a\0still here");
    restart(&mut world, at, kept, &answered);
    world.bytes(at, &[removal, failing, last].concat());
    let seen = world.seen(at);
    let ops: Vec<u32> = seen.iter().map(|seen| seen.header.op).collect();
    assert_eq!(ops, [Op::Rm as u32, Op::Error as u32, Op::Write as u32]);
    assert_eq!(seen[1].payload, b"EACCES\0");
    assert_eq!(world.ok(setup, Op::Read, 0, b"/a\0"), b"still here");
    assert_eq!(world.ask(setup, Op::Read, 0, b"/b\0"), Err("ENOENT".into()));
    assert_eq!(world.ok(setup, Op::Read, 0, b"/c\0"), b"yes");
}

#[test]
fn a_transaction_that_was_open_goes_on_until_its_end_says_eagain() {
    let mut world = World::new();
    let at = world.socket();
    let (first, second) = (world.start(at), world.start(at));
    world.ok(at, Op::TransactionEnd, first, b"F\0");
    let kept = remains(&world, at);
    assert_eq!(kept.transactions, [second]);
    restart(&mut world, at, kept, &[]);
    assert_eq!(remains(&world, at).transactions, [second], "another crash");
    world.ok(at, Op::Write, second, b"/a\0x");
    assert_eq!(world.ok(at, Op::Read, second, b"/a\0"), b"x");
    assert_eq!(world.ask(at, Op::TransactionEnd, second, b"T\0"), Err("EAGAIN".into()));
    assert_eq!(world.ask(at, Op::Read, second, b"/a\0"), Err("ENOENT".into()));
    assert_eq!(world.ask(at, Op::Read, first, b"/a\0"), Err("ENOENT".into()));
    assert_eq!(world.ask(at, Op::Read, 0, b"/a\0"), Err("ENOENT".into()));
    assert_eq!(world.start(at), second + 1);
}

#[test]
fn the_journal_has_where_each_request_ends() {
    let mut world = World::new();
    let at = world.socket();
    let mut feed = world.store.feed();
    let writes = [request(Op::Write, 0, b"/a\0x"), request(Op::Write, 0, b"/b\0x")].concat();
    world.bytes(at, &writes);
    let myriad_core::FeedItem::Record(record) = feed.next() else { panic!("one publication") };
    assert_eq!(record.origin.upto, writes.len() as u64 / 2);
    assert_eq!((record.origin.request, record.origin.op), (77, Op::Write as u8));
    let next = record.items().find_map(|item| match item {
        myriad_core::Item::Next(origin) => Some(origin.upto),
        _ => None,
    });
    assert_eq!(next, Some(writes.len() as u64));
    assert_eq!(world.conns[at].executed(), writes.len() as u64);
}

#[test]
fn remains_that_are_damaged_are_an_error() {
    let mut world = World::new();
    let at = world.socket();
    world.start(at);
    world.bytes(at, b"part");
    let mut bytes = Vec::new();
    world.conns[at].keep(&mut bytes);
    for len in 0..bytes.len() {
        assert!(Remains::read(&bytes[..len]).is_err(), "{len}");
    }
}
