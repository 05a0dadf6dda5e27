//! Programs whose sockets systemd keeps go on over a crash, those that had nothing under way.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::{
    io::{IoSliceMut, Read, Write},
    mem::MaybeUninit,
    os::fd::{AsRawFd, OwnedFd},
    process::{Command, Stdio},
};

use common::{Client, Daemon, command};
use myriad_ring::v1::{Header, Op};
use rustix::{
    io::{FdFlags, fcntl_setfd},
    net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg},
};
use tempfile::TempDir;

/// Plays systemd, which keeps what it is given.
#[derive(Default)]
struct Systemd {
    kept: Vec<(String, OwnedFd)>,
}

impl Systemd {
    /// Takes the next message; gives its text.
    fn hear(&mut self, daemon: &Daemon) -> String {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut bytes = [0; 1024];
        let mut pieces = [IoSliceMut::new(&mut bytes)];
        let got = recvmsg(&daemon.notify, &mut pieces, &mut control, RecvFlags::empty()).unwrap();
        let text = String::from_utf8_lossy(&bytes[..got.bytes]).into_owned();
        self.note(&text, &mut control);
        text
    }

    fn note(&mut self, text: &str, control: &mut RecvAncillaryBuffer<'_>) {
        let name = text.lines().find_map(|line| line.strip_prefix("FDNAME=")).map(str::to_owned);
        if text.contains("FDSTOREREMOVE=1") {
            self.kept.retain(|(kept, _)| Some(kept) != name.as_ref());
        } else if text.contains("FDSTORE=1") {
            let rights = control.drain().find_map(|message| match message {
                RecvAncillaryMessage::ScmRights(mut rights) => rights.next(),
                _ => None,
            });
            self.kept.push((name.unwrap(), rights.unwrap()));
        }
    }

    /// Starts a daemon with what is kept.
    fn start(&mut self, dir: TempDir) -> Daemon {
        let daemon = command(dir.path(), &["--workers", "1"]);
        // The descriptors come third and after, and the process is told that they are its own.
        let mut script = String::new();
        for (at, (_, fd)) in self.kept.iter().enumerate() {
            fcntl_setfd(fd, FdFlags::empty()).unwrap();
            // High numbers first, so that none is overwritten before it is moved.
            script.push_str(&format!("exec {}<&{}; ", 100 + at, fd.as_raw_fd()));
        }
        for at in 0..self.kept.len() {
            script.push_str(&format!("exec {}<&{}; ", 3 + at, 100 + at));
        }
        script.push_str("export LISTEN_PID=$$; exec \"$0\" \"$@\"");
        let names: Vec<&str> = self.kept.iter().map(|(name, _)| name.as_str()).collect();
        let mut shell = Command::new("bash");
        shell.arg("-c").arg(script).arg(daemon.get_program()).args(daemon.get_args());
        shell.env("XENSTORED_RUNDIR", dir.path()).env_remove("XENSTORED_PATH");
        shell.env("FDSTORE", "64").env("LISTEN_FDS", self.kept.len().to_string());
        shell.env("LISTEN_FDNAMES", names.join(":")).stdin(Stdio::null());
        let daemon = Daemon::spawn(dir, shell);
        for text in &daemon.told {
            self.note(text, &mut RecvAncillaryBuffer::new(&mut []));
        }
        daemon
    }

    /// A client, whose socket is kept.
    fn connect(&mut self, daemon: &Daemon) -> Client {
        let before = self.kept.len();
        let client = daemon.connect();
        while self.kept.len() == before {
            self.hear(daemon);
        }
        client
    }
}

fn kill(mut daemon: Daemon) -> TempDir {
    daemon.child.kill().unwrap();
    daemon.child.wait().unwrap();
    std::mem::replace(&mut daemon.dir, tempfile::tempdir().unwrap())
}

/// The worker has done with all that was asked before: it answers in the next sweep only.
fn settle(daemon: &Daemon) {
    let mut last = daemon.connect();
    last.read("/").unwrap();
    last.read("/").unwrap();
}

#[test]
fn a_program_that_waits_goes_on_and_one_in_the_middle_of_a_request_sees_the_end() {
    let mut systemd = Systemd::default();
    let daemon = systemd.start(tempfile::tempdir().unwrap());
    let mut idle = systemd.connect(&daemon);
    idle.write("/a", "1").unwrap();
    idle.ok(Op::Watch, b"/a\0token\0");
    assert_eq!(idle.event(), ("/a".into(), "token".into()));
    let open = idle.start();
    let mut midway = systemd.connect(&daemon);
    let header = Header { op: Op::Read as u32, req_id: 9, tx_id: 0, len: 3 };
    midway.stream.write_all(&header.to_bytes()).unwrap();
    let mut other = systemd.connect(&daemon);
    other.write("/other", "x").unwrap();
    settle(&daemon);

    let daemon = systemd.start(kill(daemon));
    assert_eq!(idle.event(), ("/a".into(), "token".into()), "each watch fires once");
    assert_eq!(idle.read("/a").as_deref(), Ok("1"));
    assert_eq!(idle.ask(Op::Write, open, b"/b\x001"), Ok(b"OK\0".to_vec()));
    assert_eq!(idle.ask(Op::TransactionEnd, open, b"T\0"), Err("EAGAIN".into()));
    assert_eq!(other.read("/other").as_deref(), Ok("x"));
    other.write("/a", "2").unwrap();
    assert_eq!(idle.event(), ("/a".into(), "token".into()), "and is still there");
    assert_eq!(midway.stream.read(&mut [0; 16]).unwrap(), 0, "it sees the end");

    // A second time, and then it goes.
    settle(&daemon);
    let daemon = systemd.start(kill(daemon));
    assert_eq!(idle.event(), ("/a".into(), "token".into()));
    assert_eq!(idle.read("/a").as_deref(), Ok("2"));
    drop(idle);
    while systemd.kept.len() > 1 {
        systemd.hear(&daemon);
    }
    assert_eq!(other.control(&["check"]).as_deref(), Ok("OK"));
}

#[test]
fn a_client_that_breaks_the_protocol_sees_the_end_though_its_socket_is_kept() {
    let mut systemd = Systemd::default();
    let daemon = systemd.start(tempfile::tempdir().unwrap());
    let mut client = systemd.connect(&daemon);
    let header = Header { op: Op::Read as u32, req_id: 1, tx_id: 0, len: 5000 };
    client.stream.write_all(&header.to_bytes()).unwrap();
    assert_eq!(client.stream.read(&mut [0; 16]).unwrap(), 0);
    while !systemd.kept.is_empty() {
        systemd.hear(&daemon);
    }
}
