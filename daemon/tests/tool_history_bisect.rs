//! `myriad bisect` and `myriad serve` on a history file, with commands that look at the past.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod past;

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use past::{Story, outcome, text};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

const TOOL: &str = env!("CARGO_BIN_EXE_myriad");

/// The tool, with a folder of its own for what is temporary.
fn command(story: &Story, args: &[&str]) -> Command {
    let mut command = story.command(Path::new(TOOL), args);
    fs::create_dir_all(temporary(story)).unwrap();
    command.env("TMPDIR", temporary(story)).env("TOOL", TOOL);
    command
}

fn temporary(story: &Story) -> PathBuf {
    story.dir.path().join("tmp")
}

fn myriad(story: &Story, args: &[&str]) -> (i32, String, String) {
    outcome(&command(story, args).output().unwrap())
}

fn good(story: &Story, args: &[&str]) -> String {
    let (code, out, err) = myriad(story, args);
    assert_eq!((code, err.as_str()), (0, ""), "{args:?} {out}");
    out
}

/// Searches from the oldest to the newest version; gives the first bad one.
fn search(story: &Story, how: &[&str]) -> u64 {
    good(story, &["bisect", "start"]);
    let found = good(story, &[&["--json", "bisect", "run"], how].concat());
    let last: Value = serde_json::from_str(found.lines().last().unwrap()).unwrap();
    assert_eq!(last["state"], "found", "{found}");
    good(story, &["bisect", "reset"]);
    assert_eq!(fs::read_dir(temporary(story)).unwrap().count(), 0, "all is taken away");
    last["generation"].as_u64().unwrap()
}

#[test]
fn a_command_finds_the_first_bad_version_by_its_files() {
    let story = Story::new();
    // Before generation 2 there is no such file.
    let table = [
        (r#"! grep -qsx web-2 "$MYRIAD_TREE/local/domain/5/name""#, 13),
        (r#"! grep -qsx 'name n0,r5,b6' "$MYRIAD_TREE/local/domain/5/.perms""#, 15),
        (r#"! test -d "$MYRIAD_TREE/local""#, 2),
        (r#"test $MYRIAD_GENERATION -lt 9"#, 9),
        (r#"test $(date -d "$MYRIAD_TIME" +%S) -lt 6"#, 7),
    ];
    for (script, expected) in table {
        assert_eq!(search(&story, &["sh", "-c", script]), expected, "{script}");
    }
    let script = r#"! test -e "$MYRIAD_TREE/local/domain/5/data" || exit 200; \
        ! grep -qsx web-2 "$MYRIAD_TREE/local/domain/5/name""#;
    let part = ["--below", "/local/domain/5/name", "sh", "-c", script];
    assert_eq!(search(&story, &part), 13);
    let script =
        r#"test "$(ls "$MYRIAD_TREE" | wc -l)" = 0 || exit 200; test $MYRIAD_GENERATION -lt 5"#;
    assert_eq!(search(&story, &["--no-files", "sh", "-c", script]), 5);
    // From a later version on, the device is there first, and then it isn't.
    good(&story, &["bisect", "start", "--good", "2"]);
    let script = r#"test -f "$MYRIAD_TREE/local/domain/5/device/vif""#;
    let found = good(&story, &["bisect", "run", "sh", "-c", script]);
    assert!(found.contains("generation 14 is the first bad version; 13 was good\n14  "), "{found}");
    assert!(found.ends_with("    D /local/domain/5/device\n"), "{found}");
}

#[test]
fn a_command_finds_the_first_bad_version_through_the_socket() {
    let story = Story::new();
    good(&story, &["bisect", "start", "--good", "2"]);
    let script = r#""$TOOL" write /a 1 && exit 200; "$TOOL" exists /local/domain/5/device"#;
    let (code, out, err) = myriad(&story, &["bisect", "run", "sh", "-c", script]);
    assert_eq!(code, 0, "{out} {err}");
    assert!(out.contains("generation 14 is the first bad version"), "{out}");
    assert!(err.contains("WRITE of /a: is read-only (EROFS)"), "{err}");
}

#[test]
fn an_expression_needs_no_command() {
    let story = Story::new();
    let table = [
        ("/local/domain/5/name != web-2", 13),
        ("absent /local", 2),
        ("/local/domain/5/data matches ?", 10),
    ];
    for (expr, expected) in table {
        let start = ["bisect", "start", "--good", if expected == 2 { "1" } else { "2" }];
        good(&story, &start);
        let found = good(&story, &["bisect", "run", "--expr", expr]);
        let says = format!("generation {expected} is the first bad version");
        assert!(found.contains(&says), "{expr} {found}");
        good(&story, &["bisect", "reset"]);
    }
    let (code, _, err) = myriad(&story, &["bisect", "run", "--expr", "name is web"]);
    assert_eq!(code, 2, "{err}");
}

#[test]
fn somebody_can_search_by_hand() {
    let story = Story::new();
    let start = good(&story, &["bisect", "start", "--good", "3", "--bad", "HEAD"]);
    assert!(start.starts_with("generation 9, of 2026-11-20 12:00:08.000: is it good"), "{start}");
    assert!(start.contains("(11 versions left, about 4 steps)"), "{start}");
    let again = myriad(&story, &["bisect", "start"]);
    assert_eq!(again.0, 2, "{again:?}");
    good(&story, &["bisect", "good"]);
    good(&story, &["bisect", "bad", "13"]);
    let status = good(&story, &["--json", "bisect", "status"]);
    let status: Value = serde_json::from_str(&status).unwrap();
    assert_eq!((&status["generation"], &status["left"]), (&11.into(), &3.into()));
    good(&story, &["bisect", "skip"]);
    good(&story, &["bisect", "bad", "12"]);
    let unsure = good(&story, &["bisect", "good", "10"]);
    assert!(unsure.ends_with("skipped: 11 12\n"), "{unsure}");
    let other = Story::new();
    let args = ["--history", other.file.to_str().unwrap(), "bisect", "status"];
    let (code, _, err) = myriad(&story, &args);
    assert!(code == 2 && err.contains("the search under way isn't of"), "{err}");
    let wrong = myriad(&story, &["bisect", "good", "14"]);
    assert_eq!(wrong.0, 2, "{wrong:?}");
    assert!(good(&story, &["bisect", "bad", "11"]).contains("generation 11 is the first bad"));
    assert_eq!(good(&story, &["bisect", "reset"]), "the search is forgotten\n");
    assert_eq!(good(&story, &["bisect", "reset"]), "no search\n");
}

#[test]
fn a_search_that_makes_no_sense_or_is_stopped_says_so() {
    let story = Story::new();
    let run = |args: &[&str]| {
        myriad(&story, &["bisect", "reset"]);
        good(&story, &["bisect", "start"]);
        myriad(&story, &[&["bisect", "run"], args].concat())
    };
    let (code, _, err) = run(&["--expr", "exists /nothing"]);
    assert!(
        code == 2 && err.contains("generation 1, the oldest that is kept, isn't good"),
        "{err}"
    );
    let (code, _, err) = run(&["--expr", "exists /"]);
    assert!(code == 2 && err.contains("generation 15, the newest, isn't bad"), "{err}");
    let (code, _, err) = run(&["no-such-program-at-all"]);
    assert!(code == 9 && err.contains("can't run no-such-program-at-all"), "{err}");
    let script = "test $MYRIAD_GENERATION -ne 8 || exit 200; test $MYRIAD_GENERATION -lt 9";
    let (code, out, err) = run(&["sh", "-c", script]);
    assert!(code == 9 && err.contains("sh ended with exit status: 200"), "{err}");
    assert!(out.contains("generation 1, of 2026-11-20 12:00:00.000: good\n"), "{out}");
    let script = "test $MYRIAD_GENERATION -ne 8 || exit 125; test $MYRIAD_GENERATION -lt 8";
    let (code, out, _) = run(&["sh", "-c", script]);
    assert!(code == 0 && out.ends_with("skipped: 8 9\n"), "{out}");
}

#[test]
fn a_version_is_served_until_an_interrupt() {
    let story = Story::new();
    let mut child = command(&story, &["serve", "HEAD~3"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = lines.next().unwrap().unwrap();
    let socket = line.strip_prefix("XENSTORED_PATH=").unwrap();
    let client = |args: &[&str]| {
        let output = Command::new(TOOL).args(["--socket", socket]).args(args).output().unwrap();
        outcome(&output)
    };
    assert_eq!(client(&["read", "/local/domain/5/name"]), (0, "web\n".into(), String::new()));
    let listed = client(&["ls", "-p", "/local/domain/5"]).1;
    assert!(listed.contains("data = \"12\"  (n5)\ndevice  (n0)\n  vif"), "{listed}");
    let (code, _, err) = client(&["rm", "/local"]);
    assert!(code == 4 && err.contains("EROFS"), "{code} {err}");
    let pid = Pid::from_child(&child);
    kill_process(pid, Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(!Path::new(socket).exists());
    assert_eq!(fs::read_dir(temporary(&story)).unwrap().count(), 0);
}
