//! Many clients, slow clients, broken clients: none costs the others.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::io::{ErrorKind, Write};

use common::{Client, Daemon, message};
use myriad_ring::v1::Op;

#[test]
fn a_malformed_header_closes_only_that_client() {
    let daemon = Daemon::start(&[]);
    let mut good = daemon.connect();
    assert_eq!(good.read("/tool").unwrap(), "");
    for len in [4097, 1 << 30, u32::MAX] {
        let mut bad = daemon.connect();
        let mut header = message(Op::Read as u32, 1, 0, b"");
        header[12..].copy_from_slice(&len.to_le_bytes());
        bad.stream.write_all(&header).unwrap();
        assert!(bad.receive().is_none());
    }
    let mut unknown = daemon.connect();
    for number in [15, 16, 20, 27, u32::MAX] {
        unknown.stream.write_all(&message(number, 9, 0, b"/\0")).unwrap();
        let (header, body) = unknown.receive().unwrap();
        assert_eq!((header.op, header.req_id, &body[..]), (16, 9, &b"ENOSYS\0"[..]), "{number}");
    }
    assert_eq!(good.read("/tool").unwrap(), "");
}

#[test]
fn requests_come_in_any_pieces_and_answers_in_order() {
    let daemon = Daemon::start(&["--workers", "1"]);
    let mut client = daemon.connect();
    client.write("/a", "value").unwrap();
    for byte in message(Op::Read as u32, 77, 0, b"/a\0") {
        client.stream.write_all(&[byte]).unwrap();
    }
    let (header, body) = client.receive().unwrap();
    assert_eq!((header.req_id, &body[..]), (77, &b"value"[..]));
    let burst: Vec<u8> =
        (0..3000).flat_map(|id| message(Op::Read as u32, id, 0, b"/a\0")).collect();
    let mut writer = client.stream.try_clone().unwrap();
    let thread = std::thread::spawn(move || writer.write_all(&burst).unwrap());
    for id in 0..3000 {
        assert_eq!(client.receive().unwrap().0.req_id, id);
    }
    thread.join().unwrap();
}

#[test]
fn a_clients_own_events_precede_its_reply() {
    let daemon = Daemon::start(&[]);
    let mut client = daemon.connect();
    client.watch("/a", "token");
    client.write("/a", "1").unwrap();
    assert_eq!(client.kept_events(), [("/a".into(), "token".into())]);
    client.ok(Op::Rm, b"/a\0");
    assert_eq!(client.kept_events(), [("/a".into(), "token".into())]);
}

#[test]
fn events_reach_clients_of_every_worker() {
    let daemon = Daemon::start(&["--workers", "3"]);
    let mut watchers: Vec<Client> = (0..9).map(|_| daemon.connect()).collect();
    for (n, watcher) in watchers.iter_mut().enumerate() {
        watcher.watch("/news", &n.to_string());
    }
    for round in 0..20 {
        daemon.connect().write("/news", &round.to_string()).unwrap();
        for (n, watcher) in watchers.iter_mut().enumerate() {
            assert_eq!(watcher.event(), ("/news".into(), n.to_string()));
            // What was there when the event was sent is there for who acts on it.
            assert_eq!(watcher.read("/news").unwrap(), round.to_string());
        }
    }
}

/// Goes on to send a request over and over, until the daemon takes no more of it. `sent`: bytes so
/// far.
fn stuff(client: &mut Client, request: &[u8], sent: &mut usize) {
    client.stream.set_nonblocking(true).unwrap();
    loop {
        match client.stream.write(&request[*sent % request.len()..]) {
            Ok(count) => *sent += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => panic!("{error}"),
        }
    }
    client.stream.set_nonblocking(false).unwrap();
}

#[test]
fn a_client_that_does_not_read_is_bounded_and_costs_others_nothing() {
    let daemon = Daemon::start(&["--workers", "1"]);
    let mut stalled = daemon.connect();
    let value = "v".repeat(2000);
    stalled.write("/big", &value).unwrap();
    let request = message(Op::Read as u32, 5, 0, b"/big\0");
    // The socket buffers of both ways and the daemon's bounded queue fill up, then nothing goes.
    let mut sent = 0;
    stuff(&mut stalled, &request, &mut sent);
    let mut other = daemon.connect();
    for round in 0..500 {
        other.write("/other", &round.to_string()).unwrap();
        assert_eq!(other.read("/other").unwrap(), round.to_string());
        stuff(&mut stalled, &request, &mut sent);
    }
    // Once it reads, everything it asked for is there.
    for _ in 0..sent / request.len() {
        let (header, body) = stalled.receive().unwrap();
        assert_eq!((header.req_id, body.len()), (5, value.len()));
    }
}

#[test]
fn a_privileged_client_that_reads_late_loses_no_event() {
    let daemon = Daemon::start(&["--workers", "2"]);
    let mut late = daemon.connect();
    late.watch("/", "t");
    let mut writer = daemon.connect();
    for n in 0..5000 {
        writer.write(&format!("/dir/{n}"), "x").unwrap();
    }
    for n in 0..5000 {
        assert_eq!(late.event(), (format!("/dir/{n}"), "t".into()));
    }
}

#[test]
fn who_sleeps_through_others_commits_is_not_told_of_them() {
    let daemon = Daemon::start(&["--workers", "4"]);
    let mut quiet: Vec<Client> = (0..8).map(|_| daemon.connect()).collect();
    for client in &mut quiet {
        client.watch("/quiet", "t");
    }
    // More than the feed of commits keeps.
    let mut writer = daemon.connect();
    for n in 0..3 * myriad_core::limits::FEED_SLOTS {
        writer.write("/noise", &n.to_string()).unwrap();
    }
    for client in &mut quiet {
        client.read("/noise").unwrap();
        assert_eq!(client.kept_events(), []);
    }
    writer.write("/quiet", "").unwrap();
    for client in &mut quiet {
        assert_eq!(client.event(), ("/quiet".into(), "t".into()));
    }
}

#[test]
fn a_thousand_connections_are_served() {
    let daemon = Daemon::start(&[]);
    let mut clients: Vec<Client> = (0..1000).map(|_| daemon.connect()).collect();
    for (n, client) in clients.iter_mut().enumerate() {
        client.watch(&format!("/c/{n}"), "t");
    }
    for (n, client) in clients.iter_mut().enumerate() {
        client.write(&format!("/c/{}", 999 - n), &n.to_string()).unwrap();
    }
    for (n, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.event(), (format!("/c/{n}"), "t".into()));
    }
    drop(clients);
    let mut client = daemon.connect();
    client.ok(Op::Rm, b"/c\0");
    let (status, _) = daemon.stop();
    assert_eq!(status.code(), Some(0));
}

#[test]
fn a_client_that_leaves_takes_its_watches_and_transactions_along() {
    let daemon = Daemon::start(&["--workers", "1"]);
    for _ in 0..100 {
        let mut client = daemon.connect();
        client.watch("/a", "t");
        client.ok(Op::TransactionStart, b"\0");
    }
    let mut client = daemon.connect();
    client.watch("/a", "t");
    client.write("/a", "1").unwrap();
    assert_eq!(client.kept_events().len(), 1);
}
