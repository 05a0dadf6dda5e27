//! What the tests of the tool share: the daemon, the peers, and how a program is run.
#![allow(dead_code, reason = "each test takes what it needs")]

pub(crate) mod fixture;

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::OnceLock,
};

use myriad_ring::client::{Client, Stream};
use tempfile::TempDir;

/// A daemon on a socket of its own; ended when dropped.
pub(crate) struct Daemon {
    child: Child,
    dir: TempDir,
}

/// Starts xenstored: the one that `MYRIAD_XENSTORED` names, else ours, built first.
pub(crate) fn start_daemon() -> Daemon {
    let program = env::var_os("MYRIAD_XENSTORED").map(PathBuf::from);
    let program = program.unwrap_or_else(|| build("xenstored"));
    let dir = tempfile::tempdir().unwrap();
    let child = Command::new(&program)
        .args(["-N", "--pid-file"])
        .arg(dir.path().join("pid"))
        .env("XENSTORED_RUNDIR", dir.path())
        .env("XENSTORED_PATH", dir.path().join("socket"))
        .stdin(Stdio::null())
        .spawn()
        .unwrap_or_else(|e| panic!("{} does not start: {e}", program.display()));
    let mut daemon = Daemon { child, dir };
    while Client::connect_to(daemon.socket()).is_err() {
        if let Some(status) = daemon.child.try_wait().unwrap() {
            panic!("{} ended before it served its socket: {status}", program.display());
        }
        std::thread::yield_now();
    }
    daemon
}

impl Daemon {
    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.path().join("socket")
    }

    pub(crate) fn client(&self) -> Client<Stream> {
        Client::connect_to(self.socket()).unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program under test: ours, or a peer that it is compared with.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    /// Where its libraries are, if not where the system's are.
    pub(crate) libraries: Option<PathBuf>,
}

/// Our tool, built first.
pub(crate) fn tool() -> Program {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let path = BUILT.get_or_init(|| build("myriad")).clone();
    Program { path, libraries: None }
}

/// Debian's client of a name: from `MYRIAD_PEERS` (default `target/peers`), else the system's.
pub(crate) fn peer(name: &str) -> Program {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let peers = env::var_os("MYRIAD_PEERS").map(PathBuf::from);
    let root = peers.unwrap_or_else(|| workspace.join("target/peers")).join("root");
    // /usr/bin/xenstore-control is a wrapper that wants a running Xen.
    let places = if name == "xenstore-control" { xen_directories(&root) } else { Vec::new() };
    let places = if places.is_empty() { vec![root.join("usr/bin")] } else { places };
    if let Some(path) = places.iter().map(|dir| dir.join(name)).find(|path| path.is_file()) {
        return Program { path, libraries: Some(root.join("usr/lib/x86_64-linux-gnu")) };
    }
    let system = if name == "xenstore-control" {
        xen_directories(Path::new("/"))
    } else {
        env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect()
    };
    let found = system.iter().map(|dir| dir.join(name)).find(|path| path.is_file());
    let path = found.unwrap_or_else(|| panic!("{name} is missing; {HOW_TO_INSTALL}"));
    Program { path, libraries: None }
}

const HOW_TO_INSTALL: &str = "install the Debian packages:\n\
    apt-get install --no-install-recommends xenstore-utils libxenstore4 xen-utils-4.17\n\
    or unpack them, where MYRIAD_PEERS names another place than target/peers:\n\
    mkdir -p target/peers && cd target/peers && apt-get download xenstore-utils libxenstore4 \
    xen-utils-4.17 libxenmisc4.17 libxencall1 libxenevtchn1 libxenforeignmemory1 libxengnttab1 \
    libxentoollog1 libxentoolcore1 libxendevicemodel1 libxenhypfs1 \
    && for d in *.deb; do dpkg -x $d root; done";

/// `usr/lib/xen-*/bin` below a root.
fn xen_directories(root: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root.join("usr/lib")).into_iter().flatten().flatten();
    let versions = entries.filter(|e| e.file_name().to_string_lossy().starts_with("xen-4"));
    versions.map(|version| version.path().join("bin")).collect()
}

/// What a run of a program gave.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Outcome {
    fn from(output: Output) -> Outcome {
        let text = |bytes: Vec<u8>| bytes.escape_ascii().to_string();
        let (stdout, stderr) = (text(output.stdout), text(output.stderr));
        Outcome { code: output.status.code(), stdout, stderr }
    }
}

/// A program's run, called by a name, with a daemon's socket in its environment. It ends by
/// itself, or with code 124 after a minute.
pub(crate) fn command(program: &Program, name: &str, args: &[OsString], socket: &Path) -> Command {
    let mut command = Command::new("timeout");
    command
        .args(["60", "bash", "-c", r#"exec -a "$1" "$0" "${@:2}""#])
        .arg(&program.path)
        .arg(name)
        .args(args)
        .env_clear()
        .env("PATH", env::var_os("PATH").unwrap_or_default())
        .env("LC_ALL", "C")
        .env("XENSTORED_PATH", socket)
        .envs(program.libraries.as_ref().map(|dir| ("LD_LIBRARY_PATH", dir)))
        .stdin(Stdio::null());
    command
}

/// Runs a program to its end.
pub(crate) fn run(program: &Program, name: &str, args: &[OsString], socket: &Path) -> Outcome {
    let outcome = Outcome::from(command(program, name, args, socket).output().unwrap());
    assert_ne!(outcome.code, Some(124), "{name} {args:?} hangs: {outcome:?}");
    outcome
}

/// Builds a program of the workspace with the profile of this test, and gives its path.
fn build(name: &str) -> PathBuf {
    let test = env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let release = profile.ends_with("release");
    let status = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--quiet", "--package", "myriad", "--bin", name])
        .args(release.then_some("--release"))
        .arg("--target-dir")
        .arg(profile.parent().unwrap())
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .unwrap();
    assert!(status.success(), "the program {name} of package myriad does not build");
    profile.join(name)
}
