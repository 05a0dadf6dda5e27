//! `myriad restore`: what was, made to be again on a running daemon.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;
mod past;

use std::path::Path;

use common::Daemon;
use myriad_ring::v1::Op;
use past::{DOM0, Do, Maker, Story, guest, outcome};
use serde_json::Value;

const HOME: &str = "/local/domain/5";

fn restore(story: &Story, daemon: &Daemon, args: &[&str]) -> (i32, String, String) {
    let program = Path::new(env!("CARGO_BIN_EXE_myriad"));
    let mut command = story.command(program, &["restore"]);
    outcome(&command.args(args).arg("--socket").arg(daemon.path("socket")).output().unwrap())
}

/// What the tool lists below domain 5, with permissions.
fn listed(story: &Story, daemon: &Daemon) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_myriad"));
    let mut command = story.command(program, &["ls", "-fp", HOME]);
    let output = command.arg("--socket").arg(daemon.path("socket")).output().unwrap();
    let mut lines: Vec<String> = outcome(&output).1.lines().map(str::to_owned).collect();
    lines.sort();
    lines.join("\n")
}

/// A daemon with a tree that is not as it was; domain 5 is there, or has gone.
fn daemon(introduced: bool) -> Daemon {
    let daemon = Daemon::start(&[]);
    if introduced {
        daemon.introduce(5);
    }
    let mut dom0 = daemon.connect();
    dom0.write("/local/domain/5/name", "other").unwrap();
    dom0.write("/local/domain/5/extra/deep/er", "1").unwrap();
    dom0.write("/local/domain/6/name", "else").unwrap();
    daemon
}

#[test]
fn nothing_is_done_before_somebody_says_yes() {
    let (story, daemon) = (Story::new(), daemon(true));
    let before = listed(&story, &daemon);
    let (code, out, err) = restore(&story, &daemon, &["12:/local/domain/5"]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    let expected = "\
D /local/domain/5/extra  (with 2 below)
P /local/domain/5  (n0,r5)
A /local/domain/5/data = \"12\"  (n5)
A /local/domain/5/device = \"\"  (n0)
A /local/domain/5/device/vif = \"two\\nlines\"  (n0)
M /local/domain/5/name = \"web\"
6 nodes would become what they were in generation 12, of 2026-11-20 12:00:11.000; to do it: --yes
";
    assert_eq!(out, expected);
    assert_eq!(listed(&story, &daemon), before);

    let (code, out, err) = restore(&story, &daemon, &["--yes", "12:/local/domain/5"]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    let after = "\
/local/domain/5/data = \"12\"  (n5)
/local/domain/5/device  (n0)
/local/domain/5/device/vif = \"two\\nlines\"  (n0)
/local/domain/5/name = \"web\"  (n0)";
    assert_eq!(listed(&story, &daemon), after);
    let mut dom0 = daemon.connect();
    assert_eq!(dom0.ok(Op::GetPerms, b"/local/domain/5\0"), b"n0\0r5\0");
    assert_eq!(dom0.read("/local/domain/6/name").unwrap(), "else");
    assert_eq!(dom0.control(&["check"]).unwrap(), "OK");
    let again = restore(&story, &daemon, &["-y", "12:/local/domain/5"]).1;
    assert!(again.starts_with("all is as it was in generation 12"), "{again}");
}

#[test]
fn it_is_one_commit() {
    let (story, daemon) = (Story::new(), daemon(true));
    let mut dom0 = daemon.connect();
    dom0.watch("/local/domain/5/name", "token");
    let tx = dom0.start();
    dom0.ask(Op::Read, tx, b"/local/domain/5/name\0").unwrap();
    assert_eq!(restore(&story, &daemon, &["-y", "12:/local/domain/5"]).0, 0);
    assert_eq!(dom0.event().0, "/local/domain/5/name");
    // Whoever looked before it sees nothing of it until the end.
    let absent = dom0.ask(Op::Read, tx, b"/local/domain/5/device/vif\0");
    assert_eq!(absent, Err("ENOENT".into()));
}

#[test]
fn a_domain_that_is_gone_gets_nothing() {
    let (story, daemon) = (Story::new(), daemon(false));
    let (code, out, err) = restore(&story, &daemon, &["--yes", "15:/local/domain/5"]);
    assert_eq!(code, 0, "{out} {err}");
    let data = "myriad: /local/domain/5/data belonged to domain 5, which is gone: to the control";
    assert!(err.contains(data), "{err}");
    assert!(err.contains("/local/domain/5: without the permission of domain 5, which is gone"));
    assert!(err.contains("/local/domain/5/name: without the permission of domain 6"), "{err}");
    let list = listed(&story, &daemon);
    assert!(list.contains("/local/domain/5/data = \"12\"  (n0)"), "{list}");
    assert!(list.contains("/local/domain/5/name = \"web-2\"  (n0)"), "{list}");
    let (_, json, _) = restore(&story, &daemon, &["--json", "15:/local/domain/5"]);
    let end: Value = serde_json::from_str(json.lines().last().unwrap()).unwrap();
    assert_eq!((&end["changes"], &end["done"]), (&0.into(), &false.into()), "{json}");
    assert_eq!(end["left_out"], 4);
}

#[test]
fn a_later_tenant_of_an_id_gets_nothing_of_the_earlier_one() {
    let story = Story::empty();
    let mut maker = Maker::new(&story.file);
    story.tell(&mut maker);
    maker.commit(guest(5, 205), &[Do::Write("/local/domain/5/data", "new tenant")]);
    maker.close();
    let daemon = daemon(true);
    let (code, _, err) = restore(&story, &daemon, &["--yes", "12:/local/domain/5"]);
    assert!(code == 0 && err.contains("belonged to domain 5, which is gone"), "{err}");
    let list = listed(&story, &daemon);
    assert!(list.contains("/local/domain/5/data = \"12\"  (n0)"), "{list}");

    let story = Story::empty();
    let mut maker = Maker::new(&story.file);
    story.tell(&mut maker);
    maker.commit(DOM0, &[Do::Note("/local/domain/5", "released")]);
    maker.close();
    let (_, _, err) = restore(&story, &daemon, &["12:/local/domain/5"]);
    assert!(err.contains("belonged to domain 5, which is gone"), "{err}");
}

#[test]
fn what_was_not_there_goes_and_what_can_t_be_is_refused() {
    let (story, daemon) = (Story::new(), daemon(true));
    let (code, out, _) = restore(&story, &daemon, &["-y", "1:/local/domain/5/extra"]);
    assert!(code == 0 && out.starts_with("D /local/domain/5/extra  (with 2 below)\n"), "{out}");
    assert!(!listed(&story, &daemon).contains("extra"));
    for (what, code) in [("HEAD", 2), ("soon:/a", 2), ("99:/a", 1), ("0:/a", 1)] {
        assert_eq!(restore(&story, &daemon, &[what]).0, code, "{what}");
    }
    let (_, dir) = daemon.stop();
    let socket = dir.path().join("socket");
    let program = Path::new(env!("CARGO_BIN_EXE_myriad"));
    let mut command = story.command(program, &["restore", "12:/local", "--socket"]);
    assert_eq!(outcome(&command.arg(socket).output().unwrap()).0, 3);
}
