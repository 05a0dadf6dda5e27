//! A toolstack with the workers in its own process: what it changes is heard outside, and what is
//! changed outside is seen by it.

#![allow(clippy::unwrap_used, reason = "helpers of tests, which clippy does not see as such")]

use std::time::Duration;

use myriad::{
    embed::{Server, StartError},
    sim::machine::Machine,
};
use myriad_core::{Access, Caller, DomId, Error, Path, Perm, Reads, Writes};
use myriad_ring::{
    client::{Client, Event, Store as _, Stream},
    page::guest::{self, Habits},
    v1::Op,
};
use tempfile::TempDir;

/// Longer than anything takes here.
const DEADLINE: Duration = Duration::from_secs(60);

fn serve(folder: &TempDir) -> Server {
    Server::builder(folder.path()).workers(2).start().unwrap()
}

/// A program that fails where it would wait for ever.
fn program(server: &Server) -> Client<Stream> {
    let program = server.connect().unwrap();
    program.stream().set_read_timeout(Some(DEADLINE)).unwrap();
    program
}

fn path(text: &str) -> Path<'_> {
    Path::new(text).unwrap()
}

#[test]
fn programs_of_each_worker_hear_of_what_the_toolstack_changes() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(&folder);
    let mut programs: Vec<_> = (0..4).map(|_| program(&server)).collect();
    for program in &mut programs {
        program.watch("/a", "here").unwrap();
        program.next_event().unwrap();
    }
    // Whoever has nothing to do sleeps by now, or is about to: an edit that rings for nobody is
    // heard of by chance, and not twenty times.
    for round in 0..20 {
        let value = round.to_string();
        if round % 2 == 0 {
            server.edit(|e| e.write(&Caller::Control, path("/a/b"), value.as_bytes())).result
        } else {
            let mut transaction = server.store().begin(0);
            transaction.write(&Caller::Control, path("/a/b"), value.as_bytes()).unwrap();
            server.commit(transaction).result
        }
        .unwrap();
        for program in &mut programs {
            let expected = Event { path: "/a/b".to_owned(), token: b"here".to_vec() };
            assert_eq!(program.next_event().unwrap(), expected);
            assert_eq!(program.read("/a/b").unwrap(), value.as_bytes());
        }
    }
}

#[test]
fn a_transaction_of_the_toolstack_fails_by_what_a_program_has_changed() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(&folder);
    let mut program = program(&server);
    program.write("/a", "1").unwrap();
    let mut transaction = server.store().begin(0);
    assert_eq!(transaction.read(&Caller::Control, path("/a")).unwrap(), b"1");
    transaction.write(&Caller::Control, path("/b"), b"1").unwrap();
    program.write("/a", "2").unwrap();
    assert!(matches!(server.commit(transaction).result, Err(Error::Conflict)));
    assert!(!program.exists("/b").unwrap());
}

#[test]
fn a_guest_is_served_over_its_ring() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(&folder);
    let mut host = program(&server);
    host.control("sim", ["create", "7"]).unwrap();
    let domid = DomId(7);
    let created = server.edit(|edit| {
        edit.know_domain(domid);
        edit.write(&Caller::Control, path("/local/domain/7/name"), b"web")?;
        let perms = [DomId::ZERO, domid].map(|domid| Perm { domid, access: Access::Read });
        edit.set_perms(&Caller::Control, path("/local/domain/7/name"), &perms)
    });
    created.result.unwrap();
    host.introduce(domid, 1, 1).unwrap();
    let mut machine = Machine::connect(&server.machines()).unwrap();
    let mut guest = None;
    let habits = Habits::LINUX;
    machine.attach(domid, domid, |_, page| guest = Some(guest::Client::new(page, habits))).unwrap();
    let mut guest = guest.unwrap();
    guest.ask(Op::Read, 0, b"name\0");
    let (_, name) = loop {
        while guest.pump().unwrap() || guest.look_again().unwrap() {}
        if guest.take_doorbell() {
            machine.ring(domid).unwrap();
        }
        if let Some(message) = guest.message() {
            break message;
        }
        machine.bells().hear(|_| {});
        machine.sleep_beside(&[], Some(DEADLINE)).unwrap();
    };
    assert_eq!(name, b"web");
}

#[test]
fn one_that_has_ended_leaves_its_directory_and_what_was_in_it_to_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(&folder);
    server.edit(|edit| edit.write(&Caller::Control, path("/kept"), b"1")).result.unwrap();
    let refused = Server::builder(folder.path()).start().unwrap_err();
    let message = refused.to_string();
    assert!(matches!(refused, StartError::Serve(_)), "{refused:?}");
    assert!(message.contains(server.socket().to_str().unwrap()), "{message}");
    server.stop();
    let next = serve(&folder);
    assert_eq!(program(&next).read("/kept").unwrap(), b"1");
}

#[test]
fn one_that_keeps_nothing_starts_empty() {
    let folder = tempfile::tempdir().unwrap();
    let start = || Server::builder(folder.path()).workers(1).keeping_nothing().start().unwrap();
    let server = start();
    server.edit(|edit| edit.write(&Caller::Control, path("/gone"), b"1")).result.unwrap();
    drop(server);
    assert!(!program(&start()).exists("/gone").unwrap());
}

#[test]
fn a_wrong_option_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = Server::builder(folder.path()).option("--quota", "nodes=many").start();
    let message = wrong.unwrap_err().to_string();
    assert!(message.contains("nodes=many"), "{message}");
    assert!(Server::builder(folder.path()).option("--no-such", "1").start().is_err());
}
