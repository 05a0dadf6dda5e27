//! What `myriad` asks for, and in how many requests: of a daemon that speaks v1 alone, and of one
//! that speaks v2. Both print the same and leave the same.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;
#[path = "patterns/wire.rs"]
mod wire;

use std::{
    io::{Read, Write},
    net::Shutdown,
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc::{Receiver, Sender, channel},
    thread,
};

use common::Daemon;
use myriad_ring::{
    client::Client,
    v1::{HEADER_LEN, Header, Op},
    v2::records::HELLO,
};
use tempfile::TempDir;
use wire::Sent;

/// A socket that passes on to a daemon, and says of each connection what was sent.
struct Proxy {
    dir: TempDir,
    sent: Receiver<Sent>,
}

impl Proxy {
    /// One that has heard of v2, or answers HELLO as C xenstored does.
    fn start(daemon: &Daemon, is_heard: bool) -> Proxy {
        let dir = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(dir.path().join("socket")).unwrap();
        let (daemon, (say, sent)) = (daemon.path("socket"), channel());
        thread::spawn(move || {
            for client in listener.incoming().map(Result::unwrap) {
                pass(client, &daemon, is_heard, &say);
            }
        });
        Proxy { dir, sent }
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("socket")
    }
}

fn pass(mut client: UnixStream, daemon: &Path, is_heard: bool, say: &Sender<Sent>) {
    let mut server = UnixStream::connect(daemon).unwrap();
    let (mut from, mut to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    let back = thread::spawn(move || std::io::copy(&mut from, &mut to));
    let mut sent = Sent::to(is_heard);
    let mut bytes = vec![0; 1 << 16];
    while let Ok(count @ 1..) = client.read(&mut bytes) {
        let hellos = sent.hellos;
        sent.take(&bytes[..count]);
        if !is_heard && sent.hellos > hellos {
            let header = Header::from_bytes(bytes[..HEADER_LEN].try_into().unwrap());
            assert_eq!(header.op, HELLO);
            let header = Header { op: Op::Error as u32, len: 7, ..header };
            client.write_all(&[&header.to_bytes()[..], b"ENOSYS\0"].concat()).unwrap();
        } else {
            server.write_all(&bytes[..count]).unwrap();
        }
    }
    server.shutdown(Shutdown::Both).unwrap();
    let _ = back.join().unwrap();
    say.send(sent).unwrap();
}

/// HELLOs and other requests.
type Count = (u64, u64);

fn myriad(line: &str, proxy: &Proxy) -> (Option<i32>, String, Count) {
    let output = Command::new(env!("CARGO_BIN_EXE_myriad"))
        .arg("--socket")
        .arg(proxy.socket())
        .args(line.split(' '))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let sent = proxy.sent.recv().unwrap();
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8(text).unwrap();
    (output.status.code(), text, (sent.hellos, sent.requests))
}

/// Requests of v1 and of v2, each with whether v2 was asked for, and a command.
const COMMANDS: [(Count, Count, &str); 24] = [
    ((0, 1), (0, 1), "write /t/a 1"),
    ((1, 6), (1, 1), "write /t/a 1 /t/b/c 2 /t/d 3 /t/e/f/g 4"),
    ((0, 1), (0, 1), "read /t/a"),
    ((1, 5), (1, 1), "read /t/a /t/b/c /t/d"),
    ((1, 4), (1, 1), "read /t/a /t/none /t/d"),
    ((0, 1), (0, 1), "exists /t/a"),
    ((1, 4), (1, 1), "exists /t/a /t/none"),
    ((0, 1), (0, 1), "list /t"),
    ((0, 4), (0, 4), "list /t /t/b"),
    ((1, 5), (1, 1), "mkdir /t/x /t/y /t/z"),
    ((1, 4), (1, 1), "mkdir /t/x /t//y /t/w"),
    ((1, 21), (1, 11), "ls /t"),
    ((1, 31), (1, 15), "ls -p /t"),
    ((0, 1), (0, 1), "chmod /t/a n0 r5"),
    ((1, 5), (1, 1), "chmod -u /t/e/f n0 r6"),
    ((1, 24), (1, 14), "chmod -r /t n0 r7"),
    ((1, 31), (1, 15), "ls -p /t"),
    ((1, 5), (1, 1), "rm /t/x /t/y /t/z"),
    ((1, 10), (1, 8), "rm -t /t/e/f/g"),
    ((1, 3), (1, 1), "rm /none/a /t/a"),
    ((0, 1), (0, 1), "rm /t/none"),
    ((1, 5), (1, 5), "rm -t /t/b/c/none"),
    ((0, 1), (0, 1), "lookup nobody"),
    ((1, 9), (1, 5), "ls /t"),
];

#[test]
fn commands_take_as_few_requests_as_the_daemon_can_answer() {
    let mut seen = Vec::new();
    for is_heard in [false, true] {
        let daemon = Daemon::start(&[]);
        let proxy = Proxy::start(&daemon, is_heard);
        seen.push(COMMANDS.map(|(_, _, line)| myriad(line, &proxy)));
    }
    let counts = |at: usize| {
        let each = seen[at].iter().zip(COMMANDS);
        each.map(|((_, _, count), (_, _, line))| (*count, line)).collect::<Vec<_>>()
    };
    for ((old, new), (_, _, line)) in seen[0].iter().zip(&seen[1]).zip(COMMANDS) {
        assert_eq!((old.0, &old.1), (new.0, &new.1), "{line}");
    }
    assert_eq!(counts(0), COMMANDS.map(|(old, _, line)| (old, line)));
    assert_eq!(counts(1), COMMANDS.map(|(_, new, line)| (new, line)));
}

#[test]
fn a_device_is_not_asked_for_v2() {
    // What is no socket is opened as the kernel's device is, which hands on what is written to it.
    let device = tempfile::NamedTempFile::new().unwrap();
    let client = Client::connect_to_best(device.path()).unwrap();
    assert!(client.welcome().is_none());
    assert_eq!(device.as_file().metadata().unwrap().len(), 0);
}
