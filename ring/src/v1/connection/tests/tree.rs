//! Nodes and transactions, by a privileged client.

use super::OK;
use crate::v1::{Op, world::World};

#[test]
fn values_are_raw_bytes() {
    let mut world = World::new();
    let dom0 = world.socket();
    assert_eq!(world.ok(dom0, Op::Write, 0, b"/a/b\0one\0two"), OK);
    assert_eq!(world.ok(dom0, Op::Read, 0, b"/a/b\0"), b"one\0two");
    assert_eq!(world.ok(dom0, Op::Read, 0, b"/a\0"), b"");
    assert_eq!(world.ok(dom0, Op::Write, 0, b"/a/b\0"), OK);
    assert_eq!(world.ok(dom0, Op::Read, 0, b"/a/b\0"), b"");
}

#[test]
fn a_socket_lives_in_the_home_of_domain_0() {
    let mut world = World::new();
    let dom0 = world.socket();
    world.ok(dom0, Op::Write, 0, b"name\0Domain-0");
    assert_eq!(world.ok(dom0, Op::Read, 0, b"/local/domain/0/name\0"), b"Domain-0");
}

#[test]
fn listings_are_in_order_of_creation() {
    let mut world = World::new();
    let dom0 = world.socket();
    for name in ["z", "a", "m"] {
        world.ok(dom0, Op::Mkdir, 0, format!("/dir/{name}\0").as_bytes());
    }
    assert_eq!(world.ok(dom0, Op::Directory, 0, b"/dir\0"), b"z\0a\0m\0");
    assert_eq!(world.ok(dom0, Op::Directory, 0, b"/dir/z\0"), b"");
    let part = world.ok(dom0, Op::DirectoryPart, 0, b"/dir\x000\0");
    assert!(part.ends_with(b"\0z\0a\0m\0\0"), "{part:?}");
    let part = world.ok(dom0, Op::DirectoryPart, 0, b"/dir\x002\0");
    assert!(part.ends_with(b"\0a\0m\0\0"), "{part:?}");
}

#[test]
fn a_listing_over_the_limit_is_read_in_parts() {
    let mut world = World::new();
    let dom0 = world.socket();
    let names: Vec<String> = (0..500).map(|n| format!("child-{n:04}")).collect();
    for name in &names {
        world.ok(dom0, Op::Mkdir, 0, format!("/dir/{name}\0").as_bytes());
    }
    assert_eq!(world.ask(dom0, Op::Directory, 0, b"/dir\0"), Err("E2BIG".into()));
    let mut listing = Vec::new();
    loop {
        let ask = format!("/dir\0{}\0", listing.len());
        let part = world.ok(dom0, Op::DirectoryPart, 0, ask.as_bytes());
        let nul = part.iter().position(|&byte| byte == 0).unwrap();
        listing.extend_from_slice(&part[nul + 1..]);
        if listing.ends_with(b"\0\0") {
            break;
        }
    }
    let expected: String = names.iter().map(|name| format!("{name}\0")).collect();
    assert_eq!(listing.strip_suffix(b"\0").unwrap(), expected.as_bytes());
}

#[test]
fn removal_takes_the_subtree_and_forgives_absence() {
    let mut world = World::new();
    let dom0 = world.socket();
    world.ok(dom0, Op::Write, 0, b"/a/b/c\0x");
    assert_eq!(world.ok(dom0, Op::Rm, 0, b"/a/b\0"), OK);
    assert_eq!(world.ask(dom0, Op::Read, 0, b"/a/b/c\0"), Err("ENOENT".into()));
    assert_eq!(world.ok(dom0, Op::Rm, 0, b"/a/b\0"), OK);
    assert_eq!(world.ask(dom0, Op::Rm, 0, b"/a/b/c\0"), Err("ENOENT".into()));
}

#[test]
fn permissions_name_domains_that_exist() {
    let mut world = World::new();
    let dom0 = world.socket();
    world.ok(dom0, Op::Mkdir, 0, b"/a\0");
    assert_eq!(world.ok(dom0, Op::GetPerms, 0, b"/a\0"), b"n0\0");
    assert_eq!(world.ask(dom0, Op::SetPerms, 0, b"/a\0n5\0"), Err("ENOENT".into()));
    world.desk.alive.push(myriad_core::DomId(5));
    assert_eq!(world.ok(dom0, Op::SetPerms, 0, b"/a\0n5\0r0\0b 0x5\0tail"), OK);
    assert_eq!(world.ok(dom0, Op::GetPerms, 0, b"/a\0"), b"n5\0r0\0b5\0");
    assert_eq!(world.ok(dom0, Op::SetPerms, 0, b"/a\0n0\0r32757\0"), OK);
    assert_eq!(world.ok(dom0, Op::GetPerms, 0, b"/a\0"), b"n0\0r32757\0");
}

#[test]
fn special_nodes_have_permissions_too() {
    let mut world = World::new();
    let dom0 = world.socket();
    assert_eq!(world.ok(dom0, Op::GetPerms, 0, b"@introduceDomain\0"), b"n0\0");
    assert_eq!(world.ok(dom0, Op::GetPerms, 0, b"@releaseDomain\0"), b"n0\0r32757\0");
    assert_eq!(world.ok(dom0, Op::SetPerms, 0, b"@releaseDomain\0n0\0"), OK);
    assert_eq!(world.ok(dom0, Op::GetPerms, 0, b"@releaseDomain\0"), b"n0\0");
}

#[test]
fn a_transaction_is_seen_by_nobody_before_its_end() {
    let mut world = World::new();
    let (one, two) = (world.socket(), world.socket());
    let tx = world.start(one);
    assert_eq!(world.ok(one, Op::Write, tx, b"/a\0x"), OK);
    assert_eq!(world.ok(one, Op::Read, tx, b"/a\0"), b"x");
    assert_eq!(world.ask(one, Op::Read, 0, b"/a\0"), Err("ENOENT".into()));
    assert_eq!(world.ask(two, Op::Read, tx, b"/a\0"), Err("ENOENT".into()));
    assert_eq!(world.ok(one, Op::TransactionEnd, tx, b"T\0"), OK);
    assert_eq!(world.ok(two, Op::Read, 0, b"/a\0"), b"x");
    assert_eq!(world.ask(one, Op::TransactionEnd, tx, b"T\0"), Err("ENOENT".into()));
}

#[test]
fn an_aborted_transaction_leaves_nothing() {
    let mut world = World::new();
    let dom0 = world.socket();
    let tx = world.start(dom0);
    world.ok(dom0, Op::Mkdir, tx, b"/a\0");
    // A refused END ends nothing.
    assert_eq!(world.ask(dom0, Op::TransactionEnd, tx, b"x\0"), Err("EINVAL".into()));
    assert_eq!(world.conns[dom0].transactions(), 1);
    assert_eq!(world.ok(dom0, Op::TransactionEnd, tx, b"F\0"), OK);
    assert_eq!(world.ask(dom0, Op::Read, 0, b"/a\0"), Err("ENOENT".into()));
    assert_eq!(world.conns[dom0].transactions(), 0);
}

#[test]
fn transaction_ids_rise_per_connection() {
    let mut world = World::new();
    let (one, two) = (world.socket(), world.socket());
    assert_eq!((world.start(one), world.start(one), world.start(two)), (1, 2, 1));
    world.ok(one, Op::TransactionEnd, 1, b"F\0");
    assert_eq!(world.start(one), 3);
}

#[test]
fn reset_drops_watches_and_transactions() {
    let mut world = World::new();
    let dom0 = world.socket();
    world.ok(dom0, Op::Watch, 0, b"/a\0t\0");
    let tx = world.start(dom0);
    assert_eq!(world.ok(dom0, Op::ResetWatches, tx, b"anything"), OK);
    assert_eq!(world.ask(dom0, Op::Read, tx, b"/\0"), Err("ENOENT".into()));
    world.ok(dom0, Op::Write, 0, b"/a\0x");
    assert_eq!(world.events(dom0), []);
    assert_eq!(world.watches(dom0), 0);
    // The ids go on.
    assert_eq!(world.start(dom0), 2);
}
