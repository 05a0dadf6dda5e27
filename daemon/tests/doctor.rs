//! `myriad doctor` on this host, which has no Xen (or has one: then what it says of that is left
//! to the lab in `verify/xen`).
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use common::Daemon;
use serde_json::Value;

fn doctor(dir: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_myriad"));
    command.env("XENSTORED_RUNDIR", dir).env_remove("XENSTORED_PATH");
    command.args(["doctor", "--pid-file"]).arg(dir.join("pid")).args(args);
    command.output().unwrap()
}

fn json(dir: &Path) -> (Option<i32>, Value) {
    let output = doctor(dir, &["--json"]);
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap())
}

fn has_no_xen(found: &Value) -> bool {
    let devices = found["devices"].as_array().unwrap();
    devices.iter().all(|device| device["access"] == "missing")
}

#[test]
fn an_empty_host_would_be_served_as_a_simulated_one() {
    let dir = tempfile::tempdir().unwrap();
    let (code, found) = json(dir.path());
    assert_eq!(found["socket"]["state"], "absent");
    assert_eq!(found["pid_file"]["state"], "absent");
    assert_eq!(found["run_dir"]["writable"], true);
    // Nothing was made by looking.
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    if has_no_xen(&found) {
        assert_eq!((code, &found["verdict"]), (Some(0), &"no-xen".into()));
        let output = doctor(dir.path(), &["--xen"]);
        assert_eq!(output.status.code(), Some(1));
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("\non start             no Xen here: would serve"), "{text}");
        assert!(output.stderr.is_empty());
    }
    assert_eq!(doctor(dir.path(), &["--guests", "many"]).status.code(), Some(2));
}

#[test]
fn a_daemon_at_work_is_named_and_what_it_leaves_is_no_hindrance() {
    let dir = tempfile::tempdir().unwrap();
    let pid_file = dir.path().join("pid");
    let mut daemon = Daemon::start_in(dir, &["--pid-file", pid_file.to_str().unwrap()]);
    let (code, found) = json(daemon.dir.path());
    assert_eq!((code, &found["verdict"]), (Some(1), &"occupied".into()));
    let served = &found["socket"]["served_by"];
    assert_eq!(served["pid"], daemon.child.id());
    assert_eq!((&served["name"], &served["answers"]), (&"xenstored".into(), &true.into()));
    assert_eq!(found["pid_file"]["held_by"]["pid"], daemon.child.id());
    let remedy = found["remedies"][0].as_str().unwrap();
    assert!(remedy.starts_with(&format!("stop process {} (xenstored)", daemon.child.id())));
    // It still answers others, and has not lost its lock.
    assert_eq!(daemon.connect().control(&["check"]).as_deref(), Ok("OK"));
    // Killed, it leaves everything behind.
    daemon.child.kill().unwrap();
    daemon.child.wait().unwrap();
    let (code, found) = json(daemon.dir.path());
    assert_eq!(found["socket"]["state"], "left over, nobody listens");
    assert!(found["pid_file"]["state"].as_str().unwrap().starts_with("left over from process "));
    if has_no_xen(&found) {
        assert_eq!((code, &found["verdict"]), (Some(0), &"no-xen".into()));
    }
}

#[test]
fn what_lies_where_the_socket_should_is_found() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("socket"), "precious").unwrap();
    let (code, found) = json(dir.path());
    assert_eq!((code, &found["verdict"]), (Some(1), &"no-place".into()));
    assert!(found["remedies"][0].as_str().unwrap().starts_with("remove "), "{found}");
    // And so would the daemon.
    let output = common::command(dir.path(), &["-N"]).output().unwrap();
    assert!(!output.status.success());
    assert_eq!(fs::read(dir.path().join("socket")).unwrap(), b"precious");
}
