//! TRANSACTIONS.md, played: each transaction of libxl and of Linux's drivers, and the commit that
//! does the same, leave the same tree in as many requests as the document says.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;
#[path = "patterns/document.rs"]
mod document;
#[path = "patterns/play.rs"]
mod play;
#[path = "patterns/wire.rs"]
mod wire;

use std::{collections::BTreeMap, thread};

use common::Daemon;
use document::Document;
use myriad_core::Errno;
use myriad_ring::{
    client::{Client, Commit, Error, Store},
    v1::Op,
};
use wire::Counted;

fn connect(daemon: &Daemon) -> Client<Counted> {
    Client::new(Counted::connect(&daemon.path("socket")))
}

/// All nodes: value and permissions by path.
fn tree(client: &mut Client<Counted>) -> BTreeMap<String, (Vec<u8>, String)> {
    let (mut all, mut open) = (BTreeMap::new(), vec![String::from("/")]);
    while let Some(path) = open.pop() {
        let perms = client.get_perms(&path).unwrap();
        let perms: Vec<String> = perms.iter().map(ToString::to_string).collect();
        let value = client.read(&path).unwrap();
        let slash = if path == "/" { "" } else { "/" };
        open.extend(client.list(&path).unwrap().iter().map(|name| format!("{path}{slash}{name}")));
        all.insert(path, (value, perms.join(",")));
    }
    all
}

fn tidy(client: &mut Client<Counted>) {
    for path in ["/local/domain", "/local/pool", "/vm", "/libxl"] {
        match client.rm(path) {
            Err(error) if error.is_not_found() => {}
            done => done.unwrap(),
        }
    }
    client.mkdir("/local/domain").unwrap();
}

#[test]
fn each_transaction_has_the_commit_that_does_the_same() {
    let daemon = Daemon::start(&[]);
    for domid in ["7", "8"] {
        daemon.connect().control(&["sim", "create", domid]).unwrap();
    }
    let document = Document::read();
    let (mut observer, mut old, mut new) = (connect(&daemon), connect(&daemon), connect(&daemon));
    assert!(new.negotiate().unwrap());
    let mut counted = BTreeMap::new();
    for pattern in &document.patterns {
        let mut left = Vec::new();
        tidy(&mut observer);
        play::v1(&mut observer, &pattern.before, &pattern.name);
        let mut before = old.stream().sent.requests;
        play::v1(&mut old, &pattern.v1, &pattern.name);
        let requests = old.stream().sent.requests - before;
        left.push(tree(&mut observer));
        tidy(&mut observer);
        play::v1(&mut observer, &pattern.before, &pattern.name);
        before = new.stream().sent.requests;
        play::v2(&mut new, &pattern.v2, &pattern.name);
        counted.insert(pattern.name.clone(), (requests, new.stream().sent.requests - before));
        left.push(tree(&mut observer));
        assert_eq!(left[0], left[1], "{}", pattern.name);
    }
    assert!(counted.len() > 20, "{counted:?}");
    assert_eq!(counted, document.table, "what was counted, and what the document says");
}

#[test]
fn a_name_is_had_once() {
    let daemon = Daemon::start(&["--workers", "2"]);
    let named = |domid: u16| {
        let mut client = Client::connect_to_best(daemon.path("socket")).unwrap();
        let commit = Commit::new()
            .if_absent("/@index/domain-name/web")
            .write(format!("/local/domain/{domid}/name"), "web");
        match client.commit(&commit) {
            Ok(_) => true,
            Err(Error::Declined { item: Some(0), errno: Errno::EEXIST, .. }) => false,
            Err(error) => panic!("{error}"),
        }
    };
    for round in 0..50_u16 {
        let had = thread::scope(|scope| {
            let all = [0, 1, 2, 3].map(|n| scope.spawn(move || named(round * 4 + n + 1)));
            all.map(|one| one.join().unwrap()).iter().filter(|had| **had).count()
        });
        assert_eq!(had, 1, "round {round}");
        daemon.connect().ok(Op::Rm, b"/local/domain\0");
    }
}
