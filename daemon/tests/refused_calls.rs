//! What a confined process is refused, and what it may still do.
//!
//! Each try is made by a process of its own that has called the very function that the daemon
//! calls: on its main thread, on one that was there before, as the daemon's log is, and on one that
//! was started after. The same try without confinement shows that it is this that refuses it.
//! There is no test harness here: its threads would be more than those two.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "refused/tries.rs"]
mod tries;

use std::{
    fs,
    io::Write,
    os::unix::net::UnixDatagram,
    path::Path,
    process::{Command, ExitCode, Stdio},
    sync::mpsc::channel,
};

use myriad::confine::{Needs, confine};
use rustix::{io::Errno, process::geteuid};
use tries::{DAILY, Expected, TRIES, Try};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        [TRY, name, how, dir] => attempt(name, how == CONFINED, Path::new(dir)),
        // What asks a harness for its tests finds none, and is content.
        ["--list", ..] => ExitCode::SUCCESS,
        _ => all(),
    }
}

/// Makes all tries, and says how each went.
fn all() -> ExitCode {
    let dir = tempfile::tempdir().unwrap();
    prepare(dir.path());
    let _notify = UnixDatagram::bind(dir.path().join("elsewhere/notify")).unwrap();
    let (mut wrong, mut shown) = (0, 0);
    for attempt in TRIES.iter().chain(DAILY) {
        let bare = run(attempt, BARE, dir.path());
        let confined = run(attempt, CONFINED, dir.path());
        let right = match attempt.expected {
            Expected::Works => confined == [WORKS; 3],
            Expected::Refused(errno) => confined == [&*errno.to_string(); 3],
        };
        // Without confinement it works, or fails of something else.
        let outcome = confined.first().map_or("nothing", String::as_str);
        let is_call = attempt.expected != Expected::Works;
        let refused_anyway = is_call && bare.iter().any(|bare| bare == outcome);
        let note = match (right, refused_anyway) {
            (false, _) => "WRONG",
            (true, true) => "as without confinement: shows nothing",
            (true, false) => "as it should be",
        };
        println!("{:<44} {:<32} {note}", attempt.name, outcome);
        if !right {
            println!("    on main, earlier and later thread: {confined:?}; unconfined: {bare:?}");
        }
        wrong += usize::from(!right);
        shown += usize::from(right && is_call && !refused_anyway);
    }
    let enough = match geteuid().is_root() {
        true => TRIES.len(),
        false => {
            println!("not run as root: some tries are refused to this user whatever is done");
            LEAST_WITHOUT_ROOT
        }
    };
    println!("{wrong} wrong, {shown} show what is refused, and at least {enough} must");
    if wrong == 0 && shown >= enough { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A directory like the daemon's, and one beside it.
fn prepare(dir: &Path) {
    for name in ["run", "run/sim", "logs", "elsewhere"] {
        fs::create_dir(dir.join(name)).unwrap();
    }
    for name in ["run/others", "run/file", "logs/log", "elsewhere/file"] {
        fs::write(dir.join(name), "before").unwrap();
    }
    // Nobody may read it: only who has a capability does.
    rustix::fs::chmod(dir.join("run/others"), rustix::fs::Mode::empty()).unwrap();
}

/// What the tries on the three threads came to.
fn run(attempt: &Try, how: &str, dir: &Path) -> Vec<String> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([TRY, attempt.name, how]).arg(dir).stdin(Stdio::null());
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    if !output.status.success() {
        lines.push(format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr)));
    }
    lines
}

/// In a process of its own: one try, on each kind of thread.
fn attempt(name: &str, is_confined: bool, dir: &Path) -> ExitCode {
    let attempt = TRIES.iter().chain(DAILY).find(|attempt| attempt.name == name).unwrap();
    let (give, tasks) = channel::<Box<dyn FnOnce() + Send>>();
    let earlier = std::thread::spawn(move || tasks.into_iter().for_each(|task| task()));
    if is_confined {
        let needs = Needs {
            own: vec![dir.join("run")],
            removed: vec![dir.join("run/pid")],
            logs: vec![dir.join("logs/log")],
            log_dirs: Vec::new(),
            devices: vec!["/dev/null".into()],
            abstract_sockets: false,
        };
        let in_force = confine(&needs, |task| give.send(task).unwrap());
        for (what, state) in in_force.all() {
            assert!(state.is_there(), "{what}: {state}");
        }
    }
    let (here, run) = (dir.to_owned(), attempt.run);
    tell(run(dir));
    let (told, done) = channel();
    give.send(Box::new(move || told.send(run(&here)).unwrap())).unwrap();
    tell(done.recv().unwrap());
    let here = dir.to_owned();
    tell(std::thread::spawn(move || run(&here)).join().unwrap());
    drop(give);
    earlier.join().unwrap();
    ExitCode::SUCCESS
}

fn tell(outcome: Result<(), Errno>) {
    let text = outcome.map_or_else(|errno| errno.to_string(), |()| WORKS.to_owned());
    let mut out = std::io::stdout();
    writeln!(out, "{text}").and_then(|()| out.flush()).unwrap();
}

const TRY: &str = "--try";
const CONFINED: &str = "confined";
const BARE: &str = "bare";
const WORKS: &str = "works";
/// Tries that show something whoever makes them.
const LEAST_WITHOUT_ROOT: usize = 40;
