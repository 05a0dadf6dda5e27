//! Transactions that fail because of others, and whom that is told.

use super::OK;
use crate::v1::{Op, world::World};

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
