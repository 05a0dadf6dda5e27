//! `libmyriad`: its header is C99 and C++17, and declares what the library exports; a program in C
//! has every function do its work, with a daemon of ours in both protocols and with C xenstored.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod c_support;

use c_support::{Answers, Program, declared, exported, include, libraries, meets, outlives, v1};
use myriad_verify::peer::Server;

/// The program in C against a server.
fn runs(program: &Program, server: &Server, protocol: &str) {
    let output = program.command().arg(server.socket()).arg(protocol).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((&*said, &output.stdout[..]), ("", &b"ok\n"[..]));
    assert!(output.status.success());
}

fn program(name: &str, options: &[&str]) -> Program {
    Program::compile(name, options, "-lmyriad", libraries())
}

#[test]
fn a_program_in_c_has_every_function_do_its_work() {
    let program = program("myriad.c", &["-std=c99"]);
    for protocol in ["1", "2"] {
        let server = Server::start_myriad(8).unwrap();
        runs(&program, &server, protocol);
    }
}

#[test]
fn c_xenstored_serves_it_by_protocol_v1() {
    let program = program("myriad.c", &["-std=c99"]);
    runs(&program, &Server::start_c(8).unwrap(), "old");
}

#[test]
fn what_it_gives_out_is_freed() {
    // The sanitizer's malloc is the library's, too: it sees what is leaked, and used when freed.
    let program = program("myriad.c", &["-std=c99", "-fsanitize=address", "-g"]);
    let server = Server::start_myriad(8).unwrap();
    runs(&program, &server, "2");
    runs(&program, &server, "1");
}

#[test]
fn a_daemon_that_is_gone_is_an_error_and_nothing_worse() {
    let server = Server::start_myriad(8).unwrap();
    let program = program("myriad.c", &["-std=c99"]);
    let mut command = program.command();
    command.arg(server.socket()).arg("dies");
    outlives(&mut command, server);
}

#[test]
fn whoever_serves_the_socket_can_say_anything() {
    let program = program("myriad.c", &["-std=c99"]);
    // HELLO is request 1 of the client.
    let hello = |payload: &[u8]| {
        let words = [HELLO, 1, 0, 32].map(u32::to_le_bytes).concat();
        [&words, payload].concat()
    };
    let mut welcome = [0; 32];
    welcome[0] = 2;
    let welcome = hello(&welcome);
    // A frame that answers GET, which is request 1 of v2.
    let frame = |length: u32, op: u16, flags: u16, id: u64| {
        [
            &length.to_le_bytes()[..],
            &op.to_le_bytes(),
            &flags.to_le_bytes(),
            &id.to_le_bytes(),
            &[0; 8],
            &vec![0xff; usize::try_from(length.min(4096)).unwrap()],
        ]
        .concat()
    };
    let answers: Vec<Answers> = vec![
        ("closes", vec![], vec![]),
        ("says nothing", vec![], vec![]),
        ("another reply", v1(2, 1, b"x"), vec![]),
        ("too long", v1(HELLO, 5000, b""), vec![]),
        ("a welcome to nothing", hello(&[0xff; 32]), vec![]),
        ("and then nothing", welcome.clone(), vec![]),
        ("a long frame", welcome.clone(), frame(u32::MAX, 2, 1, 1)),
        ("no answer to GET", welcome.clone(), frame(8, 3, 1, 1)),
        ("another id", welcome.clone(), frame(8, 2, 1, 9)),
        ("a body of nonsense", welcome.clone(), frame(64, 2, 1, 1)),
        ("an event of nonsense", welcome, frame(16, 9, 2, 0)),
    ];
    for answers in &answers {
        meets(answers, |socket| {
            let mut command = program.command();
            command.arg(socket).arg("hostile");
            command
        });
    }
}

/// Asks for v2.
const HELLO: u32 = 0x3252_594d;

#[test]
fn it_is_cpp_too() {
    let program = program("myriad.c", &["-std=c++17", "-x", "c++"]);
    runs(&program, &Server::start_myriad(8).unwrap(), "2");
}

#[test]
fn the_library_exports_what_the_header_declares() {
    let header = std::fs::read_to_string(include().join("myriad.h")).unwrap();
    let declared = declared(&header, "myriad_");
    assert!(declared.len() > 20, "{declared:?}");
    let library = libraries().join("libmyriad.so.0");
    let exported: Vec<String> =
        exported(&library).into_iter().filter(|name| name != "MYRIAD_0").collect();
    let versioned: Vec<String> = declared.iter().map(|name| format!("{name}@@MYRIAD_0")).collect();
    assert_eq!(exported, versioned);
}

#[test]
fn the_program_uses_each_function() {
    let header = std::fs::read_to_string(include().join("myriad.h")).unwrap();
    let program = std::fs::read_to_string(c_support::source("myriad.c")).unwrap();
    let unused: Vec<String> = declared(&header, "myriad_")
        .into_iter()
        .filter(|name| !program.contains(&format!("{name}(")))
        .collect();
    assert!(unused.is_empty(), "{unused:?}");
}

#[test]
fn what_is_installed_is_enough_to_compile_and_run() {
    let folder = tempfile::tempdir().unwrap();
    let prefix = folder.path().join("usr");
    let script = include().join("../c/install.sh");
    let output = std::process::Command::new(&script)
        .args(["--xenstore", "--from"])
        .arg(libraries())
        .env("PREFIX", &prefix)
        .env("LIBDIR", prefix.join("lib64"))
        .env_remove("DESTDIR")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = |name: &str| std::fs::read_to_string(prefix.join("lib64").join(name)).unwrap();
    let pc = text("pkgconfig/myriad.pc");
    let value = |name: &str| {
        let line = pc.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
        line.replace("${libdir}", &format!("{}/lib64", prefix.display()))
            .replace("${includedir}", &format!("{}/include", prefix.display()))
    };
    assert_eq!(value("Version: "), env!("CARGO_PKG_VERSION"));
    let compiled = folder.path().join("program");
    // As `cc program.c $(pkg-config --cflags --libs myriad)` does.
    let status = std::process::Command::new("cc")
        .arg(c_support::source("myriad.c"))
        .args(value("Cflags: ").split(' ').chain(value("Libs: ").split(' ')))
        .arg("-o")
        .arg(&compiled)
        .status()
        .unwrap();
    assert!(status.success());
    let server = Server::start_myriad(8).unwrap();
    let output = std::process::Command::new(compiled)
        .env("LD_LIBRARY_PATH", prefix.join("lib64"))
        .arg(server.socket())
        .arg("2")
        .output()
        .unwrap();
    assert_eq!(output.stdout, b"ok\n", "{}", String::from_utf8_lossy(&output.stderr));
    assert!(prefix.join("lib64/myriad/libxenstore.so.4").is_file());
    assert!(!prefix.join("lib64/libxenstore.so.4").exists());
}
