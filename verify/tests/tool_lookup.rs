//! `myriad lookup` and the index of our daemon, end to end.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod tool_support;

use std::ffi::OsString;

use myriad_ring::client::Store;
use tool_support::{Outcome, run, start_daemon, tool};

#[test]
fn domains_are_found_by_name() {
    let daemon = start_daemon();
    let mut client = daemon.client();
    let long = "n".repeat(300);
    let names = [(5, "web"), (6, "db 1/Ä"), (7, "web"), (8, ""), (9, long.as_str())];
    client
        .transact(|tx| {
            names.iter().try_for_each(|(domid, name)| {
                tx.write(format!("/local/domain/{domid}/name"), name)?;
                tx.write(format!("/local/domain/{domid}/vm"), format!("/vm/uuid-{domid}"))?;
                tx.write(format!("/vm/uuid-{domid}/name"), name)
            })
        })
        .unwrap();
    let lookup = |args: &[&str]| -> Outcome {
        let args: Vec<OsString> = ["lookup"].iter().chain(args).map(OsString::from).collect();
        run(&tool(), "myriad", &args, &daemon.socket())
    };
    let found = |args: &[&str]| {
        let outcome = lookup(args);
        assert_eq!(outcome.code, Some(0), "{args:?}: {outcome:?}");
        let mut lines: Vec<_> = outcome.stdout.split_terminator("\\n").map(String::from).collect();
        lines.sort();
        lines
    };
    assert_eq!(found(&["web"]), ["5", "7"]);
    assert_eq!(found(&["name", "db 1/Ä"]), ["6"]);
    assert_eq!(found(&["name", ""]), ["8"]);
    assert_eq!(found(&[&long]), ["9"]);
    assert_eq!(found(&["--index", "vm-name", "web"]), ["uuid-5", "uuid-7"]);
    assert_eq!(found(&["--trusted", "web"]), ["5", "7"]);
    assert_eq!(found(&["--index", "domain-vm", "/vm/uuid-9"]), ["9"]);

    client.write("/local/domain/7/name", "mail").unwrap();
    client.rm("/local/domain/6").unwrap();
    assert_eq!(found(&["web"]), ["5"]);
    assert_eq!(found(&["mail"]), ["7"]);
    assert_eq!(lookup(&["db 1/Ä"]).code, Some(1));
}
