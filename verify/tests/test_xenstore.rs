//! Xen's own test program and Debian's clients against our daemon, and against C for comparison.

#![allow(clippy::unwrap_used)] // Helpers of tests, which clippy does not see as such.

use std::{
    path::Path,
    process::{Command, Output},
};

use myriad_verify::{oracle::limits::DOMAINS, peer::Server, programs::debian_program};

/// The names of the tests in Xen's program.
const TESTS: [&str; 12] = [
    "read 1",
    "read 2000",
    "write 1",
    "write 2000",
    "dir",
    "rm node",
    "rm dir",
    "ta empty",
    "ta empty x",
    "ta rmw",
    "ta rmw x",
    "ta err",
];

/// What clients are called with, one after the other, on a fresh server.
const CALLS: &[&[&str]] = &[
    &["xenstore-ls", "-f", "-p"],
    &["xenstore-write", "/a/b", "value", "/a/c", ""],
    &["xenstore-read", "/a/b", "/a/c"],
    &["xenstore-read", "-p", "/a/b"],
    &["xenstore-read", "/a/absent"],
    &["xenstore-write", "relative/name", "x"],
    &["xenstore-read", "/local/domain/0/relative/name"],
    &["xenstore-chmod", "/a/b", "n0", "r5", "b7"],
    &["xenstore-ls", "-f", "-p", "/a"],
    &["xenstore-chmod", "-r", "/a", "n3"],
    &["xenstore-ls", "-p"],
    &["xenstore-list", "/"],
    &["xenstore-list", "-p", "/local/domain"],
    &["xenstore-exists", "/a"],
    &["xenstore-exists", "/nothing"],
    &["xenstore-write", "/a//b", "x"],
    &["xenstore-write", "/esc", "line\\nline\\x01"],
    &["xenstore-read", "-R", "/esc"],
    &["xenstore-rm", "/a/c"],
    &["xenstore-rm", "-t", "/a/b"],
    &["xenstore-ls", "-f"],
    &["xenstore-watch", "-n", "1", "/a"],
    &["xenstore-control", "check"],
    &["xenstore-control", "nonsense"],
    &["xenstore-ls"],
];

fn ours() -> Server {
    Server::start_myriad(DOMAINS).unwrap()
}

fn c() -> Server {
    Server::start_c(DOMAINS).unwrap()
}

fn passes_xens_own_tests(server: &Server) {
    let program = "usr/lib/xen-4.17/bin/test-xenstore";
    let output = run(debian_program(program, server.socket()).unwrap().args(["-i", "20"]));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{output:?}\n{}", server.output());
    let passed: Vec<&str> =
        said.lines().filter_map(|line| Some(line.split_once(':')?.0.trim())).collect();
    assert_eq!(passed, TESTS, "{said}");
}

#[test]
fn c_passes_xens_own_tests() {
    passes_xens_own_tests(&c());
}

#[test]
fn ours_passes_xens_own_tests() {
    passes_xens_own_tests(&ours());
}

#[test]
fn debians_clients_see_no_difference() {
    let (c, ours) = (c(), ours());
    for call in CALLS {
        let (theirs, mine) = (client(call, c.socket()), client(call, ours.socket()));
        assert_eq!(mine, theirs, "{call:?}");
    }
}

#[test]
fn debians_clients_say_what_they_did() {
    let server = c();
    let said = |call: &[&str]| client(call, server.socket());
    assert_eq!(said(&["xenstore-write", "/a/b", "value"]), (Some(0), String::new()));
    assert_eq!(said(&["xenstore-read", "/a/b"]), (Some(0), "value\n".to_owned()));
    assert_eq!(said(&["xenstore-exists", "/nothing"]).0, Some(1));
}

/// A client's exit code and output. Its complaints are about itself, not the server.
fn client(call: &[&str], socket: &Path) -> (Option<i32>, String) {
    let (program, arguments) = call.split_first().unwrap();
    let control = *program == "xenstore-control"; // In usr/bin it is a link to an installed one.
    let folder = if control { "usr/lib/xen-4.17/bin" } else { "usr/bin" };
    let path = format!("{folder}/{program}");
    let output = run(debian_program(&path, socket).unwrap().args(arguments));
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

fn run(command: &mut Command) -> Output {
    command.output().unwrap()
}
