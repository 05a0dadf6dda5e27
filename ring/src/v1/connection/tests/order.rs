//! What comes before what, and what never comes.

use std::time::Duration;

use myriad_core::{Access, Caller, DomId, Path, Perm, Writes};

use super::{OK, some};
use crate::v1::{
    HEADER_LEN, Header, Op,
    connection::{Event, Failure, Progress},
    limits::{INPUT_MAX, PRIVILEGED_EVENTS_MAX, PRIVILEGED_REPLIES_MAX},
    world::World,
};

#[test]
fn own_events_precede_the_reply_to_a_write() {
    let mut world = World::new();
    let (one, two) = (world.socket(), world.socket());
    world.ok(one, Op::Watch, 0, b"/a\0t\0");
    world.seen(one);
    world.send(one, Op::Write, 0, b"/a/b\0x");
    assert_eq!(world.events(one), [some("/a/b", "t"), None]);
    world.send(two, Op::Write, 0, b"/a/c\0x");
    assert_eq!(world.events(one), [some("/a/c", "t")]);
    // Whoever reads a value has seen the event of its change.
    world.send(two, Op::Write, 0, b"/a/d\0x");
    world.send(one, Op::Read, 0, b"/a/d\0");
    assert_eq!(world.events(one), [some("/a/d", "t"), None]);
}

#[test]
fn every_reply_comes_after_the_events_of_what_came_before_it() {
    let mut world = World::new();
    let (one, two) = (world.socket(), world.guest(5));
    world.ok(one, Op::Watch, 0, b"/a\0t\0");
    world.ok(two, Op::Watch, 0, b"/local\0t\0");
    for (at, path) in [(one, "/a"), (two, "/local/domain/5")] {
        let written = Path::new(path).unwrap();
        let aborted = world.start(at);
        // Of the store they ask nothing, or are refused before that.
        for (op, tx, payload) in [
            (Op::GetDomainPath, 0, &b"5\0"[..]),
            (Op::Read, 0, b"//\0"),
            (Op::Error, 0, b"ENOENT\0"),
            (Op::TransactionEnd, 77, b"T\0"),
            (Op::TransactionEnd, aborted, b"F\0"),
        ] {
            world.seen(at);
            let outcome = world.store.edit(|edit| {
                edit.write(&Caller::Control, written, b"x")?;
                let perms = [Perm { access: Access::Read, domid: DomId::ZERO }];
                edit.set_perms(&Caller::Control, written, &perms)
            });
            assert_eq!(outcome.result, Ok(()));
            world.send(at, op, tx, payload);
            assert_eq!(world.events(at), [some(path, "t"), None], "{op:?}");
        }
    }
}

#[test]
fn a_watch_is_answered_and_then_fires_once() {
    let mut world = World::new();
    let dom0 = world.socket();
    for (path, token) in [("/a", "t"), ("a", "t"), ("@releaseDomain", "t"), ("/", "")] {
        world.send(dom0, Op::Watch, 0, format!("{path}\0{token}\0").as_bytes());
        assert_eq!(world.events(dom0), [None, some(path, token)]);
    }
    assert_eq!(world.watches(dom0), 4);
}

#[test]
fn paths_are_relative_if_the_watch_was() {
    let mut world = World::new();
    let dom0 = world.socket();
    world.send(dom0, Op::Watch, 0, b"dir\0relative\0");
    world.send(dom0, Op::Watch, 0, b"/local/domain/0/dir\0absolute\0");
    world.seen(dom0);
    world.send(dom0, Op::Write, 0, b"dir/x\x001");
    let mut events = world.events(dom0);
    events.sort();
    let absolute = some("/local/domain/0/dir/x", "absolute");
    assert_eq!(events, [None, absolute, some("dir/x", "relative")]);
    // The same watch, named the other way.
    world.ok(dom0, Op::Unwatch, 0, b"/local/domain/0/dir\0relative\0");
    world.ok(dom0, Op::Unwatch, 0, b"dir\0absolute\0");
    assert_eq!(world.watches(dom0), 0);
}

#[test]
fn a_depth_limits_what_a_watch_sees() {
    let mut world = World::new();
    let dom0 = world.socket();
    world.ok(dom0, Op::Watch, 0, b"/a\0zero\x000\0");
    world.ok(dom0, Op::Watch, 0, b"/a\0one\x001\0");
    world.ok(dom0, Op::Mkdir, 0, b"/a\0");
    world.ok(dom0, Op::Mkdir, 0, b"/a/b\0");
    world.seen(dom0);
    for (path, expected) in [("/a", 2), ("/a/b", 1), ("/a/b/c", 0)] {
        world.send(dom0, Op::Write, 0, format!("{path}\0x").as_bytes());
        assert_eq!(world.events(dom0).len(), expected + 1, "{path}");
    }
}

#[test]
fn a_transaction_fires_when_it_ends() {
    let mut world = World::new();
    let dom0 = world.socket();
    world.ok(dom0, Op::Watch, 0, b"/a\0t\0");
    let tx = world.start(dom0);
    world.send(dom0, Op::Write, tx, b"/a\x001");
    world.send(dom0, Op::Write, tx, b"/a\x002");
    assert_eq!(world.events(dom0), [None, None]);
    world.send(dom0, Op::TransactionEnd, tx, b"T\0");
    assert_eq!(world.events(dom0), [some("/a", "t"), None]);
}

#[test]
fn an_event_waits_once() {
    let mut world = World::new();
    let (one, two) = (world.socket(), world.socket());
    world.ok(one, Op::Watch, 0, b"/a\0t\0");
    for _ in 0..3 {
        world.ok(two, Op::Write, 0, b"/a\0x");
    }
    assert_eq!(world.events(one), [some("/a", "t")]);
    world.ok(two, Op::Write, 0, b"/a\0x");
    assert_eq!(world.events(one), [some("/a", "t")]);
}

#[test]
fn replies_keep_the_order_of_requests_however_the_bytes_come() {
    let stream: Vec<u8> = (0..20u32)
        .flat_map(|id| {
            let payload = format!("/n\0{id}");
            let (op, len) = (Op::Write as u32, u32::try_from(payload.len()).unwrap());
            let header = Header { op, req_id: id, tx_id: 0, len };
            [&header.to_bytes()[..], payload.as_bytes()].concat()
        })
        .collect();
    for piece in [1, 7, 16, 17, 100, stream.len()] {
        let mut world = World::new();
        let dom0 = world.socket();
        for bytes in stream.chunks(piece) {
            assert_eq!(world.bytes(dom0, bytes), bytes.len());
        }
        let ids: Vec<u32> = world.seen(dom0).iter().map(|seen| seen.header.req_id).collect();
        assert_eq!(ids, (0..20).collect::<Vec<_>>());
        assert_eq!(world.ok(dom0, Op::Read, 0, b"/n\0"), b"19");
    }
}

#[test]
fn a_reply_is_held_until_it_is_released() {
    let mut world = World::new();
    let dom0 = world.socket();
    let header = Header { op: Op::Read as u32, req_id: 1, tx_id: 0, len: 2 };
    let bytes = [&header.to_bytes()[..], b"/\0"].concat();
    let conn = &mut world.conns[dom0];
    conn.input(&bytes.repeat(2));
    let progress = conn.step(&world.store, &mut world.desk, world.now);
    assert!(matches!(progress, Progress::Held { .. }));
    assert_eq!(conn.step(&world.store, &mut world.desk, world.now), progress);
    assert!(!conn.has_output());
    conn.release(world.now);
    conn.release(world.now);
    assert_eq!(conn.unsent().flatten().count(), HEADER_LEN);
    assert_eq!(world.desk.log.len(), 1);
}

#[test]
fn an_over_long_message_ends_the_connection() {
    let mut world = World::new();
    let dom0 = world.socket();
    world.ok(dom0, Op::Watch, 0, b"/a\0t\0");
    world.start(dom0);
    let header = Header { op: Op::Write as u32, req_id: 1, tx_id: 0, len: 4097 };
    world.bytes(dom0, &header.to_bytes());
    assert_eq!(world.run(dom0), Some(Progress::Failed(Failure::Protocol)));
    assert_eq!(Failure::Protocol.number(), 3);
    let conn = &mut world.conns[dom0];
    assert!(conn.is_failed() && !conn.wants_input() && !conn.has_output());
    assert_eq!(conn.transactions(), 0);
    assert_eq!(world.watches(dom0), 0);
    assert_eq!(world.bytes(dom0, b"more"), 0);
    let other = world.socket();
    world.ok(other, Op::Write, 0, b"/a\0x");
    assert_eq!(world.events(dom0), []);
}

#[test]
fn input_is_bounded() {
    let mut world = World::new();
    let dom0 = world.socket();
    let header = Header { op: Op::Write as u32, req_id: 1, tx_id: 0, len: 4096 };
    let flood = [header.to_bytes().to_vec(), vec![b'x'; 4096]].concat().repeat(10);
    let conn = &mut world.conns[dom0];
    assert_eq!(conn.input(&flood), INPUT_MAX);
    assert!(!conn.wants_input());
    assert_eq!(conn.input(&flood), 0);
    world.run(dom0);
    assert!(world.conns[dom0].wants_input());
}

#[test]
fn a_client_that_does_not_read_is_not_read() {
    let mut world = World::new();
    let dom0 = world.socket();
    world.ok(dom0, Op::Write, 0, &[&b"/a\0"[..], &[b'v'; 4000]].concat());
    let per_reply = HEADER_LEN + 4000;
    for _ in 0..=PRIVILEGED_REPLIES_MAX / per_reply {
        assert!(world.conns[dom0].wants_input());
        world.send(dom0, Op::Read, 0, b"/a\0");
    }
    assert!(!world.conns[dom0].wants_input());
    world.send(dom0, Op::Read, 0, b"/a\0");
    assert_eq!(world.run(dom0), Some(Progress::Stalled));
    world.take(dom0, per_reply);
    assert_eq!(world.run(dom0), Some(Progress::Idle));
    world.take(dom0, 2 * per_reply);
    assert!(world.conns[dom0].wants_input());
}

#[test]
fn a_client_far_behind_gets_each_watch_once() {
    let mut world = World::new();
    let (one, two) = (world.socket(), world.socket());
    let token = "t".repeat(4000);
    world.ok(one, Op::Watch, 0, format!("/a\0{token}\0").as_bytes());
    world.seen(one);
    let events = PRIVILEGED_EVENTS_MAX / 4000 + 10;
    for n in 0..events {
        let (path, token) = (format!("/a/{n}"), token.as_bytes());
        let event = Event { seq: u64::MAX, at: 0, path: path.as_bytes(), token, ticket: None };
        world.conns[one].deliver(event, Duration::ZERO);
    }
    let mut seen = Vec::new();
    while world.conns[one].has_output() {
        let sent = world.take(one, 1 << 16);
        seen.extend(sent);
    }
    let seen = super::messages(&seen);
    assert!(seen.len() < events);
    assert_eq!(super::event(seen.last().unwrap()), some("/a", &token));
    assert_eq!(world.ok(two, Op::Write, 0, b"/a\0x"), OK);
    assert_eq!(world.events(one).len(), 1);
}

#[test]
fn an_overrun_of_the_feed_fires_each_watch() {
    let mut world = World::new();
    let dom0 = world.socket();
    world.ok(dom0, Op::Watch, 0, b"/a\0t\0");
    world.ok(dom0, Op::Watch, 0, b"b\0u\0");
    world.seen(dom0);
    world.conns[dom0].overrun(&world.store, Duration::ZERO);
    let mut events = world.events(dom0);
    events.sort();
    assert_eq!(events, [some("/a", "t"), some("b", "u")]);
}

#[test]
fn a_reset_connection_hears_nothing_of_its_former_watches() {
    let mut world = World::new();
    let (one, two) = (world.socket(), world.socket());
    world.ok(one, Op::Watch, 0, b"/a\0t\0");
    world.start(one);
    // The event waits in the feed while the connection is reset.
    let header = Header { op: Op::Write as u32, req_id: 1, tx_id: 0, len: 4 };
    world.conns[two].input(&[&header.to_bytes()[..], b"/a\0x"].concat());
    world.conns[two].step(&world.store, &mut world.desk, world.now);
    world.conns[one].input(b"half a header");
    world.conns[one].reset(&world.store);
    assert_eq!(world.events(one), []);
    assert_eq!(world.conns[one].transactions(), 0);
    assert_eq!(world.ok(one, Op::Read, 0, b"/a\0"), b"x");
}

#[test]
fn a_closed_connection_leaves_nothing_in_the_store() {
    let mut world = World::new();
    let (one, two) = (world.socket(), world.socket());
    world.ok(one, Op::Watch, 0, b"/a\0t\0");
    world.conns[one].close(&world.store);
    world.ok(two, Op::Write, 0, b"/a\0x");
    assert_eq!(world.events(one), []);
}
