//! SUBSCRIBE: what is told live, out of the past, and where nobody knows.

use myriad_core::{After, Since, Store};

use super::client::step;
use crate::{
    v1::world::World,
    v2::{
        Followed, Past, Request, Step, Told,
        feed::{self, ChangeSeen, FeedSeen, Frames},
        frame::EVENT,
        limits::{FEED_AHEAD, FEED_PART, FEED_SAY_EVERY},
        op::Op,
        records::{
            ALL_LEVELS, CREATED, GAP, GRANTED, Kind, NOW, PART, REACHED, REMOVED, Subscribed,
            Subscription, WITH_PERMS, WITH_VALUES, WRITTEN,
        },
    },
};

pub(super) fn subscription(path: &str, token: u64, since: u64) -> (Subscription, &[u8]) {
    let head = Subscription {
        token: token.into(),
        since: since.into(),
        depth: ALL_LEVELS.into(),
        flags: (WITH_VALUES | WITH_PERMS).into(),
        ..Subscription::default()
    };
    (head, path.as_bytes())
}

pub(super) fn subscribe(world: &mut World, at: usize, (head, path): (Subscription, &[u8])) -> u64 {
    let answer = world.ask2(at, &Request::Subscribe(head, path)).unwrap();
    crate::v2::answers::record::<Subscribed>(&answer).unwrap().generation.get()
}

/// What a client is told now.
pub(super) fn told(world: &mut World, at: usize) -> Vec<FeedSeen> {
    let store = world.store.clone();
    let mut seen = Vec::new();
    loop {
        let followed = world.conns[at].follow(&store);
        let messages = world.messages(at);
        let done = followed == Followed::All && messages.is_empty();
        for message in messages {
            assert_eq!((message.frame.op.get(), message.frame.flags.get()), (34, EVENT));
            seen.push(feed::read(&message.body).unwrap());
        }
        if done {
            return seen;
        }
    }
}

pub(super) fn set<'a>(path: &'a str, value: &'a str) -> Step<'a> {
    step(Kind::SetValue, path, value.as_bytes())
}

pub(super) fn change(kind: u16, path: &str, value: &str) -> ChangeSeen {
    ChangeSeen { kind, path: path.into(), value: value.into(), perms: Vec::new() }
}

/// Generation, flags and changes, without permissions.
fn short(told: Vec<FeedSeen>) -> Vec<(u64, u16, Vec<ChangeSeen>)> {
    let bare = |one: ChangeSeen| ChangeSeen { perms: Vec::new(), ..one };
    let changes = |all: Vec<ChangeSeen>| all.into_iter().map(bare).collect();
    told.into_iter()
        .map(|seen| (seen.asked.generation, seen.flags, changes(seen.changes)))
        .collect()
}

#[test]
fn each_commit_below_a_path_is_told_once_in_order_with_what_it_changed() {
    let mut world = World::new();
    let (at, other) = (world.v2(), world.v2());
    world.commit(other, &[set("/a", "before")]);
    let begin = subscribe(&mut world, at, subscription("/a", 7, NOW));
    assert_eq!(begin, world.store.pin().generation());
    assert!(told(&mut world, at).is_empty());
    let first = world.commit(other, &[set("/a/b/c", "1"), set("/z", "not here"), set("/a", "2")]);
    world.commit(other, &[set("/ab", "not here either")]);
    let own = world.commit(at, &[step(Kind::Remove, "/a/b", b"")]);
    // Domain 0 has it, and domain 3 may read it.
    world.guest(3);
    let list = [0, 0, 0, 0, 3, 0, 1, 0];
    let granted = world.commit(other, &[step(Kind::SetPerms, "/a", &list)]);
    let gone = world.commit(other, &[step(Kind::Remove, "/a", b"")]);
    let seen = told(&mut world, at);
    assert!(seen.iter().all(|seen| seen.token == 7));
    assert_eq!(seen[0].asked.conn, world.conns[other].id().0);
    assert_eq!(seen[1].asked.conn, world.conns[at].id().0);
    assert_eq!((seen[0].changes[0].perms.len(), seen[2].changes[0].perms.len()), (1, 2));
    let expected = [
        (
            first,
            0,
            vec![
                change(CREATED, "/a/b", ""),
                change(CREATED, "/a/b/c", "1"),
                change(WRITTEN, "/a", "2"),
            ],
        ),
        (own, 0, vec![change(REMOVED, "/a/b", "")]),
        (granted, 0, vec![change(GRANTED, "/a", "")]),
        (gone, 0, vec![change(REMOVED, "/a", "")]),
    ];
    assert_eq!(short(seen), expected);
    assert!(told(&mut world, at).is_empty());
}

#[test]
fn depth_and_kinds_and_what_comes_with_a_change_are_as_wanted() {
    let mut world = World::new();
    let (at, other) = (world.v2(), world.v2());
    let mut shallow = subscription("/a", 1, NOW);
    (shallow.0.depth, shallow.0.flags) = (1.into(), 0.into());
    let mut removals = subscription("/a/b", 2, NOW);
    removals.0.kinds = REMOVED.into();
    subscribe(&mut world, at, shallow);
    subscribe(&mut world, at, removals);
    let made = world.commit(other, &[set("/a/b/c", "v")]);
    let gone = world.commit(other, &[step(Kind::Remove, "/a", b"")]);
    let mut seen: Vec<_> = told(&mut world, at);
    seen.sort_by_key(|seen| (seen.token, seen.asked.generation));
    assert!(seen.iter().all(|seen| seen.changes.iter().all(|change| change.perms.is_empty())));
    let expected = [
        (made, 0, vec![change(CREATED, "/a", ""), change(CREATED, "/a/b", "")]),
        (gone, 0, vec![change(REMOVED, "/a", "")]),
        // It was removed with what it lay below.
        (gone, 0, vec![change(REMOVED, "/a/b", "")]),
    ];
    assert_eq!(short(seen), expected);
}

#[test]
fn who_resumes_is_told_what_came_after_also_within_a_publication() {
    let mut world = World::new();
    let (at, other) = (world.v2(), world.socket());
    let begin = world.store.pin().generation();
    // Writes that are sent together share a publication.
    let writes: Vec<u8> = (0..5)
        .flat_map(|n| {
            let payload = format!("/a/{n}\0value");
            let header = crate::v1::Header {
                op: crate::v1::Op::Write as u32,
                req_id: n,
                tx_id: 0,
                len: u32::try_from(payload.len()).unwrap(),
            };
            [&header.to_bytes()[..], payload.as_bytes()].concat()
        })
        .collect();
    let before = world.store.pin().seq();
    world.bytes(other, &writes);
    assert_eq!(world.store.pin().seq(), before + 1);
    for known in 0..=5 {
        let token = known;
        subscribe(&mut world, at, subscription("/a", token, begin + known));
        let seen = short(told(&mut world, at));
        let generations: Vec<u64> = seen.iter().map(|seen| seen.0).collect();
        let mut expected: Vec<u64> = (begin + known + 1..=begin + 5).collect();
        expected.push(begin + 5);
        assert_eq!(generations, expected, "and then that this is all");
        assert_eq!(seen.last().unwrap().1, REACHED);
        assert!(world.ask2(at, &Request::Unsubscribe(token)).is_ok());
    }
}

#[test]
fn what_is_not_below_moves_a_subscription_on_and_it_says_so_now_and_then() {
    let mut world = World::new();
    let (at, other) = (world.v2(), world.v2());
    subscribe(&mut world, at, subscription("/a", 1, NOW));
    let begin = world.store.pin().generation();
    for _ in 0..FEED_SAY_EVERY - 1 {
        world.commit(other, &[set("/z", "")]);
        assert!(told(&mut world, at).is_empty());
    }
    world.commit(other, &[set("/z", "")]);
    assert_eq!(short(told(&mut world, at)), [(begin + FEED_SAY_EVERY, REACHED, vec![])]);
}

/// The past as whoever keeps it tells it, so many frames at a time.
fn recount(store: &Store, past: &Past, most: usize) -> Told {
    let mut since = Since::generation(past.after);
    let mut frames = Vec::new();
    while frames.len() < most {
        let after = since.known();
        let After::Record(record) = store.after(&mut since) else { break };
        let mut of = Frames::new(&past.filter);
        of.publication(&record, after);
        frames.extend(of.into_messages());
    }
    let is_all = since.known() == store.pin().generation();
    Told { number: past.number, frames, upto: since.known(), is_all }
}

#[test]
fn a_client_that_does_not_read_costs_a_bound_and_misses_nothing() {
    let mut world = World::new();
    let (at, other) = (world.v2(), world.v2());
    subscribe(&mut world, at, subscription("/a", 1, NOW));
    let value = "v".repeat(3000);
    let mut made = Vec::new();
    let store = world.store.clone();
    for _ in 0..200 {
        made.push(world.commit(other, &[set("/a", &value)]));
        world.conns[at].follow(&store);
        let waiting = world.conns[at].waiting();
        assert!(waiting < FEED_AHEAD + FEED_PART, "{waiting}");
    }
    // It can still ask, and be answered.
    world.send_all(at, &Request::Info.encode(3));
    let mut seen = Vec::new();
    for message in world.messages(at) {
        if message.frame.op.get() == Op::Feed as u16 {
            seen.push(feed::read(&message.body).unwrap());
        }
    }
    assert!((20..60).contains(&seen.len()), "{}", seen.len());
    seen.extend(told(&mut world, at));
    let generations: Vec<u64> = seen.iter().map(|seen| seen.asked.generation).collect();
    assert_eq!(generations, made);
}

#[test]
fn what_the_feed_has_let_go_of_comes_out_of_the_past_or_is_a_gap() {
    for kept in [true, false] {
        let mut world = World::new();
        let (at, other) = (world.v2(), world.v2());
        subscribe(&mut world, at, subscription("/a", 1, NOW));
        let store = world.store.clone();
        let past = store.feed();
        let many = 1200;
        let made: Vec<u64> = (0..many).map(|_| world.commit(other, &[set("/a", "v")])).collect();
        if !kept {
            drop(past);
            for _ in 0..128 {
                world.commit(other, &[set("/z", "")]);
            }
        }
        let mut seen = Vec::new();
        loop {
            let some = told(&mut world, at);
            let done = some.is_empty();
            seen.extend(some);
            match world.conns[at].asks() {
                None if done => break,
                None => {}
                Some(past) if kept => {
                    let told = recount(&store, &past, 100);
                    world.conns[at].tell(&store, past.number, Some(told));
                }
                Some(past) => {
                    assert!(world.conns[at].asks().is_none(), "it is asked once");
                    world.conns[at].tell(&store, past.number, None);
                }
            }
        }
        let seen = short(seen);
        if kept {
            let generations = seen.iter().filter(|seen| seen.1 == 0).map(|seen| seen.0);
            assert_eq!(generations.collect::<Vec<_>>(), made);
        } else {
            let now = store.pin().generation();
            assert_eq!(seen, [(now, GAP, vec![]), (now, REACHED, vec![])]);
        }
    }
}

#[test]
fn a_generation_of_another_store_is_a_gap() {
    let mut world = World::new();
    let at = world.v2();
    let now = world.store.pin().generation();
    assert_eq!(subscribe(&mut world, at, subscription("/", 1, now + 1)), now);
    let mut other = subscription("/", 2, now - 1);
    other.0.store = 99.into();
    assert_eq!(subscribe(&mut world, at, other), now);
    let gap = [(now, GAP, vec![]), (now, REACHED, vec![])];
    assert_eq!(short(told(&mut world, at)), [gap.clone(), gap].concat());
}

#[test]
fn a_long_commit_comes_in_parts() {
    let mut world = World::new();
    let (at, other) = (world.v2(), world.v2());
    subscribe(&mut world, at, subscription("/a", 1, NOW));
    let value = "v".repeat(3000);
    let names: Vec<String> = (0..50).map(|n| format!("/a/{n}")).collect();
    let steps: Vec<Step<'_>> = names.iter().map(|name| set(name, &value)).collect();
    let generation = world.commit(other, &steps);
    let seen = short(told(&mut world, at));
    assert!(seen.len() > 3 && seen.iter().all(|seen| seen.0 == generation));
    let (last, parts) = seen.split_last().unwrap();
    assert!(last.1 == 0 && parts.iter().all(|part| part.1 == PART));
    let changes: Vec<&str> = seen.iter().flat_map(|seen| &seen.2).map(|c| &*c.path).collect();
    let expected: Vec<&str> = std::iter::once("/a").chain(names.iter().map(|n| &**n)).collect();
    assert_eq!(changes, expected);
}
