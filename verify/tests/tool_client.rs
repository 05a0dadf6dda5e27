//! The client library against a daemon that runs.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod tool_support;

use std::thread;

use myriad_core::{DomId, Errno, Perm};
use myriad_ring::{
    client::{Client, Error, Request, Store},
    v1::Op,
};
use tool_support::start_daemon;

#[test]
fn no_count_is_lost_between_transactions() {
    const CLIENTS: usize = 4;
    const COUNTS: usize = 25;
    let daemon = start_daemon();
    daemon.client().write("/t/counter", "0").unwrap();
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let mut client = daemon.client();
                for _ in 0..COUNTS {
                    let raise = client.transact(|tx| {
                        let count = String::from_utf8(tx.read("/t/counter")?).unwrap();
                        let count: usize = count.parse().unwrap();
                        tx.write("/t/counter", (count + 1).to_string())
                    });
                    raise.unwrap();
                }
            });
        }
    });
    let count = daemon.client().read("/t/counter").unwrap();
    assert_eq!(count, (CLIENTS * COUNTS).to_string().into_bytes());
}

#[test]
fn a_transaction_is_seen_whole_or_not_at_all() {
    let daemon = start_daemon();
    let (mut one, mut other) = (daemon.client(), daemon.client());
    let mut tx = one.begin().unwrap();
    tx.write("/t/a", "1").unwrap();
    assert_eq!(tx.read("/t/a").unwrap(), b"1");
    assert!(!other.exists("/t/a").unwrap());
    tx.commit().unwrap();
    assert_eq!(other.read("/t/a").unwrap(), b"1");

    let mut tx = one.begin().unwrap();
    tx.rm("/t").unwrap();
    drop(tx);
    assert!(one.exists("/t/a").unwrap(), "dropped is aborted");

    let mut tx = one.begin().unwrap();
    tx.read("/t/a").unwrap();
    tx.write("/t/b", "1").unwrap();
    other.write("/t/a", "2").unwrap();
    assert_eq!(tx.commit().unwrap_err().errno(), Some(Errno::EAGAIN));
    assert!(!one.exists("/t/b").unwrap());
}

#[test]
fn events_come_in_order_with_their_tokens() {
    let daemon = start_daemon();
    let mut client = daemon.client();
    client.watch("/t", "token of /t").unwrap();
    client.watch("@releaseDomain", [0xff, 1]).unwrap();
    for n in 0..3 {
        client.write(format!("/t/{n}"), "").unwrap();
    }
    let mut next = || client.next_event().map(|event| (event.path, event.token)).unwrap();
    assert_eq!(next(), ("/t".into(), b"token of /t".to_vec()));
    assert_eq!(next(), ("@releaseDomain".into(), vec![0xff, 1]));
    for n in 0..3 {
        assert_eq!(next(), (format!("/t/{n}"), b"token of /t".to_vec()));
    }
    assert_eq!(client.watch("/t", "token of /t").unwrap_err().errno(), Some(Errno::EEXIST));
    client.unwatch("/t", "token of /t").unwrap();
    assert!(client.unwatch("/t", "token of /t").unwrap_err().is_not_found());
    client.reset_watches().unwrap();
    assert!(client.unwatch("@releaseDomain", [0xff, 1]).unwrap_err().is_not_found());
    client.write("/t/after", "").unwrap();
    assert_eq!(client.queued_event().unwrap(), None);
}

#[test]
fn listings_of_any_length_are_whole_while_others_change_them() {
    let daemon = start_daemon();
    let names: Vec<String> = (0..500).map(|n| format!("a-child-with-a-longer-name-{n}")).collect();
    let mut client = daemon.client();
    for name in &names {
        client.mkdir(format!("/t/{name}")).unwrap();
    }
    assert_eq!(client.list("/t").unwrap(), names);
    thread::scope(|scope| {
        let churn = scope.spawn(|| {
            let mut other = daemon.client();
            for _ in 0..100 {
                other.mkdir("/t/comes-and-goes").unwrap();
                other.rm("/t/comes-and-goes").unwrap();
            }
        });
        while !churn.is_finished() {
            let mut listed = client.list("/t").unwrap();
            listed.retain(|name| name != "comes-and-goes");
            assert_eq!(listed, names);
        }
    });
}

#[test]
fn permissions_domains_and_errors_are_typed() {
    let daemon = start_daemon();
    let mut client = daemon.client();
    client.mkdir("/t").unwrap();
    let perms = [b"b0".as_slice(), b"r0", b"n0"].map(|text| Perm::parse(text).unwrap());
    client.set_perms("/t", &perms).unwrap();
    assert_eq!(client.get_perms("/t").unwrap(), perms);
    assert_eq!(client.domain_path(DomId(9)).unwrap(), "/local/domain/9");
    assert!(client.is_introduced(DomId::ZERO).unwrap());
    assert!(client.is_introduced(DomId::SELF).unwrap());
    assert!(!client.is_introduced(DomId(999)).unwrap());
    assert!(client.release(DomId(999)).unwrap_err().is_not_found());

    assert_eq!(client.rm("/").unwrap_err().errno(), Some(Errno::EINVAL));
    assert_eq!(client.read("/t/").unwrap_err().errno(), Some(Errno::EINVAL));
    assert!(matches!(client.read("/x"), Err(Error::Refused { errno: Errno::ENOENT, .. })));
    assert_eq!(client.set_perms("/t", &[]).unwrap_err().errno(), Some(Errno::EINVAL));
    let no_token = Request::new(Op::Watch).text("/t");
    assert_eq!(client.send(&no_token).unwrap_err().errno(), Some(Errno::EINVAL));
    assert_eq!(client.raw(99, 0, b"").unwrap().payload, b"ENOSYS\0");
    assert_eq!(client.raw(Op::Read as u32, 12345, b"/t\0").unwrap().payload, b"ENOENT\0");
    assert!(client.control("help", [""; 0]).unwrap().contains("help"));
}

#[test]
fn a_daemon_that_ends_is_noticed() {
    let daemon = start_daemon();
    let mut client: Client<_> = daemon.client();
    drop(daemon);
    let first = client.read("/t").unwrap_err();
    assert!(matches!(first, Error::Lost(_)), "{first}");
    assert!(matches!(client.read("/t"), Err(Error::Broken)));
}

#[test]
fn a_snapshot_stays_what_it_was() {
    let daemon = start_daemon();
    let mut client = daemon.client();
    client.write("/t/a", "1").unwrap();
    assert!(matches!(client.snapshot(), Err(Error::Declined { errno: Errno::ENOSYS, .. })));
    assert!(client.negotiate().unwrap());
    let before = client.snapshot().unwrap();
    client.write("/t/a", "2").unwrap();
    client.write("/t/b", "").unwrap();
    assert_eq!(client.get_at(before, "/t/a").unwrap().value, b"1");
    assert_eq!(client.get("/t/a").unwrap().value, b"2");
    let told = client.get_many_at(before, &["/t/b", "/t/a"]).unwrap();
    assert_eq!(told[0], Err(Errno::ENOENT));
    assert_eq!(told[1].as_ref().unwrap().value, b"1");
    let was = vec![("a".to_owned(), Ok(b"1".to_vec()))];
    assert_eq!(client.list_values_at(before, "/t").unwrap(), was);
    client.end_snapshot(before).unwrap();
    assert!(client.get_at(before, "/t/a").unwrap_err().is_not_found());
}

#[test]
fn an_index_names_the_owners_of_its_matches() {
    let daemon = start_daemon();
    let mut client = daemon.client();
    client.control("sim", ["create", "7"]).unwrap();
    client.write("/local/domain/7/name", "web").unwrap();
    client.write("/local/domain/8/name", "web").unwrap();
    client.set_perms("/local/domain/7/name", &[Perm::parse(b"r7").unwrap()]).unwrap();
    for speaks_v2 in [false, true] {
        let mut client = daemon.client();
        assert!(!speaks_v2 || client.negotiate().unwrap());
        let mut found = client.matches("domain-name", "web").unwrap();
        found.sort_by_key(|found| found.captures.clone());
        let found: Vec<_> = found.iter().map(|found| (&*found.captures, found.owner)).collect();
        assert_eq!(found, [("7", DomId(7)), ("8", DomId(0))]);
        assert!(client.matches("domain-name", "nobody").unwrap().is_empty());
    }
}

#[test]
fn an_event_that_came_with_an_answer_is_known_to_be_there() {
    let daemon = start_daemon();
    for speaks_v2 in [false, true] {
        let mut client = daemon.client();
        assert!(!speaks_v2 || client.negotiate().unwrap());
        client.watch("/t", "token").unwrap();
        client.next_event().unwrap();
        assert!(!client.has_event());
        client.write("/t", "1").unwrap();
        assert!(client.has_event());
        client.next_event().unwrap();
        assert!(!client.has_event());
    }
}
