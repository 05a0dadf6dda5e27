//! The tool on the history of a daemon that runs: what is written is told, followed and restored.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;
mod past;

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use common::Daemon;
use myriad_ring::v1::Op;
use past::{Story, outcome};
use rustix::process::{Pid, Signal, kill_process};

/// The tool's command on a daemon's history and socket.
fn command(daemon: &Daemon, args: &[&str]) -> Command {
    let mut story = Story::empty();
    story.file = daemon.path("history");
    let mut command = story.command(Path::new(env!("CARGO_BIN_EXE_myriad")), args);
    command.arg("--socket").arg(daemon.path("socket"));
    command
}

fn good(daemon: &Daemon, args: &[&str]) -> String {
    let (code, out, err) = outcome(&command(daemon, args).output().unwrap());
    assert_eq!((code, err.as_str()), (0, ""), "{args:?} {out}");
    out
}

/// `myriad log --follow`, by which tests wait.
struct Log {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Log {
    fn follow(daemon: &Daemon) -> Log {
        let mut command = command(daemon, &["log", "-f", "-n", "1000"]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Log { child, lines }
    }

    /// Waits for a line that begins like this; gives it.
    fn wait(&mut self, begin: &str) -> String {
        let mut lines = self.lines.by_ref().map(Result::unwrap);
        let found = lines.find(|line| line.trim_start().starts_with(begin));
        found.unwrap_or_else(|| panic!("the log ended before `{begin}`"))
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let _ = self.child.wait();
    }
}

/// A daemon with guest 5, whose home has a device and some data of its own.
fn daemon() -> Daemon {
    let daemon = Daemon::start(&[]);
    daemon.introduce(5);
    let mut dom0 = daemon.connect();
    dom0.write("/local/domain/5/data", "").unwrap();
    dom0.set_perms("/local/domain/5/data", &["n5"]);
    let mut guest = daemon.guest(5);
    guest.write("data/key", "value").unwrap();
    guest.set_perms("data/key", &["n5", "r0"]);
    daemon
}

#[test]
fn what_a_guest_did_is_told_and_what_was_removed_is_restored() {
    let daemon = daemon();
    let mut log = Log::follow(&daemon);
    log.wait("P /local/domain/5/data/key  (n5,r0)");
    let told = good(&daemon, &["log", "--domain", "5"]);
    assert!(told.contains("  domain 5, connection "), "{told}");
    assert!(told.contains("    A /local/domain/5/data/key = \"value\"  (n5)\n"), "{told}");
    assert!(!told.contains("control"), "{told}");
    let blame = good(&daemon, &["blame", "/local/domain/5/data/key"]);
    assert!(blame.contains("domain 5") && blame.contains("= \"value\""), "{blame}");

    let mut dom0 = daemon.connect();
    dom0.ok(Op::Rm, b"/local/domain/5/data\0");
    log.wait("D /local/domain/5/data");
    assert_eq!(good(&daemon, &["show", "HEAD~1:/local/domain/5/data/key"]), "value\n");
    let done = good(&daemon, &["restore", "--yes", "HEAD~1:/local/domain/5/data"]);
    assert!(done.contains("2 nodes are as they were"), "{done}");
    let mut guest = daemon.guest(5);
    assert_eq!(guest.read("data/key").unwrap(), "value", "the guest has its own again");
    assert_eq!(dom0.ok(Op::GetPerms, b"/local/domain/5/data/key\0"), b"n5\0r0\0");

    // The restoration is history too: one commit.
    log.wait("A /local/domain/5/data/key = \"value\"");
    let last = good(&daemon, &["log", "-n", "1"]);
    assert!(last.contains(", COMMIT\n") && last.lines().count() > 2, "{last}");
    let diff = good(&daemon, &["diff", "HEAD~2", "HEAD"]);
    assert_eq!(diff, "");
}

#[test]
fn a_guest_that_has_died_gets_nothing_back() {
    let daemon = daemon();
    let mut log = Log::follow(&daemon);
    log.wait("P /local/domain/5/data/key  (n5,r0)");
    let versions = good(&daemon, &["--json", "log", "-n", "1"]);
    let version: serde_json::Value = serde_json::from_str(&versions).unwrap();
    let node = format!("{}:/local/domain/5/data", version["generation"]);
    let mut dom0 = daemon.connect();
    dom0.control(&["sim", "destroy", "5"]).unwrap();
    log.wait("- /local/domain/5 released");
    daemon.introduce(5);
    log.wait("- /local/domain/5 introduced");
    let (code, _, err) = outcome(&command(&daemon, &["restore", "-y", &node]).output().unwrap());
    assert!(code == 0 && err.contains("belonged to domain 5, which is gone"), "{err}");
    assert_eq!(dom0.ok(Op::GetPerms, b"/local/domain/5/data/key\0"), b"n0\0r0\0");
    let mut tenant = daemon.guest(5);
    assert_eq!(tenant.read("data/key"), Err("EACCES".into()));
}

#[test]
fn the_history_of_a_daemon_that_has_ended_needs_none() {
    let (status, dir) = daemon().stop();
    assert!(status.success());
    let mut story = Story::empty();
    story.file = dir.path().join("history");
    let program = Path::new(env!("CARGO_BIN_EXE_myriad"));
    let run = |args: &[&str]| outcome(&story.command(program, args).output().unwrap());
    let (code, out, _) = run(&["show", "HEAD:/local/domain/5/data/key"]);
    assert_eq!((code, out.as_str()), (0, "value\n"));
    assert_eq!(run(&["bisect", "start"]).0, 0);
    let (code, out, err) = run(&["bisect", "run", "--expr", "absent /local/domain/5/data/key"]);
    assert!(code == 0 && out.contains("    A /local/domain/5/data/key = \"value\""), "{out} {err}");
    let place = story.dir.path().join("git");
    let (code, out, err) = run(&["export", "--git", place.to_str().unwrap()]);
    assert!(code == 0, "{out} {err}");
    let perms = std::fs::read_to_string(place.join("local/domain/5/data/.perms")).unwrap();
    assert_eq!(perms, ". n5\nkey n5,r0\n");
}
