//! GET, GET_MANY, LIST, LOOKUP and snapshots.

use myriad_core::{DomId, Errno, Quota, limits::PINNED_BYTES};

use super::client::{get, step};
use crate::{
    v1::world::World,
    v2::{
        Request, Step,
        answers::{self, NodeSeen, PageSeen},
        limits::ITEMS_MAX,
        records::{self, GetMany, Kind, List, SnapshotOf, VALUE, VALUES},
    },
};

fn node(world: &mut World, at: usize, path: &str) -> NodeSeen {
    answers::node(&world.ask2(at, &get(path)).unwrap()).unwrap()
}

fn many(paths: &[&'static str], snapshot: u32) -> Request<'static> {
    let head = GetMany { snapshot: snapshot.into(), want: VALUE.into(), ..Default::default() };
    Request::GetMany(head, paths.iter().map(|path| path.as_bytes()).collect())
}

fn list(path: &str, flags: u16, from: &PageSeen, count: u32, snapshot: u32) -> Vec<u8> {
    let head = List {
        snapshot: snapshot.into(),
        flags: flags.into(),
        cursor: from.cursor.into(),
        count_max: count.into(),
        stamp: from.stamp.into(),
        ..Default::default()
    };
    Request::List(head, path.as_bytes()).encode(0).split_off(super::client::HEAD)
}

fn page(world: &mut World, at: usize, body: &[u8]) -> Result<PageSeen, Errno> {
    let request = Request::parse(crate::v2::Op::List, body, 0).unwrap();
    let answer = world.ask2(at, &request).map_err(|(errno, _)| errno)?;
    Ok(answers::page(&answer).unwrap())
}

#[test]
fn a_node_comes_with_its_stamps_and_permissions() {
    let mut world = World::new();
    let at = world.v2();
    let first = world.commit(at, &[step(Kind::SetValue, "/a", b"one")]);
    let second = world.commit(at, &[step(Kind::SetValue, "/a/b", b"")]);
    let perms = [0, 0, 3, 0, 5, 0, 1, 0];
    let third = world.commit(at, &[step(Kind::SetPerms, "/a", &perms)]);
    let seen = node(&mut world, at, "/a");
    let stamps = (seen.value_stamp, seen.children_stamp, seen.perms_stamp);
    assert_eq!((seen.value, stamps), (b"one".to_vec(), (first, second, third)));
    let shown: Vec<String> = seen.perms.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["b0", "r5"]);
    // What isn't wanted isn't sent, and a relative path is below the caller's home.
    let bare = Request::Get(records::Get::default(), b"/a");
    let seen = answers::node(&world.ask2(at, &bare).unwrap()).unwrap();
    assert_eq!((seen.value.len(), seen.perms.len(), seen.value_stamp), (0, 0, first));
    world.commit(at, &[step(Kind::SetValue, "name", b"dom0")]);
    assert_eq!(node(&mut world, at, "/local/domain/0/name").value, b"dom0");
    for (path, errno) in [("/none", Errno::ENOENT), ("/a//b", Errno::EINVAL), ("@a", Errno::EINVAL)]
    {
        assert_eq!(world.error(at, &get(path)), (errno, None), "{path}");
    }
}

#[test]
fn many_nodes_are_of_one_moment_and_each_has_its_own_error() {
    let mut world = World::new();
    let at = world.v2();
    let generation =
        world.commit(at, &[step(Kind::SetValue, "/a", b"1"), step(Kind::SetValue, "/b", b"2")]);
    let answer = world.ask2(at, &many(&["/a", "/none", "//", "/b"], 0)).unwrap();
    let (seen_at, nodes) = answers::nodes(&answer).unwrap();
    assert_eq!(seen_at, generation);
    let values: Vec<_> = nodes.into_iter().map(|node| node.map(|node| node.value)).collect();
    let expected = [Ok(b"1".to_vec()), Err(Errno::ENOENT), Err(Errno::EINVAL), Ok(b"2".to_vec())];
    assert_eq!(values, expected);
    let (_, none) = answers::nodes(&world.ask2(at, &many(&[], 0)).unwrap()).unwrap();
    assert!(none.is_empty());
    let too_many = many(&vec!["/a"; ITEMS_MAX + 1], 0);
    assert_eq!(world.error(at, &too_many), (Errno::E2BIG, None));
    // An answer that would be too long names the node that doesn't fit.
    world.commit(at, &[step(Kind::SetValue, "/long", &[b'x'; 4000])]);
    let (errno, item) = world.error(at, &many(&["/long"; 300], 0));
    assert!(errno == Errno::E2BIG && item.is_some_and(|item| item > 200), "{errno:?} {item:?}");
}

#[test]
fn a_listing_comes_in_pages_and_one_that_has_changed_is_told() {
    let mut world = World::new();
    let at = world.v2();
    let names: Vec<String> = (0..300).map(|n| format!("/dir/child-{n}")).collect();
    let steps: Vec<Step<'_>> =
        names.iter().map(|name| step(Kind::SetValue, name, name.as_bytes())).collect();
    let stamp = world.commit(at, &steps);
    for (flags, count) in [(0, 0), (VALUES, 0), (VALUES, 7), (0, 299), (0, 300)] {
        let (mut seen, mut all) = (PageSeen::default(), Vec::new());
        loop {
            seen = page(&mut world, at, &list("/dir", flags, &seen, count, 0)).unwrap();
            assert_eq!(seen.stamp, stamp);
            all.append(&mut seen.entries);
            if seen.cursor == 0 {
                break;
            }
        }
        let listed: Vec<String> = all.iter().map(|one| format!("/dir/{}", one.name)).collect();
        assert_eq!(listed, names);
        for (entry, name) in all.iter().zip(&names) {
            let value =
                if flags == VALUES { (name.as_bytes().to_vec(), stamp) } else { (vec![], 0) };
            assert_eq!(entry.value, Ok(value));
        }
    }
    let first = page(&mut world, at, &list("/dir", 0, &PageSeen::default(), 10, 0)).unwrap();
    for cursor in [first.cursor + 1, u32::MAX] {
        let bad = PageSeen { cursor, ..first.clone() };
        assert_eq!(page(&mut world, at, &list("/dir", 0, &bad, 0, 0)), Err(Errno::EINVAL));
    }
    // A value within is no change of the listing.
    world.commit(at, &[step(Kind::SetValue, "/dir/child-0", b"other")]);
    assert!(page(&mut world, at, &list("/dir", 0, &first, 0, 0)).is_ok());
    world.commit(at, &[step(Kind::Remove, "/dir/child-299", b"")]);
    assert_eq!(page(&mut world, at, &list("/dir", 0, &first, 0, 0)), Err(Errno::EAGAIN));
    let empty = page(&mut world, at, &list("/dir/child-1", 0, &PageSeen::default(), 0, 0)).unwrap();
    assert_eq!((empty.cursor, empty.entries.len()), (0, 0));
    let root = page(&mut world, at, &list("/", VALUES, &PageSeen::default(), 0, 0)).unwrap();
    assert_eq!(root.entries[0].name, "dir");
    assert!(root.entries[0].value.is_ok());
}

fn open(world: &mut World, at: usize) -> u32 {
    let answer = world.ask2(at, &Request::Snapshot).unwrap();
    answers::record::<SnapshotOf>(&answer).unwrap().snapshot.get()
}

#[test]
fn a_snapshot_shows_what_was_until_it_is_let_go() {
    let mut world = World::new();
    let at = world.v2();
    world.commit(at, &[step(Kind::SetValue, "/dir/a", b"old")]);
    let number = open(&mut world, at);
    world
        .commit(at, &[step(Kind::SetValue, "/dir/a", b"new"), step(Kind::SetValue, "/dir/b", b"")]);
    let value = |world: &mut World, snapshot| {
        let (_, nodes) =
            answers::nodes(&world.ask2(at, &many(&["/dir/a"], snapshot)).unwrap()).unwrap();
        nodes[0].clone().unwrap().value
    };
    assert_eq!((value(&mut world, 0), value(&mut world, number)), (b"new".into(), b"old".into()));
    let then = page(&mut world, at, &list("/dir", 0, &PageSeen::default(), 0, number)).unwrap();
    let now = page(&mut world, at, &list("/dir", 0, &PageSeen::default(), 0, 0)).unwrap();
    assert_eq!((then.entries.len(), now.entries.len()), (1, 2));
    world.ask2(at, &Request::SnapshotEnd(number)).unwrap();
    for request in
        [many(&["/dir/a"], number), Request::SnapshotEnd(number), Request::SnapshotEnd(0)]
    {
        assert_eq!(world.error(at, &request).0, Errno::ENOENT);
    }
}

#[test]
fn snapshots_are_bounded_in_number_and_in_what_they_keep() {
    let mut world = World::new();
    let (at, guest) = (world.v2(), world.v2_guest(5));
    world.store.edit(|edit| edit.set_quota(None, Quota::Transactions, 4)).result.unwrap();
    (0..3).for_each(|_| assert!(open(&mut world, guest) != 0));
    assert_eq!(world.error(guest, &Request::Snapshot).0, Errno::ENOSPC);
    let number = open(&mut world, at);
    while world.conns[at].pinned_bytes() <= PINNED_BYTES {
        world.commit(at, &[step(Kind::SetValue, "/a", &[b'x'; 4000])]);
    }
    for at in [at, guest] {
        let (store, now) = (world.store.clone(), world.now);
        world.conns[at].tend(&store, &mut world.desk, now);
        assert_eq!(world.conns[at].pinned_bytes(), 0, "nothing is kept any more");
    }
    assert_eq!(world.error(at, &many(&["/a"], number)).0, Errno::EAGAIN, "and that is told");
    world.ask2(at, &Request::SnapshotEnd(number)).unwrap();
}

#[test]
fn an_index_is_looked_up_by_who_may() {
    let mut world = World::new();
    let (at, guest) = (world.v2(), world.v2_guest(5));
    world.commit(at, &[step(Kind::SetValue, "/local/domain/7/name", b"web")]);
    let lookup = |key, index| Request::Lookup { snapshot: 0, index, key };
    let found = world.ask2(at, &lookup(b"web", b"domain-name")).unwrap();
    assert_eq!(answers::matches(&found).unwrap(), [("7".to_owned(), DomId(0))]);
    let none = world.ask2(at, &lookup(b"db", b"domain-name")).unwrap();
    assert!(answers::matches(&none).unwrap().is_empty());
    assert_eq!(world.error(at, &lookup(b"web", b"none")).0, Errno::ENOENT);
    assert_eq!(world.error(guest, &lookup(b"web", b"domain-name")).0, Errno::ENOSYS);
}
