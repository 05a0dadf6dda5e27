//! Transactions that stay open while others write.

use std::time::Duration;

use myriad_core::{Caller, Path, Writes, limits::PINNED_BYTES};

use super::OK;
use crate::v1::{Op, connection::Connection, world::World};

/// As many as a guest may have open.
const OPEN: u64 = 9;
/// Writes between two looks at the transactions, and what they retire at most.
const BETWEEN: usize = 50;
const SLACK: u64 = 1 << 20;

#[test]
fn open_transactions_are_kept_from_pinning_much() {
    let mut world = World::new();
    let dom0 = world.socket();
    let guest = world.guest(5);
    world.ok(dom0, Op::Write, 0, b"/local/domain/5/quiet\x000");
    world.ok(dom0, Op::SetPerms, 0, b"/local/domain/5/quiet\0n5\0");
    let open: Vec<u32> = (0..OPEN).map(|_| world.start(guest)).collect();
    for &tx in &open {
        assert_eq!(world.ok(guest, Op::Read, tx, b"quiet\0"), b"0");
        world.ok(guest, Op::Write, tx, b"quiet\x001");
    }
    // What one would pin that nobody looks at.
    let untended = world.store.begin(0);
    let value = [b'v'; 2000];
    for round in 0.. {
        if untended.pinned_bytes() > 2 * OPEN * PINNED_BYTES {
            break;
        }
        for n in 0..BETWEEN {
            let path = format!("/churn/{}", (round * BETWEEN + n) % 1000);
            let write = Path::new(&path).unwrap();
            let edit = world.store.edit(|edit| edit.write(&Caller::Control, write, &value));
            edit.result.unwrap();
        }
        let conn: &mut Connection = &mut world.conns[guest];
        assert!(conn.pinned_bytes() <= PINNED_BYTES + SLACK, "{}", conn.pinned_bytes());
        conn.tend(&world.store, &mut world.desk, Duration::ZERO);
        assert!(conn.pinned_bytes() <= PINNED_BYTES, "{}", conn.pinned_bytes());
    }
    // They have moved on: the first commits, and by that the others fail.
    assert_eq!(world.ok(guest, Op::TransactionEnd, open[0], b"T\0"), OK);
    for &tx in &open[1..] {
        assert_eq!(world.ask(guest, Op::TransactionEnd, tx, b"T\0"), Err("EAGAIN".into()));
    }
    assert_eq!(world.conns[guest].pinned_bytes(), 0);
}
