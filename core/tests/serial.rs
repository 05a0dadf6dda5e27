//! A commit that succeeds is as if the transaction had run whole at that moment: the same answers,
//! the same tree, the same events. Two stores see the same requests from outside; in one the
//! transactions are open meanwhile, in the other each runs when it commits in the first.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

use myriad_core::limits::PINNED_BYTES;
use myriad_core::{
    Access, Caller, Config, ConnId, DomId, Error, Feed, FeedItem, Path, Perm, Reads, Store,
    Transaction, WatchPath, Writes,
};
use proptest::prelude::*;

const GUESTS: u16 = 3;
const TREE: [&str; 14] = [
    "/",
    "/a",
    "/a/x",
    "/a/x/y",
    "/a/z",
    "/b",
    "/b/x",
    "/n",
    "/n/m",
    "/n/m/k",
    "/local/domain/1",
    "/local/domain/1/name",
    "/local/domain/2/name",
    "/vm/1/name",
];
const SHOWN: [&str; 3] = ["/@index/domain-name", "/@index/domain-name/v1", "/@index/vm-name/v2"];

#[derive(Clone, Debug)]
enum Op {
    Read(usize),
    List(usize),
    Perms(usize),
    Shown(usize),
    Lookup(u8),
    Write(usize, u8),
    Mkdir(usize),
    Rm(usize),
    SetPerms(usize, Vec<(u8, u16)>),
}

/// Steps, shown one a line.
#[derive(Clone)]
struct Steps(Vec<Step>);

impl std::fmt::Debug for Steps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|step| f.write_str(&format!("\n{step:?}")))
    }
}

#[derive(Clone, Debug)]
enum Step {
    Inside(bool, u16, Op),
    Outside(u16, Op),
    Reborn(u16),
    Target(u16, u16),
    /// More is retired than a transaction may pin.
    Age,
    End(bool),
}

#[derive(Clone, Debug, PartialEq)]
enum Answer {
    Done,
    Value(Vec<u8>),
    Names(Vec<u8>),
    Perms(Vec<Perm>),
    Matches(Vec<(String, DomId)>),
}

fn path(text: &str) -> Path<'_> {
    Path::new(text).unwrap()
}

fn perms(list: &[(u8, u16)]) -> Vec<Perm> {
    let perm =
        |&(l, d): &(u8, u16)| Perm { access: Access::from_letter(l).unwrap(), domid: DomId(d) };
    list.iter().map(perm).collect()
}

fn read(on: &mut impl Reads, who: &Caller, op: &Op) -> Result<Answer, Error> {
    Ok(match op {
        Op::Read(at) => Answer::Value(on.read(who, path(TREE[*at]))?.to_vec()),
        Op::List(at) => Answer::Names(on.list(who, path(TREE[*at]))?.names.to_vec()),
        Op::Perms(at) => Answer::Perms(on.get_perms(who, path(TREE[*at]))?),
        Op::Shown(at) => {
            let names = on.list(who, path(SHOWN[*at]))?.names.to_vec();
            Answer::Value([names, on.read(who, path(SHOWN[*at]))?.to_vec()].concat())
        }
        Op::Lookup(key) => {
            let found = on.lookup("domain-name", format!("v{key}").as_bytes())?;
            Answer::Matches(found.into_iter().map(|m| (m.captures.into(), m.owner)).collect())
        }
        _ => Answer::Done,
    })
}

fn run(on: &mut impl Writes, who: &Caller, op: &Op) -> Result<Answer, Error> {
    match op {
        Op::Write(at, value) => on.write(who, path(TREE[*at]), format!("v{value}").as_bytes())?,
        Op::Mkdir(at) => on.mkdir(who, path(TREE[*at]))?,
        Op::Rm(at) => on.rm(who, path(TREE[*at]))?,
        Op::SetPerms(at, list) => on.set_perms(who, path(TREE[*at]), &perms(list))?,
        _ => return read(on, who, op),
    }
    Ok(Answer::Done)
}

fn caller(store: &Store, domid: u16) -> Caller {
    match store.pin().domain(DomId(domid)) {
        Some(info) if domid != 0 => Caller::Guest { domid: DomId(domid), instance: info.instance },
        _ => Caller::Control,
    }
}

fn store() -> (Store, Feed) {
    let mut config = Config::default();
    config.quotas.set(myriad_core::Quota::Nodes, 0);
    let store = Store::new(&config).unwrap();
    for domid in 1..=GUESTS {
        store.edit(|e| Ok(e.introduce(DomId(domid)))).result.unwrap();
    }
    for at in ["/a", "/b", "/local/domain/1/name"] {
        store.edit(|e| e.write(&Caller::Control, path(at), b"v0")).result.unwrap();
    }
    let open = perms(&[(b'n', 0), (b'b', 1), (b'r', 2)]);
    store.edit(|e| e.set_perms(&Caller::Control, path("/a"), &open)).result.unwrap();
    for domid in 0..=GUESTS {
        for (at, depth) in [("/", None), ("/a/x", None), ("/n", Some(1))] {
            let (conn, who) = (ConnId(domid.into()), caller(&store, domid));
            let watch = WatchPath::Node(path(at));
            store.edit(|e| e.watch(conn, &who, watch, at.as_bytes(), depth, 0)).result.unwrap();
        }
    }
    let feed = store.feed();
    (store, feed)
}

fn walk(store: &Store) -> Vec<(String, Answer, Answer)> {
    let mut view = store.pin();
    let (mut stack, mut all) = (vec!["/".to_owned()], Vec::new());
    while let Some(at) = stack.pop() {
        let value = Answer::Value(view.read(&Caller::Control, path(&at)).unwrap().to_vec());
        let perms = Answer::Perms(view.get_perms(&Caller::Control, path(&at)).unwrap());
        let names = view.list(&Caller::Control, path(&at)).unwrap().names;
        for name in names.split(|b| *b == 0).filter(|n| !n.is_empty()).rev() {
            let name = std::str::from_utf8(name).unwrap();
            stack.push(if at == "/" { format!("/{name}") } else { format!("{at}/{name}") });
        }
        all.push((at, value, perms));
    }
    all
}

fn fired(feed: &mut Feed) -> Vec<(ConnId, String, Vec<u8>)> {
    let mut all = Vec::new();
    while let FeedItem::Record(record) = feed.next() {
        let fire = |f: &myriad_core::Fire| (f.conn(), f.path().to_owned(), f.token().to_vec());
        all.extend(record.fires.iter().map(fire));
    }
    all.sort_unstable();
    all
}

/// A transaction and what it was answered.
struct Open {
    tx: Transaction,
    journal: Vec<(Caller, Op, Result<Answer, Error>)>,
}

fn end(open: Open, one: &Store, two: &Store) -> Result<(), TestCaseError> {
    let mut serial = two.begin(0);
    let mut same = true;
    let mut differs = None;
    for (who, op, answer) in &open.journal {
        let now = run(&mut serial, who, op);
        if now != *answer {
            same = false;
            differs.get_or_insert((op.clone(), answer.clone(), now));
        }
    }
    let before = one.pin().seq();
    let result = open.tx.commit().result;
    // One that changes nothing commits at its base, whatever has changed since.
    let published = one.pin().seq() != before;
    if result.is_ok() {
        prop_assert!(same || !published, "an answer would be another one: {:?}", differs);
        if published {
            prop_assert_eq!(serial.commit().result, Ok(()));
        }
    } else {
        prop_assert!(matches!(result, Err(Error::Conflict)), "{:?}", result);
        if same && std::env::var_os("MYRIAD_NEEDLESS").is_some() {
            prop_assert!(false, "a needless conflict");
        }
    }
    prop_assert_eq!(one.pin().check(), Ok(()));
    Ok(())
}

fn outside(store: &Store, domid: u16, op: &Op) -> Result<Answer, Error> {
    let who = caller(store, domid);
    store.edit(|e| run(e, &who, op)).result
}

fn age(store: &Store) {
    store.edit(|e| e.write(&Caller::Control, path("/far"), b"")).result.unwrap();
    let tx = store.begin(0);
    while tx.pinned_bytes() <= PINNED_BYTES {
        for value in [&[b'x'; 4000][..], b""] {
            store.edit(|e| e.write(&Caller::Control, path("/far"), value)).result.unwrap();
        }
    }
}

fn op() -> impl Strategy<Value = Op> {
    let at = || 0..TREE.len();
    let letter = prop_oneof![Just(b'n'), Just(b'r'), Just(b'w'), Just(b'b')];
    let list = proptest::collection::vec((letter, 0..=GUESTS), 1..4);
    prop_oneof![
        3 => at().prop_map(Op::Read),
        2 => at().prop_map(Op::List),
        1 => at().prop_map(Op::Perms),
        1 => (0..SHOWN.len()).prop_map(Op::Shown),
        1 => (0..3u8).prop_map(Op::Lookup),
        5 => (at(), 0..4u8).prop_map(|(at, v)| Op::Write(at, v)),
        1 => at().prop_map(Op::Mkdir),
        2 => at().prop_map(Op::Rm),
        3 => (at(), list).prop_map(|(at, l)| Op::SetPerms(at, l)),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let who = || prop_oneof![2 => Just(0), 1 => 1..=GUESTS];
    prop_oneof![
        300 => (any::<bool>(), who(), op()).prop_map(|(t, d, o)| Step::Inside(t, d, o)),
        150 => (who(), op()).prop_map(|(d, o)| Step::Outside(d, o)),
        5 => (1..=GUESTS).prop_map(Step::Reborn),
        5 => (1..=GUESTS, 1..=GUESTS).prop_map(|(d, t)| Step::Target(d, t)),
        1 => Just(Step::Age),
        100 => any::<bool>().prop_map(Step::End),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn what_commits_is_serial(steps in proptest::collection::vec(step(), 1..60).prop_map(Steps)) {
        let ((one, mut events), (two, mut expected)) = (store(), store());
        let mut slots: [Option<Open>; 2] = [None, None];
        for step in steps.0 {
            match step {
                Step::Inside(slot, domid, op) => {
                    let begin = || Open { tx: one.begin(0), journal: Vec::new() };
                    let open = slots[usize::from(slot)].get_or_insert_with(begin);
                    let who = caller(&one, domid);
                    let answer = run(&mut open.tx, &who, &op);
                    open.journal.push((who, op, answer));
                }
                Step::Outside(domid, op) => {
                    prop_assert_eq!(outside(&one, domid, &op), outside(&two, domid, &op));
                }
                Step::Reborn(domid) => for store in [&one, &two] {
                    store.edit(|e| e.release(DomId(domid))).result.unwrap();
                    store.edit(|e| Ok(e.introduce(DomId(domid)))).result.unwrap();
                },
                Step::Target(domid, target) => for store in [&one, &two] {
                    store.edit(|e| e.set_target(DomId(domid), DomId(target))).result.unwrap();
                },
                Step::Age => {
                    age(&one);
                    age(&two);
                    for open in slots.iter_mut().flatten() {
                        open.tx.refresh();
                    }
                }
                Step::End(slot) => {
                    if let Some(open) = slots[usize::from(slot)].take() {
                        end(open, &one, &two)?;
                    }
                }
            }
            prop_assert_eq!(fired(&mut events), fired(&mut expected));
        }
        prop_assert_eq!(walk(&one), walk(&two));
    }
}
