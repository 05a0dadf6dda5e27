//! What one guest can do to the others' past, and what it can read of it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
#![allow(clippy::panic, reason = "tests")]

mod file_support;

use file_support::{CONTROL, Op, Random, Store, check_tree, guest, perm, read};
use myriad_history::file::storage::Memory;
use myriad_history::file::{Options, OwnedWhat, ReadError, Tier, Viewer, order};

const SIZE: usize = 1 << 20;

fn store(options: &Options) -> Store<Memory> {
    Store::new(Memory(vec![0; SIZE]), options, true)
}

fn write(path: &str, value: &[u8]) -> Op {
    Op::Write(path.to_owned(), value.to_vec())
}

/// Half of the commits are a guest's, large and random; the others are the control domain's.
fn flooded(flood: u64) -> (Vec<u8>, Store<Memory>, u64) {
    let mut store = store(&Options::sized(SIZE as u64));
    let mut random = Random(9);
    store.commit(CONTROL, &[write("/local/domain/7/data", b"")]).unwrap();
    let perms = vec![perm(0, 12)];
    store.commit(CONTROL, &[Op::Perms("/local/domain/7/data".to_owned(), perms)]).unwrap();
    for n in 0..3000u64 {
        let path = format!("/vm/{}/state", n % 40);
        store.commit(CONTROL, &[write(&path, &random.bytes(8))]).unwrap();
        for _ in 0..flood {
            let path = format!("/local/domain/7/data/{}", random.below(50));
            let value = random.bytes(900);
            store.commit(guest(7, 12), &[write(&path, &value)]).unwrap();
        }
        store.tick(1_000_000).unwrap();
    }
    store.writer.flush().unwrap();
    let bytes = store.writer.storage().0.clone();
    // How many of the control domain's commits the finest tier still has.
    let history = read(&bytes);
    let finest = history.commits(..).map(Result::unwrap);
    let finest = finest.filter(|commit| commit.head.tier == Tier(0));
    let own = finest.filter(|commit| commit.changes.iter().any(|c| !c.author.is_guest()));
    let own = own.count() as u64;
    (bytes, store, own)
}

#[test]
fn a_guest_that_floods_takes_its_share_and_no_more() {
    let (_, _, quiet) = flooded(0);
    let (bytes, store, loud) = flooded(5);
    // 15,000 commits of 900 bytes, 30 times what the tier holds, and the others' past is nearly as
    // long as without them: a segment has a tenth of the guest's, and snapshots with its nodes.
    assert!(quiet >= 2999 && loud > 1500, "{loud} of {quiet}");
    let history = read(&bytes);
    let mut doubtful = 0;
    for kept in history.versions().iter().step_by(23) {
        check_tree(&history, &store.past, kept.generation);
        let tree = history.tree(kept.generation).unwrap();
        assert!(tree.knows("/vm/3/state") && tree.knows("/local/domain/8"));
        doubtful += u32::from(!tree.knows("/local/domain/7/data/1"));
    }
    assert!(doubtful > 10, "{doubtful}");
    let left_out = history.left_out();
    assert!(left_out.iter().all(|one| (one.domid, one.instance) == (7, 12)));
    assert!(left_out.iter().all(|one| order::is_within(&one.path, "/local/domain/7/data")));
    assert!(left_out.iter().any(|one| one.changes > 100 && one.to > one.from));
}

#[test]
fn a_guest_that_is_modest_is_kept_whole() {
    let mut store = store(&Options::sized(SIZE as u64));
    for n in 0..400u64 {
        let author = guest(7, 12 + n % 20);
        store.commit(author, &[write(&format!("/local/domain/{}", n % 20), b"x")]).unwrap();
    }
    store.writer.flush().unwrap();
    let history = read(&store.writer.storage().0);
    assert!(history.left_out().is_empty());
    assert_eq!(history.commits(..).count(), 400);
}

/// Domain 7 is destroyed and built again: two lives, 12 and 13.
fn two_lives() -> Store<Memory> {
    let mut store = store(&Options::sized(SIZE as u64));
    let home = "/local/domain/7";
    let perms = |path: &str, perms| Op::Perms(path.to_owned(), perms);
    for (life, secret) in [(12, "old secret"), (13, "new secret")] {
        store.commit(CONTROL, &[write(home, b"")]).unwrap();
        store.commit(CONTROL, &[perms(home, vec![perm(0, 1), perm(1, life)])]).unwrap();
        store.commit(CONTROL, &[write(&format!("{home}/own"), secret.as_bytes())]).unwrap();
        let own = vec![perm(0, life)];
        store.commit(CONTROL, &[perms(&format!("{home}/own"), own)]).unwrap();
        store.commit(guest(7, life), &[write(&format!("{home}/own"), secret.as_bytes())]).unwrap();
        store.commit(CONTROL, &[write("/public", secret.as_bytes())]).unwrap();
        store.commit(CONTROL, &[perms("/public", vec![perm(1, 1)])]).unwrap();
        store.commit(CONTROL, &[write("/hidden", secret.as_bytes())]).unwrap();
        if life == 12 {
            store.commit(CONTROL, &[Op::Remove(home.to_owned())]).unwrap();
        }
    }
    store.writer.flush().unwrap();
    store
}

#[test]
fn a_new_tenant_of_a_domid_sees_nothing_of_the_old_ones_past() {
    let store = two_lives();
    let mut history = read(&store.writer.storage().0);
    let all = history.versions().len();
    // The second life began with the ninth commit.
    history.view_as(Viewer::Guest { domid: 7, instance: 13, since: 10 });
    let mut seen = Vec::new();
    for kept in history.versions() {
        assert!(kept.generation >= 10);
        let tree = history.tree(kept.generation).unwrap();
        seen.extend(tree.iter().map(|(path, node)| (path.to_owned(), node.value.to_vec())));
    }
    assert!(history.versions().len() < all);
    for generation in 0..10 {
        assert!(matches!(history.tree(generation), Err(ReadError::TooOld { .. })), "{generation}");
    }
    for commit in history.commits(..).map(Result::unwrap) {
        for change in commit.changes {
            if let OwnedWhat::Written { value } | OwnedWhat::Created { value, .. } = change.what {
                seen.push((change.path, value));
            }
        }
    }
    for (difference, path) in history
        .diff(10, u64::MAX, "/")
        .unwrap()
        .into_iter()
        .map(|difference| (difference.clone(), difference.path))
    {
        let nodes = [difference.before, difference.after];
        seen.extend(nodes.into_iter().flatten().map(|node| (path.clone(), node.value.to_vec())));
    }
    let has = |path: &str, value: &str| seen.contains(&(path.to_owned(), value.into()));
    assert!(has("/local/domain/7/own", "new secret") && has("/public", "new secret"));
    assert!(!seen.iter().any(|(path, _)| path == "/hidden"), "{seen:?}");
    // `/public` keeps the old value until the new one is written, and was readable by all then.
    let old = seen.iter().filter(|(path, value)| path != "/public" && *value == *b"old secret");
    assert_eq!(old.count(), 0, "{seen:?}");
}

#[test]
fn a_guest_sees_what_it_may_read_now_and_could_then() {
    let mut store = store(&Options::sized(SIZE as u64));
    let perms = |access| Op::Perms("/a".to_owned(), vec![perm(0, 1), perm(access, 12)]);
    // Generations 1 to 6: not readable, readable, not, readable.
    for op in
        [write("/a", b"1"), perms(1), write("/a", b"2"), perms(0), write("/a", b"3"), perms(1)]
    {
        store.commit(CONTROL, &[op]).unwrap();
    }
    store.writer.flush().unwrap();
    let mut history = read(&store.writer.storage().0);
    let viewer = Viewer::Guest { domid: 12, instance: 12, since: 0 };
    history.view_as(viewer);
    let values: Vec<Option<Vec<u8>>> = (1..=6)
        .map(|generation| history.tree(generation).unwrap().get("/a").map(|n| n.value.to_vec()))
        .collect();
    let some = |value: &str| Some(value.as_bytes().to_vec());
    assert_eq!(values, [None, some("1"), some("2"), None, None, some("3")]);
    let changes = history.changes_of("/a", false).map(Result::unwrap);
    let generations: Vec<u64> = changes.map(|(_, change)| change.generation).collect();
    assert_eq!(generations, [6, 3, 2]);
    // Once it may not read it now, nothing of the past is left to it.
    store.commit(CONTROL, &[perms(0)]).unwrap();
    store.writer.flush().unwrap();
    let mut history = read(&store.writer.storage().0);
    history.view_as(viewer);
    assert!((1..=7).all(|generation| history.tree(generation).unwrap().get("/a").is_none()));
    assert_eq!(history.changes_of("/a", false).count(), 0);
}
