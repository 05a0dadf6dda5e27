//! What `myriad` tells of a history file: log, show, ls, diff, blame, history, and bad files.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod past;

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::Stdio,
};

use past::{DOM0, Do, Maker, Story, outcome};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

fn myriad(story: &Story, args: &[&str]) -> (i32, String, String) {
    let program = Path::new(env!("CARGO_BIN_EXE_myriad"));
    outcome(&story.command(program, args).output().unwrap())
}

/// Runs what must succeed without a word on standard error.
fn good(story: &Story, args: &[&str]) -> String {
    let (code, out, err) = myriad(story, args);
    assert_eq!((code, err.as_str()), (0, ""), "{args:?} {out}");
    out
}

fn json(story: &Story, args: &[&str]) -> Vec<Value> {
    let out = good(story, &[&["--json"], args].concat());
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The generations of a log.
fn generations(story: &Story, args: &[&str]) -> Vec<u64> {
    let log = json(story, &[&["log"], args].concat());
    log.iter().map(|commit| commit["generation"].as_u64().unwrap()).collect()
}

#[test]
fn the_log_tells_who_changed_what_and_when_newest_first() {
    let story = Story::new();
    let log = good(&story, &["log", "-n", "3"]);
    let expected = "\
15  2026-11-20 12:00:14.000  control, connection 1, WRITE
    P /local/domain/5/name  (n0,r5,b6)
14  2026-11-20 12:00:13.000  control, connection 1, WRITE
    D /local/domain/5/device
13  2026-11-20 12:00:12.000  control, connection 1, WRITE
    M /local/domain/5/name = \"web-2\"
";
    assert_eq!(log, expected);
    assert_eq!(generations(&story, &[]), (2..=15).rev().collect::<Vec<_>>());
    assert_eq!(generations(&story, &["/local/domain/5/name"]), [15, 13, 2]);
    assert_eq!(generations(&story, &["/local/domain/5/device/vif"]), [14, 2]);
    assert_eq!(generations(&story, &["/local/domain/5", "-n", "2"]), [15, 14]);
    assert_eq!(generations(&story, &["--domain", "5"]), (3..=12).rev().collect::<Vec<_>>());
    assert_eq!(generations(&story, &["--domain", "9"]), [0; 0]);
    let since = ["--since", "2026-11-20 12:00:12", "--until", "2026-11-20 12:00:13"];
    assert_eq!(generations(&story, &since), [14, 13]);
    let head = &json(&story, &["log", "-n", "1"])[0];
    assert_eq!(head["time"], "2026-11-20T12:00:14Z");
    assert_eq!(head["changes"][0]["permissions"], serde_json::json!(["n0", "r5", "b6"]));
    assert_eq!(head["changes"][0]["author"]["domid"], 0);
}

#[test]
fn a_log_that_follows_tells_what_comes() {
    let story = Story::empty();
    let mut maker = Maker::new(&story.file);
    story.tell(&mut maker);
    maker.flush();
    let program = Path::new(env!("CARGO_BIN_EXE_myriad"));
    let mut command = story.command(program, &["log", "--follow", "-n", "2", "/local/domain/5"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || lines.next().unwrap().unwrap();
    assert!(next().starts_with("14  "));
    next();
    assert!(next().starts_with("15  "));
    next();
    maker.commit(DOM0, &[Do::Write("/elsewhere", "")]);
    maker.commit(DOM0, &[Do::Write("/local/domain/5/name", "new")]);
    maker.flush();
    assert!(next().starts_with("17  "));
    assert_eq!(next(), "    M /local/domain/5/name = \"new\"");
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    child.wait().unwrap();
}

#[test]
fn nodes_are_shown_as_they_were() {
    let story = Story::new();
    assert_eq!(good(&story, &["show", "HEAD:/local/domain/5/name"]), "web-2\n");
    assert_eq!(good(&story, &["show", "HEAD~3:/local/domain/5/name"]), "web\n");
    assert_eq!(good(&story, &["show", "7:/local/domain/5/data"]), "7\n");
    assert_eq!(good(&story, &["show", "@7:/local/domain/5/data"]), "7\n");
    let at = "2026-11-20 12:00:05:/local/domain/5/data";
    assert_eq!(good(&story, &["show", at]), "6\n");
    assert_eq!(good(&story, &["show", "2:/local/domain/5/device/vif"]), "two\\nlines\n");
    assert_eq!(good(&story, &["show", "-R", "2:/local/domain/5/device/vif"]), "two\nlines");
    assert_eq!(good(&story, &["show", "-p", "HEAD:/local/domain/5/name"]), "web-2  (n0,r5,b6)\n");
    let node = &json(&story, &["show", "HEAD:/local/domain/5/data"])[0];
    assert_eq!((&node["value"], &node["version"]), (&"12".into(), &15.into()));
    assert_eq!(node["generation"], 12);
    let missing = myriad(&story, &["show", "HEAD:/local/domain/5/device"]);
    let says = "myriad: /local/domain/5/device was not there in generation 15\n";
    assert_eq!(missing, (1, String::new(), says.into()));
    let version = good(&story, &["show", "14"]);
    assert!(version.starts_with("14  2026-11-20 12:00:13.000  control"), "{version}");
    assert!(version.contains("\nD /local/domain/5/device/vif = \"two\\nlines\"  (n0)\n"));
}

#[test]
fn trees_are_listed_as_they_were() {
    let story = Story::new();
    let then = "data\ndevice\n  vif = \"two\\nlines\"\nname = \"web\"\n";
    assert_eq!(good(&story, &["ls", "2:/local/domain/5"]), then);
    assert_eq!(
        good(&story, &["ls", "-d", "1", "2:/local/domain/5"]),
        "data\ndevice\nname = \"web\"\n"
    );
    let now = "/local/domain/5/data = \"12\"  (n5)\n/local/domain/5/name = \"web-2\"  (n0,r5,b6)\n";
    assert_eq!(good(&story, &["ls", "-fp", "HEAD:/local/domain/5"]), now);
    assert_eq!(good(&story, &["ls", "-d", "1", "HEAD:/"]), "local\n");
    let listed = json(&story, &["ls", "HEAD:/local/domain/5"]);
    assert_eq!(listed[1], serde_json::json!({"path": "/local/domain/5/name", "value": "web-2"}));
}

#[test]
fn versions_are_compared() {
    let story = Story::new();
    let expected = "\
M /local/domain/5/data = \"11\" -> \"12\"
D /local/domain/5/device = \"\"  (n0)
D /local/domain/5/device/vif = \"two\\nlines\"  (n0)
M /local/domain/5/name = \"web\" -> \"web-2\"  (n0) -> (n0,r5,b6)
";
    assert_eq!(good(&story, &["diff", "11", "HEAD"]), expected);
    assert_eq!(good(&story, &["diff", "11"]), expected);
    let name = expected.lines().last().unwrap().to_owned() + "\n";
    assert_eq!(good(&story, &["diff", "11", "/local/domain/5/name"]), name);
    assert_eq!(good(&story, &["diff", "11", "15", "/local/domain/5/name"]), name);
    assert_eq!(good(&story, &["diff", "--exit-code", "11", "11"]), "");
    assert_eq!(myriad(&story, &["diff", "--exit-code", "11", "12"]).0, 1);
    let back = good(&story, &["diff", "HEAD", "2", "/local/domain/5/device"]);
    assert!(back.starts_with("A /local/domain/5/device = \"\"  (n0)\nA "), "{back}");
    let all = json(&story, &["diff", "14", "15"]);
    assert_eq!(all[0]["before"]["permissions"], serde_json::json!(["n0"]));
    assert_eq!(all.len(), 1);
}

#[test]
fn each_node_s_last_change_is_found() {
    let story = Story::new();
    let blame = good(&story, &["blame", "/local/domain/5"]);
    let rows: Vec<Vec<&str>> = blame.lines().map(|line| line.split("  ").collect()).collect();
    assert_eq!(rows.len(), 3, "{blame}");
    assert!(
        blame.contains("12  2026-11-20 12:00:11.000     domain 5    /local/domain/5/data = \"12\"")
    );
    assert!(blame.contains("15  2026-11-20 12:00:14.000     control     /local/domain/5/name"));
    let then = json(&story, &["blame", "14:/local/domain/5/name"]);
    assert_eq!((&then[0]["generation"], &then[0]["value"]), (&13.into(), &"web-2".into()));
    assert_eq!(myriad(&story, &["blame", "/nothing"]).0, 1);
}

#[test]
fn a_version_that_is_not_kept_is_said_to_stand_for_another() {
    let story = Story::empty();
    let mut maker = Maker::new(&story.file);
    story.tell(&mut maker);
    maker.gap();
    maker.commit(DOM0, &[Do::Write("/after", "1")]);
    maker.close();
    let (code, out, err) = myriad(&story, &["show", "20:/local/domain/5/name"]);
    assert_eq!((code, out.as_str()), (0, "web-2\n"));
    assert!(err.contains("generation 20 is not kept; this is 15, of 2026-11-20 12:00:14"), "{err}");
    let gaps = good(&story, &["history", "gaps"]);
    assert!(gaps.contains("publications 16 to "), "{gaps}");
    assert!(gaps.contains("after generation 15: the writer was too far behind"), "{gaps}");
    assert_eq!(json(&story, &["history", "gaps"])[0]["gap"], "overrun");
}

#[test]
fn the_file_is_described() {
    let story = Story::new();
    let stats = good(&story, &["history", "stats"]);
    for word in [
        "1.0 MiB",
        "every commit",
        "one per 1 s",
        "one per 1 d",
        "2026-11-20 12:00:14",
        "age  ",
        " #",
    ] {
        assert!(stats.contains(word), "{word}: {stats}");
    }
    let stats = &json(&story, &["history", "stats"])[0];
    assert_eq!(stats["size"], 1 << 20);
    assert_eq!(stats["tiers"][0]["newest"]["generation"], 15);
    assert_eq!(stats["tiers"][0]["period_seconds"], 0.0);
}

#[test]
fn what_can_t_be_told_has_an_exit_code_and_a_sentence() {
    let story = Story::new();
    let bad = story.dir.path().join("bad");
    std::fs::write(&bad, "not a history").unwrap();
    let bad = bad.to_str().unwrap();
    let table: [(&[&str], i32, &str); 12] = [
        (&["show", "99:/"], 1, "99 is not there yet: the newest version is generation 15"),
        (&["show", "0:/"], 1, "0 is older than what is kept"),
        (&["show", "1 year ago:/"], 1, "older than what is kept"),
        (&["show", "soon:/"], 2, "\"soon\" is no time"),
        (&["log", "--since", "2 moths ago"], 2, "\"moths\" is no unit of time"),
        (&["log", "local"], 2, "\"local\" is no absolute path"),
        (&["show", "HEAD:/a//b"], 2, "no absolute path"),
        (&["diff", "HEAD", "1", "a"], 2, "no absolute path"),
        (&["ls", "-s", "HEAD:/"], 2, "myriad serve"),
        (&["--history", "/nowhere/at/all", "log"], 8, "/nowhere/at/all"),
        (&["--history", bad, "log"], 8, "bad: "),
        (&["bisect", "good"], 2, "no search is under way"),
    ];
    for (args, code, says) in table {
        let (found, out, err) = myriad(&story, args);
        assert_eq!(found, code, "{args:?} {out} {err}");
        assert!(err.starts_with("myriad: ") && err.contains(says), "{args:?} {err}");
    }
    let (_, _, err) = myriad(&story, &["--json", "show", "99:/"]);
    let error: Value = serde_json::from_str(&err).unwrap();
    assert_eq!(error["exit"], 1);
}
