//! Clients that send their next requests before they have the reply to the last.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::{
    io::{Read, Write},
    net::Shutdown,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{JoinHandle, spawn},
};

use common::{Client, Daemon, message};
use myriad_ring::v1::Op;

#[test]
fn half_a_request_holds_none_back_that_is_whole() {
    let daemon = Daemon::start(&["--workers", "1"]);
    let mut client = daemon.connect();
    let requests: Vec<u8> = (0..20)
        .flat_map(|id| message(Op::Write as u32, id, 0, format!("/a/{id}\0value").as_bytes()))
        .collect();
    // In the header of the last one, and in its payload.
    for cut in [requests.len() - 20, requests.len() - 3] {
        let (first, rest) = requests.split_at(cut);
        client.stream.write_all(first).unwrap();
        for id in 0..19 {
            assert_eq!(client.receive().unwrap().0.req_id, id);
        }
        assert!(daemon.connect().read("/a/18").is_ok());
        client.stream.write_all(rest).unwrap();
        assert_eq!(client.receive().unwrap().0.req_id, 19);
        assert_eq!(client.read("/a/19").unwrap(), "value");
        client.ok(Op::Rm, b"/a\0");
    }
}

#[test]
fn replies_and_events_of_requests_sent_together_are_in_order() {
    let daemon = Daemon::start(&["--workers", "1"]);
    let mut client = daemon.connect();
    client.write("/w/9", "").unwrap();
    client.watch("/w", "t");
    let requests = [
        (Op::Write, &b"/w/1\0x"[..], true),
        (Op::Write, b"/b\0x", false),
        (Op::Write, b"/w\0x", true),
        (Op::Write, b"not a path\0x", false),
        (Op::Mkdir, b"/w/2\0", true),
        (Op::Read, b"/w/2\0", false),
        (Op::Rm, b"/w/9\0", true),
        (Op::Directory, b"/w\0", false),
        (Op::Write, b"/w/3\0x", true),
    ];
    let together: Vec<u8> = (0..)
        .zip(&requests)
        .flat_map(|(id, (op, body, _))| message(*op as u32, id, 0, body))
        .collect();
    client.stream.write_all(&together).unwrap();
    for (id, (op, body, fires)) in (0..).zip(requests) {
        if fires {
            let (header, event) = client.receive().unwrap();
            assert_eq!(header.op, Op::WatchEvent as u32, "before reply {id}");
            let path = &body[..body.iter().position(|byte| *byte == 0).unwrap()];
            assert_eq!(event, [path, b"\0t\0"].concat());
        }
        let (header, body) = client.receive().unwrap();
        let expected = if id == 3 { Op::Error } else { op };
        assert_eq!((header.req_id, header.op), (id, expected as u32));
        match id {
            3 => assert_eq!(body, b"EINVAL\0"),
            5 => assert_eq!(body, b""),
            7 => assert_eq!(body, b"1\x002\0"),
            _ => assert_eq!(body, b"OK\0"),
        }
    }
}

#[test]
fn who_never_stops_sending_holds_no_other_back() {
    let daemon = Daemon::start(&["--workers", "1"]);
    let mut other = daemon.connect();
    let stop = Arc::new(AtomicBool::new(false));
    let floods: Vec<_> = (0..4).map(|_| Flood::start(&daemon, &stop)).collect();
    // The others' requests have their turn, or this doesn't end before a client's patience does.
    for number in 0..60 {
        other.write("/other", &number.to_string()).unwrap();
        assert_eq!(other.read("/other").unwrap(), number.to_string());
    }
    stop.store(true, Ordering::Relaxed);
    let reply = message(Op::Write as u32, 1, 0, b"OK\0").len();
    for flood in floods {
        assert_eq!(flood.replies.join().unwrap(), flood.writes.join().unwrap() * reply);
    }
}

/// A client whose requests go on until it is told to stop.
struct Flood {
    /// How many it has sent.
    writes: JoinHandle<usize>,
    /// How many bytes it was answered.
    replies: JoinHandle<usize>,
}

impl Flood {
    fn start(daemon: &Daemon, stop: &Arc<AtomicBool>) -> Flood {
        let (mut reader, stop) = (daemon.connect().stream, Arc::clone(stop));
        let mut writer = reader.try_clone().unwrap();
        let writes = spawn(move || {
            let requests = message(Op::Write as u32, 1, 0, b"/flood\0value").repeat(1000);
            let mut sent = 0;
            while !stop.load(Ordering::Relaxed) {
                writer.write_all(&requests).unwrap();
                sent += 1000;
            }
            writer.shutdown(Shutdown::Write).unwrap();
            sent
        });
        let replies = spawn(move || {
            let (mut piece, mut seen) = ([0; 1 << 16], 0);
            while let Ok(count @ 1..) = reader.read(&mut piece) {
                seen += count;
            }
            seen
        });
        Flood { writes, replies }
    }
}

/// The parts of a listing, with its stamp.
fn part(client: &mut Client, offset: usize) -> (String, Vec<u8>) {
    let reply = client.ok(Op::DirectoryPart, format!("/many\0{offset}\0").as_bytes());
    let at = reply.iter().position(|byte| *byte == 0).unwrap();
    (String::from_utf8(reply[..at].to_vec()).unwrap(), reply[at + 1..].to_vec())
}

#[test]
fn a_long_listing_is_never_older_than_what_others_were_told() {
    let daemon = Daemon::start(&["--workers", "2"]);
    // Neighbours, so that both workers keep the listing.
    let mut clients: Vec<Client> = (0..4).map(|_| daemon.connect()).collect();
    for number in 0..1000 {
        clients[0].write(&format!("/many/child-{number}"), "").unwrap();
    }
    let (mut stamp, first) = part(&mut clients[0], 0);
    for client in &mut clients {
        assert_eq!(part(client, 0), (stamp.clone(), first.clone()));
    }
    for round in 0..40 {
        let by = round % clients.len();
        match round / 4 % 2 {
            0 => clients[by].write(&format!("/many/new-{by}"), "").unwrap(),
            _ => clients[by].ok(Op::Rm, format!("/many/new-{by}\0").as_bytes()),
        };
        let (now, _) = part(&mut clients[by], 0);
        assert_ne!(now, stamp);
        stamp = now;
        let mut listings = clients.iter_mut().map(|client| {
            let (mut offset, mut names) = (0, Vec::new());
            loop {
                let (at, mut piece) = part(client, offset);
                assert_eq!(at, stamp);
                if piece.ends_with(b"\0\0") {
                    piece.pop();
                    names.extend(piece);
                    break names;
                }
                offset += piece.len();
                names.extend(piece);
            }
        });
        let listing = listings.next().unwrap();
        assert!(listings.all(|other| other == listing));
        let name = format!("\0new-{by}\0");
        let has = listing.windows(name.len()).any(|window| window == name.as_bytes());
        assert_eq!(has, round / 4 % 2 == 0);
    }
}
