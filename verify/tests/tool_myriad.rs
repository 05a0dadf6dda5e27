//! The tool `myriad` under its own name: what it prints, as text and as JSON, and its exit codes.
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
    path::Path,
    thread,
};

use myriad_ring::{
    client::Store,
    v1::{HEADER_LEN, Header, Op},
    v2::records::HELLO,
};
use myriad_verify::peer::Server;
use tool_support::{Outcome, run, start_daemon, tool};

fn myriad(line: &str, socket: &Path) -> Outcome {
    let args: Vec<OsString> = line.split_whitespace().map(|w| w.replace('~', " ").into()).collect();
    run(&tool(), "myriad", &args, socket)
}

/// Runs a line that must succeed silently on standard error; gives its output.
fn good(line: &str, socket: &Path) -> String {
    let outcome = myriad(line, socket);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""), "{line}");
    outcome.stdout.replace("\\n", "\n").replace("\\\\", "\\").replace("\\\"", "\"")
}

#[test]
fn commands_do_and_print_what_they_say() {
    let daemon = start_daemon();
    let socket = &daemon.socket();
    assert_eq!(good(r"write /t/a 1 /t/b/c two\twords\x80 /t/b -5", socket), "");
    assert_eq!(good("read /t/a /t/b", socket), "1\n-5\n");
    assert_eq!(good("read -p /t/b/c", socket), "/t/b/c: two\\twords\\x80\n");
    assert_eq!(good("read -R /t/a", socket), "1");
    assert_eq!(good("mkdir /t/d/e", socket), "");
    assert_eq!(good("list /t /t/b", socket), "a\nb\nd\nc\n");
    assert_eq!(good("list -p /t", socket), "/t/a\n/t/b\n/t/d\n");
    let tree = "a = \"1\"\nb = \"-5\"\n  c = \"two\\twords\\x80\"\nd\n  e\n";
    assert_eq!(good("ls /t", socket), tree);
    assert_eq!(good("ls -d 1 /t", socket), "a = \"1\"\nb = \"-5\"\nd\n");
    assert_eq!(good("ls -f /t/b", socket), "/t/b/c = \"two\\twords\\x80\"\n");
    assert_eq!(good("chmod -r /t b0 r0", socket), "");
    assert_eq!(good("ls -p /t/d", socket), "e  (b0,r0)\n");
    assert_eq!(good("ls -s /t/d", socket), "e = \"\"\n");
    assert_eq!(good("exists /t /t/d", socket), "");
    assert_eq!(good("rm -t /t/d/e", socket), "");
    assert_eq!(good("list /t", socket), "a\nb\n");
    assert_eq!(good("watch -n 2 /t /t/b", socket), "/t\n/t/b\n");
    assert!(good("control help", socket).contains("help"));
    assert!(good("--version", socket).starts_with("myriad "));
    assert!(good("--help", socket).contains("Exit codes:"));
}

#[test]
fn json_is_one_object_a_line() {
    let daemon = start_daemon();
    let socket = &daemon.socket();
    good(r"write /t/a 1 /t/b \x80", socket);
    good("chmod /t/b n0 r0", socket);
    let read =
        "{\"path\":\"/t/a\",\"value\":\"1\"}\n{\"path\":\"/t/b\",\"value\":{\"hex\":\"80\"}}\n";
    assert_eq!(good("--json read /t/a /t/b", socket), read);
    assert_eq!(good("list --json /t", socket), "{\"children\":[\"a\",\"b\"],\"path\":\"/t\"}\n");
    let node = "{\"path\":\"/t/b\",\"permissions\":[\"n0\",\"r0\"],\"value\":{\"hex\":\"80\"}}\n";
    assert!(good("ls --json -p /t", socket).ends_with(node));
    let event = "{\"path\":\"/t\",\"watch\":\"/t\"}\n";
    assert_eq!(good("watch --json -n 1 /t", socket), event);
    let missing = myriad("exists --json /t /x", socket);
    let answer = r#"{\"exists\":true,\"path\":\"/t\"}\n{\"exists\":false,\"path\":\"/x\"}\n"#;
    assert_eq!((missing.code, missing.stdout.as_str()), (Some(1), answer));
    let error = myriad("read --json /x", socket);
    assert!(error.stderr.contains(r#"\"errno\":\"ENOENT\""#), "{error:?}");
    assert!(error.stderr.ends_with(r#"\"exit\":1}\n"#), "{error:?}");
}

#[test]
fn exit_codes_say_what_went_wrong() {
    let daemon = start_daemon();
    daemon.client().write("/t/a", "1").unwrap();
    let socket = &daemon.socket();
    let table = [
        ("read /t/a", 0),
        ("read /x", 1),
        ("exists /x", 1),
        ("exists /t /x", 1),
        ("rm /x/y", 1),
        ("frobnicate", 2),
        ("read", 2),
        ("write /t/a", 2),
        ("write /t/a 1 /t/b", 2),
        ("chmod /t/a q0", 2),
        ("chmod /t/a n0 r", 2),
        ("chmod -u t n0", 2),
        ("lookup --index a/b x", 2),
        ("ls -s --json", 2),
        ("--socket /nonexistent read /t/a", 3),
        ("read /t/", 4),
        ("rm /", 4),
        ("control frobnicate", 4),
        ("ls -s /t//a", 4),
    ];
    for (line, code) in table {
        let outcome = myriad(line, socket);
        assert_eq!(outcome.code, Some(code), "{line}: {outcome:?}");
        let silent = outcome.stderr.is_empty();
        assert_eq!(silent, code == 0 || line.starts_with("exists"), "{line}: {outcome:?}");
    }
    let full = std::process::Command::new(tool().path)
        .args(["read", "/t/a"])
        .env("XENSTORED_PATH", socket)
        .stdout(std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap())
        .status();
    assert_eq!(full.unwrap().code(), Some(7));
}

/// Serves one connection, of a daemon without v2, by a function from a request to a reply (an
/// operation and a payload), until that gives nothing; gives the requests.
fn with_daemon(
    line: &str,
    answer: impl Fn(Op, &[u8]) -> Option<(Op, &'static [u8])> + Send + 'static,
) -> (Outcome, Vec<(Op, Vec<u8>)>) {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("socket");
    let listener = UnixListener::bind(&socket).unwrap();
    let daemon = thread::spawn(move || {
        let (mut stream, _): (UnixStream, _) = listener.accept().unwrap();
        let mut requests = Vec::new();
        let mut bytes = [0; HEADER_LEN];
        while stream.read_exact(&mut bytes).is_ok() {
            let header = Header::from_bytes(bytes);
            let mut payload = vec![0; header.len as usize];
            stream.read_exact(&mut payload).unwrap();
            if header.op == HELLO {
                let head = Header { op: Op::Error as u32, len: 7, ..header }.to_bytes();
                stream.write_all(&[&head[..], b"ENOSYS\0"].concat()).unwrap();
                continue;
            }
            let op = Op::from_number(header.op).unwrap();
            let reply = answer(op, &payload);
            requests.push((op, payload));
            let Some((op, reply)) = reply else { break };
            let len = u32::try_from(reply.len()).unwrap();
            let head = Header { op: op as u32, len, ..header }.to_bytes();
            if stream.write_all(&[head.as_slice(), reply].concat()).is_err() {
                break;
            }
        }
        requests
    });
    let outcome = myriad(line, &socket);
    (outcome, daemon.join().unwrap())
}

#[test]
fn a_lookup_is_one_request() {
    let table: [(&str, &str, &[u8]); 6] = [
        ("lookup web-1", "/@index/domain-name/web-1", b"7\0"),
        ("lookup name web~1_x", "/@index/domain-name/web_201_5fx", b"7\x009\0"),
        ("lookup --index vm-name a", "/@index/vm-name/a", b"uuid\0"),
        ("lookup vm a", "/@index/vm-name/a", b"uuid\0"),
        ("lookup --index domain-vm /vm/1", "/@index/domain-vm/_2fvm_2f1", b"7\0"),
        ("lookup name", "/@index/domain-name/name", b"7\0"),
    ];
    for (line, node, reply) in table {
        let (outcome, requests) = with_daemon(line, move |op, _| Some((op, reply)));
        assert_eq!(requests, [(Op::Directory, [node.as_bytes(), b"\0"].concat())], "{line}");
        let printed = reply.escape_ascii().to_string().replace("\\x00", "\\n");
        assert_eq!((outcome.code, outcome.stdout), (Some(0), printed), "{line}");
    }
    let (outcome, requests) = with_daemon("lookup -t a", |op, _| Some((op, b"7 9")));
    assert_eq!(requests, [(Op::Read, b"/@index/domain-name/a\0".to_vec())]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), "7\\n9\\n"));
    let nothing = [(Op::Directory, &b""[..]), (Op::Error, b"ENOENT\0")];
    for reply in nothing {
        let (outcome, requests) = with_daemon("lookup nobody", move |_, _| Some(reply));
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""));
        assert_eq!(requests.len(), 1);
    }
    let (outcome, _) = with_daemon("lookup --json a", |op, _| Some((op, b"7\0")));
    let json = r#"{\"index\":\"domain-name\",\"key\":\"a\",\"matches\":[\"7\"]}\n"#;
    assert_eq!(outcome.stdout, json);
}

#[test]
fn a_broken_daemon_and_endless_conflicts_have_their_exit_codes() {
    let (outcome, _) = with_daemon("ls", |_, _| None);
    assert_eq!(outcome.code, Some(5), "it went away: {outcome:?}");
    let (outcome, _) = with_daemon("ls", |_, _| Some((Op::Write, b"OK\0")));
    assert_eq!(outcome.code, Some(5), "it answers something else: {outcome:?}");
    let (outcome, requests) = with_daemon("read /a /b", |op, _| match op {
        Op::TransactionStart => Some((op, b"7\0")),
        Op::TransactionEnd => Some((Op::Error, b"EAGAIN\0")),
        _ => Some((op, b"v")),
    });
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(6), ""));
    assert!(requests.len() > 3, "it tried again");
}

#[test]
fn c_xenstored_is_asked_and_answers_the_same() {
    let (theirs, ours) = (Server::start_c(0).unwrap(), start_daemon());
    for line in [
        "write /t/a 1 /t/b/c 2 /t/d 3",
        "read /t/a /t/b/c",
        "read /t/a /t/none",
        "exists /t/a /t/none",
        "mkdir /t/x /t/y/z /t/y//w",
        "mkdir /t/x /t/y/z",
        "list /t /t/y",
        "chmod -u /t/b/c n0 r1",
        "chmod -r /t b0",
        "ls /t",
        "ls -p /t",
        "rm -t /t/y/z",
        "rm /t/a /none/at/all",
        "rm /t/a /t/x",
        "ls --json /t",
        "ls /none",
    ] {
        assert_eq!(myriad(line, theirs.socket()), myriad(line, &ours.socket()), "{line}");
    }
}
