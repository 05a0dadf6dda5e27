//! Transactions that fail because of others, and whom that is told.

use super::OK;
use crate::v1::{Header, Op, world::World};

/// A transaction that reads a node which another changes meanwhile.
fn fail(world: &mut World, at: usize, other: usize, path: &str) {
    let tx = world.start(at);
    world.ok(at, Op::Read, tx, format!("{path}\0").as_bytes());
    world.ok(at, Op::Write, tx, b"/seen\0x");
    world.ok(other, Op::Write, 0, format!("{path}\0new").as_bytes());
    assert_eq!(world.ask(at, Op::TransactionEnd, tx, b"T\0"), Err("EAGAIN".into()));
}

fn succeed(world: &mut World, at: usize) {
    let tx = world.start(at);
    world.ok(at, Op::Write, tx, b"/done\0x");
    assert_eq!(world.ok(at, Op::TransactionEnd, tx, b"T\0"), OK);
}

#[test]
fn conflicts_in_a_row_are_told_with_their_place() {
    let mut world = World::new();
    let (one, two) = (world.socket(), world.socket());
    for path in [&b"/a\0x"[..], b"/b\0x"] {
        world.ok(one, Op::Write, 0, path);
    }
    fail(&mut world, one, two, "/a");
    fail(&mut world, one, two, "/b");
    fail(&mut world, two, one, "/a");
    assert_eq!((world.conns[one].conflicts(), world.conns[two].conflicts()), (2, 1));
    // What is given up is no success, and a plain write no end.
    let tx = world.start(one);
    world.ok(one, Op::TransactionEnd, tx, b"F\0");
    world.ok(one, Op::Write, 0, b"/a\0y");
    assert_eq!(world.conns[one].conflicts(), 2);
    succeed(&mut world, one);
    fail(&mut world, one, two, "/a");
    let told = [("/a", 1), ("/b", 2), ("/a", 1), ("/a", 1)];
    assert_eq!(world.desk.conflicts, told.map(|(path, n)| (path.to_owned(), n)));
}

#[test]
fn the_next_operation_is_known_once_it_is_complete() {
    let mut world = World::new();
    let dom0 = world.socket();
    let header = Header { op: Op::TransactionStart as u32, req_id: 1, tx_id: 0, len: 1 };
    let conn = &mut world.conns[dom0];
    conn.input(&header.to_bytes());
    assert_eq!(conn.next_op(), None);
    conn.input(b"\0");
    assert_eq!(conn.next_op(), Some(Op::TransactionStart));
    world.run(dom0);
    assert_eq!(world.conns[dom0].next_op(), None);
    world.conns[dom0].input(&Header { op: 99, len: 0, ..header }.to_bytes());
    assert_eq!(world.conns[dom0].next_op(), None);
}

#[test]
fn a_guests_conflicts_are_its_own() {
    let mut world = World::new();
    let dom0 = world.socket();
    let guest = world.guest(5);
    world.ok(dom0, Op::Write, 0, b"/a\0x");
    world.ok(dom0, Op::SetPerms, 0, b"/a\0b5\0");
    world.ok(dom0, Op::Write, 0, b"/seen\0x");
    world.ok(dom0, Op::SetPerms, 0, b"/seen\0n5\0");
    fail(&mut world, guest, dom0, "/a");
    assert_eq!((world.conns[guest].conflicts(), world.desk.conflicts.len()), (0, 0));
}
