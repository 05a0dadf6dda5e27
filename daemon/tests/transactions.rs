//! Transactions through the socket: which of them may fail, and which never do.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::collections::BTreeSet;

use common::{Client, Daemon};
use myriad_ring::v1::Op;

const CLIENTS: u16 = 32;
const VMS: u16 = 400;

/// One request of a transaction, its words ended by NULs.
fn ask(client: &mut Client, op: Op, tx: u32, words: &[&str]) {
    let payload: String = words.iter().map(|word| format!("{word}\0")).collect();
    client
        .ask(op, tx, payload.as_bytes())
        .unwrap_or_else(|e| panic!("{} {words:?}: {e}", op.name()));
}

fn write(client: &mut Client, tx: u32, path: &str, value: &str) {
    client.ask(Op::Write, tx, format!("{path}\0{value}").as_bytes()).unwrap();
}

/// What a toolstack does for a VM: its home, its place below `/vm` and `/libxl`, and devices with
/// a frontend and a backend each, below parents that all VMs share. False where it failed.
fn create_vm(client: &mut Client, domid: u16) -> bool {
    let tx = client.start();
    let home = format!("/local/domain/{domid}");
    let uuid = format!("00000000-0000-0000-0000-{domid:012}");
    let (of_guest, of_toolstack) = (format!("n{domid}"), format!("r{domid}"));
    for path in [home.clone(), format!("/vm/{uuid}"), format!("/libxl/{domid}")] {
        ask(client, Op::Rm, tx, &[&path]);
        ask(client, Op::Mkdir, tx, &[&path]);
        ask(client, Op::SetPerms, tx, &[&path, "n0", &of_toolstack]);
    }
    for name in ["shutdown", "feature-poweroff", "feature-reboot", "sysrq"] {
        write(client, tx, &format!("{home}/control/{name}"), "");
    }
    for name in ["data", "drivers", "feature", "attr", "error", "device/suspend/event-channel"] {
        let path = format!("{home}/{name}");
        ask(client, Op::Mkdir, tx, &[&path]);
        ask(client, Op::SetPerms, tx, &[&path, &of_guest, "r0"]);
    }
    let facts = [("name", "vm"), ("domid", "7"), ("vm", "/vm"), ("memory/target", "524288")];
    for (name, value) in facts {
        write(client, tx, &format!("{home}/{name}"), value);
    }
    for (kind, number) in [("vbd", 51712), ("vif", 0), ("console", 0)] {
        let front = format!("{home}/device/{kind}/{number}");
        let back = format!("/local/domain/0/backend/{kind}/{domid}/{number}");
        write(client, tx, &format!("{front}/backend"), &back);
        write(client, tx, &format!("{front}/state"), "1");
        ask(client, Op::SetPerms, tx, &[&front, &of_guest, "r0"]);
        write(client, tx, &format!("{back}/frontend"), &front);
        write(client, tx, &format!("{back}/state"), "1");
        ask(client, Op::SetPerms, tx, &[&back, "n0", &of_toolstack]);
    }
    match client.ask(Op::TransactionEnd, tx, b"T\0") {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error, "EAGAIN");
            false
        }
    }
}

fn names(listing: &[u8]) -> BTreeSet<String> {
    let text = std::str::from_utf8(listing).unwrap();
    text.split_terminator('\0').map(str::to_owned).collect()
}

#[test]
fn clients_that_create_vms_never_abort_one_another() {
    let daemon = Daemon::start(&["--sim-domains", &format!("1-{VMS}"), "--workers", "4"]);
    let mut client = daemon.connect();
    for path in ["/vm", "/libxl", "/local/domain"] {
        client.ok(Op::Mkdir, format!("{path}\0").as_bytes());
    }
    let aborts: usize = std::thread::scope(|scope| {
        let creators: Vec<_> = (0..CLIENTS)
            .map(|first| {
                let mut client = daemon.connect();
                scope.spawn(move || {
                    let mut aborts = 0;
                    for domid in (1 + first..=VMS).step_by(CLIENTS.into()) {
                        while !create_vm(&mut client, domid) {
                            aborts += 1;
                        }
                    }
                    aborts
                })
            })
            .collect();
        creators.into_iter().map(|creator| creator.join().unwrap()).sum()
    });
    assert_eq!(aborts, 0);
    let expected: BTreeSet<String> = (1..=VMS).map(|domid| domid.to_string()).collect();
    for path in ["/libxl", "/local/domain/0/backend/vif"] {
        assert_eq!(names(&client.ok(Op::Directory, format!("{path}\0").as_bytes())), expected);
    }
    for domid in 1..=VMS {
        let front = client.read(&format!("/local/domain/0/backend/vbd/{domid}/51712/frontend"));
        assert_eq!(front.unwrap(), format!("/local/domain/{domid}/device/vbd/51712"));
    }
    assert_eq!(client.control(&["check"]).unwrap(), "OK");
}

/// Two clients with a transaction each, the second's begun first and committed last.
fn overlap(
    daemon: &Daemon,
    first: impl FnOnce(&mut Client, u32),
    second: impl FnOnce(&mut Client, u32),
) -> Result<Vec<u8>, String> {
    let (mut one, mut two) = (daemon.connect(), daemon.connect());
    let late = two.start();
    second(&mut two, late);
    let early = one.start();
    first(&mut one, early);
    one.commit(early);
    two.ask(Op::TransactionEnd, late, b"T\0")
}

fn read(client: &mut Client, tx: u32, path: &str) -> String {
    let value = client.ask(Op::Read, tx, format!("{path}\0").as_bytes()).unwrap();
    String::from_utf8(value).unwrap()
}

#[test]
fn what_does_not_conflict_never_aborts() {
    let daemon = Daemon::start(&["--workers", "2"]);
    let mut client = daemon.connect();
    for path in ["/dir/a", "/dir/b", "/dir/c"] {
        client.write(path, "0").unwrap();
    }
    for round in 0..20 {
        let siblings = overlap(
            &daemon,
            |c, tx| write(c, tx, &format!("/dir/one-{round}"), "1"),
            |c, tx| write(c, tx, &format!("/dir/two-{round}"), "2"),
        );
        assert_eq!(siblings.as_deref(), Ok(&b"OK\0"[..]), "siblings");
        let below_a_new_parent = overlap(
            &daemon,
            |c, tx| write(c, tx, &format!("/new-{round}/shared/one"), "1"),
            |c, tx| write(c, tx, &format!("/new-{round}/shared/two"), "2"),
        );
        assert_eq!(below_a_new_parent.as_deref(), Ok(&b"OK\0"[..]), "a parent of both");
        let blind = overlap(
            &daemon,
            |c, tx| write(c, tx, "/dir/a", "first"),
            |c, tx| write(c, tx, "/dir/a", "last"),
        );
        assert_eq!(blind.as_deref(), Ok(&b"OK\0"[..]), "blind writes");
        assert_eq!(client.read("/dir/a").unwrap(), "last");
        let read_only = overlap(
            &daemon,
            |c, tx| write(c, tx, "/dir/b", &round.to_string()),
            |c, tx| drop(read(c, tx, "/dir/b")),
        );
        assert_eq!(read_only.as_deref(), Ok(&b"OK\0"[..]), "only reads");
        let unrelated = overlap(
            &daemon,
            |c, tx| write(c, tx, "/dir/b", &format!("again {round}")),
            |c, tx| {
                read(c, tx, "/dir/c");
                write(c, tx, "/dir/a", "x");
            },
        );
        assert_eq!(unrelated.as_deref(), Ok(&b"OK\0"[..]), "reads of something else");
        let nothing = overlap(&daemon, |_, _| {}, |_, _| {});
        assert_eq!(nothing.as_deref(), Ok(&b"OK\0"[..]), "nothing");
        // And what does conflict fails, so that the others mean something.
        let stale = overlap(
            &daemon,
            |c, tx| write(c, tx, "/dir/b", &format!("changed {round}")),
            |c, tx| {
                read(c, tx, "/dir/b");
                write(c, tx, "/dir/a", "from what was read");
            },
        );
        assert_eq!(stale, Err("EAGAIN".into()));
    }
}
