//! Who conflicts with whom, and that nobody else does (the table of ARCHITECTURE.md).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

use std::sync::atomic::{AtomicBool, Ordering};

use myriad_core::{
    Access, Caller, Config, DomId, Error, Path, Perm, Quota, Reads, Store, Transaction, Writes,
};

const CONTROL: Caller = Caller::Control;

/// Ends the other threads of a test, also where this one fails.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

fn store(nodes: &[&str]) -> Store {
    let store = Store::new(&Config::default()).unwrap();
    nodes.iter().for_each(|p| write(&store, p, "0"));
    store
}

fn path(text: &str) -> Path<'_> {
    Path::new(text).unwrap()
}

fn write(store: &Store, at: &str, value: &str) {
    store.edit(|e| e.write(&CONTROL, path(at), value.as_bytes())).result.unwrap();
}

fn rm(store: &Store, at: &str) {
    store.edit(|e| e.rm(&CONTROL, path(at))).result.unwrap();
}

fn value(store: &Store, at: &str) -> String {
    let found = store.pin().read(&CONTROL, path(at)).map(<[u8]>::to_vec);
    found.map_or_else(|e| format!("{e:?}"), |v| String::from_utf8(v).unwrap())
}

fn chmod(store: &Store, at: &str, perms: &[Perm]) {
    store.edit(|e| e.set_perms(&CONTROL, path(at), perms)).result.unwrap();
}

fn perm(letter: u8, domid: u16) -> Perm {
    Perm { access: Access::from_letter(letter).unwrap(), domid: DomId(domid) }
}

fn guest(store: &Store, domid: u16) -> Caller {
    let instance = store.edit(|e| Ok(e.know_domain(DomId(domid)))).result.unwrap();
    Caller::Guest { domid: DomId(domid), instance }
}

type Inside = fn(&mut Transaction);
type Outside = fn(&Store);

/// What a transaction does, what happens outside meanwhile, and whether it may then commit.
#[rustfmt::skip]
const TABLE: &[(&str, Inside, Outside, bool)] = &[
    ("read a; a changed; write b", |t| { read(t, "/a"); put(t, "/b") }, |s| write(s, "/a", "1"), false),
    ("blind write of a; a changed", |t| put(t, "/a"), |s| write(s, "/a", "1"), true),
    ("read-only; a changed", |t| read(t, "/a"), |s| write(s, "/a", "1"), true),
    ("create p/x; p/y created", |t| put(t, "/p/x"), |s| write(s, "/p/y", "1"), true),
    ("create n, n/x and n/y; p/y created", |t| { put(t, "/n"); put(t, "/n/x"); put(t, "/n/y/z") }, |s| write(s, "/p/y", "1"), true),
    ("create n/x and n/y; n/y created", |t| { put(t, "/n/x"); put(t, "/n/y") }, |s| write(s, "/n/y", "1"), false),
    ("create n/x and n/c/d/e; n/c created otherwise", |t| { put(t, "/n/x"); put(t, "/n/c/d/e") }, |s| { write(s, "/n/c", ""); chmod(s, "/n/c", &[perm(b'r', 0)]) }, false),
    ("create p/x; p/x created", |t| put(t, "/p/x"), |s| write(s, "/p/x", "1"), false),
    ("create n/x; n/y created with its parent", |t| put(t, "/n/x"), |s| write(s, "/n/y", "1"), true),
    ("create n/x; n created with a value", |t| put(t, "/n/x"), |s| write(s, "/n", "1"), false),
    ("create p/x; p removed", |t| put(t, "/p/x"), |s| rm(s, "/p"), false),
    ("create p/x; p given other permissions", |t| put(t, "/p/x"), |s| chmod(s, "/p", &[perm(b'r', 0)]), false),
    ("read the value of p; p/y created; write b", |t| { read(t, "/p"); put(t, "/b") }, |s| write(s, "/p/y", "1"), true),
    ("list p; p/y created; write b", |t| { list(t, "/p"); put(t, "/b") }, |s| write(s, "/p/y", "1"), false),
    ("list p; p/c written; write b", |t| { list(t, "/p"); put(t, "/b") }, |s| write(s, "/p/c", "1"), true),
    ("list p; p/c removed; write b", |t| { list(t, "/p"); put(t, "/b") }, |s| rm(s, "/p/c"), false),
    ("create p/x, list p; p/y created", |t| { put(t, "/p/x"); list(t, "/p") }, |s| write(s, "/p/y", "1"), false),
    ("read of an absent n; n created; write b", |t| { read(t, "/n"); put(t, "/b") }, |s| write(s, "/n", "1"), false),
    ("read of an absent n/x; n created; write b", |t| { read(t, "/n/x"); put(t, "/b") }, |s| write(s, "/n", "1"), true),
    ("permissions of a read; a written; write b", |t| { perms(t, "/a"); put(t, "/b") }, |s| write(s, "/a", "1"), true),
    ("permissions of a read and set; write b", |t| { perms(t, "/a"); put(t, "/b") }, |s| chmod(s, "/a", &[perm(b'r', 0)]), false),
    ("rm p; p/y created", |t| t.rm(&CONTROL, path("/p")).unwrap(), |s| write(s, "/p/y", "1"), true),
    ("rm p; p removed", |t| t.rm(&CONTROL, path("/p")).unwrap(), |s| rm(s, "/p"), false),
    ("rm of an absent n; n created", |t| { t.rm(&CONTROL, path("/n")).unwrap(); put(t, "/b") }, |s| write(s, "/n", "1"), false),
    ("write a, read a; a written", |t| { put(t, "/a"); read(t, "/a") }, |s| write(s, "/a", "1"), true),
    ("read a; a removed and made again; write b", |t| { read(t, "/a"); put(t, "/b") }, |s| { rm(s, "/a"); write(s, "/a", "0") }, false),
    ("look a name up; another VM gets it; write b", |t| { named(t); put(t, "/b") }, |s| write(s, "/local/domain/9/name", "web"), false),
    ("look a name up; another VM comes; write b", |t| { named(t); put(t, "/b") }, |s| write(s, "/local/domain/9/name", "db"), true),
    ("read a name as a node; another VM gets it", |t| { list(t, "/@index/domain-name/web"); put(t, "/b") }, |s| write(s, "/local/domain/9/name", "web"), false),
    ("permissions for a domain; it dies", |t| t.set_perms(&CONTROL, path("/a"), &[perm(b'n', 0), perm(b'r', 5)]).unwrap(), |s| s.edit(|e| e.release(DomId(5))).result.unwrap(), false),
];

fn read(tx: &mut Transaction, at: &str) {
    let _ = tx.read(&CONTROL, path(at));
}

fn put(tx: &mut Transaction, at: &str) {
    tx.write(&CONTROL, path(at), b"tx").unwrap();
}

fn list(tx: &mut Transaction, at: &str) {
    let _ = tx.list(&CONTROL, path(at));
}

fn perms(tx: &mut Transaction, at: &str) {
    tx.get_perms(&CONTROL, path(at)).unwrap();
}

fn named(tx: &mut Transaction) {
    tx.lookup("domain-name", b"web").unwrap();
}

#[test]
fn conflicts_are_those_of_the_table() {
    for (name, inside, outside, commits) in TABLE {
        let store = store(&["/a", "/p", "/p/c", "/local/domain/4/name"]);
        write(&store, "/local/domain/4/name", "web");
        guest(&store, 5);
        let mut tx = store.begin(0);
        inside(&mut tx);
        outside(&store);
        let result = tx.commit().result;
        let expected = if *commits { Ok(()) } else { Err(Error::Conflict) };
        assert_eq!(result, expected, "{name}");
        store.pin().check().unwrap();
    }
}

#[test]
fn a_transaction_that_moves_on_keeps_its_facts() {
    for (name, inside, outside, commits) in TABLE {
        let store = store(&["/a", "/p", "/p/c", "/local/domain/4/name"]);
        write(&store, "/local/domain/4/name", "web");
        guest(&store, 5);
        let mut tx = store.begin(0);
        inside(&mut tx);
        // More is retired than a transaction may pin, and nothing of it concerns the facts.
        let big = "x".repeat(4000);
        while tx.pinned_bytes() <= myriad_core::limits::PINNED_BYTES {
            write(&store, "/unrelated", &big);
            write(&store, "/unrelated", "");
        }
        assert!(tx.refresh(), "{name}: nothing it saw has changed");
        assert!(tx.pinned_bytes() < 1 << 20, "{name}: it let go of the past");
        outside(&store);
        let expected = if *commits { Ok(()) } else { Err(Error::Conflict) };
        assert_eq!(tx.commit().result, expected, "{name}");
        store.pin().check().unwrap();
    }
}

#[test]
fn a_transaction_whose_facts_are_gone_is_doomed_and_pins_nothing() {
    let store = store(&["/a"]);
    let mut tx = store.begin(0);
    read(&mut tx, "/a");
    put(&mut tx, "/b");
    write(&store, "/a", "1");
    let big = "x".repeat(4000);
    while tx.pinned_bytes() <= myriad_core::limits::PINNED_BYTES {
        write(&store, "/unrelated", &big);
        write(&store, "/unrelated", "");
    }
    assert!(!tx.refresh());
    assert!(tx.pinned_bytes() < 1 << 20);
    put(&mut tx, "/c");
    assert_eq!(tx.commit().result, Err(Error::Conflict));
    assert_eq!(value(&store, "/c"), "NotFound");
}

#[test]
fn a_transaction_sees_a_snapshot_and_its_own_writes() {
    let store = store(&["/a", "/b"]);
    let mut tx = store.begin(0);
    write(&store, "/a", "outside");
    assert_eq!(tx.read(&CONTROL, path("/a")), Ok(&b"0"[..]));
    put(&mut tx, "/a");
    put(&mut tx, "/local/domain/3/name");
    assert_eq!(tx.read(&CONTROL, path("/a")), Ok(&b"tx"[..]));
    assert_eq!(&*tx.lookup("domain-name", b"tx").unwrap()[0].captures, "3");
    assert!(store.pin().lookup("domain-name", b"tx").unwrap().is_empty());
    tx.rm(&CONTROL, path("/b")).unwrap();
    assert_eq!(tx.read(&CONTROL, path("/b")), Err(Error::NotFound));
    assert_eq!(value(&store, "/b"), "0");
}

#[test]
fn write_skew_is_refused() {
    let store = store(&["/a", "/b"]);
    let (mut one, mut two) = (store.begin(0), store.begin(0));
    read(&mut one, "/a");
    put(&mut one, "/b");
    read(&mut two, "/b");
    put(&mut two, "/a");
    assert_eq!(one.commit().result, Ok(()));
    assert_eq!(two.commit().result, Err(Error::Conflict));
}

#[test]
fn created_and_removed_inside_leaves_nothing() {
    let store = store(&[]);
    let owner = guest(&store, 5);
    store.edit(|e| e.mkdir(&CONTROL, path("/home"))).result.unwrap();
    chmod(&store, "/home", &[perm(b'n', 5)]);
    let mut tx = store.begin(0);
    tx.write(&owner, path("/home/x/y"), b"").unwrap();
    tx.rm(&owner, path("/home/x")).unwrap();
    assert_eq!(tx.commit().result, Ok(()));
    assert_eq!(store.pin().domain(DomId(5)).unwrap().nodes, 1);
    store.pin().check().unwrap();
}

#[test]
fn quotas_are_checked_again_when_others_have_grown() {
    let store = store(&[]);
    let owner = guest(&store, 5);
    store.edit(|e| e.set_quota(Some(DomId(5)), Quota::Nodes, 4)).result.unwrap();
    store.edit(|e| e.mkdir(&CONTROL, path("/home"))).result.unwrap();
    chmod(&store, "/home", &[perm(b'n', 5)]);
    let mut tx = store.begin(0);
    tx.write(&owner, path("/home/x"), b"").unwrap();
    tx.write(&owner, path("/home/y"), b"").unwrap();
    store.edit(|e| e.write(&owner, path("/home/z"), b"")).result.unwrap();
    assert!(matches!(tx.commit().result, Err(Error::Quota(r)) if r.quota == Quota::Nodes));
    assert_eq!(value(&store, "/home/x"), "NotFound", "nothing of it was applied");
    store.pin().check().unwrap();
}

#[test]
fn a_transaction_over_its_nodes_is_poisoned() {
    let store = store(&["/a", "/b", "/c"]);
    for at in ["/a", "/b", "/c"] {
        chmod(&store, at, &[perm(b'b', 0)]);
    }
    let caller = guest(&store, 5);
    let mut tx = store.begin(3);
    tx.write(&caller, path("/a"), b"").unwrap();
    tx.write(&caller, path("/b"), b"").unwrap();
    assert!(matches!(tx.write(&caller, path("/c"), b""), Err(Error::Quota(_))));
    assert_eq!(tx.commit().result, Err(Error::Poisoned));
    assert_eq!(value(&store, "/a"), "0");
}

#[test]
fn a_permission_revoked_meanwhile_fails_the_commit() {
    let store = store(&["/a"]);
    let caller = guest(&store, 5);
    chmod(&store, "/a", &[perm(b'n', 0), perm(b'b', 5)]);
    let mut tx = store.begin(0);
    tx.write(&caller, path("/a"), b"tx").unwrap();
    chmod(&store, "/a", &[perm(b'n', 0)]);
    assert_eq!(tx.commit().result, Err(Error::Conflict));
}

#[test]
fn a_reborn_domain_inherits_nothing() {
    let store = store(&["/a"]);
    let old = guest(&store, 5);
    chmod(&store, "/a", &[perm(b'n', 0), perm(b'b', 5)]);
    assert!(store.pin().read(&old, path("/a")).is_ok());
    store.edit(|e| e.release(DomId(5))).result.unwrap();
    let new = guest(&store, 5);
    assert_ne!(old, new);
    for caller in [old, new] {
        assert_eq!(store.pin().read(&caller, path("/a")), Err(Error::AccessDenied));
    }
}

#[test]
fn thirty_two_toolstacks_never_abort_each_other() {
    let store = store(&["/local/domain", "/vm", "/libxl"]);
    std::thread::scope(|scope| {
        for toolstack in 0..32 {
            let store = store.clone();
            scope.spawn(move || {
                for vm in 0..4 {
                    let id = toolstack * 4 + vm;
                    let mut tx = store.begin(0);
                    for leaf in ["name", "device/vif/0/state", "memory/target"] {
                        let at = format!("/local/domain/{id}/{leaf}");
                        tx.write(&CONTROL, path(&at), format!("{id}").as_bytes()).unwrap();
                    }
                    put(&mut tx, &format!("/vm/{id}/name"));
                    put(&mut tx, &format!("/libxl/{id}/type"));
                    assert_eq!(tx.commit().result, Ok(()), "siblings never conflict");
                }
            });
        }
    });
    let mut view = store.pin();
    assert_eq!(view.lookup("vm-name", b"tx").unwrap().len(), 128);
    let names = view.list(&CONTROL, path("/local/domain")).unwrap().names;
    assert_eq!(names.iter().filter(|b| **b == 0).count(), 128);
    view.check().unwrap();
}

#[test]
fn a_counter_loses_no_update() {
    let store = store(&["/counter"]);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..200 {
                    loop {
                        let mut tx = store.begin(0);
                        let now = tx.read(&CONTROL, path("/counter")).unwrap().to_vec();
                        let now: u32 = String::from_utf8(now).unwrap().parse().unwrap();
                        tx.write(&CONTROL, path("/counter"), (now + 1).to_string().as_bytes())
                            .unwrap();
                        if tx.commit().result.is_ok() {
                            break;
                        }
                    }
                }
            });
        }
    });
    assert_eq!(value(&store, "/counter"), "800");
}

/// Two nodes that are always written together are never seen apart.
#[test]
fn readers_see_whole_commits() {
    let store = store(&["/a", "/b/c"]);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (store, done) = (&store, &done);
        scope.spawn(move || {
            let _ends = Ends(done);
            for n in 0..3000 {
                let text = n.to_string();
                let both = |e: &mut myriad_core::Edit<'_>| {
                    e.write(&CONTROL, path("/a"), text.as_bytes())?;
                    e.write(&CONTROL, path("/b/c"), text.as_bytes())
                };
                store.edit(both).result.unwrap();
            }
        });
        scope.spawn(move || {
            while !done.load(Ordering::Acquire) {
                let mut view = store.pin();
                let a = view.read(&CONTROL, path("/a")).unwrap().to_vec();
                assert_eq!(view.read(&CONTROL, path("/b/c")).unwrap(), a);
            }
        });
    });
}

/// A large commit among a stream of small ones gets in: it is announced and helped.
#[test]
fn a_large_commit_lands_among_small_ones() {
    let store = store(&["/small", "/large"]);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !done.load(Ordering::Acquire) {
                    write(&store, "/small", "x");
                }
            });
        }
        let _ends = Ends(&done);
        for round in 0..5 {
            let mut tx = store.begin(0);
            for n in 0..2000 {
                put(&mut tx, &format!("/large/{round}/{n}"));
            }
            assert_eq!(tx.commit().result, Ok(()));
        }
    });
    let names = store.pin().list(&CONTROL, path("/large/4")).unwrap().names;
    assert_eq!(names.iter().filter(|b| **b == 0).count(), 2000);
    store.pin().check().unwrap();
}

#[test]
fn a_tree_as_deep_as_paths_go_is_made_walked_and_dropped() {
    let store = store(&[]);
    let deep = "/d".repeat(2000);
    write(&store, &deep, "bottom");
    write(&store, &format!("{deep}/e"), "below");
    assert_eq!(value(&store, &deep), "bottom");
    store.pin().check().unwrap();
    rm(&store, "/d");
    assert_eq!(value(&store, &deep), "NotFound");
    store.pin().check().unwrap();
}

#[test]
fn a_block_whose_values_all_grow_is_split_in_time() {
    let store = store(&[]);
    let at = |n: usize| format!("/local/domain/1/x{n}");
    (0..70).for_each(|n| write(&store, &at(n), ""));
    let many: Vec<Perm> = (0..1300).map(|d| perm(b'r', d)).collect();
    for n in 0..70 {
        write(&store, &at(n), &format!("{n:04090}"));
        chmod(&store, &at(n), &many);
    }
    for n in 0..70 {
        assert_eq!(value(&store, &at(n)), format!("{n:04090}"));
        assert_eq!(store.pin().get_perms(&CONTROL, path(&at(n))).unwrap(), many);
    }
    store.pin().check().unwrap();
}

/// A listing of an index lacks a key that the transaction itself has emptied: so its matches are
/// a fact, although no key has come or gone at the others'.
#[test]
fn a_match_that_would_have_kept_a_listed_key_is_a_conflict() {
    let store = store(&["/local/domain/1/name"]);
    let mut tx = store.begin(0);
    tx.rm(&CONTROL, path("/local/domain/1")).unwrap();
    write(&store, "/local/domain/2/name", "0");
    let listed = tx.list(&CONTROL, path("/@index/domain-name")).unwrap();
    assert_eq!(&*listed.names, b"");
    assert_eq!(tx.commit().result, Err(Error::Conflict));
}
