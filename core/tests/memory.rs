//! The bytes of a domain's nodes and watches (rule V2), and the quota `memory` that bounds them
//! (XSA-326).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

use myriad_core::limits::{NODE_HEAD_BYTES, PERM_BYTES, WATCH_HEAD_BYTES};
use myriad_core::{
    Access, Caller, Config, ConnId, DomId, Error, Path, Perm, Quota, Reads, Refusal, Store,
    WatchPath, Writes,
};

const HOME: &str = "/local/domain/5";

/// Domains 5 and 6 are known, and 5 owns its home.
fn store() -> (Store, Caller) {
    store_of(&Config::default())
}

fn store_of(config: &Config) -> (Store, Caller) {
    let store = Store::new(config).unwrap();
    let instance = store.edit(|e| Ok(e.know_domain(DomId(5)))).result.unwrap();
    store.edit(|e| Ok(e.know_domain(DomId(6)))).result.unwrap();
    write(&store, &Caller::Control, HOME, b"").unwrap();
    chmod(&store, &Caller::Control, HOME, &[5]).unwrap();
    (store, Caller::Guest { domid: DomId(5), instance })
}

fn path(text: &str) -> Path<'_> {
    Path::new(text).unwrap()
}

fn write(store: &Store, caller: &Caller, at: &str, value: &[u8]) -> Result<(), Error> {
    store.edit(|e| e.write(caller, path(at), value)).result
}

fn rm(store: &Store, caller: &Caller, at: &str) {
    store.edit(|e| e.rm(caller, path(at))).result.unwrap();
}

fn chmod(store: &Store, caller: &Caller, at: &str, domids: &[u16]) -> Result<(), Error> {
    let perms: Vec<Perm> =
        domids.iter().map(|d| Perm { access: Access::None, domid: DomId(*d) }).collect();
    store.edit(|e| e.set_perms(caller, path(at), &perms)).result
}

fn drop_watches(store: &Store, conn: ConnId) {
    let outcome = store.edit(|e| {
        e.drop_watches(conn);
        Ok(())
    });
    outcome.result.unwrap();
}

/// What a domain is accounted, which a recount gives too.
fn used(store: &Store, domid: u16) -> usize {
    let view = store.pin();
    assert_eq!(view.check(), Ok(()));
    view.domain(DomId(domid)).unwrap().memory.try_into().unwrap()
}

/// What a node of so many permissions should count.
fn node(at: &str, perms: usize, value: usize) -> usize {
    let name = at.len() - at.rfind('/').unwrap() - 1;
    NODE_HEAD_BYTES + at.len() + name + 1 + PERM_BYTES * perms + value
}

fn set_quota(store: &Store, bytes: usize) -> Error {
    let limit = u32::try_from(bytes).unwrap();
    store.edit(|e| e.set_quota(Some(DomId(5)), Quota::Memory, limit)).result.unwrap();
    Error::OutOfMemory(Refusal { domain: DomId(5), quota: Quota::Memory, limit })
}

#[test]
fn bytes_follow_the_nodes_and_end_at_nothing() {
    let (store, guest) = store();
    let home = node(HOME, 1, 0);
    assert_eq!(used(&store, 5), home);
    let (a, deep) = ("/local/domain/5/a", "/local/domain/5/a/bc/def");
    write(&store, &guest, deep, b"12345").unwrap();
    let above = home + node(a, 1, 0) + node("/local/domain/5/a/bc", 1, 0);
    assert_eq!(used(&store, 5), above + node(deep, 1, 5));
    for (caller, value) in [(&guest, &b"x"[..]), (&Caller::Control, &[b'v'; 900]), (&guest, b"")] {
        write(&store, caller, deep, value).unwrap();
        assert_eq!(used(&store, 5), above + node(deep, 1, value.len()));
    }
    chmod(&store, &guest, deep, &[5, 0, 6]).unwrap();
    assert_eq!(used(&store, 5), above + node(deep, 3, 0));
    chmod(&store, &guest, deep, &[5]).unwrap();
    rm(&store, &guest, a);
    assert_eq!(used(&store, 5), home);
    rm(&store, &Caller::Control, "/local");
    assert_eq!(used(&store, 5), 0);
}

#[test]
fn many_nodes_are_counted_in_directories_as_in_blocks() {
    let (store, guest) = store();
    let all: Vec<String> =
        (0..900).map(|n| format!("{HOME}/dir-{}/sub/leaf-{n}", n % 30)).collect();
    for at in &all {
        write(&store, &guest, at, &[b'v'; 100]).unwrap();
    }
    let dirs = (0..30).map(|n| format!("{HOME}/dir-{n}")).map(|d| {
        let sub = format!("{d}/sub");
        node(&d, 1, 0) + node(&sub, 1, 0)
    });
    let leaves = all.iter().map(|at| node(at, 1, 100));
    assert_eq!(used(&store, 5), node(HOME, 1, 0) + dirs.chain(leaves).sum::<usize>());
    rm(&store, &Caller::Control, &all[7]);
    used(&store, 5);
    rm(&store, &guest, &format!("{HOME}/dir-8"));
    used(&store, 5);
    rm(&store, &Caller::Control, HOME);
    assert_eq!(used(&store, 5), 0);
}

#[test]
fn bytes_go_to_another_owner_with_the_node() {
    let (store, guest) = store();
    let at = "/local/domain/5/given";
    write(&store, &guest, at, b"value").unwrap();
    let home = node(HOME, 1, 0);
    chmod(&store, &Caller::Control, at, &[6, 5]).unwrap();
    assert_eq!((used(&store, 5), used(&store, 6)), (home, node(at, 2, 5)));
    chmod(&store, &Caller::Control, at, &[0]).unwrap();
    assert_eq!((used(&store, 5), used(&store, 6)), (home, 0));
    write(&store, &Caller::Control, at, &[b'v'; 500]).unwrap();
    chmod(&store, &Caller::Control, at, &[5]).unwrap();
    assert_eq!((used(&store, 5), used(&store, 6)), (home + node(at, 1, 500), 0));
}

#[test]
fn watches_count_with_path_and_token() {
    let (store, guest) = store();
    let (one, two, conn) = (WatchPath::Node(path("/a/b")), WatchPath::Special("@x"), ConnId(3));
    let watch = |at, token: &[u8]| {
        store.edit(|e| e.watch(conn, &guest, at, token, None, 0)).result.unwrap();
    };
    let home = node(HOME, 1, 0);
    watch(one, b"token");
    watch(two, b"");
    assert_eq!(used(&store, 5), home + 2 * WATCH_HEAD_BYTES + 4 + 5 + 2);
    store.edit(|e| e.unwatch(conn, one, b"token")).result.unwrap();
    assert_eq!(used(&store, 5), home + WATCH_HEAD_BYTES + 2);
    watch(one, &[b't'; 1000]);
    drop_watches(&store, conn);
    assert_eq!(used(&store, 5), home);
}

#[test]
fn a_transaction_is_counted_where_it_lands() {
    let (store, guest) = store();
    let (mine, other) = ("/local/domain/5/tx", "/local/domain/5/other");
    let mut tx = store.begin(0);
    tx.write(&guest, path(mine), b"once").unwrap();
    tx.write(&guest, path(mine), &[b'v'; 300]).unwrap();
    assert_eq!(used(&store, 5), node(HOME, 1, 0));
    // Rebased: others' bytes are there too.
    write(&store, &Caller::Control, "/elsewhere", b"").unwrap();
    write(&store, &guest, other, b"12").unwrap();
    tx.commit().result.unwrap();
    assert_eq!(used(&store, 5), node(HOME, 1, 0) + node(mine, 1, 300) + node(other, 1, 2));
    let mut aborted = store.begin(0);
    aborted.rm(&guest, path(mine)).unwrap();
    drop(aborted);
    assert_eq!(used(&store, 5), node(HOME, 1, 0) + node(mine, 1, 300) + node(other, 1, 2));
}

#[test]
fn a_death_leaves_no_bytes_to_the_next_life() {
    let (store, guest) = store();
    write(&store, &guest, "/local/domain/5/a", b"v").unwrap();
    let watch = WatchPath::Node(path(HOME));
    store.edit(|e| e.watch(ConnId(1), &guest, watch, b"t", None, 0)).result.unwrap();
    store.edit(|e| e.release(DomId(5))).result.unwrap();
    store.edit(|e| Ok(e.know_domain(DomId(5)))).result.unwrap();
    assert_eq!(used(&store, 5), 0);
    // The watch of the earlier life goes later, and was nobody's then.
    drop_watches(&store, ConnId(1));
    assert_eq!(used(&store, 5), 0);
}

#[test]
fn what_would_reach_the_quota_is_refused_whole() {
    let (store, guest) = store();
    let at = "/local/domain/5/a/b";
    let above = node(HOME, 1, 0) + node("/local/domain/5/a", 1, 0);
    // C refuses at the value: one byte less fits.
    let full = set_quota(&store, above + node(at, 1, 10));
    assert_eq!(write(&store, &guest, at, &[b'v'; 10]), Err(full.clone()));
    assert_eq!(used(&store, 5), node(HOME, 1, 0));
    write(&store, &guest, at, &[b'v'; 9]).unwrap();
    assert_eq!(write(&store, &guest, at, &[b'v'; 10]), Err(full.clone()));
    assert_eq!(chmod(&store, &guest, at, &[5, 0]), Err(full.clone()));
    let mkdir = store.edit(|e| e.mkdir(&guest, path("/local/domain/5/c"))).result;
    assert_eq!(mkdir, Err(full.clone()));
    let watch = WatchPath::Node(path(HOME));
    let watched = store.edit(|e| e.watch(ConnId(1), &guest, watch, b"t", None, 0)).result;
    assert_eq!(watched, Err(full.clone()));
    assert_eq!(used(&store, 5), above + node(at, 1, 9));
    // The same length, and less, always fit; so does what the control domain does.
    set_quota(&store, 1);
    write(&store, &guest, at, &[b'w'; 9]).unwrap();
    write(&store, &guest, at, b"w").unwrap();
    write(&store, &Caller::Control, at, &[b'w'; 100]).unwrap();
    assert_eq!(used(&store, 5), above + node(at, 1, 100));
    set_quota(&store, 0);
    write(&store, &guest, at, &[b'w'; 1000]).unwrap();
}

#[test]
fn a_guest_cannot_fill_the_quota_of_another() {
    let (store, guest) = store();
    let six = store.pin().domain(DomId(6)).unwrap().instance;
    let six = Caller::Guest { domid: DomId(6), instance: six };
    let at = "/local/domain/5/open";
    write(&store, &guest, at, b"").unwrap();
    let perms = [(Access::None, 5), (Access::Both, 6)];
    let perms = perms.map(|(access, domid)| Perm { access, domid: DomId(domid) });
    store.edit(|e| e.set_perms(&guest, path(at), &perms)).result.unwrap();
    let full = set_quota(&store, used(&store, 5) + 100);
    assert_eq!(write(&store, &six, at, &[b'v'; 100]), Err(full));
    write(&store, &six, at, &[b'v'; 99]).unwrap();
    assert_eq!(used(&store, 6), 0);
}

#[test]
fn a_transaction_meets_the_quota_as_it_is_at_the_end() {
    let (store, guest) = store();
    let at = "/local/domain/5/tx";
    let full = set_quota(&store, node(HOME, 1, 0) + node(at, 1, 200));
    let mut tx = store.begin(0);
    assert_eq!(tx.write(&guest, path(at), &[b'v'; 200]), Err(full.clone()));
    tx.write(&guest, path(at), &[b'v'; 199]).unwrap();
    write(&store, &guest, "/local/domain/5/other", b"").unwrap();
    assert_eq!(tx.commit().result, Err(full));
    assert_eq!(store.pin().read(&Caller::Control, path(at)), Err(Error::NotFound));
    used(&store, 5);
}

#[test]
fn orphans_go_to_the_control_domain_where_they_are_kept() {
    let (store, guest) = store_of(&Config { keep_orphans: true, ..Config::default() });
    let (deep, given) = ("/local/domain/5/a/b", "/local/domain/5/a/given");
    write(&store, &guest, deep, b"kept").unwrap();
    write(&store, &guest, given, b"v").unwrap();
    chmod(&store, &Caller::Control, given, &[6, 5]).unwrap();
    chmod(&store, &Caller::Control, "/local", &[0, 5]).unwrap();
    let home = WatchPath::Node(path(HOME));
    store.edit(|e| e.watch(ConnId(1), &Caller::Control, home, b"t", None, 0)).result.unwrap();
    let mut feed = store.feed();
    store.edit(|e| e.release(DomId(5))).result.unwrap();
    let myriad_core::FeedItem::Record(record) = feed.next() else { panic!("a commit") };
    assert!(record.fires.is_empty(), "{record:?}");
    let mut view = store.pin();
    assert_eq!(view.check(), Ok(()));
    assert_eq!(view.read(&Caller::Control, path(deep)), Ok(&b"kept"[..]));
    let mut perms = |at| view.get_perms(&Caller::Control, path(at)).unwrap();
    let only = |domid| [Perm { access: Access::None, domid: DomId(domid) }];
    for at in [HOME, "/local/domain/5/a", deep, "/local"] {
        assert_eq!(perms(at), only(0), "{at}");
    }
    assert_eq!(perms(given), only(6));
    drop(view);
    assert_eq!(used(&store, 6), node(given, 2, 1));
}
