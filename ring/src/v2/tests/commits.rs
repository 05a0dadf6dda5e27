//! COMMIT: all or nothing, conditions, who is to blame, and events.

use myriad_core::{Errno, FeedItem};
use proptest::prelude::*;

use super::client::{expect, get, step};
use crate::{
    v1::{Op as Classics, world::World},
    v2::{
        Op, Request, Step, answers,
        records::{Committed, Kind},
    },
};

#[test]
fn all_of_it_is_one_request_in_one_publication() {
    let mut world = World::new();
    let at = world.v2();
    let mut feed = world.store.feed();
    let generation = world.commit(
        at,
        &[
            step(Kind::SetValue, "/a", b"1"),
            step(Kind::Create, "/b/c", b""),
            step(Kind::SetPerms, "/b", &[0, 0, 0, 0]),
            step(Kind::SetValue, "/a", b"2"),
            step(Kind::Remove, "/b/c", b""),
        ],
    );
    let FeedItem::Record(record) = feed.next() else { panic!("one publication") };
    assert_eq!(record.generation, generation);
    assert_eq!(record.origin.op, Op::Commit.in_records());
    assert!(matches!(feed.next(), FeedItem::Empty));
    assert_eq!(world.value(at, "/a").unwrap(), b"2");
    assert_eq!(world.value(at, "/b/c"), Err(Errno::ENOENT));
    assert_eq!(world.store.pin().generation(), generation);
}

#[test]
fn what_fails_has_changed_nothing_and_says_where() {
    let mut world = World::new();
    let at = world.v2();
    let stamp = world.commit(at, &[step(Kind::SetValue, "/a", b"1")]);
    let write = || step(Kind::SetValue, "/written", b"");
    let list: &[u8] = &[0, 0, 9, 0];
    let cases: [(Step<'_>, Errno); 14] = [
        (expect(Kind::IfValueStamp, "/a", stamp + 1), Errno::EAGAIN),
        (expect(Kind::IfPermsStamp, "/a", stamp - 1), Errno::EAGAIN),
        (expect(Kind::IfChildrenStamp, "/a", 0), Errno::EAGAIN),
        (expect(Kind::IfValueStamp, "/none", stamp), Errno::ENOENT),
        (step(Kind::IfValue, "/a", b"2"), Errno::EAGAIN),
        (step(Kind::IfValue, "/none", b""), Errno::ENOENT),
        (step(Kind::IfAbsent, "/a", b""), Errno::EEXIST),
        (step(Kind::IfExists, "/none", b""), Errno::ENOENT),
        (step(Kind::Remove, "/none/below", b""), Errno::ENOENT),
        (step(Kind::Remove, "/", b""), Errno::EINVAL),
        (step(Kind::SetValue, "/a//b", b""), Errno::EINVAL),
        (step(Kind::SetValue, "/@index/a", b""), Errno::EROFS),
        (step(Kind::SetPerms, "/a", list), Errno::EINVAL),
        (step(Kind::SetPerms, "/a", &[99, 0, 0, 0]), Errno::ENOENT),
    ];
    for (bad, errno) in cases {
        let steps = [write(), bad.clone(), write()];
        assert_eq!(world.commit_error(at, &steps), (errno, Some(1)), "{bad:?}");
    }
    assert_eq!(world.value(at, "/written"), Err(Errno::ENOENT));
    assert_eq!(world.store.pin().generation(), stamp);
    let steps = vec![step(Kind::IfAbsent, "/a", b"")];
    let (_, failure) = world.ask2(at, &Request::Commit(steps)).unwrap_err();
    assert_eq!(failure.detail, "the condition IF_ABSENT does not hold");
}

/// Guests are held back for a client that has looked again, and not for one that only asks again.
#[test]
fn an_unmet_stamp_is_told_once_and_an_unmet_value_is_not() {
    let mut world = World::new();
    let at = world.v2();
    let old = world.commit(at, &[step(Kind::SetValue, "/a", b"1")]);
    let new = world.commit(at, &[step(Kind::SetValue, "/a", b"2")]);
    for _ in 0..3 {
        world.commit_error(at, &[step(Kind::IfValue, "/a", b"1")]);
        world.commit_error(at, &[step(Kind::IfAbsent, "/a", b"")]);
        world.commit_error(at, &[expect(Kind::IfValueStamp, "/a", old)]);
    }
    assert_eq!(world.desk.conflicts, [("/a".to_owned(), 1)]);
    world.commit(at, &[step(Kind::SetValue, "/a", b"3")]);
    world.commit_error(at, &[expect(Kind::IfValueStamp, "/a", old)]);
    world.commit_error(at, &[expect(Kind::IfValueStamp, "/a", new)]);
    let told = [("/a".to_owned(), 1), ("/a".to_owned(), 1), ("/a".to_owned(), 2)];
    assert_eq!(world.desk.conflicts, told);
}

#[test]
fn conditions_that_hold_let_it_through_and_see_what_came_before() {
    let mut world = World::new();
    let at = world.v2();
    let stamp = world.commit(at, &[step(Kind::SetValue, "/a", b"1")]);
    let next = world.commit(
        at,
        &[
            expect(Kind::IfValueStamp, "/a", stamp),
            expect(Kind::IfPermsStamp, "/a", stamp),
            expect(Kind::IfChildrenStamp, "/a", stamp),
            step(Kind::IfValue, "/a", b"1"),
            step(Kind::IfAbsent, "/b", b""),
            step(Kind::IfExists, "/a", b""),
            step(Kind::SetValue, "/b", b"2"),
            step(Kind::IfExists, "/b", b""),
            step(Kind::IfValue, "/b", b"2"),
            expect(Kind::IfValueStamp, "/b", stamp + 1),
            step(Kind::Remove, "/a", b""),
            step(Kind::IfAbsent, "/a", b""),
        ],
    );
    assert_eq!(next, stamp + 1);
    // Conditions alone change nothing: the generation is that of what was seen.
    let answer = world.ask2(at, &Request::Commit(vec![step(Kind::IfExists, "/b", b"")])).unwrap();
    let done: Committed = answers::record(&answer).unwrap();
    assert_eq!((done.generation.get(), done.changed.get()), (next, 0));
    let answer = world.ask2(at, &Request::Commit(Vec::new())).unwrap();
    assert_eq!(answers::record::<Committed>(&answer).unwrap().changed.get(), 0);
    assert_eq!(world.store.pin().generation(), next);
}

#[test]
fn a_counter_by_conditions_loses_nothing() {
    let mut world = World::new();
    let (one, two) = (world.v2(), world.v2());
    world.commit(one, &[step(Kind::SetValue, "/n", b"0")]);
    let (mut lost, mut done) = (0, 0);
    while done < 40 {
        // Both read, then both try: one of them has to do it again.
        let seen = [one, two].map(|at| {
            let node = answers::node(&world.ask2(at, &get("/n")).unwrap()).unwrap();
            let count: u32 = String::from_utf8(node.value).unwrap().parse().unwrap();
            (at, node.value_stamp, (count + 1).to_string())
        });
        for (at, stamp, next) in seen {
            let steps = vec![
                expect(Kind::IfValueStamp, "/n", stamp),
                step(Kind::SetValue, "/n", next.as_bytes()),
            ];
            match world.ask2(at, &Request::Commit(steps)) {
                Ok(_) => done += 1,
                Err((errno, failure)) => {
                    assert_eq!((errno, failure.item), (Errno::EAGAIN, Some(0)));
                    lost += 1;
                }
            }
        }
    }
    assert_eq!(world.value(one, "/n").unwrap(), done.to_string().into_bytes());
    assert_eq!(lost, done);
}

proptest! {
    /// What v1 does in a transaction, v2 does in a commit: the same errors, and the same store.
    #[test]
    fn a_commit_is_what_the_same_requests_of_v1_are(
        commits in proptest::collection::vec(
            (any::<bool>(), proptest::collection::vec((0..4u8, 0..8usize, 0..4u8), 1..8)), 1..10,
        ),
    ) {
        let (mut old, mut new) = (World::new(), World::new());
        let places = [(old.socket(), old.guest(5)), (new.v2(), new.v2_guest(5))];
        for (world, (_, _)) in [(&mut old, places[0]), (&mut new, places[1])] {
            world.store.edit(|edit| {
                let home = myriad_core::Path::new("/local/domain/5")?;
                let caller = myriad_core::Caller::Control;
                myriad_core::Writes::mkdir(edit, &caller, home)?;
                let perms = [myriad_core::Perm::parse(b"n5")?];
                myriad_core::Writes::set_perms(edit, &caller, home, &perms)
            }).result.unwrap();
        }
        const PATHS: [&str; 8] = [
            "/a", "/a/b", "/c", "/local/domain/5/a", "/local/domain/5/a/b",
            "/local/domain/5/c", "/", "/@index/a",
        ];
        for (by_guest, steps) in commits {
            let [from, to] = places.map(|(dom0, guest)| if by_guest { guest } else { dom0 });
            let steps: Vec<(Kind, &str, Vec<u8>)> = steps.iter().map(|(kind, path, value)| {
                let kind = Kind::ALL[usize::from(*kind)];
                let value = match kind {
                    Kind::SetValue => vec![*value],
                    Kind::SetPerms => vec![if by_guest { 5 } else { *value }, 0, *value % 4, 0],
                    _ => Vec::new(),
                };
                (kind, PATHS[*path], value)
            }).collect();
            let expected = classic(&mut old, from, &steps);
            let steps: Vec<Step<'_>> =
                steps.iter().map(|(kind, path, value)| step(*kind, path, value)).collect();
            let got = new.ask2(to, &Request::Commit(steps)).map(drop);
            let got = got.map_err(|(errno, failure)| (errno.name().to_owned(), failure.item));
            prop_assert_eq!(got, expected);
            let dumps = [&old, &new].map(|world| {
                let mut all = Vec::new();
                world.store.snapshot().walk(|path, value, perms, _| {
                    all.push((path.to_owned(), value.to_vec(), format!("{perms:?}")));
                    Ok::<(), ()>(())
                }).unwrap();
                all
            });
            prop_assert_eq!(&dumps[0], &dumps[1]);
        }
        prop_assert_eq!(new.store.pin().check(), Ok(()));
    }
}

/// The same in a transaction of v1, up to the first error; then it is aborted.
fn classic(
    world: &mut World,
    at: usize,
    steps: &[(Kind, &str, Vec<u8>)],
) -> Result<(), (String, Option<u32>)> {
    let ask = |world: &mut World, op, tx_id, payload: &[u8]| world.classic(at, op, tx_id, payload);
    let id = ask(world, Classics::TransactionStart, 0, b"\0").unwrap();
    let id = std::str::from_utf8(&id).unwrap().trim_end_matches('\0').parse().unwrap();
    for (item, (kind, path, value)) in steps.iter().enumerate() {
        let path = [path.as_bytes(), b"\0"].concat();
        let (op, payload) = match kind {
            Kind::SetValue => (Classics::Write, [&path, &value[..]].concat()),
            Kind::Create => (Classics::Mkdir, path),
            Kind::Remove => (Classics::Rm, path),
            _ => {
                let letter = ["n", "r", "w", "b"][usize::from(value[2])];
                (
                    Classics::SetPerms,
                    [path, format!("{letter}{}\0", value[0]).into_bytes()].concat(),
                )
            }
        };
        if let Err(errno) = ask(world, op, id, &payload) {
            ask(world, Classics::TransactionEnd, id, b"F\0").unwrap();
            return Err((errno, u32::try_from(item).ok()));
        }
    }
    ask(world, Classics::TransactionEnd, id, b"T\0").map(drop).map_err(|errno| (errno, None))
}
