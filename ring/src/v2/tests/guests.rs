//! Guests: the permissions, quotas and accounts of v1 hold in v2.

use std::time::Duration;

use myriad_core::{DomId, Errno, Quota};

use super::client::{get, step};
use crate::{
    v1::{connection::Progress, world::World},
    v2::{
        Request, answers,
        limits::{FRAGMENT_MAX, GUEST_ITEMS_MAX},
        records::{GetMany, Kind, List, VALUE, VALUES},
    },
};

fn home(world: &mut World, at: usize) {
    let n5: &[u8] = &[5, 0, 0, 0];
    world.commit(
        at,
        &[
            step(Kind::SetValue, "/local/domain/5/open", b"o"),
            step(Kind::SetPerms, "/local/domain/5", n5),
            step(Kind::SetPerms, "/local/domain/5/open", n5),
            step(Kind::SetValue, "/local/domain/5/closed", b"c"),
            step(Kind::SetPerms, "/local/domain/5/closed", &[0, 0, 0, 0]),
            step(Kind::SetValue, "/secret", b"s"),
        ],
    );
}

#[test]
fn a_guest_sees_and_changes_what_it_may() {
    let mut world = World::new();
    let (dom0, at) = (world.v2(), world.v2_guest(5));
    home(&mut world, dom0);
    assert_eq!(world.value(at, "open").unwrap(), b"o");
    assert_eq!(world.value(at, "closed"), Err(Errno::EACCES));
    assert_eq!(world.value(at, "/secret"), Err(Errno::EACCES));
    assert_eq!(world.value(at, "/secret/none"), Err(Errno::EACCES), "nor whether it is there");
    let head = GetMany { want: VALUE.into(), ..Default::default() };
    let paths: Vec<&[u8]> = vec![b"open", b"closed", b"none"];
    let answer = world.ask2(at, &Request::GetMany(head, paths)).unwrap();
    let nodes = answers::nodes(&answer).unwrap().1;
    let told: Vec<_> = nodes.into_iter().map(|n| n.map(|n| n.value)).collect();
    assert_eq!(told, [Ok(b"o".to_vec()), Err(Errno::EACCES), Err(Errno::ENOENT)]);
    let list = List { flags: VALUES.into(), ..Default::default() };
    let answer = world.ask2(at, &Request::List(list, b"/local/domain/5")).unwrap();
    let entries = answers::page(&answer).unwrap().entries;
    assert_eq!(entries[1].value, Err(Errno::EACCES), "a name is told, its value is not");
    assert!(entries[0].value.is_ok());

    let write = step(Kind::SetValue, "open/below", b"");
    for (bad, errno) in [
        (step(Kind::SetValue, "/secret", b""), Errno::EACCES),
        (step(Kind::IfExists, "/secret", b""), Errno::EACCES),
        (step(Kind::IfAbsent, "/none", b""), Errno::EACCES),
        (step(Kind::IfValue, "closed", b"c"), Errno::EACCES),
        (step(Kind::SetPerms, "open", &[0, 0, 0, 0]), Errno::EPERM),
    ] {
        assert_eq!(world.commit_error(at, &[write.clone(), bad]), (errno, Some(1)));
    }
    assert_eq!(world.value(at, "open/below"), Err(Errno::ENOENT));
    world.commit(at, &[write, step(Kind::IfValue, "open", b"o")]);
    assert_eq!(world.store.pin().domain(DomId(5)).unwrap().nodes, 3);
}

#[test]
fn quotas_refuse_a_commit_as_a_whole_and_are_told_once() {
    let mut world = World::new();
    let (dom0, at) = (world.v2(), world.v2_guest(5));
    home(&mut world, dom0);
    for (quota, value) in [(Quota::Nodes, 6), (Quota::TransactionNodes, 9)] {
        world.store.edit(|edit| edit.set_quota(None, quota, value)).result.unwrap();
    }
    let names: Vec<String> = (0..20).map(|n| format!("open/{n}")).collect();
    let steps = |count: usize| -> Vec<_> {
        names[..count].iter().map(|name| step(Kind::SetValue, name, b"")).collect()
    };
    let (errno, item) = world.commit_error(at, &steps(4));
    assert_eq!((errno, item), (Errno::ENOSPC, Some(3)));
    assert_eq!(world.store.pin().domain(DomId(5)).unwrap().nodes, 2, "none of them is there");
    world.commit(at, &steps(3));
    let again: Vec<_> = (0..20).map(|n| step(Kind::SetValue, &names[n % 3], b"x")).collect();
    world.commit(at, &again);
    world.store.edit(|edit| edit.set_quota(None, Quota::Nodes, 100)).result.unwrap();
    let (errno, _) = world.commit_error(at, &steps(12));
    assert_eq!(errno, Errno::ENOSPC);
    assert_eq!(world.desk.refused(), [Quota::Nodes, Quota::TransactionNodes]);
    let (_, failure) = world.ask2(at, &Request::Commit(steps(12))).unwrap_err();
    assert_eq!(failure.detail, "a quota is used up");
    let many = vec![step(Kind::IfExists, "open", b""); GUEST_ITEMS_MAX + 1];
    assert_eq!(world.commit_error(at, &many), (Errno::E2BIG, None));
}

#[test]
fn answers_that_nobody_reads_stop_a_guest() {
    let mut world = World::new();
    let (dom0, at) = (world.v2(), world.v2_guest(5));
    home(&mut world, dom0);
    world.store.edit(|edit| edit.set_quota(None, Quota::Outstanding, 3)).result.unwrap();
    let requests: Vec<u8> = (0..9).flat_map(|id| get("open").encode(id)).collect();
    world.bytes(at, &requests);
    assert_eq!(world.run(at), Some(Progress::Stalled));
    assert_eq!(world.conns[at].outstanding(), 3);
    assert!(!world.conns[at].wants_input());
    let mut answered = Vec::new();
    while answered.len() < 9 {
        answered.extend(world.messages(at).iter().map(|seen| seen.frame.id.get()));
        world.run(at);
    }
    assert_eq!(answered, (0..9).collect::<Vec<_>>());
    assert_eq!(world.conns[at].outstanding(), 0);
}

#[test]
fn memory_bounds_long_answers_and_long_messages() {
    let mut world = World::new();
    let (dom0, at) = (world.v2(), world.v2_guest(5));
    home(&mut world, dom0);
    world.commit(dom0, &[step(Kind::SetValue, "/local/domain/5/open", &[b'x'; 2000])]);
    let used = u32::try_from(world.store.pin().domain(DomId(5)).unwrap().memory).unwrap();
    let limit = used + 1500;
    world.store.edit(|edit| edit.set_quota(None, Quota::Memory, limit)).result.unwrap();
    assert_eq!(world.error(at, &get("open")).0, Errno::ENOMEM, "the answer finds no room");
    let bare = Request::Get(Default::default(), b"open");
    assert!(world.ask2(at, &bare).is_ok(), "a short one does");
    // A message in fragments finds no room either; what comes after it does.
    let long = [b'y'; FRAGMENT_MAX - 100];
    let steps = [step(Kind::SetValue, "a", &long), step(Kind::SetValue, "b", &long)];
    assert_eq!(world.commit_error(at, &steps), (Errno::ENOMEM, None));
    assert_eq!(world.value(at, "a"), Err(Errno::ENOENT));
    world.commit(at, &[step(Kind::SetValue, "a", b"1")]);
    assert_eq!(world.value(at, "a").unwrap(), b"1");
    assert!(world.desk.refused().contains(&Quota::Memory));
}

#[test]
fn events_for_a_guest_that_does_not_read_are_given_up() {
    let mut world = World::new();
    let (dom0, at) = (world.v2(), world.v2_guest(5));
    home(&mut world, dom0);
    let head = crate::v2::records::Registration {
        token: 7.into(),
        depth: u32::MAX.into(),
        flags: crate::v2::records::QUIET.into(),
        ..Default::default()
    };
    world.exchange(at, &Request::Watch(vec![(head, b"open")])).1.unwrap();
    world.commit(dom0, &[step(Kind::SetValue, "/local/domain/5/open", b"1")]);
    world.deliver(None);
    assert!(world.conns[at].has_output() && world.conns[at].next_deadline().is_some());
    world.now = Duration::from_secs(60);
    let (store, now) = (world.store.clone(), world.now);
    world.conns[at].tend(&store, &mut world.desk, now);
    assert!(!world.conns[at].has_output());
}

#[test]
fn a_list_that_is_too_long_is_refused_before_anybody_is_asked_for_its_domains() {
    let mut world = World::new();
    let at = world.v2();
    let list: Vec<u8> =
        (0..=1400_u16).flat_map(|domid| [domid.to_le_bytes(), [0, 0]]).flatten().collect();
    let before = world.store.pin().seq();
    let error = world.commit_error(at, &[step(Kind::SetPerms, "/", &list)]);
    assert_eq!(error, (Errno::EINVAL, Some(0)));
    assert_eq!(world.store.pin().seq(), before, "no domain has become known");
}
