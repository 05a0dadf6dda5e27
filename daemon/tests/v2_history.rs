//! HISTORY over the daemon's socket: what was, and who changed it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::io::Write;

use common::{Daemon, PATIENCE};
use myriad_core::{Access, DomId, Errno, Perm};
use myriad_ring::{
    client::{Client, Commit, Error, Store, Stream, When},
    v2::{
        Request,
        records::{self, ASK_LOG, BELOW, CREATED, GRANTED, Question, REMOVED, WRITTEN},
    },
};

fn upgraded(daemon: &Daemon) -> Client<Stream> {
    let mut client = Client::connect_to(daemon.path("socket")).unwrap();
    client.stream().set_read_timeout(Some(PATIENCE)).unwrap();
    assert!(client.negotiate().unwrap());
    client
}

fn declined<T: std::fmt::Debug>(result: Result<T, Error>) -> Errno {
    match result.unwrap_err() {
        Error::Declined { errno, .. } => errno,
        other => panic!("{other}"),
    }
}

fn commit(client: &mut Client<Stream>, commit: Commit) -> u64 {
    client.commit(&commit).unwrap().generation.unwrap()
}

#[test]
fn nodes_and_children_are_told_as_they_were() {
    let daemon = Daemon::start(&[]);
    let mut client = upgraded(&daemon);
    let perms = [Perm { access: Access::Read, domid: DomId(0) }];
    let made = Commit::new().write("/a/x", "1").write("/a/y", "2").set_perms("/a/x", &perms);
    let made = commit(&mut client, made);
    let changed = commit(&mut client, Commit::new().write("/a/x", "3").rm("/a/y"));
    let gone = commit(&mut client, Commit::new().rm("/a"));
    let was = client.history_node("/a/x", When::Generation(made)).unwrap();
    assert_eq!((was.generation, was.what.value.as_slice()), (made, &b"1"[..]));
    assert_eq!((was.what.perms.as_slice(), was.what.value_stamp), (&perms[..], made));
    let then = was.time;
    let was = client.history_node("/a/x", When::Generation(changed)).unwrap();
    assert_eq!(was.what.value, b"3");
    let was = client.history_node("/a/x", When::Time(then)).unwrap();
    assert_eq!((was.generation, was.what.value.as_slice()), (made, &b"1"[..]));
    let list = client.history_list("/a", When::Generation(made)).unwrap();
    assert_eq!(list.what, [("x".into(), b"1".to_vec()), ("y".into(), b"2".to_vec())]);
    let list = client.history_list("/a", When::Generation(changed)).unwrap();
    assert_eq!((list.generation, list.what), (changed, vec![("x".into(), b"3".to_vec())]));
    for when in [When::Generation(gone), When::Newest] {
        assert_eq!(declined(client.history_node("/a/x", when)), Errno::ENOENT);
        assert_eq!(declined(client.history_list("/a", when)), Errno::ENOENT);
    }
    let kept = client.history().unwrap();
    assert!(kept.oldest <= made && kept.every < made && kept.newest == gone, "{kept:?}");
    assert_eq!(declined(client.history_node("/", When::Generation(0))), Errno::EINVAL);
    assert_eq!(declined(client.history_node("/", When::Time(5))), Errno::EINVAL);
    assert_eq!(declined(client.history_node("/a//b", When::Newest)), Errno::EINVAL);
}

#[test]
fn long_listings_come_page_by_page() {
    let daemon = Daemon::start(&[]);
    let mut client = upgraded(&daemon);
    let value = "v".repeat(1000);
    let names: Vec<String> = (0..300).map(|n| format!("/a/{n:03}")).collect();
    let all = names.iter().fold(Commit::new(), |all, name| all.write(name, &value));
    let made = commit(&mut client, all);
    client.rm("/a").unwrap();
    let list = client.history_list("/a", When::Generation(made)).unwrap();
    let found: Vec<String> = list.what.iter().map(|(name, _)| format!("/a/{name}")).collect();
    assert_eq!(found, names);
    assert!(list.what.iter().all(|(_, told)| told == value.as_bytes()));
}

#[test]
fn a_log_tells_who_changed_what_newest_first_and_page_by_page() {
    let daemon = Daemon::start(&[]);
    daemon.introduce(5);
    let mut client = upgraded(&daemon);
    let list = [
        Perm { access: Access::None, domid: DomId(5) },
        Perm { access: Access::Read, domid: DomId(0) },
    ];
    let made = Commit::new().write("/a/b", "1").set_perms("/a/b", &list);
    let made = commit(&mut client, made);
    let mut guest = daemon.guest(5);
    guest.ok(myriad_ring::v1::Op::Write, b"/a/b\0by the guest");
    let gone = commit(&mut client, Commit::new().rm("/a"));
    let log = client.history_log("/a/b", false, When::Newest, 0).unwrap();
    let seen: Vec<_> =
        log.entries.iter().map(|e| (e.generation, e.domid.0, e.change.kind)).collect();
    let expected =
        [(gone, 0, REMOVED), (gone - 1, 5, WRITTEN), (made, 0, GRANTED), (made, 0, CREATED)];
    assert_eq!((seen.as_slice(), log.older), (&expected[..], None));
    assert_eq!(log.entries[1].change.value, b"by the guest");
    assert_eq!(log.entries[2].change.perms, list);
    // Who changed it last before.
    let blame = client.history_log("/a/b", false, When::Generation(gone - 1), 1).unwrap();
    assert_eq!((blame.entries.len(), blame.entries[0].domid), (1, DomId(5)));
    assert_eq!(blame.older, Some(When::Generation(made)));
    let value = "v".repeat(2000);
    let made: Vec<u64> = (0..200)
        .map(|n| commit(&mut client, Commit::new().write(format!("/l/{}", n % 3), &value)))
        .collect();
    let (mut upto, mut found, mut pages) = (When::Newest, Vec::new(), 0);
    loop {
        let page = client.history_log("/l", true, upto, 0).unwrap();
        pages += 1;
        found.extend(page.entries.iter().map(|entry| entry.generation));
        match page.older {
            Some(older) => upto = older,
            None => break,
        }
    }
    found.dedup();
    found.reverse();
    assert_eq!(found, made);
    assert!(pages > 3, "{pages}");
}

#[test]
fn a_flood_of_questions_keeps_nobody_else_waiting_and_all_are_answered() {
    let daemon = Daemon::start(&["--workers", "2"]);
    let mut client = upgraded(&daemon);
    (0..500).for_each(|n| client.write(format!("/a/{}", n % 9), n.to_string()).unwrap());
    let head = Question {
        kind: ASK_LOG.into(),
        flags: BELOW.into(),
        generation: u64::MAX.into(),
        ..Question::default()
    };
    let mut floods: Vec<_> = (0..8)
        .map(|_| {
            let questions: Vec<u8> =
                (0..20).flat_map(|id| Request::History(head, b"/a").encode(id)).collect();
            // By hand: the client library has one request under way at a time.
            let mut socket =
                std::os::unix::net::UnixStream::connect(daemon.path("socket")).unwrap();
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
            let hello = [&0x3252_594D_u32.to_le_bytes()[..], &[0; 8], &16_u32.to_le_bytes()];
            let mut wanted = [0; 16];
            wanted[0] = 2;
            wanted[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
            socket.write_all(&[&hello.concat()[..], &wanted].concat()).unwrap();
            let mut welcome = [0; 16 + 32];
            std::io::Read::read_exact(&mut socket, &mut welcome).unwrap();
            socket.write_all(&questions).unwrap();
            socket
        })
        .collect();
    for n in 0..200 {
        client.write("/b", n.to_string()).unwrap();
        assert_eq!(client.read("/b").unwrap(), n.to_string().as_bytes());
    }
    for socket in &mut floods {
        let mut answered = 0;
        while answered < 20 {
            let mut frame = [0; 24];
            std::io::Read::read_exact(socket, &mut frame).unwrap();
            let length = u32::from_le_bytes(frame[..4].try_into().unwrap());
            let mut body = vec![0; length.try_into().unwrap()];
            std::io::Read::read_exact(socket, &mut body).unwrap();
            assert_eq!(frame[16..20], [0; 4], "no error");
            // The last frame of an answer.
            if frame[6] & 4 == 0 {
                assert_eq!(u64::from_le_bytes(frame[8..16].try_into().unwrap()), answered);
                answered += 1;
            }
        }
    }
}

#[test]
fn without_history_and_for_guests_there_is_no_answer() {
    let daemon = Daemon::start(&["--history-size", "off"]);
    let mut client = upgraded(&daemon);
    assert_eq!(declined(client.history()), Errno::ENOSYS);
    assert_eq!(declined(client.history_node("/", When::Newest)), Errno::ENOSYS);
    daemon.introduce(5);
    let mut guest = Client::connect_to(daemon.path("sim/5.socket")).unwrap();
    guest.stream().set_read_timeout(Some(PATIENCE)).unwrap();
    assert!(guest.negotiate().unwrap());
    assert_eq!(declined(guest.history()), Errno::ENOSYS);
    assert_eq!(
        declined(guest.subscribe(&myriad_ring::client::Wanted::below("/"), None)),
        Errno::ENOSYS
    );
    let features = guest.welcome().unwrap().features.get();
    assert_eq!(features & (records::FEEDS | records::HISTORIES), 0);
}
