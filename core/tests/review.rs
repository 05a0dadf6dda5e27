//! What a hostile reading of the store turned up, a test each: bounds and faults. What it says
//! about answers, events and facts is in `review_semantics.rs`; who gets on, in `liveness.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

use myriad_core::limits::{GUEST_TRANSACTION_EFFECTS, PINNED_BYTES};
use myriad_core::{
    Access, Caller, Config, ConnId, DomId, Error, FeedItem, Path, Perm, Reads, Store, WatchPath,
    Writes,
};

const CONTROL: Caller = Caller::Control;

fn store() -> Store {
    Store::new(&Config::default()).unwrap()
}

fn path(text: &str) -> Path<'_> {
    Path::new(text).unwrap()
}

fn write(store: &Store, at: &str, value: &[u8]) {
    store.edit(|e| e.write(&CONTROL, path(at), value)).result.unwrap();
}

fn chmod(store: &Store, at: &str, perms: &[Perm]) {
    store.edit(|e| e.set_perms(&CONTROL, path(at), perms)).result.unwrap();
}

fn perm(letter: u8, domid: u16) -> Perm {
    Perm { access: Access::from_letter(letter).unwrap(), domid: DomId(domid) }
}

/// A guest that owns `/home/<domid>`.
fn guest(store: &Store, domid: u16) -> Caller {
    let instance = store.edit(|e| Ok(e.know_domain(DomId(domid)))).result.unwrap();
    let home = format!("/home/{domid}");
    write(store, &home, b"");
    chmod(store, &home, &[perm(b'n', domid)]);
    Caller::Guest { domid: DomId(domid), instance }
}

/// Retires so many bytes by writes that concern nobody.
fn churn(store: &Store, bytes: u64) {
    write(store, "/unrelated", b"");
    let tx = store.begin(0);
    let big = [b'x'; 4000];
    while tx.pinned_bytes() <= bytes {
        write(store, "/unrelated", &big);
        write(store, "/unrelated", b"");
    }
}

/// Offsets in a block are 16 bits; only a creation splits a block that has outgrown its size.
#[test]
fn values_that_grow_in_a_block_stay_what_they_are() {
    let store = store();
    let owner = guest(&store, 5);
    let node = |n: usize| format!("/home/5/{n:02}");
    let value = |n: usize| vec![u8::try_from(n).unwrap(); 1900];
    for n in 0..99 {
        store.edit(|e| e.write(&owner, path(&node(n)), b"")).result.unwrap();
    }
    for n in 0..99 {
        store.edit(|e| e.write(&owner, path(&node(n)), &value(n))).result.unwrap();
    }
    for n in 0..99 {
        assert_eq!(store.pin().read(&owner, path(&node(n))), Ok(&value(n)[..]), "node {n}");
    }
    store.pin().check().unwrap();
}

/// The same by permission lists, which only privileged clients can make that long.
#[test]
fn lists_that_come_and_go_in_a_block_leave_it_whole() {
    let store = store();
    for n in 0..4 {
        write(&store, &format!("/a/{n}"), b"value");
    }
    let long: Vec<Perm> = (0..1365).map(|d| perm(b'r', d)).collect();
    for _ in 0..8 {
        chmod(&store, "/a/0", &long);
        chmod(&store, "/a/0", &[perm(b'n', 0)]);
    }
    chmod(&store, "/a/0", &long);
    for n in 0..4 {
        assert_eq!(store.pin().read(&CONTROL, path(&format!("/a/{n}"))), Ok(&b"value"[..]));
    }
    assert_eq!(store.pin().get_perms(&CONTROL, path("/a/0")).unwrap(), long);
}

/// Lists that records share are counted as dead once for each record that leaves them.
#[test]
fn a_shared_list_is_not_dead_several_times() {
    let store = store();
    let long: Vec<Perm> = (0..1000).map(|d| perm(b'r', d)).collect();
    for n in 0..80 {
        write(&store, &format!("/a/{n}"), b"");
    }
    for n in 0..80 {
        chmod(&store, &format!("/a/{n}"), &long);
    }
    let result = store.edit(|e| {
        for n in 0..80 {
            e.set_perms(&CONTROL, path(&format!("/a/{n}")), &[perm(b'n', 0), perm(b'r', n)])?;
        }
        e.write(&CONTROL, path("/a/new"), b"")
    });
    assert_eq!(result.result, Ok(()));
    store.pin().check().unwrap();
}

/// A library's caller is bounded by nothing but the library.
#[test]
fn what_does_not_fit_a_node_is_refused() {
    let store = store();
    let value = vec![b'x'; 70_000];
    let result = store.edit(|e| e.write(&CONTROL, path("/a"), &value)).result;
    assert!(result.is_err(), "a value of 70,000 bytes has no length field to go into");
}

#[test]
fn what_is_no_path_of_a_message_is_refused() {
    assert!(Path::new(&format!("/{}", "n".repeat(70_000))).is_err(), "a path of 70,000 bytes");
}

#[test]
fn more_permissions_than_a_message_holds_are_refused() {
    let store = store();
    write(&store, "/a", b"");
    let list = vec![perm(b'r', 0); 20_000];
    let result = store.edit(|e| e.set_perms(&CONTROL, path("/a"), &list)).result;
    assert!(result.is_err(), "a list of 20,000 entries has no offset to lie at");
}

/// Writing one node again and again is one effect, and must be one change.
#[test]
fn a_transaction_does_not_grow_with_each_write_of_a_node() {
    let store = store();
    let owner = guest(&store, 5);
    let mut feed = store.feed();
    let mut tx = store.begin(1024);
    for n in 0..20_000u32 {
        tx.write(&owner, path("/home/5"), &n.to_le_bytes()).unwrap();
    }
    assert_eq!(tx.commit().result, Ok(()));
    let FeedItem::Record(record) = feed.next() else { panic!("one publication") };
    assert_eq!(record.changes().count(), 1);
}

/// A guest may keep 9 transactions open: what each holds must fit its memory quota (2.5 MiB) in
/// order of magnitude.
#[test]
fn the_effects_of_a_guests_transaction_are_bounded_in_bytes() {
    let store = store();
    let owner = guest(&store, 5);
    let mut feed = store.feed();
    let mut tx = store.begin(1024);
    let value = [b'x'; 1900];
    let mut kept = 0;
    for n in 0..GUEST_TRANSACTION_EFFECTS {
        let at = if n % 2 == 0 { "/home/5/a" } else { "/home/5/b" };
        if tx.write(&owner, path(at), &value).is_err() {
            break;
        }
        kept += value.len();
    }
    let committed = tx.commit().result.is_ok();
    while let FeedItem::Record(_) = feed.next() {}
    assert!(!committed || kept < 8 << 20, "one transaction kept {kept} bytes of two nodes");
}

/// The feed keeps a number of records, however large each is.
#[test]
fn the_feed_is_bounded_in_bytes() {
    let store = store();
    let owner = guest(&store, 5);
    let conn = ConnId::new(0, 1);
    for n in 0..127u32 {
        let at = WatchPath::Node(path("/home/5"));
        let watch =
            |e: &mut myriad_core::Edit<'_>| e.watch(conn, &owner, at, &n.to_le_bytes(), None, 0);
        store.edit(watch).result.unwrap();
    }
    for n in 0..400 {
        store.edit(|e| e.write(&owner, path(&format!("/home/5/{n}")), b"")).result.unwrap();
    }
    let mut feed = store.feed();
    for _ in 0..100 {
        let mut tx = store.begin(1024);
        for n in 0..400 {
            tx.write(&owner, path(&format!("/home/5/{n}")), b"").unwrap();
        }
        assert_eq!(tx.commit().result, Ok(()));
    }
    let mut fires = 0;
    while let FeedItem::Record(record) = feed.next() {
        fires += record.fires.len();
    }
    // 16,384 records of this kind would be 26 GB.
    let bytes = fires * size_of::<myriad_core::Fire>();
    assert!(bytes < 64 << 20, "100 records of one guest keep {bytes} bytes");
}

/// A doomed transaction stays open as long as its client likes.
#[test]
fn a_doomed_transaction_goes_on_pinning_nothing() {
    let store = store();
    write(&store, "/a", b"0");
    let mut tx = store.begin(0);
    tx.read(&CONTROL, path("/a")).unwrap();
    tx.write(&CONTROL, path("/b"), b"").unwrap();
    write(&store, "/a", b"1");
    churn(&store, PINNED_BYTES);
    assert!(!tx.refresh(), "doomed");
    churn(&store, 2 * PINNED_BYTES);
    tx.refresh();
    assert!(tx.pinned_bytes() <= PINNED_BYTES, "it pins {} bytes", tx.pinned_bytes());
    assert_eq!(tx.commit().result, Err(Error::Conflict));
}

/// Poisoned is for good: what was dropped from its effects must not be missing from a commit.
#[test]
fn moving_on_does_not_heal_a_poisoned_transaction() {
    let store = store();
    let owner = guest(&store, 5);
    let mut tx = store.begin(1024);
    let mut n = 0;
    while n < GUEST_TRANSACTION_EFFECTS + 2 {
        let at = if n % 2 == 0 { "/home/5/a" } else { "/home/5/b" };
        let _ = tx.write(&owner, path(at), &n.to_le_bytes());
        n += 1;
    }
    churn(&store, PINNED_BYTES);
    tx.refresh();
    assert!(tx.commit().result.is_err(), "it dropped writes that it had accepted");
}

/// Printing what holds a tree must not overflow the stack (XSA-418). In a process of its own,
/// since an overflow ends it.
#[test]
fn printing_a_store_with_a_deep_tree_is_no_fault() {
    const CHILD: &str = "MYRIAD_REVIEW_PRINT";
    if std::env::var_os(CHILD).is_some() {
        let store = store();
        write(&store, &"/d".repeat(2000), b"");
        std::process::exit(i32::from(format!("{store:?}").is_empty()));
    }
    let name = "printing_a_store_with_a_deep_tree_is_no_fault";
    let status = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(CHILD, "1")
        .stderr(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .status();
    assert!(status.unwrap().success());
}

#[test]
fn a_watch_longer_than_a_message_is_refused_whole() {
    let store = Store::new(&Config::default()).unwrap();
    let conn = ConnId::new(0, 1);
    let long = "@".repeat(4097);
    for (path, token) in [(&*long, &b"t"[..]), ("@x", long.as_bytes())] {
        let path = WatchPath::Special(path);
        let done = store.edit(|e| e.watch(conn, &Caller::Control, path, token, None, 0)).result;
        assert!(matches!(done, Err(Error::InvalidValue(_))), "{done:?}");
    }
    assert_eq!(store.pin().watches(), 0);
}
