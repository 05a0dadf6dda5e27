//! The daemon as a process: start, refusal, signals, end.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::{
    os::unix::fs::PermissionsExt,
    process::{Output, Stdio},
};

use common::{Daemon, command};
use rustix::{
    fs::{FlockOperation, flock},
    process::{Pid, Signal, kill_process},
};

fn run(dir: &std::path::Path, args: &[&str]) -> Output {
    command(dir, args).stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn it_starts_answers_and_ends_without_a_trace() {
    let dir = tempfile::tempdir().unwrap();
    let pid_file = dir.path().join("pid");
    let daemon = Daemon::start_in(dir, &["--pid-file", pid_file.to_str().unwrap()]);
    let pid = std::fs::read_to_string(&pid_file).unwrap();
    assert_eq!(pid, format!("{}\n", daemon.child.id()));
    let mode = std::fs::metadata(daemon.path("socket")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let mut client = daemon.connect();
    assert_eq!(client.read("/tool/xenstored").unwrap(), "");
    assert_eq!(client.read("/tool/xenstored/domid").unwrap_err(), "ENOENT");
    daemon.signal(Signal::TERM);
    assert!(daemon.notified().contains("STOPPING=1"));
    assert!(client.receive().is_none());
    let (status, dir) = daemon.stop();
    assert_eq!(status.code(), Some(0));
    assert!(!pid_file.exists() && !dir.path().join("socket").exists());
}

#[test]
fn it_says_once_that_it_serves_the_simulated_host() {
    let daemon = Daemon::start(&[]);
    let (_, dir) = daemon.stop();
    let log = std::fs::read_to_string(dir.path().join("stderr")).unwrap();
    assert_eq!(log.matches("simulated host").count(), 1, "{log}");
}

#[test]
fn json_logs_are_objects() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("log");
    let args = ["--log-format", "json", "-T", file.to_str().unwrap()];
    let daemon = Daemon::start_in(dir, &args);
    daemon.connect().write("/a", "\"quoted\\\n").unwrap();
    let (_, _dir) = daemon.stop();
    let log = std::fs::read_to_string(&file).unwrap();
    assert!(log.contains(r#"WRITE (/a \\\"quoted\\\\\\n)""#), "{log}");
    assert!(log.lines().all(|l| l.starts_with('{') && l.contains("\"message\":")), "{log}");
}

#[test]
fn a_second_daemon_on_the_socket_is_refused() {
    let daemon = Daemon::start(&[]);
    for args in [&["-N"][..], &[]] {
        let second = run(daemon.dir.path(), args);
        assert_eq!(second.status.code(), Some(1));
        let text = stderr(&second);
        let socket = daemon.path("socket");
        assert!(text.contains(socket.to_str().unwrap()), "{text}");
        assert!(text.contains("XENSTORED_PATH"), "{text}");
    }
    assert_eq!(daemon.connect().read("/tool").unwrap(), "");
}

#[test]
fn a_second_daemon_on_the_pid_file_is_refused() {
    let pid_dir = tempfile::tempdir().unwrap();
    let pid_file = pid_dir.path().join("pid");
    let args = ["-F", pid_file.to_str().unwrap()];
    let daemon = Daemon::start(&args);
    let other = tempfile::tempdir().unwrap();
    let second = run(other.path(), &["-N", args[0], args[1]]);
    assert_eq!(second.status.code(), Some(1));
    assert!(stderr(&second).contains(&format!("pid {}", daemon.child.id())));
    assert!(pid_file.exists() && !other.path().join("socket").exists());
}

#[test]
fn what_a_killed_daemon_left_does_not_hinder_the_next() {
    let mut daemon = Daemon::start(&[]);
    daemon.child.kill().unwrap();
    daemon.child.wait().unwrap();
    assert!(daemon.path("socket").exists());
    let dir = std::mem::replace(&mut daemon.dir, tempfile::tempdir().unwrap());
    let next = Daemon::start_in(dir, &[]);
    assert_eq!(next.connect().read("/tool").unwrap(), "");
}

#[test]
fn wrong_options_end_with_2_and_name_the_option() {
    let dir = tempfile::tempdir().unwrap();
    let output = run(dir.path(), &["-N", "-Q", "colour=1"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("--quota"));
    let output = run(dir.path(), &["-N", "-U"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("--live-update"));
    let output = run(dir.path(), &["-N", "-e", "3"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("--event"));
    let output = run(dir.path(), &["-N", "-T", "/nonexistent/log"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("--trace-file"));
    assert!(!dir.path().join("socket").exists());
}

#[test]
fn sighup_opens_a_renamed_log_again() {
    let dir = tempfile::tempdir().unwrap();
    let (log, old) = (dir.path().join("log"), dir.path().join("log.1"));
    let access = dir.path().join("access");
    let daemon = Daemon::start_in(
        dir,
        &["-T", log.to_str().unwrap(), "--access-log", access.to_str().unwrap()],
    );
    std::fs::rename(&log, &old).unwrap();
    daemon.signal(Signal::HUP);
    let mut client = daemon.connect();
    // The signal is handled some time: each turn is an exchange with the daemon.
    while !log.exists() {
        client.control(&["print", "waiting"]).unwrap();
    }
    client.control(&["print", "in the new file"]).unwrap();
    drop(client);
    let (_, _dir) = daemon.stop();
    assert!(std::fs::read_to_string(&log).unwrap().contains("control: in the new file"));
    let old = std::fs::read_to_string(&old).unwrap();
    assert!(old.contains("simulated host") && !old.contains("in the new file"));
}

#[test]
fn without_no_fork_it_serves_when_the_command_returns() {
    let dir = tempfile::tempdir().unwrap();
    let pid_file = dir.path().join("pid");
    let output = run(dir.path(), &["-P", "--pid-file", pid_file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let pid: i32 = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
    assert_eq!(std::fs::read_to_string(&pid_file).unwrap(), format!("{pid}\n"));
    let mut client = common::Client::connect(&dir.path().join("socket"));
    assert_eq!(client.read("/tool").unwrap(), "");
    // It isn't our child: that it has ended shows by its lock.
    let lock = std::fs::File::open(&pid_file).unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), Signal::TERM).unwrap();
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    assert!(!dir.path().join("socket").exists());
}
