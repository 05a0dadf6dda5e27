//! Guests whose page or process goes away while their domain stays.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;
mod guests;

use std::{
    mem::MaybeUninit,
    os::fd::OwnedFd,
    path::Path,
    process::{Command, Stdio},
};

use guests::{Lab, message};
use myriad_core::DomId;
use myriad_ring::{
    page::{
        Memfd,
        guest::{Client, Habits},
    },
    v1::Op,
};
use rustix::{
    fs::{FallocateFlags, fallocate, ftruncate},
    io::{Errno, IoSliceMut},
    net::{
        AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendFlags,
        SocketAddrUnix, SocketFlags, SocketType,
    },
};

/// A machine's socket, and the file of a domain's page as the daemon sent it.
fn page_file(machines: &Path, domid: u16) -> (OwnedFd, OwnedFd) {
    let (kind, flags) = (SocketType::SEQPACKET, SocketFlags::CLOEXEC);
    let socket = rustix::net::socket_with(AddressFamily::UNIX, kind, flags, None).unwrap();
    rustix::net::connect(&socket, &SocketAddrUnix::new(machines).unwrap()).unwrap();
    let receive = || {
        let mut space = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(250))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut bytes = [0; 256];
        let mut pieces = [IoSliceMut::new(&mut bytes)];
        let flags = RecvFlags::CMSG_CLOEXEC;
        rustix::net::recvmsg(&socket, &mut pieces, &mut control, flags).unwrap();
        let rights = control.drain().flat_map(|message| match message {
            RecvAncillaryMessage::ScmRights(rights) => rights.collect(),
            _ => Vec::new(),
        });
        rights.collect::<Vec<OwnedFd>>()
    };
    receive();
    let attach = format!("attach {domid}");
    rustix::net::send(&socket, attach.as_bytes(), SendFlags::NOSIGNAL).unwrap();
    let page = receive().pop().unwrap();
    (socket, page)
}

#[test]
fn a_page_that_is_taken_away_is_missed_by_its_guest_alone() {
    let lab = Lab::start(&["--workers", "1"]);
    let bystander = lab.bystander(6);
    let mut dom0 = lab.connect();
    dom0.write("/open", "").unwrap();
    dom0.set_perms("/open", &["r0"]);
    lab.build(5);
    let (socket, file) = page_file(&lab.path("sim/machines.socket"), 5);
    let mut client = Client::new(
        Memfd::from_peer(file.try_clone().unwrap()).unwrap().map().unwrap(),
        Habits::LINUX,
    );
    client.ask(Op::Watch, 0, b"/open\0t\0");
    client.pump().unwrap();
    // Nobody can make the file shorter under the daemon's mapping …
    assert_eq!(ftruncate(&file, 0), Err(Errno::PERM));
    assert_eq!(ftruncate(&file, 1), Err(Errno::PERM));
    // … but whoever has it can give its memory back: a page of zeroes, again and again.
    for number in 0..50 {
        let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        fallocate(&file, hole, 0, 4096).unwrap();
        dom0.write("/open", &number.to_string()).unwrap();
        bystander.goes_on(1);
    }
    drop((socket, file));
    bystander.goes_on(3);
    lab.attach(5, Habits::LINUX).is_well();
    lab.destroy(5);
    bystander.stop();
}

#[test]
fn a_process_that_dies_takes_no_other_along() {
    let lab = Lab::start(&["--workers", "1"]);
    let bystander = lab.bystander(6);
    let mut dom0 = lab.connect();
    dom0.write("/open", "").unwrap();
    dom0.set_perms("/open", &["r0"]);
    lab.build(5);
    let fresh = lab.descriptors();
    for number in 0..100 {
        // Its process goes with a request in the ring, and with events on their way.
        let mut guest = lab.attach(5, Habits::LINUX);
        assert_eq!(guest.ask(Op::Watch, "/open\0t\0"), Ok("OK".into()));
        guest.put(message(Op::Write, b"last\0words")[..10].to_vec());
        drop(guest);
        dom0.write("/open", &number.to_string()).unwrap();
        bystander.goes_on(1);
    }
    lab.attach(5, Habits::LINUX).is_well();
    lab.destroy(5);
    bystander.goes_on(3);
    // The threads that served these machines end by themselves.
    while lab.descriptors() > fresh {
        bystander.goes_on(1);
    }
    assert!(lab.usage_or_none(5).is_none());
    bystander.stop();
}

/// Runs in a process of its own: takes the ring of a domain, speaks, and is killed.
#[test]
fn a_process_that_is_killed_takes_no_other_along() {
    if let Some(machines) = std::env::var_os(MACHINES) {
        let mut machine = myriad::sim::machine::Machine::connect(Path::new(&machines)).unwrap();
        let mut page = None;
        machine.attach(DomId(5), DomId(5), |_, ring| page = Some(ring)).unwrap();
        let mut client = Client::new(page.unwrap(), Habits::LINUX);
        // It floods until it is killed.
        loop {
            client.ask(Op::Write, 0, b"data\0x");
            client.pump().unwrap();
            while client.message().is_some() {}
            machine.ring(DomId(5)).unwrap();
        }
    }
    let lab = Lab::start(&["--workers", "1"]);
    let bystander = lab.bystander(6);
    lab.build(5);
    let mut dom0 = lab.connect();
    for _ in 0..3 {
        dom0.watch("/local/domain/5/data", "t");
        let name = "a_process_that_is_killed_takes_no_other_along";
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name])
            .env(MACHINES, lab.path("sim/machines.socket"))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        assert_eq!(dom0.event().0, "/local/domain/5/data", "it writes");
        bystander.goes_on(20);
        child.kill().unwrap();
        child.wait().unwrap();
        bystander.goes_on(3);
        lab.attach(5, Habits::LINUX).is_well();
        dom0.ok(Op::Unwatch, b"/local/domain/5/data\0t\0");
        dom0.kept_events();
    }
    bystander.stop();
}

const MACHINES: &str = "MYRIAD_TEST_MACHINES";
