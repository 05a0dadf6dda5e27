//! The forms of TRANSACTIONS.md, sent to a daemon.

use std::collections::BTreeMap;

use myriad_core::Perm;
use myriad_ring::{
    client::{Client, Commit},
    v1::Op,
    v2::{
        Request, answers,
        records::{GetMany, List, VALUE, VALUES},
    },
};

use super::wire::Counted;

/// A path, a value, and permissions.
fn words(rest: &str) -> (&str, &str, Vec<Perm>) {
    let (rest, perms) = rest.split_once('|').unwrap_or((rest, ""));
    let rest = rest.trim();
    let (path, value) = rest.split_once(' ').unwrap_or((rest, ""));
    let perms = perms.split_whitespace().map(|perm| Perm::parse(perm.as_bytes()).unwrap());
    (path, value, perms.collect())
}

/// Sends lines of v1, each a request, or two where there are permissions.
pub(crate) fn v1(client: &mut Client<Counted>, lines: &[String], name: &str) {
    let mut tx = 0;
    for line in lines {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let (path, value, perms) = words(rest);
        let (op, payload) = match verb {
            "START" => (Op::TransactionStart, "\0".into()),
            "END" => (Op::TransactionEnd, "T\0".into()),
            "READ" => (Op::Read, format!("{path}\0")),
            "DIRECTORY" => (Op::Directory, format!("{path}\0")),
            "RM" => (Op::Rm, format!("{path}\0")),
            "MKDIR" => (Op::Mkdir, format!("{path}\0")),
            "WRITE" => (Op::Write, format!("{path}\0{value}")),
            other => panic!("{name}: {other}"),
        };
        let reply = client.raw(op as u32, tx, payload.as_bytes()).unwrap();
        let is_missing = reply.payload == b"ENOENT\0";
        let may_be_missing = matches!(op, Op::Read | Op::Directory | Op::Rm);
        let is_right = reply.header.op == op as u32 || is_missing && may_be_missing;
        assert!(is_right, "{name}: {line}: {}", reply.payload.escape_ascii());
        match op {
            Op::TransactionStart => {
                let id = std::str::from_utf8(&reply.payload).unwrap();
                tx = id.trim_end_matches('\0').parse().unwrap();
            }
            Op::TransactionEnd => tx = 0,
            _ => {}
        }
        if !perms.is_empty() {
            let list: String = perms.iter().map(|perm| format!("{perm}\0")).collect();
            let payload = format!("{path}\0{list}");
            let reply = client.raw(Op::SetPerms as u32, tx, payload.as_bytes()).unwrap();
            assert_eq!(reply.payload, b"OK\0", "{name}: {line}");
        }
    }
    assert_eq!(tx, 0, "{name}");
}

/// What was read: stamps of values and of sets of children.
#[derive(Default)]
struct Seen {
    values: BTreeMap<String, u64>,
    children: BTreeMap<String, u64>,
}

/// Sends lines of v2: each a request, what is indented the items of a commit.
pub(crate) fn v2(client: &mut Client<Counted>, lines: &[String], name: &str) {
    let (mut seen, mut commit) = (Seen::default(), None);
    for line in lines {
        if let Some(item) = line.strip_prefix("  ") {
            commit = Some(with(commit.take().unwrap(), item, &seen, name));
            continue;
        }
        if let Some(commit) = commit.take() {
            client.commit(&commit).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        match verb {
            "COMMIT" => commit = Some(Commit::new()),
            "GET" => {
                let paths: Vec<&str> = rest.split(' ').collect();
                let head = GetMany { want: VALUE.into(), ..GetMany::default() };
                let names = paths.iter().map(|path| path.as_bytes()).collect();
                let answer = client.ask(&Request::GetMany(head, names)).unwrap();
                let (_, nodes) = answers::nodes(&answer).unwrap();
                for (path, node) in paths.into_iter().zip(nodes) {
                    seen.values.insert(path.into(), node.unwrap().value_stamp);
                }
            }
            "LIST" => {
                let head = List { flags: VALUES.into(), ..List::default() };
                let answer = client.ask(&Request::List(head, rest.as_bytes())).unwrap();
                let page = answers::page(&answer).unwrap();
                seen.children.insert(rest.into(), page.stamp);
                for entry in page.entries {
                    let (_, stamp) = entry.value.unwrap();
                    seen.values.insert(format!("{rest}/{}", entry.name), stamp);
                }
            }
            other => panic!("{name}: {other}"),
        }
    }
    if let Some(commit) = commit {
        client.commit(&commit).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

fn with(commit: Commit, item: &str, seen: &Seen, name: &str) -> Commit {
    let (verb, rest) = item.split_once(' ').unwrap();
    let (path, value, perms) = words(rest);
    let commit = match verb {
        "set" => commit.write(path, value),
        "create" => commit.mkdir(path),
        "remove" => commit.rm(path),
        "if-absent" => commit.if_absent(path),
        "if-exists" => commit.if_exists(path),
        "if-value" => commit.if_value(path, value),
        "if-same" => commit.if_value_stamp(path, seen.values[path]),
        "if-same-children" => commit.if_children_stamp(path, seen.children[path]),
        other => panic!("{name}: {other}"),
    };
    if perms.is_empty() { commit } else { commit.set_perms(path, &perms) }
}
