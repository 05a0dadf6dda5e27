//! Debian's clients on a version of the past: what `myriad serve` and `myriad bisect` give them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[path = "../../daemon/tests/past/mod.rs"]
mod past;
mod tool_support;

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Stdio},
};

use myriad_verify::programs::debian_program;
use past::{Story, outcome, text};
use rustix::process::{Pid, Signal, kill_process};

/// Serves a version; ended when dropped.
struct Served {
    child: Child,
    socket: String,
}

impl Served {
    fn start(story: &Story, version: &str) -> Served {
        let mut command = story.command(&tool_support::tool().path, &["serve", version]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.next().unwrap().unwrap();
        let socket = line.strip_prefix("XENSTORED_PATH=").unwrap().to_owned();
        Served { child, socket }
    }

    /// What a client of Debian's says: its exit code, its output, its complaint.
    fn client(&self, call: &str) -> (i32, String, String) {
        let mut words = call.split_whitespace();
        let program = format!("usr/bin/{}", words.next().unwrap());
        let mut command = debian_program(&program, Path::new(&self.socket)).unwrap();
        outcome(&command.args(words).output().unwrap())
    }

    fn says(&self, call: &str) -> String {
        let (code, out, err) = self.client(call);
        assert_eq!((code, err.as_str()), (0, ""), "{call}");
        out
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let _ = self.child.wait();
    }
}

#[test]
fn debians_clients_read_the_past() {
    let story = Story::new();
    let past = Served::start(&story, "12");
    let tree = "\
domain = \"\"
 5 = \"\"
  data = \"12\"
  device = \"\"
   vif = \"two\\nlines\"
  name = \"web\"
";
    assert_eq!(past.says("xenstore-ls /local"), tree);
    let listed = past.says("xenstore-ls -f -p /local/domain/5");
    let perms: Vec<&str> =
        listed.lines().filter_map(|line| line.split_once('(')).map(|l| l.1).collect();
    assert_eq!(perms, ["n5)", "n0)", "n0)", "n0)"], "{listed}");
    assert_eq!(past.says("xenstore-read /local/domain/5/name"), "web\n");
    assert_eq!(past.says("xenstore-read -p /local/domain/5/data"), "/local/domain/5/data: 12\n");
    assert_eq!(past.says("xenstore-list /local/domain/5"), "data\ndevice\nname\n");
    assert_eq!(past.client("xenstore-exists /local/domain/5/device").0, 0);
    assert_eq!(past.client("xenstore-exists /local/domain/6").0, 1);
    assert_eq!(past.says("xenstore-watch -n 1 /local/domain/5"), "/local/domain/5\n");
}

#[test]
fn debians_clients_can_t_change_the_past() {
    let story = Story::new();
    let past = Served::start(&story, "HEAD");
    let before = past.says("xenstore-ls -f -p /");
    let calls = [
        "xenstore-write /local/domain/5/name x",
        "xenstore-write /new x",
        "xenstore-rm /local/domain/5/name",
        "xenstore-chmod /local/domain/5/name r0",
    ];
    for call in calls {
        let (code, out, err) = past.client(call);
        assert_ne!(code, 0, "{call} {out}");
        assert!(!err.is_empty(), "{call}");
    }
    assert_eq!(past.says("xenstore-ls -f -p /"), before);
    assert!(before.contains("/local/domain/5/name = \"web-2\""), "{before}");
}

#[test]
fn a_client_of_debian_s_finds_since_when() {
    let story = Story::new();
    let tool = tool_support::tool().path;
    let run = |args: &[&str]| {
        let (code, out, err) = outcome(&story.command(&tool, args).output().unwrap());
        assert_eq!((code, err.as_str()), (0, ""), "{args:?} {out}");
        out
    };
    // As it would be called, with the libraries that it needs.
    let client = debian_program("usr/bin/xenstore-exists", Path::new("unused")).unwrap();
    let program = client.get_program().to_str().unwrap().to_owned();
    let libraries = client.get_envs().find(|(name, _)| *name == "LD_LIBRARY_PATH").unwrap().1;
    let libraries = format!("LD_LIBRARY_PATH={}", text(libraries.unwrap().as_encoded_bytes()));
    run(&["bisect", "start", "--good", "2"]);
    let words = ["env", &libraries, &program, "/local/domain/5/device/vif"];
    let found = run(&[&["bisect", "run"], &words[..]].concat());
    assert!(found.contains("generation 14 is the first bad version; 13 was good"), "{found}");
}
