//! The tool under the names `xenstore-*` beside Debian's real clients, on one daemon: output,
//! messages, exit codes, and the tree afterwards are the same, for a broad table of command lines.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod tool_support;

use std::ffi::OsString;

use myriad_ring::client::{Client, Store, Stream};
use tool_support::{
    Daemon, Outcome,
    fixture::{prepare, their},
    run, start_daemon, tool,
};

/// One command line a row: the client's name and its arguments, separated by blanks. `~` stands
/// for a blank within an argument, `''` for an empty one.
const READS: &str = r"
xenstore-read /t/a
xenstore-read /t/a /t/b /t/blank
xenstore-read -p /t/a /t/b
xenstore-read -p -- /t/a
xenstore-read /t/a -p /t/b --prefix
xenstore-read --pre /t/a
xenstore-read -R /t/bin
xenstore-read --raw /t/bin /t/a
xenstore-read -Rp /t/bin
xenstore-read /t/bin
xenstore-read /t/high
xenstore-read -s /t/a
xenstore-read /t/a /t/missing /t/b
xenstore-read /t/missing
xenstore-read -R /t/a /t/missing
xenstore-read relative
xenstore-read ''
xenstore-read /t/
xenstore-read /t//a
xenstore-read /t/a?b
xenstore-read @releaseDomain
xenstore-read /
xenstore-list /t
xenstore-list /
xenstore-list -p /t
xenstore-list -p /
xenstore-list /t/many
xenstore-list -p /t/many /t/deep
xenstore-list /t/a
xenstore-list /t /t/missing
xenstore-list /t/missing /t
xenstore-list ''
xenstore-exists /t
xenstore-exists /t /t/a
xenstore-exists /t/missing
xenstore-exists /t /t/missing
xenstore-exists -s /t
xenstore-exists /t/
xenstore-ls /t
xenstore-ls -p /t
xenstore-ls -f /t
xenstore-ls -fp /t
xenstore-ls -pf /t /t/deep
xenstore-ls -s /t/deep
xenstore-ls /t/a
xenstore-ls /t/missing
xenstore-ls /t/deep /t/missing
xenstore-ls -p /t/missing
xenstore-ls ''
xenstore-ls t
xenstore read /t/a
xenstore read -p /t/a /t/b
xenstore list -p /t/deep
xenstore ls -p /t/deep
xenstore exists /t/missing
";

const CHANGES: &str = r"
xenstore-write /t/new value
xenstore-write /t/new value /t/other two~words
xenstore-write /t/a ''
xenstore-write /t/x/y/z deep
xenstore-write /t/e a\tb\nc\rd\\e
xenstore-write /t/e \x00\x7f\x80\xff
xenstore-write /t/e \0\1\07\377\777\08
xenstore-write /t/e \x0x
xenstore-write /t/e \x0xf
xenstore-write /t/e \x+f
xenstore-write /t/e \x-1
xenstore-write /t/e \x~1f
xenstore-write /t/e \x+
xenstore-write /t/e \x
xenstore-write /t/e \xg
xenstore-write /t/e end\
xenstore-write /t/e \q\8\9
xenstore-write /t/e \x1g\x-0\x--\x0X1\x+0x1
xenstore-write -R /t/e a\tb\
xenstore-write --raw /t/e a\x00 /t/f b
xenstore-write -s /t/e v
xenstore-write /t/ok 1 /t/ bad
xenstore-write /t//bad 1 /t/ok 1
xenstore-write /t/?? 1
xenstore-write '' 1
xenstore-write relative/path 1
xenstore-write /t/a -1
xenstore-write -- /t/a -1
xenstore-rm /t/a
xenstore-rm /t/a /t/b
xenstore-rm /t/deep
xenstore-rm /t/missing
xenstore-rm /t/missing/below
xenstore-rm /t/a /t/missing/below /t/b
xenstore-rm /
xenstore-rm ''
xenstore-rm -t /t/only/child/below
xenstore-rm -t /t/deep/1/2/3/4
xenstore-rm --tidy /t/only/child/below /t/b
xenstore-rm -t /t/a
xenstore-rm -t /t/missing
xenstore-rm -t relative
xenstore-rm -s /t/a
xenstore-chmod /t/a n0
xenstore-chmod /t/a n0 r1 w2 b3
xenstore-chmod /t/a b0 r00
xenstore-chmod /t/a n0 r0x
xenstore-chmod /t/a n r
xenstore-chmod /t/a n0 r~1
xenstore-chmod /t/a n-1
xenstore-chmod /t/a n99999999999
xenstore-chmod /t/a x0
xenstore-chmod /t/a n0 q
xenstore-chmod /t/a r0 n0
xenstore-chmod /t/a
xenstore-chmod -r /t/deep r0
xenstore-chmod -u /t/deep/1/2 r0
xenstore-chmod -ur /t/deep/1/2 r0 w0
xenstore-chmod --recurse --upto /t/deep/1 w0
xenstore-chmod -r /t/many b0
xenstore-chmod -r / r0
xenstore-chmod -u relative r0
xenstore-chmod -u a/b r0
xenstore-chmod -r /t/missing r0
xenstore-chmod /t/missing r0
xenstore-chmod '' r0
xenstore-chmod -s /t/a r0
xenstore-chmod @releaseDomain n0 r0
xenstore write /t/a 1 /t/b 2
xenstore rm -t /t/only/child/below
xenstore chmod -r /t/deep r0
";

const WRONG: &str = r"
xenstore
xenstore frobnicate
xenstore -h
xenstore control help
xenstore-frobnicate /t
xenstore-mkdir /t/new
xenstore-read
xenstore-read -h
xenstore-read --help /t/a
xenstore-read --he
xenstore-read -t /t/a
xenstore-read -n 1 /t/a
xenstore-read -n
xenstore-read -x /t/a
xenstore-read -xyz /t/a
xenstore-read -x
xenstore-read --frobnicate /t/a
xenstore-read --frobnicate=1 /t/a
xenstore-read --r /t/a
xenstore-read --re /t/a
xenstore-read --raw=1 /t/a
xenstore-read --
xenstore-read - /t/a
xenstore-write
xenstore-write /t/a
xenstore-write /t/a 1 /t/b
xenstore-write -p /t/a 1
xenstore-write -h
xenstore-rm
xenstore-rm -h
xenstore-rm -R /t/a
xenstore-list
xenstore-list -f /t
xenstore-list -h
xenstore-exists
xenstore-exists -p /t
xenstore-exists -h
xenstore-ls -h
xenstore-ls -t
xenstore-ls -R /t
xenstore-chmod
xenstore-chmod -h
xenstore-chmod -p /t/a n0
xenstore-watch
xenstore-watch -h
xenstore-watch -r /t
xenstore-watch -n
xenstore-watch --number
xenstore read
xenstore read -h
xenstore read -x /t/a
xenstore write /t/a
xenstore rm -h
xenstore list -h
xenstore exists -h
xenstore ls -h
xenstore chmod -h
xenstore watch -h
xenstore-control
xenstore-control live-update
xenstore-control live-update -F
xenstore-control live-update -c
xenstore-control live-update -t
";

const CONTROL: &str = r"
xenstore-control help
xenstore-control check
xenstore-control frobnicate
xenstore-control ''
xenstore-control print hello
xenstore-control print
xenstore-control quota
xenstore-control quota set nodes
xenstore-control quota no-such-argument
xenstore-control logfile
";

const WATCHES: &str = r"
xenstore-watch -n 1 /t/a
xenstore-watch -n 2 /t/a /t/missing
xenstore-watch -n 3 /t relative @releaseDomain
xenstore-watch -n1 --number=2 /t /t/b
xenstore-watch -n 0 /t
xenstore-watch -n -2 /t
xenstore-watch -n x /t
xenstore-watch -n 1 /t /t
xenstore-watch -n 1 /t/
xenstore-watch -n 1 /t //
xenstore-watch -n 1 ''
xenstore watch -n 1 /t
";

/// A name and its arguments.
fn parse(row: &str) -> (&str, Vec<OsString>) {
    let mut words = row.split_whitespace();
    let name = words.next().unwrap();
    let word = |w: &str| if w == "''" { String::new() } else { w.replace('~', " ") };
    (name, words.map(|w| word(w).into()).collect())
}

/// All nodes below one, with values and permissions.
fn dump(client: &mut Client<Stream>, path: &str, to: &mut Vec<String>) {
    for name in client.list(path).unwrap() {
        let path = format!("{}/{name}", path.trim_end_matches('/'));
        let value = client.read(&path).unwrap();
        let perms: Vec<_> =
            client.get_perms(&path).unwrap().iter().map(|p| p.to_string()).collect();
        to.push(format!("{path} {} {perms:?}", value.escape_ascii()));
        dump(client, &path, to);
    }
}

/// What a row gives, and the tree that it leaves.
fn outcome(daemon: &Daemon, row: &str, ours: bool) -> (Outcome, Vec<String>) {
    let mut client = daemon.client();
    prepare(&mut client);
    let (name, args) = parse(row);
    let program = if ours { tool() } else { their(name) };
    let outcome = run(&program, name, &args, &daemon.socket());
    let mut tree = Vec::new();
    dump(&mut client, "/", &mut tree);
    (outcome, tree)
}

/// Compares each row, and tells of all that differ.
fn compare(table: &str) {
    let daemon = start_daemon();
    let rows: Vec<&str> = table.lines().filter(|row| !row.is_empty()).collect();
    let mut differences = Vec::new();
    for row in &rows {
        let (theirs, their_tree) = outcome(&daemon, row, false);
        let (ours, our_tree) = outcome(&daemon, row, true);
        if theirs != ours {
            differences.push(format!("{row}\n  theirs: {theirs:?}\n  ours:   {ours:?}"));
        }
        for (theirs, ours) in their_tree.iter().zip(&our_tree).filter(|(a, b)| a != b).take(3) {
            differences.push(format!("{row}\n  their tree: {theirs}\n  our tree:   {ours}"));
        }
        if their_tree.len() != our_tree.len() {
            let (theirs, ours) = (their_tree.len(), our_tree.len());
            differences.push(format!("{row}\n  nodes: theirs {theirs}, ours {ours}"));
        }
    }
    let list = differences.join("\n");
    assert!(differences.is_empty(), "{} of {} rows differ:\n{list}", differences.len(), rows.len());
}

#[test]
fn what_reads_prints_the_same() {
    compare(READS);
}

#[test]
fn what_changes_leaves_the_same_tree() {
    compare(CHANGES);
}

#[test]
fn wrong_command_lines_give_the_same_messages() {
    compare(WRONG);
}

#[test]
fn control_commands_give_the_same_answers() {
    compare(CONTROL);
}

#[test]
fn watches_print_the_same_first_events() {
    compare(WATCHES);
}
