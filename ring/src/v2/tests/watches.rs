//! WATCH and UNWATCH, and the order of events and answers.

use myriad_core::{DomId, Errno, Quota};

use super::client::step;
use crate::{
    v1::{limits::PRIVILEGED_EVENTS_MAX, world::World},
    v2::{
        Request,
        answers::{self, EventSeen},
        frame::EVENT,
        records::{
            ALL_LEVELS, CREATED, GRANTED, KINDS_SHIFT, Kind, QUIET, REMOVED, Registration, Removal,
            WRITTEN, Watching,
        },
    },
};

fn watch(path: &str, token: u64, depth: u32, flags: u16) -> (Registration, &[u8]) {
    let head = Registration {
        token: token.into(),
        depth: depth.into(),
        flags: flags.into(),
        ..Default::default()
    };
    (head, path.as_bytes())
}

fn removal(path: &str, token: u64) -> (Removal, &[u8]) {
    (Removal { token: token.into(), ..Default::default() }, path.as_bytes())
}

fn event(path: &str, token: u64) -> EventSeen {
    EventSeen { token, path: path.into() }
}

/// What a client is sent, an answer as none.
fn sent(world: &mut World, at: usize) -> Vec<Option<EventSeen>> {
    world.deliver(None);
    let seen = world.messages(at).into_iter();
    seen.map(|seen| {
        (seen.frame.flags.get() == EVENT).then(|| {
            assert_eq!((seen.frame.op.get(), seen.frame.id.get()), (9, 0));
            answers::event(&seen.body).unwrap()
        })
    })
    .collect()
}

#[test]
fn watches_are_registered_together_and_each_fires_after_the_answer() {
    let mut world = World::new();
    let (at, other) = (world.v2(), world.v2());
    let watches = vec![
        watch("/a", 1, ALL_LEVELS, 0),
        watch("/a", 2, 0, 0),
        watch("name", 3, 1, 0),
        watch("/a", 4, ALL_LEVELS, QUIET),
        watch("@introduceDomain", u64::MAX, ALL_LEVELS, 0),
    ];
    let generation = world.store.pin().generation();
    world.send_all(at, &Request::Watch(watches).encode(5));
    let first = [
        None,
        Some(event("/a", 1)),
        Some(event("/a", 2)),
        Some(event("name", 3)),
        Some(event("@introduceDomain", u64::MAX)),
    ];
    assert_eq!(sent(&mut world, at), first);
    assert_eq!(world.store.pin().watches(), 5);
    assert_eq!(world.store.pin().generation(), generation + 1);
    world.commit(other, &[step(Kind::SetValue, "/a/b", b"")]);
    assert_eq!(sent(&mut world, at), [Some(event("/a/b", 1)), Some(event("/a/b", 4))]);
    world.commit(other, &[step(Kind::SetValue, "/local/domain/0/name", b"x")]);
    assert_eq!(sent(&mut world, at), [Some(event("name", 3))]);
    // A client's own events come before its answer; a node's once for a commit.
    let own = [step(Kind::SetValue, "/a", b"1"), step(Kind::SetValue, "/a", b"2")];
    let (events, answer) = world.exchange(at, &Request::Commit(own.to_vec()));
    assert_eq!(events, [event("/a", 1), event("/a", 2), event("/a", 4)]);
    assert!(answer.is_ok());
}

#[test]
fn all_or_none_and_who_is_to_blame() {
    let mut world = World::new();
    let at = world.v2();
    let twice = vec![watch("/a", 1, 0, 0), watch("/b", 1, 0, 0), watch("/a", 1, 5, 0)];
    assert_eq!(world.error(at, &Request::Watch(twice)), (Errno::EEXIST, Some(2)));
    let bad = vec![watch("/a", 1, 0, 0), watch("/b//", 1, 0, 0)];
    assert_eq!(world.error(at, &Request::Watch(bad)), (Errno::EINVAL, Some(1)));
    assert_eq!(world.store.pin().watches(), 0);
    let answer = world.exchange(at, &Request::Watch(vec![watch("/a", 1, 0, QUIET)])).1.unwrap();
    let heard: Watching = answers::record(&answer).unwrap();
    assert_eq!(heard.generation.get(), world.store.pin().generation());
    let gone = vec![removal("/a", 1), removal("/a", 2)];
    assert_eq!(world.error(at, &Request::Unwatch(gone)), (Errno::ENOENT, Some(1)));
    assert_eq!(world.store.pin().watches(), 1);
    world.ask2(at, &Request::Unwatch(vec![removal("/a", 1)])).unwrap();
    assert_eq!(world.store.pin().watches(), 0);
    assert_eq!(world.error(at, &Request::Unwatch(vec![removal("//", 1)])).0, Errno::ENOENT);
}

#[test]
fn one_event_waits_for_each_watch_and_path() {
    let mut world = World::new();
    let (at, other) = (world.v2(), world.v2());
    world.send_all(at, &Request::Watch(vec![watch("/a", 1, ALL_LEVELS, QUIET)]).encode(1));
    world.messages(at);
    for value in 0..50 {
        world.commit(other, &[step(Kind::SetValue, "/a", &[value])]);
        world.commit(other, &[step(Kind::SetValue, "/a/b", &[value])]);
    }
    assert_eq!(sent(&mut world, at), [Some(event("/a", 1)), Some(event("/a/b", 1))]);
}

#[test]
fn who_falls_behind_hears_of_each_watch_once() {
    let mut world = World::new();
    let (at, other) = (world.v2(), world.v2());
    let watches = vec![watch("/a", 1, ALL_LEVELS, QUIET), watch("/b", 2, 0, QUIET)];
    world.send_all(at, &Request::Watch(watches).encode(1));
    world.messages(at);
    let long = "x".repeat(1000);
    for n in 0.. {
        if world.conns[at].waiting() > PRIVILEGED_EVENTS_MAX {
            break;
        }
        let paths: Vec<String> = (0..500).map(|m| format!("/a/{n}-{m}-{long}")).collect();
        let steps: Vec<_> = paths.iter().map(|path| step(Kind::SetValue, path, b"")).collect();
        world.commit(other, &steps);
        world.commit(other, &[step(Kind::Remove, "/a", b"")]);
    }
    world.commit(other, &[step(Kind::SetValue, "/b", b"unheard")]);
    world.deliver(None);
    // The client reads on: what was lost is made good.
    let bytes = world.take(at, usize::MAX);
    assert!(bytes.len() > PRIVILEGED_EVENTS_MAX);
    assert_eq!(sent(&mut world, at), [Some(event("/a", 1)), Some(event("/b", 2))]);
}

#[test]
fn a_guests_watches_count_for_its_quotas() {
    let mut world = World::new();
    let at = world.v2_guest(5);
    world.store.edit(|edit| edit.set_quota(None, Quota::Watches, 3)).result.unwrap();
    let few = vec![watch("a", 1, 0, QUIET), watch("a", 2, 0, QUIET)];
    let more = vec![watch("b", 1, 0, 0), watch("b", 2, 0, 0)];
    world.exchange(at, &Request::Watch(few)).1.unwrap();
    assert_eq!(world.error(at, &Request::Watch(more)), (Errno::ENOSPC, Some(0)));
    assert_eq!(world.store.pin().watches(), 2);
    assert_eq!(world.desk.refused(), [Quota::Watches]);
}

#[test]
fn a_domain_that_is_not_offered_depths_has_none() {
    let mut world = World::new();
    let at = world.v2_guest(5);
    let watches = [watch("a", 1, ALL_LEVELS, QUIET), watch("b", 2, 1, QUIET)];
    let asked = Request::Watch(watches.to_vec());
    assert!(world.ask2(at, &asked).is_ok());
    assert!(world.ask2(at, &Request::Unwatch(vec![removal("a", 1), removal("b", 2)])).is_ok());
    world.store.edit(|edit| edit.set_features(DomId(5), 0)).result.unwrap();
    assert_eq!(world.error(at, &asked), (Errno::EINVAL, Some(1)));
    assert_eq!(world.store.pin().watches(), 0);
}

#[test]
fn a_watch_hears_of_the_kinds_of_change_that_it_wants() {
    let mut world = World::new();
    let (at, other) = (world.v2(), world.v2());
    let wanted = [CREATED, WRITTEN, GRANTED, REMOVED, CREATED | REMOVED, 0];
    let watches = wanted
        .iter()
        .zip(0..)
        .map(|(kinds, token)| watch("/a/b", token, ALL_LEVELS, QUIET | kinds << KINDS_SHIFT));
    world.ask2(at, &Request::Watch(watches.collect())).unwrap();
    let heard = |world: &mut World, steps: &[crate::v2::Step<'_>]| -> Vec<(u64, String)> {
        world.commit(other, steps);
        let events = sent(world, at).into_iter().flatten();
        events.map(|event| (event.token, event.path)).collect()
    };
    let of = |tokens: &[u64], path: &str| -> Vec<(u64, String)> {
        tokens.iter().map(|token| (*token, path.to_owned())).collect()
    };
    let made = heard(&mut world, &[step(Kind::SetValue, "/a/b/c", b"")]);
    assert_eq!(made, of(&[0, 4, 5], "/a/b/c"));
    let written = heard(&mut world, &[step(Kind::SetValue, "/a/b/c", b"1")]);
    assert_eq!(written, of(&[1, 5], "/a/b/c"));
    let granted = heard(&mut world, &[step(Kind::SetPerms, "/a/b/c", &[0, 0, 1, 0])]);
    assert_eq!(granted, of(&[2, 5], "/a/b/c"));
    let removed = heard(&mut world, &[step(Kind::Remove, "/a/b/c", b"")]);
    assert_eq!(removed, of(&[3, 4, 5], "/a/b/c"));
    // With what lies above.
    let removed = heard(&mut world, &[step(Kind::Remove, "/a", b"")]);
    assert_eq!(removed, of(&[3, 4, 5], "/a/b"));
    // One that is registered anew hears of what it says then.
    let again = vec![removal("/a/b", 0)];
    world.ask2(at, &Request::Unwatch(again)).unwrap();
    world.ask2(at, &Request::Watch(vec![watch("/a/b", 0, ALL_LEVELS, QUIET)])).unwrap();
    let made = heard(&mut world, &[step(Kind::SetValue, "/a/b", b"")]);
    assert_eq!(made, of(&[4, 5, 0], "/a/b"));
    let special = watch("@releaseDomain", 9, ALL_LEVELS, CREATED << KINDS_SHIFT);
    assert_eq!(world.error(at, &Request::Watch(vec![special])), (Errno::EINVAL, Some(0)));
    let unknown = watch("/a", 9, ALL_LEVELS, 1 << 12);
    assert_eq!(world.error(at, &Request::Watch(vec![unknown])), (Errno::EINVAL, Some(0)));
}
