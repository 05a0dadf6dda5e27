//! The running daemon is confined in all of its threads, and does all its work so. What is refused
//! is seen in `refused_calls.rs`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;
mod guests;

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

use common::{Daemon, PATIENCE, command};
use guests::Lab;
use myriad::history::HistoryFile;
use myriad_ring::{page::guest::Habits, v1::Op};
use rustix::process::{Pid, Signal, geteuid, kill_process};

/// What the kernel says of each thread of a process: its name, and the fields asked for.
fn threads(pid: u32, fields: &[&str]) -> Vec<(String, Vec<String>)> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let all = tasks.filter_map(|task| {
        // One that ends meanwhile has no status any more.
        let status = fs::read_to_string(task.unwrap().path().join("status")).ok()?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.unwrap().trim().to_owned()
        };
        Some((field("Name"), fields.iter().map(|name| field(name)).collect()))
    });
    all.collect()
}

/// Fails unless each thread of a process is confined; names them.
fn assert_confined(pid: u32) -> BTreeSet<String> {
    let all = threads(pid, &["NoNewPrivs", "Seccomp", "CapEff", "CapPrm", "CapInh", "CapBnd"]);
    let none = "0".repeat(16);
    for (name, fields) in &all {
        assert_eq!(fields[..2], ["1", "2"], "{name}");
        assert_eq!(fields[2..5], [&*none, &*none, &*none], "{name}");
        if geteuid().is_root() {
            assert_eq!(fields[5], none, "{name}");
        }
    }
    if !geteuid().is_root() {
        println!("not run as root: the bounding set, which only root can empty, was not looked at");
    }
    all.into_iter().map(|(name, _)| name).collect()
}

#[test]
fn every_thread_is_confined_those_that_come_later_too() {
    let lab = Lab::start(&["--workers", "3"]);
    let expected = ["xenstored", "log", "history", "checkpoints", "reclaim", "gate", "worker-2"];
    // A thread names itself once it runs; the watchdog ends a wait in vain.
    loop {
        let found = assert_confined(lab.child.id());
        if expected.iter().all(|name| found.contains(*name)) {
            break;
        }
    }
    let mut guest = lab.boot(1, Habits::LINUX);
    assert_eq!(guest.ask(Op::Write, "a\0b"), Ok("OK".into()));
    let later = assert_confined(lab.child.id());
    assert!(later.iter().any(|name| name.starts_with("machine-")), "{later:?}");
}

#[test]
fn the_daemon_says_what_is_in_force() {
    let daemon = Daemon::start(&[]);
    let text = daemon.connect().control(&["confinement"]).unwrap();
    assert!(text.contains("capabilities none, and none can be gained"), "{text}");
    assert!(text.contains("of them allowed (seccomp)"), "{text}");
    assert_eq!(daemon.connect().control(&["confinement", "off"]).unwrap_err(), "EINVAL");
    assert_eq!(daemon.log().matches("confined: ").count(), 1, "{}", daemon.log());
    let doctor = doctor(daemon.dir.path());
    let expected = format!(
        "process {}: system calls are filtered, no capabilities, none can be gained",
        daemon.child.id()
    );
    assert!(doctor.contains(&expected), "{doctor}");
}

fn doctor(dir: &Path) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_myriad"));
    command.arg("doctor").env("XENSTORED_RUNDIR", dir).env_remove("XENSTORED_PATH");
    String::from_utf8(command.output().unwrap().stdout).unwrap()
}

#[test]
fn one_option_or_variable_turns_it_off() {
    let of = |daemon: &Daemon| threads(daemon.child.id(), &["NoNewPrivs", "Seccomp", "CapBnd"]);
    let own = threads(std::process::id(), &["NoNewPrivs", "Seccomp", "CapBnd"]).remove(0).1;
    let by_option = Daemon::start(&["--no-confinement"]);
    let dir = tempfile::tempdir().unwrap();
    let mut command = command(dir.path(), &[]);
    command.env("XENSTORED_NO_CONFINEMENT", "1");
    let by_variable = Daemon::spawn(dir, command);
    for daemon in [by_option, by_variable] {
        for (name, fields) in of(&daemon) {
            // What a test runner is confined by is inherited.
            assert_eq!(fields, own, "{name}");
        }
        let text = daemon.connect().control(&["confinement"]).unwrap();
        assert_eq!(text, "off (--no-confinement)");
        // What is refused otherwise.
        let elsewhere = tempfile::tempdir().unwrap();
        let file = elsewhere.path().join("log");
        daemon.connect().control(&["logfile", file.to_str().unwrap()]).unwrap();
        assert!(file.exists());
    }
}

#[test]
fn logs_are_opened_again_where_they_were_and_nowhere_else() {
    let logs = tempfile::tempdir().unwrap();
    let (trace, access) = (logs.path().join("trace"), logs.path().join("access"));
    let args = ["-T", trace.to_str().unwrap(), "--access-log", access.to_str().unwrap()];
    let daemon = Lab::start(&args);
    for log in [&trace, &access] {
        fs::rename(log, log.with_extension("1")).unwrap();
    }
    daemon.signal(Signal::HUP);
    // The watchdog ends a wait in vain.
    while !(trace.exists() && access.exists()) {
        daemon.connect().read("/tool").unwrap();
    }
    // Lines are written some time after the answer; the watchdog ends a wait in vain.
    let wait_for = |log: &Path, line: &str| {
        while !fs::read_to_string(log).unwrap().contains(line) {
            daemon.connect().read("/tool").unwrap();
        }
    };
    daemon.connect().write("/a", "after").unwrap();
    wait_for(&trace, "after");
    wait_for(&access, "/a after");
    let beside = logs.path().join("beside");
    daemon.connect().control(&["logfile", beside.to_str().unwrap()]).unwrap();
    let inside = daemon.path("inside");
    daemon.connect().control(&["memreport", inside.to_str().unwrap()]).unwrap();
    assert!(fs::read_to_string(inside).unwrap().contains("resident"));

    let elsewhere = tempfile::tempdir().unwrap();
    for (command, name) in [("logfile", "log"), ("memreport", "report")] {
        let path = elsewhere.path().join(name);
        let refused = daemon.connect().control(&[command, path.to_str().unwrap()]);
        assert_eq!(refused.unwrap_err(), "EACCES");
        assert!(!path.exists());
    }
    wait_for(&beside, "--no-confinement");
}

#[test]
fn it_writes_history_and_checkpoints_and_comes_back_from_a_crash() {
    let lab = Lab::start(&["--journal-size", "1M", "--history-size", "1M"]);
    assert_confined(lab.child.id());
    // The first is written before it is confined, the second one beside it when the journal fills.
    let checkpoint = lab.path("recovery/checkpoint.1");
    assert!(!checkpoint.exists());
    let mut guest = lab.boot(1, Habits::LINUX);
    let mut client = lab.connect();
    let value = "x".repeat(3000);
    let mut round = 0_u32;
    while !checkpoint.exists() {
        client.write(&format!("/many/{}", round % 100), &value).unwrap();
        round += 1;
    }
    assert_eq!(guest.ask(Op::Write, "mine\0before"), Ok("OK".into()));

    let lab = lab.kill_and_restart(&["--journal-size", "1M", "--history-size", "1M"]);
    assert!(lab.log().contains("came back with"), "{}", lab.log());
    assert_confined(lab.child.id());
    assert_eq!(lab.connect().read("/local/domain/1/mine").unwrap(), "before");
    lab.connect().write("/last", "1").unwrap();
    let (log, dir) = (lab.path("stderr"), lab.kill());
    let log = fs::read_to_string(log).unwrap_or_default();
    assert!(!log.contains("gap"), "{log}");
    let history = HistoryFile::open(&dir.path().join("history"), 1 << 20).unwrap();
    assert!(history.generation() > u64::from(round), "{} of {round}", history.generation());
}

#[test]
fn in_the_background_it_is_confined_and_removes_its_files_at_the_end() {
    let (dir, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (pid_file, socket) = (elsewhere.path().join("pid"), elsewhere.path().join("socket"));
    let mut command = command(dir.path(), &["--pid-file", pid_file.to_str().unwrap()]);
    command.env("XENSTORED_PATH", &socket).stdout(Stdio::null());
    assert!(command.status().unwrap().success());
    let text = fs::read_to_string(&pid_file).unwrap();
    assert_confined(text.trim().parse().unwrap());
    let _ = common::Client::connect(&socket).read("/tool").unwrap();
    kill_process(Pid::from_raw(text.trim().parse().unwrap()).unwrap(), Signal::TERM).unwrap();
    let began = Instant::now();
    loop {
        // First: its files are gone before it is.
        let runs = Path::new(&format!("/proc/{}", text.trim())).exists();
        if !pid_file.exists() && !socket.exists() {
            break;
        }
        assert!(runs, "its files stayed");
        assert!(began.elapsed() < PATIENCE, "it doesn't end");
        std::thread::yield_now();
    }
}
