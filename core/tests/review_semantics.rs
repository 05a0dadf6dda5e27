//! What a hostile reading of the store turned up about answers, events and facts, a test each.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

use myriad_core::{
    Access, Caller, Config, ConnId, DomId, Edit, Error, Feed, FeedItem, Path, Perm, Quota, Reads,
    Special, Store, WatchPath, Writes,
};

const CONTROL: Caller = Caller::Control;
const CONN: ConnId = ConnId(1);

fn store() -> Store {
    Store::new(&Config::default()).unwrap()
}

fn path(text: &str) -> Path<'_> {
    Path::new(text).unwrap()
}

fn write(store: &Store, at: &str, value: &str) {
    store.edit(|e| e.write(&CONTROL, path(at), value.as_bytes())).result.unwrap();
}

fn chmod(store: &Store, at: &str, perms: &[Perm]) {
    store.edit(|e| e.set_perms(&CONTROL, path(at), perms)).result.unwrap();
}

fn perm(letter: u8, domid: u16) -> Perm {
    Perm { access: Access::from_letter(letter).unwrap(), domid: DomId(domid) }
}

/// A guest that is introduced.
fn guest(store: &Store, domid: u16) -> Caller {
    store.edit(|e| Ok(e.introduce(DomId(domid)))).result.unwrap();
    let instance = store.pin().domain(DomId(domid)).unwrap().instance;
    Caller::Guest { domid: DomId(domid), instance }
}

fn watch(store: &Store, who: &Caller, at: WatchPath<'_>, token: &str, depth: Option<u32>) {
    let add = |e: &mut Edit<'_>| e.watch(CONN, who, at, token.as_bytes(), depth, 0);
    store.edit(add).result.unwrap();
}

/// The events of all publications that a feed has not shown yet: path and token.
fn fired(feed: &mut Feed) -> Vec<(String, String)> {
    let mut all = Vec::new();
    while let FeedItem::Record(record) = feed.next() {
        let token = |f: &myriad_core::Fire| String::from_utf8(f.token().to_vec()).unwrap();
        all.extend(record.fires.iter().map(|f| (f.path().to_owned(), token(f))));
    }
    all
}

fn events(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(p, t)| ((*p).to_owned(), (*t).to_owned())).collect()
}

// Facts: a commit must fail where an answer would be another one now.

/// The design's table: a parent created meanwhile must equal the one that this would create.
#[test]
fn a_read_before_a_creation_does_not_hide_its_facts() {
    let store = store();
    let mut tx = store.begin(0);
    assert_eq!(tx.read(&CONTROL, path("/n/x")), Err(Error::NotFound));
    tx.write(&CONTROL, path("/n/x"), b"").unwrap();
    write(&store, "/n", "a value that this transaction's parent would not have");
    assert_eq!(tx.commit().result, Err(Error::Conflict));
}

#[test]
fn a_dead_target_grants_nothing_that_was_read() {
    let store = store();
    let stub = guest(&store, 6);
    guest(&store, 5);
    store.edit(|e| e.set_target(DomId(6), DomId(5))).result.unwrap();
    write(&store, "/secret", "0");
    chmod(&store, "/secret", &[perm(b'n', 0), perm(b'r', 5)]);
    write(&store, "/home", "");
    chmod(&store, "/home", &[perm(b'n', 6)]);
    let mut tx = store.begin(1024);
    assert!(tx.read(&stub, path("/secret")).is_ok());
    tx.write(&stub, path("/home/x"), b"").unwrap();
    store.edit(|e| e.release(DomId(5))).result.unwrap();
    assert_eq!(store.pin().read(&stub, path("/secret")), Err(Error::AccessDenied));
    assert_eq!(tx.commit().result, Err(Error::Conflict));
}

/// Matches of an index are shown with the owner of the node, and only the control domain's can
/// be trusted: that is an answer, too.
#[test]
fn whom_a_match_belongs_to_is_a_fact() {
    let at = "/@index/domain-name/web";
    for read in [true, false] {
        let store = store();
        guest(&store, 5);
        write(&store, "/local/domain/4/name", "web");
        let mut tx = store.begin(0);
        if read {
            assert_eq!(tx.read(&CONTROL, path(at)), Ok(&b"4"[..]));
        } else {
            assert_eq!(tx.lookup("domain-name", b"web").unwrap()[0].owner, DomId::ZERO);
        }
        tx.write(&CONTROL, path("/b"), b"").unwrap();
        chmod(&store, "/local/domain/4/name", &[perm(b'n', 5)]);
        assert_eq!(store.pin().read(&CONTROL, path(at)), Ok(&b""[..]), "no longer trusted");
        assert_eq!(tx.commit().result, Err(Error::Conflict), "read: {read}");
    }
}

/// `xl create`: nodes for a domain that the store has not been told of; the daemon asks the
/// hypervisor and lets the store know, while the transaction is open.
#[test]
fn a_transaction_can_name_a_domain_that_became_known_after_its_start() {
    let store = store();
    let mut tx = store.begin(0);
    tx.mkdir(&CONTROL, path("/local/domain/7")).unwrap();
    store.edit(|e| Ok(e.know_domain(DomId(7)))).result.unwrap();
    assert_eq!(tx.set_perms(&CONTROL, path("/local/domain/7"), &[perm(b'n', 7)]), Ok(()));
    assert_eq!(tx.commit().result, Ok(()));
    assert_eq!(store.pin().domain(DomId(7)).unwrap().nodes, 1);
}

// Who may do what.

/// A commit that names a dead owner fails; so must a request that still runs for one.
#[test]
fn the_dead_create_nothing() {
    let store = store();
    let ghost = guest(&store, 5);
    write(&store, "/open", "");
    chmod(&store, "/open", &[perm(b'b', 0)]);
    store.edit(|e| e.release(DomId(5))).result.unwrap();
    let result = store.edit(|e| e.write(&ghost, path("/open/x"), b"")).result;
    assert!(result.is_err(), "a node that nobody owns or accounts");
    let mut tx = store.begin(1024);
    let result = tx.write(&ghost, path("/open/x"), b"");
    assert!(result.is_err() || tx.commit().result.is_err());
}

/// Today's C (`do_set_perms`): special nodes are no exception from EPERM.
#[test]
fn a_guest_does_not_give_a_special_node_away() {
    let store = store();
    let owner = guest(&store, 5);
    guest(&store, 6);
    let special = Special::ReleaseDomain;
    store.edit(|e| e.set_special_perms(&CONTROL, special, &[perm(b'n', 5)])).result.unwrap();
    let given = store.edit(|e| e.set_special_perms(&owner, special, &[perm(b'n', 6)]));
    assert_eq!(given.result, Err(Error::OwnerChange));
}

/// No domain has this id, so nobody would be charged for the node (C answers ENOMEM).
#[test]
fn everybody_owns_no_node() {
    let store = store();
    write(&store, "/a", "");
    let any = [Perm { access: Access::None, domid: DomId::ANY }];
    assert!(store.edit(|e| e.set_perms(&CONTROL, path("/a"), &any)).result.is_err());
}

/// C counts the list of permissions and what is inherited into `node-size` for every write of a
/// node: MKDIR and SET_PERMS as well.
#[test]
fn the_size_quota_holds_for_lists_too() {
    let store = store();
    let owner = guest(&store, 5);
    write(&store, "/home", "");
    chmod(&store, "/home", &[perm(b'n', 5)]);
    store.edit(|e| e.write(&owner, path("/home/x"), &[b'x'; 2010])).result.unwrap();
    let longer = [perm(b'n', 5), perm(b'r', 0), perm(b'r', 1), perm(b'r', 2)];
    let result = store.edit(|e| e.set_perms(&owner, path("/home/x"), &longer)).result;
    assert!(matches!(result, Err(Error::Quota(r)) if r.quota == Quota::NodeSize), "{result:?}");
    let long: Vec<Perm> = (0..1000).map(|_| perm(b'b', 5)).collect();
    write(&store, "/lists", "");
    chmod(&store, "/lists", &[&[perm(b'n', 0)], &long[..]].concat());
    let result = store.edit(|e| e.mkdir(&owner, path("/lists/x"))).result;
    assert!(matches!(result, Err(Error::Quota(r)) if r.quota == Quota::NodeSize), "{result:?}");
}

/// Today's C refuses at the value, as for the others: with 4, three nodes fit.
#[test]
fn the_nodes_of_a_transaction_are_refused_at_the_value() {
    let store = store();
    let caller = guest(&store, 5);
    for at in ["/a", "/b", "/c", "/d"] {
        write(&store, at, "");
        chmod(&store, at, &[perm(b'b', 0)]);
    }
    let mut tx = store.begin(4);
    for at in ["/a", "/b", "/c"] {
        tx.write(&caller, path(at), b"").unwrap();
    }
    assert!(matches!(tx.write(&caller, path("/d"), b""), Err(Error::Quota(_))));
}

/// Names in permissions are facts that a guest can add without touching a node.
#[test]
fn domains_named_by_refused_requests_are_bounded() {
    let store = store();
    let caller = guest(&store, 5);
    write(&store, "/a", "");
    let mut tx = store.begin(4);
    let mut refused = false;
    for n in 0..2000 {
        let list = [perm(b'n', 5), perm(b'r', 8 + n)];
        let result = tx.set_perms(&caller, path("/a"), &list);
        refused |= matches!(result, Err(Error::Quota(_)));
    }
    assert!(refused, "2,000 domains are facts of a transaction that may touch 4 nodes");
}

/// SET_QUOTA of one quota says nothing about the others.
#[test]
fn a_domains_own_quota_leaves_the_others_global() {
    let store = store();
    guest(&store, 5);
    store.edit(|e| e.set_quota(Some(DomId(5)), Quota::Watches, 10)).result.unwrap();
    store.edit(|e| e.set_quota(None, Quota::Nodes, 5000)).result.unwrap();
    assert_eq!(store.pin().domain(DomId(5)).unwrap().quotas.get(Quota::Nodes), 5000);
}

/// Facts, section 3: the entries of a dead domain go. Else a toolstack that reads a list and
/// sets it again, changed, grants to the next tenant of the id what the dead one had.
#[test]
fn the_entries_of_the_dead_are_gone() {
    let store = store();
    guest(&store, 5);
    write(&store, "/a", "");
    chmod(&store, "/a", &[perm(b'n', 0), perm(b'r', 5)]);
    let special = Special::ReleaseDomain;
    store.edit(|e| e.set_special_perms(&CONTROL, special, &[perm(b'n', 5)])).result.unwrap();
    store.edit(|e| e.release(DomId(5))).result.unwrap();
    guest(&store, 5);
    let shown = store.pin().get_perms(&CONTROL, path("/a")).unwrap();
    assert_eq!(shown, [perm(b'n', 0)]);
    let shown = store.pin().get_special_perms(&CONTROL, special).unwrap();
    assert_eq!(shown, [perm(b'n', 0)], "C: the owner is the control domain again");
}

// Events.

/// Design: event permissions use the states before and after the commit.
#[test]
fn a_rebased_commit_tells_only_those_who_may_know_now() {
    let store = store();
    let spy = guest(&store, 5);
    write(&store, "/a", "");
    chmod(&store, "/a", &[perm(b'n', 0), perm(b'r', 5)]);
    watch(&store, &spy, WatchPath::Node(path("/a")), "t", None);
    let mut tx = store.begin(0);
    tx.write(&CONTROL, path("/a"), b"secret").unwrap();
    chmod(&store, "/a", &[perm(b'n', 0)]);
    let mut feed = store.feed();
    assert_eq!(tx.commit().result, Ok(()));
    assert_eq!(fired(&mut feed), [], "it lost the permission before this commit");
}

/// C's `fire_special_watches`: without a depth the plain path, from 1 on the domain's, none at 0.
#[test]
fn a_special_watch_heeds_its_depth() {
    let shows: [(Option<u32>, &[&str]); 4] = [
        (None, &["@releaseDomain"]),
        (Some(0), &[]),
        (Some(1), &["@releaseDomain/5"]),
        (Some(2), &["@releaseDomain/5"]),
    ];
    for (depth, expected) in shows {
        let store = store();
        guest(&store, 5);
        watch(&store, &CONTROL, WatchPath::Special("@releaseDomain"), "t", depth);
        let mut feed = store.feed();
        store.edit(|e| e.release(DomId(5))).result.unwrap();
        let paths: Vec<String> = fired(&mut feed).into_iter().map(|(p, _)| p).collect();
        assert_eq!(paths, expected, "depth {depth:?}");
    }
}

/// C fires plain watches first at a death, those that name a domain first at a shutdown, and
/// within each kind in order of registration.
#[test]
fn special_events_come_in_cs_order() {
    let special = WatchPath::Special("@releaseDomain");
    let own = WatchPath::Special("@releaseDomain/5");
    for death in [true, false] {
        let store = store();
        guest(&store, 5);
        watch(&store, &CONTROL, own, "own", None);
        watch(&store, &CONTROL, special, "deep", Some(1));
        watch(&store, &CONTROL, special, "plain", None);
        let mut feed = store.feed();
        if death {
            store.edit(|e| e.release(DomId(5))).result.unwrap();
        } else {
            store.edit(|e| Ok(e.shutdown(&[DomId(5)]))).result.unwrap();
        }
        let named = [("@releaseDomain/5", "own"), ("@releaseDomain/5", "deep")];
        let plain = [("@releaseDomain", "plain")];
        let expected =
            if death { [&plain[..], &named].concat() } else { [&named[..], &plain].concat() };
        assert_eq!(fired(&mut feed), events(&expected), "death: {death}");
    }
}

/// Design: a watch below `/@index` fires when the match set changes.
#[test]
fn a_watch_on_an_index_key_fires() {
    let store = store();
    write(&store, "/local/domain/4/name", "db");
    let at = "/@index/domain-name/web";
    watch(&store, &CONTROL, WatchPath::Node(path(at)), "t", None);
    let mut feed = store.feed();
    write(&store, "/local/domain/4/name", "web");
    assert!(!fired(&mut feed).is_empty(), "it got its first match");
    write(&store, "/local/domain/4/name", "db");
    assert!(!fired(&mut feed).is_empty(), "and lost it");
}

/// A key that comes and goes within a transaction is told of, whether or not the transaction has to
/// be run again on a later version.
#[test]
fn a_key_that_comes_and_goes_in_a_transaction_fires_also_where_it_is_run_again() {
    for rebased in [false, true] {
        let store = store();
        write(&store, "/local/domain/4/name", "db");
        let at = "/@index/domain-name/web";
        watch(&store, &CONTROL, WatchPath::Node(path(at)), "t", None);
        let mut tx = store.begin(0);
        tx.write(&CONTROL, path("/local/domain/4/name"), b"web").unwrap();
        tx.write(&CONTROL, path("/local/domain/4/name"), b"mail").unwrap();
        if rebased {
            write(&store, "/elsewhere", "");
        }
        let mut feed = store.feed();
        tx.commit().result.unwrap();
        assert!(!fired(&mut feed).is_empty(), "run again: {rebased}");
    }
}

// The index as nodes.

/// DIRECTORY_PART: parts with the same generation are put together.
#[test]
fn a_listing_of_matches_has_the_stamp_of_its_key() {
    let store = store();
    write(&store, "/local/domain/4/name", "web");
    let at = "/@index/domain-name/web";
    let before = store.pin().list(&CONTROL, path(at)).unwrap();
    write(&store, "/local/domain/9/name", "web");
    let after = store.pin().list(&CONTROL, path(at)).unwrap();
    assert_ne!(before.names, after.names);
    assert_ne!(before.stamp, after.stamp);
}

#[test]
fn two_matches_have_two_names() {
    let indices = vec![("pair".to_owned(), "/p/*/*/id".to_owned())];
    let store = Store::new(&Config { indices, ..Config::default() }).unwrap();
    write(&store, "/p/a_/b/id", "x");
    write(&store, "/p/a/_b/id", "x");
    let names = store.pin().list(&CONTROL, path("/@index/pair/x")).unwrap().names;
    let names: Vec<&[u8]> = names.split(|b| *b == 0).filter(|n| !n.is_empty()).collect();
    assert_eq!(names.len(), 2);
    assert_ne!(names[0], names[1]);
}

// Blame.

#[test]
fn only_those_who_wrote_there_are_to_blame() {
    let store = store();
    let innocent = guest(&store, 10);
    write(&store, "/local/domain/10", "");
    chmod(&store, "/local/domain/10", &[perm(b'n', 10)]);
    store.edit(|e| e.write(&innocent, path("/local/domain/10/x"), b"")).result.unwrap();
    assert_eq!(store.culprits("/local/domain/1"), [], "domain 10 is not below domain 1");
    assert_eq!(store.culprits(""), [], "a conflict that lies at no path is no guest's writing");
}

/// Several guests' requests of one sweep may share a publication.
#[test]
fn each_request_of_a_publication_has_its_author() {
    let store = store();
    let (one, two) = (guest(&store, 5), guest(&store, 6));
    for (domid, at) in [(5, "/five"), (6, "/six")] {
        write(&store, at, "");
        chmod(&store, at, &[perm(b'n', domid)]);
    }
    let batch = |e: &mut Edit<'_>| {
        e.write(&one, path("/five"), b"x")?;
        e.next_request(&myriad_core::Origin::default());
        e.write(&two, path("/six"), b"x")
    };
    store.edit(batch).result.unwrap();
    assert_eq!(store.culprits("/five"), [DomId(5)]);
    assert_eq!(store.culprits("/six"), [DomId(6)]);
}
