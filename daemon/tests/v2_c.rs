//! The C header is C99 and C++17, and a program in C that has nothing else speaks protocol v2.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use common::Daemon;

fn include() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../ring/include")
}

/// Runs a compiler on the program: `CC` and `CXX` name others than the system's.
fn compile(variable: &str, default: &str, args: &[&str], out: &Path) {
    let compiler = std::env::var_os(variable).unwrap_or_else(|| default.into());
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c/v2.c");
    let mut command = Command::new(compiler);
    command.args(["-Wall", "-Wextra", "-Werror", "-pedantic", "-D_POSIX_C_SOURCE=200809L"]);
    command.args(args).arg("-I").arg(include()).arg(source).arg("-o").arg(out);
    let output = command.output().unwrap_or_else(|error| panic!("{default} can't be run: {error}"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_program_in_c_speaks_v2() {
    let daemon = Daemon::start(&[]);
    let plain = daemon.path("plain");
    compile("CC", "cc", &["-std=c99"], &plain);
    let output = Command::new(&plain).arg(daemon.path("socket")).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), &output.stdout[..]), (Some(0), &b"ok\n"[..]), "{said}");
    assert_eq!(daemon.connect().read("/tool/c/name").unwrap(), "a value");
}

#[test]
fn the_header_is_cpp_too() {
    let dir = tempfile::tempdir().unwrap();
    compile("CXX", "c++", &["-std=c++17", "-x", "c++"], &dir.path().join("cpp"));
}
