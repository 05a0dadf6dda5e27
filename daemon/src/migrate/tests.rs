//! What leaves as a stream arrives as the same store.

use myriad_core::{
    Access, Caller, Config, ConnId, DomId, FoundPerm, Path, Perm, Quota, Reads, Special, Store,
    WatchPath, Writes,
};
use myriad_history::migration::{Connection, Global, Link, Version};

use super::*;

const TODAY: Reader = Reader { version: Version::V2, quotas: true };
const XEN_4_17: Reader = Reader { version: Version::V1, quotas: false };

fn conn(client: &Connection<'_>) -> ConnId {
    ConnId::new(9, client.id.into())
}

fn back<'a>(stream: &'a [u8], alive: &[u16]) -> Result<Arrived<'a>, ArriveError> {
    let unique_id = |domid: DomId| alive.contains(&domid.0).then_some(u64::from(domid.0) + 100);
    arrive(stream, &Config::default(), conn, unique_id)
}

fn on_wire<'a>(arrived: &Arrived<'a>, reader: Reader) -> (Vec<u8>, Lost) {
    let clients: Vec<Leaving<'_>> = arrived
        .clients
        .iter()
        .map(|arriving| Leaving {
            conn: arriving.conn,
            client: arriving.client,
            transactions: arriving.transactions.len(),
        })
        .collect();
    leave(&arrived.store, arrived.global, &clients, reader, Vec::new()).unwrap()
}

/// All nodes as they are, with what their lists say of whom.
fn nodes(store: &Store) -> Vec<(String, Vec<u8>, Vec<FoundPerm>)> {
    let mut all = Vec::new();
    let each = |path: &str, value: &[u8], perms: &[FoundPerm]| {
        all.push((path.to_owned(), value.to_vec(), perms.to_vec()));
        Ok::<(), ()>(())
    };
    store.snapshot().nodes(each).unwrap();
    all
}

fn perm(letter: u8, domid: u16) -> Perm {
    Perm { access: Access::from_letter(letter).unwrap(), domid: DomId(domid) }
}

/// A store with two guests, of whom one has gone and come again, and three clients.
fn lively() -> (Store, Vec<Leaving<'static>>) {
    let store = Store::new(&Config::default()).unwrap();
    let path = |path: &'static str| Path::new(path).unwrap();
    let ring = |id, domid, target| {
        let link = Link::Ring { domid, target, evtchn: u32::from(domid) + 7 };
        Connection { id, link, input: b"", output: b"", partial: 0, unique_id: Some(77) }
    };
    let socket = Connection {
        id: 3,
        link: Link::Socket { fd: 12 },
        input: b"half",
        output: b"reply",
        partial: 2,
        unique_id: None,
    };
    let clients = [ring(1, 5, None), ring(2, 6, Some(5)), socket].map(|client| {
        let transactions = usize::from(client.id == 2);
        Leaving { conn: conn(&client), client, transactions }
    });
    store
        .edit(|edit| {
            for domid in [5, 6, 7] {
                edit.introduce(DomId(domid));
            }
            edit.write(&Caller::Control, path("/b"), b"first")?;
            edit.write(&Caller::Control, path("/a/x"), b"\0\xff")?;
            edit.set_perms(&Caller::Control, path("/a"), &[perm(b'n', 6), perm(b'r', 5)])?;
            edit.set_perms(&Caller::Control, path("/a/x"), &[perm(b'w', 0), perm(b'b', 7)])?;
            edit.set_special_perms(
                &Caller::Control,
                Special::ReleaseDomain,
                &[perm(b'n', 0), perm(b'r', 5)],
            )?;
            edit.set_target(DomId(6), DomId(5))?;
            edit.set_quota(None, Quota::Nodes, 4)?;
            edit.set_features(DomId(6), 3)?;
            // Its entry stays, and counts for nobody who comes after.
            edit.release(DomId(7))?;
            edit.introduce(DomId(7));
            Ok(())
        })
        .result
        .unwrap();
    store
        .edit(|edit| {
            let instance = edit.life(DomId(5)).unwrap();
            let guest = Caller::Guest { domid: DomId(5), instance };
            let [five, _, socket] = clients.each_ref().map(|leaving| leaving.conn);
            let home = "/local/domain/5".len();
            let relative = WatchPath::Node(path("/local/domain/5/device"));
            edit.watch(five, &guest, relative, b"t", Some(2), home)?;
            edit.watch(socket, &Caller::Control, WatchPath::Node(path("/b")), b"z", None, 0)?;
            let special = WatchPath::Special("@releaseDomain");
            edit.watch(socket, &Caller::Control, special, b"gone", None, 0)?;
            // It has more than it may have by now.
            edit.set_quota(Some(DomId(5)), Quota::Watches, 1)
        })
        .result
        .unwrap();
    (store, clients.into())
}

#[test]
fn what_leaves_arrives_as_it_was() {
    let (store, clients) = lively();
    let global = Some(Global { socket: Some(4), evtchn: None });
    let (stream, lost) = leave(&store, global, &clients, TODAY, Vec::new()).unwrap();
    assert_eq!(lost, Lost { transactions: 1, ..Lost::default() });
    let arrived = back(&stream, &[5, 6, 7]).unwrap();
    assert_eq!((arrived.lost, arrived.global), (Lost::default(), global));
    assert_eq!(nodes(&arrived.store), nodes(&store));
    let (old, new) = (store.snapshot(), arrived.store.snapshot());
    let plain = |snapshot: &myriad_core::Snapshot| {
        let watches = snapshot.watches().into_iter();
        let plain = |w: myriad_core::NewWatch<'_>| {
            (w.conn, w.path.to_owned(), w.token.to_vec(), w.depth, w.prefix)
        };
        watches.map(plain).collect::<Vec<_>>()
    };
    assert_eq!(plain(&new), plain(&old));
    assert_eq!(new.special(Special::ReleaseDomain), old.special(Special::ReleaseDomain));
    let view = arrived.store.pin();
    assert_eq!(view.check(), Ok(()));
    let domain = |domid| view.domain(DomId(domid)).unwrap();
    assert_eq!(domain(6).target, Some(DomId(5)));
    assert_eq!((domain(6).features, domain(5).quotas.get(Quota::Watches)), (3, 1));
    assert_eq!((view.quotas().get(Quota::Nodes), domain(5).watches), (4, 1));
    assert_eq!(domain(5).seat, myriad_core::Seat { unique_id: 77, port: 12 });
    drop(view);
    // And once more: nothing is lost on the way.
    let (again, _) = on_wire(&arrived, TODAY);
    let third = back(&again, &[5, 6, 7]).unwrap();
    assert_eq!(on_wire(&third, TODAY).0, again);
}

#[test]
fn an_entry_of_who_is_gone_serves_nobody_who_has_its_id_now() {
    let (store, clients) = lively();
    let (stream, _) = leave(&store, None, &clients, XEN_4_17, Vec::new()).unwrap();
    let arrived = back(&stream, &[5, 6, 7]).unwrap();
    let path = Path::new("/a/x").unwrap();
    let instance = arrived.store.edit(|edit| Ok(edit.know_domain(DomId(7)))).result.unwrap();
    let seven = Caller::Guest { domid: DomId(7), instance };
    let write = arrived.store.edit(|edit| edit.write(&seven, path, b"mine"));
    // Everyone may write, by the owner's entry; nobody may read but the owner.
    assert_eq!(write.result, Ok(()));
    assert!(arrived.store.pin().read(&seven, path).is_err());
}

#[test]
fn what_an_older_daemon_does_not_understand_is_counted() {
    let (store, clients) = lively();
    let (stream, lost) = leave(&store, None, &clients, XEN_4_17, Vec::new()).unwrap();
    // A depth, and the one quota of domain 5.
    assert_eq!(lost, Lost { transactions: 1, quotas: 1, unsaid: 1, ..Lost::default() });
    let arrived = back(&stream, &[5, 6]).unwrap();
    assert_eq!(nodes(&arrived.store), nodes(&store));
    assert_eq!(arrived.store.pin().quotas(), Config::default().quotas);
}

/// What C 4.17 has written at a live update, and what it would be given back.
#[test]
fn what_c_hands_over_is_handed_back_the_same() {
    let stream = include_bytes!("../../../history/src/migration/tests/xen-4.17.stream");
    let arrived = back(stream, &[0, 1, 2, 3, 4, 5]).unwrap();
    assert_eq!(arrived.lost, Lost::default());
    assert_eq!(arrived.store.pin().check(), Ok(()));
    let value = Path::new("/a/b/c").unwrap();
    let mut view = arrived.store.pin();
    assert_eq!(view.read(&Caller::Control, value).unwrap(), b"value\0with nul");
    assert_eq!(view.domain(DomId(2)).unwrap().nodes, 1);
    drop(view);
    let (back, lost) = on_wire(&arrived, XEN_4_17);
    assert!(back == stream, "{back:?}");
    assert_eq!(lost, Lost::default());
}

#[test]
fn what_no_store_can_hold_is_named() {
    use myriad_history::migration::{Node, Permission, Record, Writer};
    let owner = [Permission { letter: b'n', is_stale: false, domid: 0 }];
    let stream = |nodes: &[(&[u8], &[Permission])]| {
        let mut writer = Writer::new(Vec::new(), Version::V1).unwrap();
        for (path, perms) in nodes {
            writer.put(&Record::Node(Node::committed(path, b"", perms))).unwrap();
        }
        writer.finish().unwrap()
    };
    let error = |stream: &[u8]| back(stream, &[]).unwrap_err().to_string();
    let bad = stream(&[(b"/", &owner), (b"/a b", &owner)]);
    assert!(error(&bad).starts_with("the NODE_DATA record at byte 48: /a b: "), "{}", error(&bad));
    let bad = stream(&[(b"/", &[])]);
    assert!(error(&bad).contains("a permission list has an owner"), "{}", error(&bad));
    let bad = stream(&[(b"/", &owner), (b"/a/b", &owner)]);
    assert!(error(&bad).contains("names the parent /a"), "{}", error(&bad));
    assert!(error(b"xenstore").contains("cut off"));
    // A node of a domain that is no more is the control domain's.
    let gone = [Permission { letter: b'r', is_stale: true, domid: 8 }];
    let orphan = stream(&[(b"/", &owner), (b"/a", &gone)]);
    let arrived = back(&orphan, &[8]).unwrap();
    assert_eq!(arrived.lost, Lost { owners: 1, ..Lost::default() });
}
