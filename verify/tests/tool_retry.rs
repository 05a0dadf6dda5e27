//! Transactions that conflict: the tool under the names `xenstore-*` and Debian's clients meet a
//! scripted daemon, and send it the same requests, byte for byte.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod tool_support;

use std::{
    ffi::OsString,
    io::{Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    thread,
};

use myriad_ring::v1::{HEADER_LEN, Header, Op};
use tool_support::{Outcome, Program, peer, run, tool};

/// A request as it came: operation, transaction, payload.
type Request = (Op, u32, Vec<u8>);

/// Answers one client until it goes: transactions get 7, 8, …; of their ENDs the first `conflicts`
/// conflict; a read gives how many transactions there were; the rest is `OK`.
fn serve(mut stream: UnixStream, conflicts: u32) -> Vec<Request> {
    let mut requests = Vec::new();
    let (mut begun, mut ended) = (0, 0);
    let mut bytes = [0; HEADER_LEN];
    while stream.read_exact(&mut bytes).is_ok() {
        let header = Header::from_bytes(bytes);
        let mut payload = vec![0; header.len as usize];
        stream.read_exact(&mut payload).unwrap();
        let op = Op::from_number(header.op).unwrap();
        let mut reply = (header.op, b"OK\0".to_vec());
        match op {
            Op::TransactionStart => {
                reply.1 = format!("{}\0", 7 + begun).into_bytes();
                begun += 1;
            }
            Op::TransactionEnd => {
                ended += 1;
                if ended <= conflicts {
                    reply = (Op::Error as u32, b"EAGAIN\0".to_vec());
                }
            }
            Op::Read if payload == b"/missing\0" => {
                reply = (Op::Error as u32, b"ENOENT\0".to_vec());
            }
            Op::Read => reply.1 = begun.to_string().into_bytes(),
            // A tree of a few levels.
            Op::Directory if payload.len() < 16 => reply.1 = b"one\0two\0".to_vec(),
            Op::Directory => reply.1.clear(),
            Op::GetPerms => reply.1 = b"n0\0r5\0".to_vec(),
            _ => {}
        }
        requests.push((op, header.tx_id, payload));
        let len = u32::try_from(reply.1.len()).unwrap();
        let head = Header { op: reply.0, len, ..header }.to_bytes();
        stream.write_all(&[head.as_slice(), &reply.1].concat()).unwrap();
    }
    requests
}

fn meet(program: &Program, row: &str, conflicts: u32) -> (Outcome, Vec<Request>) {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("socket");
    let listener = UnixListener::bind(&socket).unwrap();
    let daemon = thread::spawn(move || serve(listener.accept().unwrap().0, conflicts));
    let mut words = row.split_whitespace().map(OsString::from);
    let name = words.next().unwrap().into_string().unwrap();
    let args: Vec<_> = words.collect();
    let outcome = run(program, &name, &args, &socket);
    (outcome, daemon.join().unwrap())
}

#[test]
fn conflicts_are_tried_again_with_the_same_requests() {
    for row in [
        "xenstore-read -p /a /b",
        "xenstore-write /a 1 /b 2",
        "xenstore-list -p /a",
        "xenstore-exists /a /b",
        "xenstore-rm /a",
        "xenstore-rm -t /a/b",
        "xenstore-chmod /a n0 r1",
    ] {
        let name = row.split_whitespace().next().unwrap();
        for conflicts in [0, 1, 5] {
            let theirs = meet(&peer(name), row, conflicts);
            let ours = meet(&tool(), row, conflicts);
            assert_eq!(theirs, ours, "{row}, {conflicts} conflicts");
            assert_eq!(theirs.0.code, Some(0));
            let ends = ours.1.iter().filter(|r| r.0 == Op::TransactionEnd).count();
            assert_eq!(ends, conflicts as usize + 1);
        }
    }
    let (outcome, _) = meet(&tool(), "xenstore-read /a /b", 2);
    assert_eq!(outcome.stdout, "3\\n3\\n", "what failed attempts read is not printed");
}

#[test]
fn an_abort_is_not_tried_again() {
    for row in ["xenstore-read /a /missing /b", "xenstore-exists /missing"] {
        let name = row.split_whitespace().next().unwrap();
        for conflicts in [0, 1] {
            let theirs = meet(&peer(name), row, conflicts);
            assert_eq!(theirs, meet(&tool(), row, conflicts), "{row}");
            assert_eq!(theirs.0.code, Some(1));
        }
    }
}

#[test]
fn what_needs_no_transaction_opens_none() {
    for row in ["xenstore-read /a", "xenstore-write /a 1", "xenstore-ls -p /a/a/a"] {
        let name = row.split_whitespace().next().unwrap();
        let theirs = meet(&peer(name), row, 0);
        assert_eq!(theirs, meet(&tool(), row, 0), "{row}");
        assert!(theirs.1.iter().all(|request| request.1 == 0), "{row}");
    }
}
