//! Protocol v2 over the daemon's socket, by the client library and byte by byte.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::io::Write;

use common::{Daemon, PATIENCE, message};
use myriad_core::{Access, DomId, Errno, Perm};
use myriad_ring::{
    client::{Client, Commit, Error, Event, Store, Stream},
    v1::{Header, Op as Classics},
    v2::{
        Frame, Record, Request,
        frame::FRAME_HEAD,
        records::{HELLO, OFFERED, WATCHES},
    },
};

fn plain(daemon: &Daemon) -> Client<Stream> {
    let client = Client::connect_to(daemon.path("socket")).unwrap();
    client.stream().set_read_timeout(Some(PATIENCE)).unwrap();
    client
}

fn upgraded(daemon: &Daemon) -> Client<Stream> {
    let mut client = plain(daemon);
    assert!(client.negotiate().unwrap());
    assert_eq!(client.welcome().unwrap().features.get(), OFFERED);
    client
}

fn event(path: &str, token: &str) -> Event {
    Event { path: path.into(), token: token.into() }
}

fn declined(error: Error) -> (Errno, Option<u32>) {
    match error {
        Error::Declined { errno, item, .. } => (errno, item),
        other => panic!("{other}"),
    }
}

#[test]
fn what_one_version_writes_the_other_reads_and_hears_of() {
    let daemon = Daemon::start(&["--workers", "2"]);
    let (mut old, mut new) = (plain(&daemon), upgraded(&daemon));
    for client in [&mut old, &mut new] {
        client.watch("/a", "first").unwrap();
        client.watch("/a", "second").unwrap();
        assert_eq!(client.next_event().unwrap(), event("/a", "first"));
        assert_eq!(client.next_event().unwrap(), event("/a", "second"));
    }
    let perms = [
        Perm { access: Access::None, domid: DomId(0) },
        Perm { access: Access::Read, domid: DomId(7) },
    ];
    let commit = Commit::new()
        .if_absent("/a")
        .write("/a/b", "new")
        .write("/a/c", "too")
        .set_perms("/a/b", &perms);
    let generation = new.commit(&commit).unwrap().generation.unwrap();
    for client in [&mut old, &mut new] {
        let mut events: Vec<Event> = (0..4).map(|_| client.next_event().unwrap()).collect();
        events.sort_by(|a, b| (&a.path, &a.token).cmp(&(&b.path, &b.token)));
        let all = [("/a/b", "first"), ("/a/b", "second"), ("/a/c", "first"), ("/a/c", "second")];
        assert_eq!(events, all.map(|(path, token)| event(path, token)));
        let node = client.get("/a/b").unwrap();
        assert_eq!((node.value.as_slice(), node.perms.as_slice()), (&b"new"[..], &perms[..]));
        assert_eq!(client.read("/a/c").unwrap(), b"too");
        assert_eq!(client.list("/a").unwrap(), ["b", "c"]);
        let values = [("b".into(), Ok(b"new".to_vec())), ("c".into(), Ok(b"too".to_vec()))];
        assert_eq!(client.list_values("/a").unwrap(), values);
        let many = client.get_many(&["/a/c", "/none", "/a/b"]).unwrap();
        let many: Vec<_> = many.into_iter().map(|node| node.map(|node| node.value)).collect();
        assert_eq!(many, [Ok(b"too".to_vec()), Err(Errno::ENOENT), Ok(b"new".to_vec())]);
        assert_eq!(declined(client.commit(&commit).unwrap_err()), (Errno::EEXIST, Some(0)));
    }
    assert_eq!(new.get("/a/b").unwrap().stamps.unwrap().value, generation);
    old.write("/a/b", "old").unwrap();
    let stale = Commit::new().if_value_stamp("/a/b", generation).write("/a/b", "stale");
    assert_eq!(declined(new.commit(&stale).unwrap_err()), (Errno::EAGAIN, Some(0)));
    assert_eq!(declined(old.commit(&stale).unwrap_err()), (Errno::ENOSYS, Some(0)));
    assert_eq!(new.read("/a/b").unwrap(), b"old");
    new.unwatch("/a", "first").unwrap();
    assert!(new.unwatch("/a", "first").unwrap_err().is_not_found());
    let text = daemon.connect().control(&["check"]).unwrap();
    assert_eq!(text, "OK");
}

#[test]
fn what_v1_has_goes_on_in_v2() {
    let daemon = Daemon::start(&[]);
    let mut new = upgraded(&daemon);
    new.write("/n", "0").unwrap();
    let next = new.transact(|tx| {
        let next = tx.read("/n")?.len() + 1;
        tx.write("/n", next.to_string())?;
        Ok::<usize, Error>(next)
    });
    assert_eq!((next.unwrap(), new.read("/n").unwrap()), (2, b"2".to_vec()));
    assert!(new.read("/none").unwrap_err().is_not_found());
    let reply = new.raw(Classics::Control as u32, 0, b"check\0").unwrap();
    assert_eq!(reply.payload, b"OK\0", "answered later, by a thread of its own");
    let header = new.raw(99, 0, b"").unwrap().header;
    assert_eq!(header.op, Classics::Error as u32);
}

#[test]
fn long_messages_and_answers_come_whole() {
    let daemon = Daemon::start(&[]);
    let mut new = upgraded(&daemon);
    let value = [b'v'; 3000];
    let names: Vec<String> = (0..250).map(|n| format!("/long/{n}")).collect();
    let commit = names.iter().fold(Commit::new(), |commit, name| commit.write(name, value));
    new.commit(&commit).unwrap();
    let all = new.get_many(&names).unwrap();
    assert!(all.len() == 250 && all.iter().all(|node| node.as_ref().unwrap().value == value));
    let listed = new.list_values("/long").unwrap();
    assert_eq!(listed.len(), 250);
    assert!(listed.iter().all(|(_, told)| told.as_ref().unwrap() == &value));
    let too_much = [&names[..], &names[..]].concat();
    assert_eq!(declined(new.get_many(&too_much).unwrap_err()).0, Errno::E2BIG);
}

#[test]
fn many_clients_count_without_losing_any() {
    let daemon = Daemon::start(&["--workers", "2"]);
    upgraded(&daemon).write("/n", "0").unwrap();
    let rounds = 25;
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut client = upgraded(&daemon);
                let mut done = 0;
                while done < rounds {
                    let node = client.get("/n").unwrap();
                    let count: u32 = String::from_utf8(node.value).unwrap().parse().unwrap();
                    let commit = Commit::new()
                        .if_value_stamp("/n", node.stamps.unwrap().value)
                        .write("/n", (count + 1).to_string());
                    match client.commit(&commit) {
                        Ok(_) => done += 1,
                        Err(error) => assert_eq!(error.errno(), Some(Errno::EAGAIN)),
                    }
                }
            });
        }
    });
    assert_eq!(plain(&daemon).read("/n").unwrap(), (4 * rounds).to_string().into_bytes());
}

#[test]
fn a_simulated_guest_speaks_it_as_a_guest() {
    let daemon = Daemon::start(&[]);
    daemon.introduce(5);
    let mut dom0 = upgraded(&daemon);
    let own = [Perm { access: Access::None, domid: DomId(5) }];
    let home = Commit::new().write("/local/domain/5/x", "").set_perms("/local/domain/5/x", &own);
    dom0.commit(&home).unwrap();
    let mut guest = Client::connect_to(daemon.path("sim/5.socket")).unwrap();
    guest.stream().set_read_timeout(Some(PATIENCE)).unwrap();
    assert!(guest.negotiate().unwrap());
    guest.watch("x", "t").unwrap();
    assert_eq!(guest.next_event().unwrap(), event("x", "t"));
    guest.commit(&Commit::new().write("x/y", "1")).unwrap();
    assert_eq!(guest.next_event().unwrap(), event("x/y", "t"));
    let refused = guest.commit(&Commit::new().write("x/z", "").write("/x", "")).unwrap_err();
    assert_eq!(declined(refused), (Errno::EACCES, Some(1)));
    assert_eq!(guest.list("x").unwrap(), ["y"]);
    // Introduced again it begins anew, which a client in the middle of v2 can't.
    dom0.raw(Classics::Introduce as u32, 0, b"5\x001\x001\0").unwrap();
    assert!(matches!(guest.next_event(), Err(Error::Lost(_))));
    daemon.guest(5).ok(Classics::Directory, b"x\0");
}

#[test]
fn who_breaks_it_loses_the_connection_alone() {
    let daemon = Daemon::start(&["--workers", "1"]);
    let mut good = upgraded(&daemon);
    good.write("/a", "1").unwrap();
    let mut bad = daemon.connect();
    let hello = hello_by_hand();
    bad.stream.write_all(&message(HELLO, 1, 0, &hello)).unwrap();
    assert_eq!(bad.receive().unwrap().0.op, HELLO);
    // A header of v1 is no frame: its number would be a length, its id an operation with flags.
    let header = Header { op: 2, req_id: u32::MAX, tx_id: 0, len: 3 };
    bad.stream.write_all(&header.to_bytes()).unwrap();
    bad.stream.write_all(&[0xff; 64]).unwrap();
    let mut frame = [0; FRAME_HEAD];
    std::io::Read::read_exact(&mut bad.stream, &mut frame).unwrap();
    let frame = *myriad_ring::v2::frame::first(&frame).unwrap();
    assert!(Frame::is_clean(&frame) && frame.status.get() == 22);
    let mut rest = Vec::new();
    std::io::Read::read_to_end(&mut bad.stream, &mut rest).unwrap();
    assert_eq!(rest.len(), frame.len());
    assert_eq!(good.read("/a").unwrap(), b"1");
    // One that asks for more than there is, and one that never ends its message.
    let mut lazy = daemon.connect();
    lazy.stream.write_all(&message(HELLO, 1, 0, &hello)).unwrap();
    lazy.receive().unwrap();
    let commit = vec![0; 9000];
    let long = Request::Get(Default::default(), &commit).encode(1);
    lazy.stream.write_all(&long[..5000]).unwrap();
    assert_eq!(good.read("/a").unwrap(), b"1");
    drop(lazy);
    assert_eq!(daemon.connect().control(&["check"]).unwrap(), "OK");
}

/// A HELLO for watches alone, as the document has it.
fn hello_by_hand() -> Vec<u8> {
    let mut hello = vec![2, 0, 0, 0];
    hello.extend_from_slice(&WATCHES.to_le_bytes());
    hello.extend_from_slice(&[0; 8]);
    hello
}

#[test]
fn changes_are_in_the_access_log() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("access");
    let daemon = Daemon::start_in(dir, &["--access-log", log.to_str().unwrap()]);
    let mut new = upgraded(&daemon);
    new.watch("/a", "t").unwrap();
    let commit = Commit::new().write("/a", "1").mkdir("/b").rm("/b");
    new.commit(&commit).unwrap();
    assert!(new.commit(&Commit::new().rm("/")).is_err());
    drop(new);
    let (_, _dir) = daemon.stop();
    let lines = std::fs::read_to_string(&log).unwrap();
    for wanted in ["watch     /a", "write     /a 1", "mkdir     /b", "rm        /b", "EINVAL"] {
        assert!(lines.contains(wanted), "{wanted}: {lines}");
    }
}
