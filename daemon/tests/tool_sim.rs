//! `myriad sim` against a daemon, and against one whose answers are changed on the way.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::{
    io::{Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::Path,
    process::{Command, Output, Stdio},
    thread,
};

use common::{Daemon, PATIENCE};
use myriad::tool::sim::{Plan, SimError, run};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

fn sim(socket: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_myriad"));
    command.arg("--socket").arg(socket).arg("sim").args(args);
    command.stdin(Stdio::null());
    command
}

fn plan(daemon: &Daemon, guests: u16) -> Plan {
    Plan {
        socket: daemon.path("socket"),
        machines: daemon.path("sim/machines.socket"),
        guests,
        first: 1,
        parallel: 16,
        seed: 7,
        v1: false,
        hold: false,
        destroy: true,
        patience: PATIENCE,
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn succeeded(output: &Output) -> Value {
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn guests_boot_stay_and_are_known_to_the_store() {
    let daemon = Daemon::start(&["--workers", "2"]);
    let args = ["--json", "--guests", "20", "--first", "5", "--parallel", "7"];
    let seen = succeeded(&sim(&daemon.path("socket"), &args).output().unwrap());
    assert_eq!(seen["guests"], 20);
    assert_eq!(seen["removal_seconds"], Value::Null);
    // Each of them at least the 60 requests of a boot, and each answer checked.
    assert!(seen["requests"].as_u64().unwrap() > 20 * 60, "{seen}");
    assert!(seen["checked"].as_u64() >= seen["requests"].as_u64(), "{seen}");
    let mut dom0 = daemon.connect();
    assert_eq!(dom0.read("/local/domain/24/device/vif/0/state").unwrap(), "4");
    assert_eq!(dom0.read("/local/domain/0/backend/vbd/5/51712/state").unwrap(), "4");
    assert_eq!(dom0.control(&["domains"]).unwrap().matches(" introduced").count(), 21);
    assert_eq!(dom0.control(&["check"]).as_deref(), Ok("OK"));
}

#[test]
fn a_guest_is_made_by_two_requests_of_v2() {
    let daemon = Daemon::start(&["--workers", "2"]);
    let mut plan = plan(&daemon, 20);
    let new = run(&plan, &mut ()).unwrap();
    plan.v1 = true;
    let old = run(&plan, &mut ()).unwrap();
    assert_eq!((new.guests, old.guests), (20, 20));
    assert_eq!(new.making, 2 * 20);
    // Four transactions with 89 changes, six writes and a watch.
    assert!(old.making >= (4 * 2 + 89 + 6 + 1) * 20, "{old:?}");
    assert_eq!(daemon.connect().control(&["check"]).as_deref(), Ok("OK"));
}

#[test]
fn what_is_destroyed_leaves_nothing_behind() {
    let daemon = Daemon::start(&["--workers", "2"]);
    let mut dom0 = daemon.connect();
    run(&plan(&daemon, 1), &mut ()).unwrap();
    let before = dom0.ok(myriad_ring::v1::Op::Directory, b"/local/domain/0/backend/vif\0");
    let summary = run(&plan(&daemon, 30), &mut ()).unwrap();
    assert_eq!(summary.guests, 30);
    assert!(summary.removal.is_some());
    for path in ["/local/domain/0/backend/vif", "/vm", "/libxl"] {
        let path = format!("{path}\0");
        assert_eq!(dom0.ok(myriad_ring::v1::Op::Directory, path.as_bytes()), before);
    }
    assert_eq!(dom0.control(&["sim", "list"]).unwrap().lines().count(), 1);
    assert_eq!(dom0.control(&["check"]).as_deref(), Ok("OK"));
}

#[test]
fn guests_that_are_held_power_off_when_told_and_go_at_a_signal() {
    let daemon = Daemon::start(&[]);
    let args = ["--guests", "3", "--hold", "--destroy", "--json"];
    let child = sim(&daemon.path("socket"), &args).stdout(Stdio::piped()).spawn().unwrap();
    let mut dom0 = daemon.connect();
    dom0.watch("/local/domain/2", "t");
    dom0.watch("@releaseDomain/2", "gone");
    // The guest's agent writes this last.
    while dom0.read("/local/domain/2/data/os_name").is_err() {
        dom0.event();
    }
    dom0.write("/local/domain/2/control/shutdown", "poweroff").unwrap();
    // It stops, and its domain is destroyed.
    let mut gone = 0;
    while gone < 2 {
        gone += usize::from(dom0.event().1 == "gone");
    }
    // The signal may come before all are up, and still finds a process that is prepared.
    while dom0.read("/local/domain/2/name").is_ok() {
        dom0.event();
    }
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let seen = succeeded(&child.wait_with_output().unwrap());
    assert_eq!(seen["guests"], 3);
    assert_eq!(dom0.control(&["sim", "list"]).unwrap().lines().count(), 1);
}

/// Passes connections on to a daemon, and changes what `find` is in its answers to `put`.
fn liar(daemon: &Daemon, find: &'static [u8], put: &'static [u8]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(daemon.path("sim"), dir.path().join("sim")).unwrap();
    let listener = UnixListener::bind(dir.path().join("socket")).unwrap();
    let honest = daemon.path("socket");
    thread::spawn(move || {
        for client in listener.incoming().map(Result::unwrap) {
            let server = UnixStream::connect(&honest).unwrap();
            let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || pass(from, to, b"", b""));
            thread::spawn(move || pass(server, client, find, put));
        }
    });
    dir
}

fn pass(mut from: UnixStream, mut to: UnixStream, find: &[u8], put: &[u8]) {
    let mut bytes = vec![0; 1 << 16];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        let piece = &mut bytes[..count];
        for at in 0..count {
            if !find.is_empty() && piece[at..].starts_with(find) {
                piece[at..at + put.len()].copy_from_slice(put);
            }
        }
        if to.write_all(piece).is_err() {
            return;
        }
    }
}

#[test]
fn a_wrong_answer_ends_the_run_and_is_named() {
    let daemon = Daemon::start(&[]);
    // The name of guest 3, where it stands alone: as the answer to a READ.
    let dir = liar(&daemon, b"sim-3", b"sim-4");
    let args = ["--json", "--guests", "5"];
    let output = sim(&dir.path().join("socket"), &args).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "");
    let error: Value = serde_json::from_slice(&output.stderr).unwrap();
    let wrong = &error["wrong"];
    assert_eq!((&wrong["guest"], &wrong["who"]), (&3.into(), &"toolstack".into()), "{error}");
    assert_eq!(wrong["request"], "READ \"/local/domain/3/name\"");
    assert_eq!((&wrong["expected"], &wrong["got"]), (&"\"sim-3\"".into(), &"\"sim-4\"".into()));
}

#[test]
fn an_event_that_no_watch_asked_for_ends_the_run_and_is_named() {
    let daemon = Daemon::start(&[]);
    // Beside the node that the backend watches.
    let dir =
        liar(&daemon, b"/local/domain/2/device/vif/0/state\0", b"/local/domain/2/device/xxx/");
    let output = sim(&dir.path().join("socket"), &["--guests", "3"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let says = text(&output.stderr);
    assert!(says.contains("guest 2, backend: an event of its watch on"), "{says}");
}

#[test]
fn what_never_comes_is_waited_for_no_longer_than_asked() {
    let daemon = Daemon::start(&[]);
    let dir = tempfile::tempdir().unwrap();
    let mut plan = plan(&daemon, 2);
    // A daemon that takes what is said and says nothing, but for the first look at it.
    let listener = UnixListener::bind(dir.path().join("socket")).unwrap();
    let honest = daemon.path("socket");
    thread::spawn(move || {
        let mut all = listener.incoming().map(Result::unwrap);
        let (client, server) = (all.next().unwrap(), UnixStream::connect(honest).unwrap());
        let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        thread::spawn(move || pass(from, to, b"", b""));
        thread::spawn(move || pass(server, client, b"", b""));
        let mut silent = Vec::new();
        all.for_each(|connection| silent.push(connection));
    });
    plan.socket = dir.path().join("socket");
    plan.patience = std::time::Duration::from_millis(50);
    let error = run(&plan, &mut ()).unwrap_err();
    let SimError::Silent { waiting: 2, first, .. } = &error else { panic!("{error}") };
    assert_eq!((first.who, first.got.as_str()), ("toolstack", "nothing"));
    assert_eq!(first.request, format!("CONTROL \"sim create {}\"", first.guest));
}

#[test]
fn what_cant_work_is_refused_before_the_first_guest() {
    let daemon = Daemon::start(&["--sim-domains", "7"]);
    let socket = daemon.path("socket");
    let refused = |args: &[&str], code, says: &str| {
        let output = sim(&socket, args).output().unwrap();
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {stderr}");
        assert!(stderr.contains(says), "{args:?}: {stderr}");
    };
    refused(&["--guests", "0"], 2, "begin at 1");
    refused(&["--first", "32751", "--guests", "2"], 2, "ids for 1 guests");
    refused(&["--guests", "20"], 2, "domain 7 exists already");
    refused(&["--machines", "/nonexistent"], 3, "is xenstored running there?");
    let nobody = sim(Path::new("/nonexistent/socket"), &[]).output().unwrap();
    assert_eq!(nobody.status.code(), Some(3));
    assert_eq!(daemon.connect().control(&["sim", "list"]).unwrap().lines().count(), 2);
}

#[test]
fn a_daemon_with_too_few_descriptors_is_told_which_limit_to_raise() {
    let daemon = Daemon::start(&[]);
    daemon.leave_descriptors(75);
    let output =
        sim(&daemon.path("socket"), &["--guests", "100", "--parallel", "100"]).output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("LimitNOFILE="), "{}", text(&output.stderr));
    // More than it may have files open: one needs none when it has its ring.
    run(&plan(&daemon, 100), &mut ()).unwrap();
}
