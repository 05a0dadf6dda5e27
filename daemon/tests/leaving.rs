//! Clients that leave, in every way: what they sent counts, and the others notice nothing.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::{io::Write, net::Shutdown};

use common::{Client, Daemon, message};
use myriad_ring::v1::Op;

fn write_request(path: &str, value: &str) -> Vec<u8> {
    message(Op::Write as u32, 1, 0, format!("{path}\0{value}").as_bytes())
}

/// Waits until a node has a value.
fn await_value(client: &mut Client, path: &str, value: &str) {
    while client.read(path).as_deref() != Ok(value) {}
}

#[test]
fn what_a_client_sent_before_it_left_is_executed() {
    let daemon = Daemon::start(&["--workers", "2"]);
    let mut other = daemon.connect();
    for round in 0..20 {
        // Far more than one turn executes; the answers find nobody.
        let mut client = daemon.connect();
        let requests: Vec<u8> = (0..=500)
            .flat_map(|n| write_request(&format!("/left/{}", n % 10), &format!("{round}.{n}")))
            .collect();
        client.stream.write_all(&requests).unwrap();
        drop(client);
        await_value(&mut other, "/left/0", &format!("{round}.500"));
        assert_eq!(other.read("/left/9").unwrap(), format!("{round}.499"));
    }
}

#[test]
fn a_client_that_sends_no_more_gets_all_answers_first() {
    let daemon = Daemon::start(&["--workers", "1"]);
    let value = "v".repeat(2000);
    daemon.connect().write("/big", &value).unwrap();
    let mut client = daemon.connect();
    // More than the socket takes at once: the daemon must wait for its reader.
    for _ in 0..400 {
        client.send(Op::Read, 0, b"/big\0");
    }
    let last = client.send(Op::Control, 0, b"check\0");
    client.stream.shutdown(Shutdown::Write).unwrap();
    for _ in 0..400 {
        assert_eq!(client.receive().unwrap().1.len(), value.len());
    }
    let (header, body) = client.receive().unwrap();
    assert_eq!((header.req_id, &body[..]), (last, &b"OK\0"[..]));
    assert!(client.receive().is_none());
}

#[test]
fn a_client_that_reads_no_more_is_still_heard() {
    let daemon = Daemon::start(&["--workers", "1"]);
    let mut other = daemon.connect();
    let mut client = daemon.connect();
    client.stream.shutdown(Shutdown::Read).unwrap();
    for n in 0..100 {
        client.stream.write_all(&write_request("/heard", &n.to_string())).unwrap();
        await_value(&mut other, "/heard", &n.to_string());
    }
}

#[test]
fn answers_before_a_malformed_header_are_sent() {
    let daemon = Daemon::start(&["--workers", "1"]);
    let mut client = daemon.connect();
    let mut bytes = write_request("/a", "1");
    let mut header = message(Op::Read as u32, 2, 0, b"");
    header[12..].copy_from_slice(&5000u32.to_le_bytes());
    bytes.extend(header);
    client.stream.write_all(&bytes).unwrap();
    assert_eq!(client.receive().unwrap().1, b"OK\0");
    assert!(client.receive().is_none());
}

#[test]
fn half_a_message_holds_nobody_up() {
    let daemon = Daemon::start(&["--workers", "1"]);
    let mut other = daemon.connect();
    let whole = write_request("/half", "1");
    let mut clients = Vec::new();
    for cut in 1..whole.len() {
        let mut client = daemon.connect();
        client.watch("/other", "t");
        client.start();
        client.stream.write_all(&whole[..cut]).unwrap();
        clients.push(client);
    }
    other.write("/other", "1").unwrap();
    for client in &mut clients {
        assert_eq!(client.event(), ("/other".into(), "t".into()));
    }
    // One goes on where it stopped, the others leave.
    let mut first = clients.remove(0);
    drop(clients);
    first.stream.write_all(&whole[1..]).unwrap();
    assert_eq!(first.receive().unwrap().1, b"OK\0");
    assert_eq!(other.read("/half").unwrap(), "1");
}

#[test]
fn a_guest_that_leaves_with_requests_under_way_can_come_back() {
    let daemon = Daemon::start(&["--workers", "2", "-Q", "outstanding=3"]);
    daemon.connect().write("/local/domain/5", "").unwrap();
    daemon.introduce(5);
    daemon.connect().set_perms("/local/domain/5", &["n5"]);
    // It reads no event and is read no more; so are its requests after the third.
    let mut watcher = daemon.connect();
    watcher.watch("/local/domain/5", "t");
    for round in 0..20 {
        let mut guest = daemon.guest(5);
        for n in 0..50 {
            guest.send(Op::Write, 0, format!("n{n}\0{round}").as_bytes());
        }
        drop(guest);
    }
    let mut guest = daemon.guest(5);
    guest.write("back", "1").unwrap();
    let text = daemon.connect().control(&["quota", "5"]).unwrap();
    assert!(text.contains("transactions    :        0\n"), "{text}");
    while watcher.event().0 != "/local/domain/5/back" {}
}

#[test]
fn clients_beyond_the_limit_of_files_wait_for_others_to_leave() {
    let daemon = Daemon::start(&["--workers", "2"]);
    daemon.leave_descriptors(45);
    let mut first = daemon.connect();
    first.write("/a", "1").unwrap();
    // More than there are descriptors: the system keeps those that the daemon can't take in.
    let mut clients: Vec<Client> = (0..200).map(|_| daemon.connect()).collect();
    for client in &mut clients {
        client.send(Op::Read, 0, b"/a\0");
    }
    while !daemon.log().contains("can't accept a client") {
        assert_eq!(first.read("/a").unwrap(), "1");
    }
    for mut client in clients {
        assert_eq!(client.receive().unwrap().1, b"1");
    }
    let (_, dir) = daemon.stop();
    let log = std::fs::read_to_string(dir.path().join("stderr")).unwrap();
    assert!(log.lines().all(|line| !line.contains("can't be served")), "{log}");
}

#[test]
fn it_ends_under_load() {
    let daemon = Daemon::start(&["--workers", "3"]);
    for domid in 1..=4 {
        daemon.introduce(domid);
    }
    let mut dom0 = daemon.connect();
    dom0.write("/all", "").unwrap();
    dom0.set_perms("/all", &["b0"]);
    std::thread::scope(|scope| {
        for domid in 1..=4 {
            let mut guest = daemon.guest(domid);
            scope.spawn(move || {
                // Until it is told nothing any more.
                let request = write_request("/all", "x").repeat(10);
                while guest.stream.write_all(&request).is_ok() {
                    for _ in 0..10 {
                        if guest.receive().is_none() {
                            return;
                        }
                    }
                }
            });
        }
        let before = dom0.read("/all").unwrap();
        assert!(before.is_empty() || before == "x");
        await_value(&mut dom0, "/all", "x");
        let (status, _) = daemon.stop();
        assert_eq!(status.code(), Some(0));
    });
}
