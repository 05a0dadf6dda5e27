//! Domains of the simulated host: introduced, limited, ended, and their ids used again.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::os::unix::net::UnixStream;

use common::{Client, Daemon};
use myriad_ring::v1::Op;

fn set_perms(client: &mut Client, path: &str, perms: &[&str]) {
    let perms: String = perms.iter().map(|p| format!("{p}\0")).collect();
    client.ok(Op::SetPerms, format!("{path}\0{perms}").as_bytes());
}

/// What a toolstack does for a domain.
fn build(daemon: &Daemon, domid: u16) {
    let mut client = daemon.connect();
    let home = format!("/local/domain/{domid}");
    client.control(&["sim", "create", &domid.to_string()]).unwrap();
    client.write(&home, "").unwrap();
    set_perms(&mut client, &home, &[&format!("n{domid}")]);
    client.ok(Op::Introduce, format!("{domid}\x001\x001\0").as_bytes());
}

#[test]
fn a_domain_must_exist_to_be_introduced() {
    let daemon = Daemon::start(&["--sim-domains", "1-2"]);
    let mut client = daemon.connect();
    assert!(client.ask(Op::Introduce, 0, b"7\x001\x001\0").is_err());
    client.ok(Op::Introduce, b"1\x001\x001\0");
    assert_eq!(client.ok(Op::IsDomainIntroduced, b"1\0"), b"T\0");
    assert_eq!(client.ok(Op::IsDomainIntroduced, b"2\0"), b"F\0");
    assert_eq!(client.control(&["sim", "create", "2"]).unwrap_err(), "EEXIST");
    assert_eq!(client.control(&["sim", "destroy", "9"]).unwrap_err(), "ENOENT");
    let list = client.control(&["sim", "list"]).unwrap();
    let ids: Vec<_> = list.lines().map(|l| l.split(' ').next().unwrap()).collect();
    assert_eq!(ids, ["0", "1", "2"]);
}

#[test]
fn a_guest_has_no_privilege() {
    let daemon = Daemon::start(&[]);
    build(&daemon, 5);
    let mut dom0 = daemon.connect();
    dom0.write("/secret", "s").unwrap();
    let mut guest = daemon.guest(5);
    assert_eq!(guest.read("/secret").unwrap_err(), "EACCES");
    assert_eq!(guest.write("/mine", "x").unwrap_err(), "EACCES");
    assert_eq!(guest.control(&["help"]).unwrap_err(), "EACCES");
    guest.write("data/x", "1").unwrap();
    assert_eq!(dom0.read("/local/domain/5/data/x").unwrap(), "1");
    assert_eq!(dom0.ok(Op::GetPerms, b"/local/domain/5/data/x\0"), b"n5\0");
}

#[test]
fn a_domain_that_dies_takes_its_nodes_and_its_successor_inherits_nothing() {
    let daemon = Daemon::start(&[]);
    build(&daemon, 5);
    let mut dom0 = daemon.connect();
    dom0.write("/shared", "s").unwrap();
    set_perms(&mut dom0, "/shared", &["n0", "b5"]);
    let mut guest = daemon.guest(5);
    guest.write("data", "1").unwrap();
    guest.write("/shared", "t").unwrap();
    dom0.watch("@releaseDomain", "gone");
    dom0.control(&["sim", "shutdown", "5"]).unwrap();
    assert_eq!(dom0.event().0, "@releaseDomain");
    assert_eq!(guest.read("data").unwrap(), "1");
    dom0.control(&["sim", "destroy", "5"]).unwrap();
    assert_eq!(dom0.event().0, "@releaseDomain");
    assert!(guest.receive().is_none());
    assert!(UnixStream::connect(daemon.path("sim/5.socket")).is_err());
    assert_eq!(dom0.read("/local/domain/5/data").unwrap_err(), "ENOENT");
    assert_eq!(dom0.ok(Op::IsDomainIntroduced, b"5\0"), b"F\0");

    build(&daemon, 5);
    let mut successor = daemon.guest(5);
    assert_eq!(successor.write("/shared", "u").unwrap_err(), "EACCES");
    assert_eq!(dom0.read("/shared").unwrap(), "t");
}

#[test]
fn orphans_are_kept_where_that_is_asked_for() {
    let daemon = Daemon::start(&["--keep-orphans"]);
    build(&daemon, 5);
    daemon.guest(5).write("data/a", "1").unwrap();
    let mut dom0 = daemon.connect();
    dom0.ok(Op::Release, b"5\0");
    assert_eq!(dom0.read("/local/domain/5/data/a").unwrap(), "1");
    assert_eq!(dom0.ok(Op::GetPerms, b"/local/domain/5/data/a\0"), b"n0\0");
    assert_eq!(dom0.control(&["check"]).as_deref(), Ok("OK"));
}

#[test]
fn the_end_of_a_domain_is_told_in_order_and_not_to_itself() {
    let daemon = Daemon::start(&["--workers", "3"]);
    for round in 0..20 {
        let domid = 5 + round % 3;
        build(&daemon, domid);
        let home = format!("/local/domain/{domid}");
        let mut watchers: Vec<Client> = (0..4).map(|_| daemon.connect()).collect();
        let mut guest = daemon.guest(domid);
        guest.write("data/x", "1").unwrap();
        guest.watch("data", "own");
        guest.watch("@releaseDomain", "own");
        for watcher in &mut watchers {
            watcher.watch(&home, "home");
            watcher.watch(&format!("{home}/data/x"), "x");
            watcher.watch("@releaseDomain", "any");
            watcher.watch(&format!("@releaseDomain/{domid}"), "one");
        }
        if round % 2 == 0 {
            watchers[0].ok(Op::Release, format!("{domid}\0").as_bytes());
        }
        watchers[0].control(&["sim", "destroy", &domid.to_string()]).unwrap();
        // The nodes first, bottom up; all of it before the reply.
        let told = [
            (format!("{home}/data/x"), "x".to_owned()),
            (home, "home".into()),
            ("@releaseDomain".into(), "any".into()),
            (format!("@releaseDomain/{domid}"), "one".into()),
        ];
        assert_eq!(watchers[0].kept_events(), told);
        for watcher in &mut watchers[1..] {
            assert_eq!([(); 4].map(|()| watcher.event()), told);
        }
        assert!(guest.receive().is_none());
    }
}

#[test]
fn a_release_closes_the_guests_connection() {
    let daemon = Daemon::start(&[]);
    build(&daemon, 5);
    let mut guest = daemon.guest(5);
    guest.write("data", "1").unwrap();
    let mut dom0 = daemon.connect();
    dom0.ok(Op::Release, b"5\0");
    assert!(guest.receive().is_none());
    assert_eq!(dom0.read("/local/domain/5/data").unwrap_err(), "ENOENT");
    assert_eq!(dom0.ask(Op::Release, 0, b"5\0").unwrap_err(), "ENOENT");
}

#[test]
fn introducing_again_starts_the_connection_afresh() {
    let daemon = Daemon::start(&["--workers", "3"]);
    build(&daemon, 5);
    let mut dom0 = daemon.connect();
    let mut guest = daemon.guest(5);
    guest.watch("data", "t");
    assert_eq!(guest.ok(Op::TransactionStart, b"\0"), b"1\0");
    guest.ask(Op::Write, 1, b"data\0x").unwrap();
    dom0.ok(Op::Introduce, b"5\x001\x001\0");
    assert_eq!(guest.ask(Op::Write, 1, b"data\0y").unwrap_err(), "ENOENT");
    guest.write("data", "z").unwrap();
    assert_eq!(guest.kept_events(), []);
    assert_eq!(dom0.read("/local/domain/5/data").unwrap(), "z");
}

#[test]
fn usage_is_told_by_the_worker_that_serves_the_domain() {
    let daemon = Daemon::start(&["--workers", "3"]);
    for domid in 4..7 {
        build(&daemon, domid);
        let mut guest = daemon.guest(domid);
        guest.watch("a", "t");
        guest.watch("b", "t");
        guest.ok(Op::TransactionStart, b"\0");
        let text = daemon.connect().control(&["quota", &domid.to_string()]).unwrap();
        let expected = format!(
            "Domain {domid}:\nnodes           :        1\nwatches         :        2\n\
             transactions    :        1\noutstanding     :        0\n\
             memory          :      213\n"
        );
        // The home is 24 for its head, 15 its path, 2 its name, 8 each permission; a watch is 64
        // for its head, 17 its path, 1 its token.
        assert_eq!(text, expected);
        assert_eq!(guest.write("data", "12345"), Ok(b"OK\0".to_vec()));
        let text = daemon.connect().control(&["quota", &domid.to_string()]).unwrap();
        assert!(text.ends_with("memory          :      275\n"), "{text}");
    }
    let most = daemon.connect().control(&["quota", "max"]).unwrap();
    let lines: Vec<_> = most.lines().filter_map(|line| line.split_once(": ")).collect();
    let of = |(name, most): &(&str, &str)| {
        (name.trim_end().to_owned(), most.trim_start().parse::<u32>().unwrap())
    };
    let [nodes, watches, outstanding, memory, transactions] = &lines[..] else { panic!("{most}") };
    assert_eq!(of(nodes), ("nodes".into(), 2));
    assert_eq!(of(watches), ("watches".into(), 2));
    assert_eq!(of(transactions), ("transactions".into(), 1));
    assert_eq!(of(outstanding).0, "outstanding");
    // Replies that waited count too.
    assert!(of(memory).0 == "memory" && of(memory).1 >= 275, "{most}");
}

#[test]
fn events_of_a_guest_reach_every_worker_and_never_stall_it() {
    let daemon = Daemon::start(&["--workers", "3", "-Q", "outstanding=2"]);
    build(&daemon, 5);
    let mut watchers: Vec<Client> = (0..6).map(|_| daemon.connect()).collect();
    for watcher in &mut watchers {
        watcher.watch("/local/domain/5", "t");
    }
    let mut guest = daemon.guest(5);
    for round in 0..200 {
        guest.write("data", &round.to_string()).unwrap();
        for watcher in &mut watchers {
            assert_eq!(watcher.event(), ("/local/domain/5/data".into(), "t".into()));
        }
    }
    let read = |mut watcher: Client| while watcher.event().0 != "/local/domain/5/n499" {};
    let readers: Vec<_> =
        watchers.into_iter().map(|watcher| std::thread::spawn(move || read(watcher))).collect();
    // Further requests wait in the socket until the events of those before have left elsewhere.
    let last = (0..500).map(|n| guest.send(Op::Write, 0, format!("n{n}\0x").as_bytes())).last();
    while guest.receive().unwrap().0.req_id != last.unwrap() {}
    readers.into_iter().for_each(|reader| reader.join().unwrap());
}

#[test]
fn a_new_connection_takes_the_place_of_the_one_before() {
    let daemon = Daemon::start(&[]);
    build(&daemon, 5);
    let mut first = daemon.guest(5);
    first.write("a", "1").unwrap();
    let mut second = daemon.guest(5);
    assert_eq!(second.read("a").unwrap(), "1");
    assert!(first.receive().is_none());
}

#[test]
fn a_quota_refusal_is_logged_once() {
    let daemon = Daemon::start(&["-E", "5"]);
    build(&daemon, 7);
    let mut guest = daemon.guest(7);
    let refused = (0..20).filter(|n| guest.write(&format!("n{n}"), "") == Err("ENOSPC".into()));
    assert!(refused.count() > 10);
    let mut dom0 = daemon.connect();
    let settings = dom0.control(&["quota"]).unwrap();
    assert!(settings.contains("nodes            :        5 Nodes per domain\n"), "{settings}");
    let (_, dir) = daemon.stop();
    let log = std::fs::read_to_string(dir.path().join("stderr")).unwrap();
    let lines: Vec<_> = log.lines().filter(|l| l.contains("quota")).collect();
    assert_eq!(lines.len(), 1, "{log}");
    assert!(lines[0].contains("domain 7") && lines[0].contains("`nodes` of 5"), "{}", lines[0]);
}

#[test]
fn a_guest_at_its_quota_of_memory_is_refused_and_logged() {
    let daemon = Daemon::start(&["-Q", "memory=1000", "-q", "memory=500"]);
    build(&daemon, 7);
    let mut guest = daemon.guest(7);
    guest.write("a", &"v".repeat(600)).unwrap();
    assert_eq!(guest.write("b", &"v".repeat(600)), Err("ENOMEM".into()));
    assert_eq!(guest.read("b"), Err("ENOENT".into()));
    // What the control domain does is not refused, but stalls the guest until it is undone.
    let mut dom0 = daemon.connect();
    dom0.write("/local/domain/7/big", &"v".repeat(2000)).unwrap();
    let sent = guest.send(Op::Mkdir, 0, b"c\0");
    dom0.ok(Op::Rm, b"/local/domain/7/big\0");
    assert_eq!(guest.receive().unwrap().0.req_id, sent);
    let (_, dir) = daemon.stop();
    let log = std::fs::read_to_string(dir.path().join("stderr")).unwrap();
    let count = |what: &str| log.lines().filter(|l| l.contains(what)).count();
    assert_eq!(count("domain 7 is at its quota `memory` of 1000"), 1, "{log}");
    assert_eq!(count("domain 7 is at its quota `soft-memory` of 500"), 1, "{log}");
}

#[test]
fn many_domains_come_and_go() {
    let daemon = Daemon::start(&["--workers", "2"]);
    let mut dom0 = daemon.connect();
    dom0.control(&["sim", "create", "1-50"]).unwrap();
    for domid in 1..=50 {
        dom0.ok(Op::Introduce, format!("{domid}\x001\x001\0").as_bytes());
    }
    let mut guests: Vec<Client> = (1..=50).map(|domid| daemon.guest(domid)).collect();
    for guest in &mut guests {
        assert_eq!(guest.read("/tool").unwrap_err(), "EACCES");
    }
    assert_eq!(dom0.control(&["domains"]).unwrap().matches(" introduced").count(), 51);
    dom0.control(&["sim", "destroy", "1-50"]).unwrap();
    assert!(guests.iter_mut().all(|guest| guest.receive().is_none()));
    assert_eq!(dom0.control(&["domains"]).unwrap().matches(" introduced").count(), 1);
}
