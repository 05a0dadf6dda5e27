//! What the tests of the C libraries share: compiling, running, and what is exported.
#![allow(dead_code, reason = "each test takes what it needs")]

use std::{
    io::{BufRead, BufReader, Read, Write},
    os::unix::net::UnixListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

use myriad_verify::peer::Server;
use tempfile::TempDir;

/// Where the headers are.
pub(crate) fn include() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../ring/include")
}

/// A program's source.
pub(crate) fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c").join(name)
}

/// The folder of the libraries, built first.
pub(crate) fn libraries() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| myriad_verify::programs::c_libraries().unwrap())
}

/// A compiled program.
pub(crate) struct Program {
    folder: TempDir,
    libraries: PathBuf,
}

impl Program {
    /// Compiles a program of `tests/c`, and links it with a library of a folder. `CC` and `CXX`
    /// name other compilers than the system's.
    pub(crate) fn compile(name: &str, options: &[&str], library: &str, from: &Path) -> Program {
        Program::link(name, options, &[library], from)
    }

    /// The same with more of the linker's options.
    pub(crate) fn link(name: &str, options: &[&str], link: &[&str], from: &Path) -> Program {
        let folder = tempfile::tempdir().unwrap();
        let is_cpp = options.contains(&"c++");
        let (variable, default) = if is_cpp { ("CXX", "c++") } else { ("CC", "cc") };
        let compiler = std::env::var_os(variable).unwrap_or_else(|| default.into());
        let output = Command::new(compiler)
            .args(["-Wall", "-Wextra", "-Werror", "-pedantic", "-D_POSIX_C_SOURCE=200809L"])
            .args(options)
            .arg("-I")
            .arg(include())
            .arg(source(name))
            .args(["-x", "none", "-pthread", "-L"])
            .arg(from)
            .args(link)
            .arg("-o")
            .arg(folder.path().join("program"))
            .output()
            .unwrap_or_else(|error| panic!("{default} can't be run: {error}"));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Program { folder, libraries: from.to_owned() }
    }

    /// Ready to run. A hang ends it.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new("timeout");
        command.arg("120").arg(self.folder.path().join("program"));
        command.env("LD_LIBRARY_PATH", &self.libraries);
        command
    }
}

/// Runs a program that says when the daemon may go; it is told of its end by that of its input.
pub(crate) fn outlives(command: &mut Command, server: Server) {
    let socket = server.socket().to_owned();
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first = lines.next().map(Result::unwrap).unwrap_or_default();
    // The folder goes with the server; what the program finds then is a socket that nobody serves.
    drop(server);
    std::fs::create_dir_all(socket.parent().unwrap()).unwrap();
    drop(UnixListener::bind(&socket).unwrap());
    drop(child.stdin.take());
    let last = lines.next().map(Result::unwrap).unwrap_or_default();
    let output = child.wait_with_output().unwrap();
    std::fs::remove_dir_all(socket.parent().unwrap()).unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!((&*first, &*last), ("ready", "ok"), "{said}");
}

/// What a hostile server answers to the first message of a client, and to each later one; by its
/// name, whether it closes where it has no answer, or never stops.
pub(crate) type Answers = (&'static str, Vec<u8>, Vec<u8>);

/// A message of v1.
pub(crate) fn v1(op: u32, len: u32, payload: &[u8]) -> Vec<u8> {
    let words = [op, 0, 0, len].map(u32::to_le_bytes).concat();
    [&words, payload].concat()
}

/// Runs a program against a server that gives these answers, and keeps connections open.
pub(crate) fn meets(answers: &Answers, command: impl FnOnce(&Path) -> Command) {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("socket");
    let listener = UnixListener::bind(&socket).unwrap();
    let (name, first, later) = answers.clone();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let (first, later) = (first.clone(), later.clone());
            std::thread::spawn(move || {
                let mut answer = first;
                let mut bytes = [0; 8192];
                // Ends with the client.
                while stream.read(&mut bytes).is_ok_and(|read| read > 0) {
                    let is_over = answer.is_empty() && name.contains("closes");
                    if is_over || stream.write_all(&answer).is_err() {
                        return;
                    }
                    // Ends with the client, too.
                    while name.contains("never stops") && stream.write_all(&later).is_ok() {}
                    answer.clone_from(&later);
                }
            });
        }
    });
    let output = command(&socket).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((&*said, &output.stdout[..]), ("", &b"ok\n"[..]), "{name}");
}

/// The functions that a header declares, sorted.
pub(crate) fn declared(header: &str, prefix: &str) -> Vec<String> {
    let mut code = String::new();
    let mut rest = header;
    while let Some((before, comment)) = rest.split_once("/*") {
        code.push_str(before);
        rest = comment.split_once("*/").map_or("", |(_, after)| after);
    }
    code.push_str(rest);
    let words = code.match_indices('(').filter_map(|(at, _)| {
        let start = code[..at].rfind(|c: char| !c.is_alphanumeric() && c != '_')? + 1;
        Some(code[start..at].to_owned())
    });
    let mut names: Vec<String> = words.filter(|word| word.starts_with(prefix)).collect();
    names.sort();
    names
}

/// What a library exports, with versions, sorted.
pub(crate) fn exported(library: &Path) -> Vec<String> {
    let output = Command::new("nm").args(["-D", "--defined-only"]).arg(library).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let name = |line: &str| line.split_whitespace().last().map(str::to_owned);
    let mut names: Vec<String> = text.lines().filter_map(name).collect();
    names.sort();
    names
}
