//! Changes that an edit makes as one commit are those of a transaction: the same answers, the same
//! tree, the same events, and nothing that could be seen only in between.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

use myriad_core::{
    Access, Caller, Config, ConnId, DomId, Error, Feed, FeedItem, Path, Perm, Quota, Reads, Record,
    Store, WatchPath, Writes,
};
use proptest::prelude::*;

const GUESTS: u16 = 2;
const TREE: [&str; 10] = [
    "/",
    "/a",
    "/a/x",
    "/a/x/y",
    "/a/z",
    "/b",
    "/b/x",
    "/n/m/k",
    "/local/domain/1/name",
    "/local/domain/2/name",
];

#[derive(Clone, Debug)]
enum Op {
    Stat(usize),
    Write(usize, u8),
    Mkdir(usize),
    Rm(usize),
    SetPerms(usize, Vec<(u8, u16)>),
}

fn path(text: &str) -> Path<'_> {
    Path::new(text).unwrap()
}

fn perms(list: &[(u8, u16)]) -> Vec<Perm> {
    let perm =
        |&(l, d): &(u8, u16)| Perm { access: Access::from_letter(l).unwrap(), domid: DomId(d) };
    list.iter().map(perm).collect()
}

/// What it came to: a value, where there is one, and whether its stamp is that of the commit.
type Answer = Result<Option<(Vec<u8>, bool)>, Error>;

fn run(on: &mut impl Writes, who: &Caller, op: &Op, before: u64) -> Answer {
    match op {
        Op::Stat(at) => {
            let stat = on.stat(who, path(TREE[*at]))?;
            return Ok(Some((stat.value.to_vec(), stat.value_stamp > before)));
        }
        Op::Write(at, value) => on.write(who, path(TREE[*at]), format!("v{value}").as_bytes())?,
        Op::Mkdir(at) => on.mkdir(who, path(TREE[*at]))?,
        Op::Rm(at) => on.rm(who, path(TREE[*at]))?,
        Op::SetPerms(at, list) => on.set_perms(who, path(TREE[*at]), &perms(list))?,
    }
    Ok(None)
}

fn caller(store: &Store, domid: u16) -> Caller {
    match store.pin().domain(DomId(domid)) {
        Some(info) if domid != 0 => Caller::Guest { domid: DomId(domid), instance: info.instance },
        _ => Caller::Control,
    }
}

fn store() -> (Store, Feed) {
    let store = Store::new(&Config::default()).unwrap();
    for domid in 1..=GUESTS {
        store.edit(|e| Ok(e.introduce(DomId(domid)))).result.unwrap();
    }
    for at in ["/a", "/b", "/local/domain/1/name"] {
        store.edit(|e| e.write(&Caller::Control, path(at), b"v0")).result.unwrap();
    }
    let open = perms(&[(b'n', 0), (b'b', 1), (b'r', 2)]);
    store.edit(|e| e.set_perms(&Caller::Control, path("/a"), &open)).result.unwrap();
    for domid in 0..=GUESTS {
        for (at, depth) in [("/", None), ("/a/x", None), ("/@index/domain-name", None)] {
            let (conn, who) = (ConnId(domid.into()), caller(&store, domid));
            let watch = WatchPath::Node(path(at));
            store.edit(|e| e.watch(conn, &who, watch, at.as_bytes(), depth, 0)).result.unwrap();
        }
    }
    let feed = store.feed();
    (store, feed)
}

fn nodes(store: &Store) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    let mut note = |at: &str, value: &[u8], _: myriad_core::Perms<'_>, _| -> Result<(), ()> {
        all.push((at.to_owned(), value.to_vec()));
        Ok(())
    };
    store.snapshot().walk(&mut note).unwrap();
    for (at, value) in &mut all {
        value.extend(format!("{:?}", store.pin().get_perms(&Caller::Control, path(at))).bytes());
    }
    all
}

fn record(feed: &mut Feed) -> Option<std::sync::Arc<Record>> {
    match feed.next() {
        FeedItem::Record(record) => Some(record),
        _ => None,
    }
}

fn fired(record: &Record) -> Vec<(ConnId, String, Vec<u8>)> {
    let fire = |f: &myriad_core::Fire| (f.conn(), f.path().to_owned(), f.token().to_vec());
    let mut all: Vec<_> = record.fires.iter().map(fire).collect();
    all.sort_unstable();
    all
}

fn op() -> impl Strategy<Value = Op> {
    let at = || 0..TREE.len();
    let letter = prop_oneof![Just(b'n'), Just(b'r'), Just(b'w'), Just(b'b')];
    let list = proptest::collection::vec((letter, 0..=GUESTS), 1..4);
    prop_oneof![
        2 => at().prop_map(Op::Stat),
        5 => (at(), 0..4u8).prop_map(|(at, v)| Op::Write(at, v)),
        1 => at().prop_map(Op::Mkdir),
        2 => at().prop_map(Op::Rm),
        3 => (at(), list).prop_map(|(at, l)| Op::SetPerms(at, l)),
    ]
}

proptest! {
    #[test]
    fn it_is_a_transaction(commits in proptest::collection::vec(
        (0..=GUESTS, proptest::collection::vec(op(), 1..12)), 1..12,
    )) {
        let ((one, mut events), (two, mut expected)) = (store(), store());
        for (domid, ops) in commits {
            let who = caller(&one, domid);
            let before = one.pin().generation();
            prop_assert_eq!(before, two.pin().generation());
            let mut answers = Vec::new();
            let together = one.edit(|edit| {
                edit.as_one(0);
                answers = ops.iter().map(|op| run(edit, &who, op, before)).collect();
                Ok((edit.generation(), edit.has_changed()))
            });
            let mut tx = two.begin(0);
            let others: Vec<Answer> = ops.iter().map(|op| run(&mut tx, &who, op, before)).collect();
            prop_assert_eq!(answers, others);
            tx.commit().result.unwrap();
            let (record, other) = (record(&mut events), record(&mut expected));
            let (generation, has_changed) = together.result.unwrap();
            prop_assert_eq!(has_changed, record.is_some());
            prop_assert_eq!(record.is_some(), other.is_some());
            if let (Some(record), Some(other)) = (record, other) {
                prop_assert_eq!(fired(&record), fired(&other));
                prop_assert_eq!(record.generation, generation);
            }
            prop_assert_eq!(nodes(&one), nodes(&two));
            prop_assert_eq!(one.pin().check(), Ok(()));
        }
    }
}

#[test]
fn nobody_hears_of_what_was_readable_only_within() {
    let (store, mut feed) = store();
    let (secret, hidden) = (path("/a/secret"), perms(&[(b'n', 0)]));
    let guests = |feed: &mut Feed| {
        let record = record(feed).unwrap();
        fired(&record).into_iter().filter(|(conn, ..)| *conn != ConnId(0)).count()
    };
    // Its parent is readable, so those who read that hear of it; of what is below it they don't.
    store.edit(|edit| edit.write(&Caller::Control, secret, b"")).result.unwrap();
    let shown = guests(&mut feed);
    assert!(shown > 0);
    store.edit(|edit| edit.set_perms(&Caller::Control, secret, &hidden)).result.unwrap();
    assert!(guests(&mut feed) > 0);
    let below = path("/a/secret/below");
    let bare = store.edit(|edit| {
        edit.write(&Caller::Control, below, b"")?;
        edit.set_perms(&Caller::Control, below, &perms(&[(b'r', 0)]))?;
        edit.set_perms(&Caller::Control, below, &hidden)
    });
    bare.result.unwrap();
    assert!(guests(&mut feed) > 0, "one after another: it could be read in between");
    store.edit(|edit| edit.rm(&Caller::Control, below)).result.unwrap();
    while record(&mut feed).is_some() {}
    let whole = store.edit(|edit| {
        edit.as_one(0);
        edit.write(&Caller::Control, below, b"")?;
        edit.set_perms(&Caller::Control, below, &perms(&[(b'r', 0)]))?;
        edit.set_perms(&Caller::Control, below, &hidden)
    });
    whole.result.unwrap();
    assert_eq!(guests(&mut feed), 0);
}

#[test]
fn a_guests_quota_of_nodes_in_a_transaction_holds() {
    let (store, _) = store();
    let who = caller(&store, 1);
    let most = 5;
    let outcome = store.edit(|edit| {
        edit.as_one(most);
        for at in 0..u32::from(u8::MAX) {
            edit.write(&who, path(&format!("/a/n{at}")), b"")?;
        }
        Ok(())
    });
    let quota = |error| match error {
        Error::Quota(refusal) => Some((refusal.quota, refusal.limit)),
        _ => None,
    };
    assert_eq!(outcome.result.err().and_then(quota), Some((Quota::TransactionNodes, most)));
    assert!(store.pin().read(&Caller::Control, path("/a/n0")).is_err(), "nothing is applied");
}

#[test]
fn a_snapshot_says_what_it_keeps() {
    let (store, _) = store();
    let snapshot = store.snapshot();
    assert_eq!(snapshot.pinned_bytes(), 0);
    store.edit(|edit| edit.write(&Caller::Control, path("/a"), &[b'x'; 1000])).result.unwrap();
    assert!(snapshot.pinned_bytes() > 0);
}
