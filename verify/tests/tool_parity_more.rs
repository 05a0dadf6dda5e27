//! The tool under the names `xenstore-*` beside Debian's real clients, where a table of command
//! lines doesn't do: later events, terminals, pipes, odd arguments, no daemon.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod tool_support;

use std::{
    ffi::OsString,
    io::{BufRead, BufReader},
    os::unix::ffi::OsStringExt,
    path::Path,
    process::{Command, Stdio},
};

use myriad_ring::client::Store;
use tool_support::{
    Outcome, Program, command,
    fixture::{prepare, their},
    run, start_daemon, tool,
};

#[test]
fn watches_print_the_same_later_events() {
    let daemon = start_daemon();
    let listen = |program: &Program| {
        let mut client = daemon.client();
        prepare(&mut client);
        let args = ["-n", "5", "/t", "relative"].map(OsString::from);
        let mut watch = command(program, "xenstore-watch", &args, &daemon.socket());
        let mut child = watch.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut next = || lines.next().unwrap().unwrap();
        let mut seen = vec![next(), next()];
        client.write("/t/a", "2").unwrap();
        seen.push(next());
        client.write("/local/domain/0/relative/below", "").unwrap();
        seen.push(next());
        client.rm("/t/deep/1/2/3/4").unwrap();
        seen.push(next());
        (seen, child.wait().unwrap().code())
    };
    let theirs = listen(&their("xenstore-watch"));
    assert_eq!(theirs, listen(&tool()));
    assert_eq!(theirs.0, ["/t", "relative", "/t/a", "relative/below", "/t/deep/1/2/3/4"]);
}

#[test]
fn without_a_daemon_the_messages_are_the_same() {
    let nowhere = Path::new("/nonexistent/socket");
    let refused = tempfile::tempdir().unwrap();
    let closed = refused.path().join("socket");
    drop(std::os::unix::net::UnixListener::bind(&closed).unwrap());
    let long = Path::new("/").join("x".repeat(200));
    for socket in [nowhere, &closed, &long] {
        for row in ["xenstore-read /a", "xenstore-ls", "xenstore-watch /a", "xenstore-control x"] {
            let mut words = row.split_whitespace().map(OsString::from);
            let name = words.next().unwrap().into_string().unwrap();
            let (name, args) = (name.as_str(), words.collect::<Vec<_>>());
            let theirs = run(&their(name), name, &args, socket);
            assert_eq!(theirs, run(&tool(), name, &args, socket), "{row}");
            assert_eq!(theirs.code, Some(1));
        }
    }
}

#[test]
fn trees_are_cut_to_the_terminal_alike() {
    let daemon = start_daemon();
    prepare(&mut daemon.client());
    // `script` (package bsdutils) gives its command a terminal.
    let show = |program: &Program, columns: u32, options: &str| {
        let libraries = program.libraries.as_deref().unwrap_or(Path::new(""));
        let line = format!(
            "stty cols {columns}; LD_LIBRARY_PATH={} exec -a xenstore-ls {} {options} /t",
            libraries.display(),
            program.path.display(),
        );
        let output = Command::new("script")
            .args(["--quiet", "--return", "--command"])
            .arg(format!("bash -c '{line}'"))
            .arg("/dev/null")
            .env("XENSTORED_PATH", daemon.socket())
            .env("SHELL", "/bin/sh")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        Outcome::from(output)
    };
    for columns in [0, 1, 2, 5, 9, 10, 11, 20, 40, 72, 80, 200] {
        for options in ["", "-p", "-f", "-fp"] {
            let theirs = show(&their("xenstore-ls"), columns, options);
            assert_eq!(theirs, show(&tool(), columns, options), "{columns} columns {options}");
            assert_eq!(theirs.code, Some(0));
        }
    }
    let wide = show(&tool(), 200, "");
    assert!(wide.stdout.contains(&"v".repeat(120)), "the terminal's width counts: {wide:?}");
}

#[test]
fn what_does_not_fit_or_is_no_text_is_treated_alike() {
    let daemon = start_daemon();
    let bytes = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
    let path = |len: usize| [b"/t/".as_slice(), &b"p".repeat(len - 3)].concat();
    // A request holds 4096 bytes: the path, its NUL, the value.
    let cases: [(&str, Vec<OsString>); 9] = [
        ("xenstore-write", vec!["/t/x".into(), bytes(&b"v".repeat(4091))]),
        ("xenstore-write", vec!["/t/x".into(), bytes(&b"v".repeat(4092))]),
        ("xenstore-write", vec!["/t/x".into(), bytes(b"\x80\xff\\\x80")]),
        ("xenstore-write", vec![bytes(b"/t/\x80"), "v".into()]),
        ("xenstore-read", vec![bytes(&path(4095))]),
        ("xenstore-read", vec![bytes(&path(4096))]),
        ("xenstore-read", vec![bytes(b"/\xff")]),
        ("xenstore-chmod", vec![bytes(&path(4090)), "n0".into(), "r0".into()]),
        ("xenstore-ls", vec![bytes(&path(4096))]),
    ];
    for (name, args) in cases {
        let go = |program: &Program| {
            let mut client = daemon.client();
            prepare(&mut client);
            let outcome = run(program, name, &args, &daemon.socket());
            (outcome, client.read("/t/x").ok())
        };
        assert_eq!(go(&their(name)), go(&tool()), "{name} {args:?}");
    }
}

#[test]
fn a_reader_that_goes_ends_them_alike() {
    let daemon = start_daemon();
    prepare(&mut daemon.client());
    // More than a pipe holds, so that the end of its reader is noticed.
    let paths = "/t ".repeat(40);
    let go = |program: &Program| {
        let script = format!("exec -a xenstore-ls \"$0\" {paths}");
        let line = format!("(bash -c '{script}' \"$0\") | true; exit ${{PIPESTATUS[0]}}");
        let mut bash = Command::new("bash");
        bash.args(["-c", &line]).arg(&program.path).env("XENSTORED_PATH", daemon.socket());
        bash.envs(program.libraries.as_ref().map(|dir| ("LD_LIBRARY_PATH", dir)));
        Outcome::from(bash.output().unwrap())
    };
    let theirs = go(&their("xenstore-ls"));
    assert_eq!(theirs, go(&tool()));
    assert_eq!(theirs.code, Some(128 + 13), "SIGPIPE");
}

#[test]
fn posix_order_of_options_is_kept_where_asked_for() {
    let daemon = start_daemon();
    prepare(&mut daemon.client());
    for args in [["/t/a", "-p", "/t/b"], ["-p", "/t/b", "-R"]] {
        let args = args.map(OsString::from);
        let go = |program: &Program| {
            let mut read = command(program, "xenstore-read", &args, &daemon.socket());
            Outcome::from(read.env("POSIXLY_CORRECT", "1").output().unwrap())
        };
        assert_eq!(go(&their("xenstore-read")), go(&tool()), "{args:?}");
    }
}
