//! `libxenstore`: what Xen's library exports, and more; Debian's programs, which were linked with
//! that, print with ours what they print with theirs; a program in C has every function do its
//! work, among threads, after fork() and when the daemon is gone.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod c_support;
mod tool_support;

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use c_support::{Answers, Program, declared, exported, libraries, meets, outlives, v1};
use myriad_ring::client::Client;
use myriad_verify::{peer::Server, programs::peers};
use tool_support::{Outcome, fixture, peer, run};

/// Our library's folder.
fn ours() -> PathBuf {
    libraries().join("xenstore")
}

/// Debian's.
fn theirs() -> PathBuf {
    peers().unwrap().join("root/usr/lib/x86_64-linux-gnu")
}

/// The program in C by Xen's header, linked with our library, and for theirs without what that
/// doesn't have.
fn program(options: &[&str]) -> Program {
    let include = format!("-I{}", peers().unwrap().join("root/usr/include").display());
    let options = [&["-std=c99", &*include], options].concat();
    Program::compile("xenstore.c", &options, "-lxenstore", &ours())
}

fn says_ok(program: &Program, library: &Path, mode: &str, socket: &Path) {
    let mut command = program.command();
    command.env("LD_LIBRARY_PATH", library).env("XENSTORED_PATH", socket).arg(mode);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((&*said, &output.stdout[..]), ("", &b"ok\n"[..]), "{mode}");
    assert!(output.status.success());
}

#[test]
fn a_program_in_c_has_every_function_do_its_work() {
    let (new, old) = (program(&["-DNEWER"]), program(&[]));
    // Theirs, too: so the program asks for what Xen's library does.
    for (program, library) in [(&new, ours()), (&old, ours()), (&old, theirs())] {
        let server = Server::start_myriad(8).unwrap();
        for mode in ["basic", "threads", "fork"] {
            says_ok(program, &library, mode, server.socket());
        }
    }
}

#[test]
fn c_xenstored_serves_it() {
    let server = Server::start_c(8).unwrap();
    let program = program(&["-DNEWER"]);
    for mode in ["basic", "threads", "fork"] {
        says_ok(&program, &ours(), mode, server.socket());
    }
}

#[test]
fn what_it_gives_out_is_freed() {
    let program = program(&["-DNEWER", "-fsanitize=address", "-g"]);
    let server = Server::start_myriad(8).unwrap();
    for mode in ["basic", "threads"] {
        says_ok(&program, &ours(), mode, server.socket());
    }
}

#[test]
fn a_daemon_that_is_gone_is_an_error_and_nothing_worse() {
    let server = Server::start_myriad(8).unwrap();
    let program = program(&["-DNEWER"]);
    let mut command = program.command();
    command.env("XENSTORED_PATH", server.socket()).arg("dies");
    outlives(&mut command, server);
}

#[test]
fn a_program_that_gives_up_xens_interfaces_gives_up_its_connections() {
    let (ours, theirs) = (ours(), theirs());
    let include = format!("-I{}", peers().unwrap().join("root/usr/include").display());
    let options = ["-std=c99", &include, "-D__XEN_TOOLS__"];
    let place = format!("-L{}", theirs.display());
    let link = ["-lxenstore", &*place, "-lxentoolcore"];
    let program = Program::link("restricted.c", &options, &link, &ours);
    for first in [&ours, &theirs] {
        let server = Server::start_myriad(8).unwrap();
        let libraries = format!("{}:{}", first.display(), theirs.display());
        says_ok(&program, Path::new(&libraries), "", server.socket());
    }
}

#[test]
fn whoever_serves_the_socket_can_say_anything() {
    let program = program(&["-DNEWER"]);
    let long = v1(2, 5000, b"");
    let event = [&[b'/'; 4093][..], b"\0t\0"].concat();
    let answers: Vec<Answers> = vec![
        ("closes", vec![], vec![]),
        ("another operation", v1(3, 1, b"x"), vec![]),
        ("too long", long.clone(), long),
        ("an event without a token", v1(15, 3, b"/t\0"), vec![]),
        ("an event without strings", v1(15, 2, b"/t"), vec![]),
        ("events, and it never stops", vec![], v1(15, 4096, &event)),
    ];
    for answers in &answers {
        meets(answers, |socket| {
            let mut command = program.command();
            command.env("XENSTORED_PATH", socket).arg("hostile");
            command
        });
    }
}

/// What Debian's programs are called with, one after the other on one tree.
const LINES: &[&str] = &[
    "xenstore-ls",
    "xenstore-ls -f",
    "xenstore-ls -f -p /t",
    "xenstore-ls /t/missing",
    "xenstore-read /t/a",
    "xenstore-read -p /t/a /t/b",
    "xenstore-read /t/missing",
    "xenstore-read -R /t/bin",
    "xenstore-list /t",
    "xenstore-list -p /t/many",
    "xenstore-list /t/missing",
    "xenstore-exists /t/a",
    "xenstore-exists /t/missing",
    "xenstore-write /t/new 1",
    "xenstore-write /t/x/y/z two /t/w three",
    "xenstore-write //bad 1",
    "xenstore-read /t/new /t/x/y/z /t/w",
    "xenstore-chmod /t/new n0 r3 b4",
    "xenstore-ls -p /t/new",
    "xenstore-chmod -r /t/deep r5",
    "xenstore-ls -f -p /t/deep",
    "xenstore-chmod /t/missing n0",
    "xenstore-chmod /t/new x7",
    "xenstore-rm /t/x",
    "xenstore-rm -t /t/deep/1/2/3/4",
    "xenstore-rm /t/missing/below",
    "xenstore-rm /t/missing",
    "xenstore-watch -n 1 /t",
    "xenstore-watch -n 2 /t/a /t/b",
    "xenstore-write -s /t/s 1",
    "xenstore-read -s /t/s",
    "xenstore read /t/a",
    "xenstore",
    "xenstore-ls",
    "xenstore-control check",
    "xenstore-control nonsense",
    "xenstore-control log on",
];

fn words(line: &str) -> Vec<OsString> {
    line.split(' ').map(OsString::from).collect()
}

/// What all lines print with a library in front of Debian's.
fn printed(library: Option<&Path>, server: &Server) -> Vec<(&'static str, Outcome)> {
    fixture::prepare(&mut Client::connect_to(server.socket()).unwrap());
    let one = |line: &&'static str| {
        let words = words(line);
        let (name, args) = words.split_first().unwrap();
        let mut program = peer(name.to_str().unwrap());
        let libraries = program.libraries.take().unwrap();
        program.libraries = Some(match library {
            Some(ours) => format!("{}:{}", ours.display(), libraries.display()).into(),
            None => libraries,
        });
        (*line, run(&program, name.to_str().unwrap(), args, server.socket()))
    };
    LINES.iter().map(one).collect()
}

#[test]
fn debians_programs_print_with_ours_what_they_print_with_theirs() {
    peers().unwrap();
    let servers: [fn() -> Server; 2] =
        [|| Server::start_myriad(8).unwrap(), || Server::start_c(8).unwrap()];
    for start in servers {
        let theirs = printed(None, &start());
        let found = printed(Some(&ours()), &start());
        for (theirs, found) in theirs.iter().zip(&found) {
            assert_eq!(found, theirs);
        }
        assert_eq!(found.len(), LINES.len());
        let failed = found.iter().filter(|(_, outcome)| outcome.code != Some(0)).count();
        assert!((5..LINES.len() - 15).contains(&failed), "{failed} of {}", LINES.len());
    }
}

#[test]
fn debians_programs_do_load_ours() {
    let libraries = format!("{}:{}", ours().display(), theirs().display());
    let output = std::process::Command::new(peer("xenstore-ls").path)
        .env("LD_TRACE_LOADED_OBJECTS", "1")
        .env("LD_LIBRARY_PATH", libraries)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let line = text.lines().find(|line| line.contains("libxenstore.so.4")).unwrap();
    assert!(line.contains(&*ours().to_string_lossy()), "{line}");
}

#[test]
fn xens_own_test_of_its_library_passes() {
    let server = Server::start_myriad(8).unwrap();
    let program = peers().unwrap().join("root/usr/lib/xen-4.17/bin/test-xenstore");
    for library in [ours(), theirs()] {
        let libraries = format!("{}:{}", library.display(), theirs().display());
        let output = std::process::Command::new("timeout")
            .arg("120")
            .arg(&program)
            .args(["-i", "20"])
            .env("LD_LIBRARY_PATH", libraries)
            .env("XENSTORED_PATH", server.socket())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn it_exports_all_that_xens_does_under_the_same_versions() {
    let found = exported(&ours().join("libxenstore.so.4"));
    for name in exported(&theirs().join("libxenstore.so.4")) {
        assert!(found.contains(&name), "{name} is missing");
    }
    let header = peers().unwrap().join("root/usr/include/xenstore.h");
    for name in declared(&std::fs::read_to_string(header).unwrap(), "xs_") {
        assert!(found.contains(&format!("{name}@@VERS_4.0")), "{name} is declared, not exported");
    }
    let others = found.iter().filter(|name| !name.starts_with("xs_") && !name.starts_with("VERS_"));
    assert_eq!(others.count(), 0, "{found:?}");
    // Those of newer ones: 4.21's libxenstore.map has three and seven.
    let of = |version: &str| found.iter().filter(|name| name.ends_with(version)).count();
    assert_eq!((of("@@VERS_4.1"), of("@@VERS_4.2")), (3, 7));
}
