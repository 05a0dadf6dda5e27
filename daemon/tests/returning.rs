//! The simulated host outlives the daemon: its domains, and the pages of those that have rings.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;
mod guests;

use std::{
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    time::Duration,
};

use guests::{Guest, Lab, home};
use myriad::sim::{Host, TableError};
use myriad_core::DomId;
use myriad_ring::{
    page::{Memfd, Word, guest::Habits},
    v1::Op,
};
use rustix::{
    cmsg_space,
    net::{AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketType},
};

/// Waiting for the next daemon, which was there before: it never takes as long.
const PATIENCE: Duration = Duration::from_secs(60);

/// A guest on a machine that keeps its pages.
fn boot(lab: &Lab, domid: u16) -> Guest {
    lab.build(domid);
    Guest::attach(lab.machine().keeping_pages(), domid, Habits::LINUX)
}

/// Makes a domain known to a daemon that has forgotten it.
fn known_again(lab: &Lab, domid: u16) {
    let mut dom0 = lab.connect();
    let introduced = dom0.ok(Op::IsDomainIntroduced, format!("{domid}\0").as_bytes());
    if introduced.starts_with(b"F") {
        dom0.write(&home(domid), "").unwrap();
        dom0.set_perms(&home(domid), &[&format!("n{domid}")]);
        dom0.ok(Op::Introduce, format!("{domid}\x001\x001\0").as_bytes());
    }
}

/// Gives the pages back; those that were refused, and why.
fn reconnect(guest: Guest) -> (Guest, Vec<(u16, String)>) {
    let Guest { machine, domid, page, client, .. } = guest;
    let mut machine = std::sync::Arc::into_inner(machine).unwrap();
    let mut refused = Vec::new();
    machine.reconnect(PATIENCE, |domid, why| refused.push((domid.0, why.to_owned()))).unwrap();
    (Guest::on(machine, domid, page, client), refused)
}

fn list(lab: &Lab) -> Vec<String> {
    let text = lab.connect().control(&["sim", "list"]).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn domains_go_on_when_the_daemon_is_killed() {
    let lab = Lab::start(&["--sim-domains", "1-3"]);
    lab.connect().control(&["sim", "crash", "2"]).unwrap();
    lab.destroy(3);
    let before = list(&lab);
    let lab = lab.kill_and_restart(&["--sim-domains", "2-4"]);
    let after = list(&lab);
    assert_eq!(after[..3], before[..], "0, 1 and 2 are who they were");
    assert_eq!(after[3..], ["3 running unique id 5", "4 running unique id 6"]);
}

#[test]
fn the_host_can_be_changed_only_while_no_daemon_runs() {
    let lab = Lab::start(&["--sim-domains", "1-2"]);
    let sim = lab.path("sim");
    let error = Host::open(&sim, DomId::ZERO).unwrap_err();
    assert!(matches!(error, TableError::Held { .. }), "{error}");
    let dir = lab.kill();
    let host = Host::open(&sim, DomId::ZERO).unwrap();
    host.destroy(DomId(1), DomId::ZERO).unwrap();
    host.destroy(DomId(2), DomId::ZERO).unwrap();
    host.buried(DomId(2));
    host.create(&[DomId(2)]).unwrap();
    drop(host);
    let lab = Lab::of(common::Daemon::start_in(dir, &[]));
    assert_eq!(list(&lab), ["0 running unique id 1", "2 running unique id 4"]);
    lab.connect().control(&["sim", "create", "1"]).unwrap();
}

#[test]
fn a_table_that_is_none_stops_the_daemon_with_a_reason() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("sim")).unwrap();
    std::fs::write(dir.path().join("sim/host"), "mine").unwrap();
    let refused = common::command(dir.path(), &["-N"]).output().unwrap();
    let says = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && says.contains("sim/host"), "{says}");
    assert_eq!(std::fs::read(dir.path().join("sim/host")).unwrap(), b"mine");
}

#[test]
fn a_ring_goes_on_where_it_was() {
    let lab = Lab::start(&["--workers", "2"]);
    let mut guest = boot(&lab, 5);
    guest.is_well();
    let indices = |guest: &Guest| {
        let liar = guest.liar();
        (liar.get(Word::RequestsConsumed), liar.get(Word::ResponsesProduced))
    };
    let before = indices(&guest);
    assert!(before.0 > 0 && before.1 > 0);

    let dir = lab.kill();
    // It is told, and what it asks meanwhile waits in the ring.
    assert!(guest.machine.is_alone());
    let error = guest.machine.sleep().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    let id = guest.client.ask(Op::GetDomainPath, 0, b"7\0");
    guest.pump();

    let lab = Lab::of(common::Daemon::start_in(dir, &["--workers", "1"]));
    known_again(&lab, 5);
    let (mut guest, refused) = reconnect(guest);
    assert_eq!(refused, []);
    assert!(!guest.machine.is_alone());
    assert_eq!(guest.answer(id), Ok("/local/domain/7".into()));
    let after = indices(&guest);
    assert!(after.0 > before.0 && after.1 > before.1, "{before:?} {after:?}");
    guest.is_well();
}

#[test]
fn a_machine_that_comes_twice_goes_on_with_its_connection() {
    let lab = Lab::start(&["--workers", "1"]);
    let mut guest = boot(&lab, 5);
    assert_eq!(guest.ask(Op::Watch, "seen\0t\0"), Ok("OK".into()));
    assert_eq!(guest.event(), ("seen".into(), "t".into()));
    let transaction = guest.start();
    let (guest, refused) = reconnect(guest);
    assert_eq!(refused, []);
    let (mut guest, refused) = reconnect(guest);
    assert_eq!(refused, []);
    assert_eq!(guest.ask_in(transaction, Op::TransactionEnd, "T\0"), Ok("OK".into()));
    guest.round(1);
}

#[test]
fn who_has_died_or_got_another_ring_meanwhile_is_refused() {
    let lab = Lab::start(&["--workers", "1"]);
    let guests = [boot(&lab, 5), boot(&lab, 6), boot(&lab, 7)];
    // Another machine takes the ring over.
    let mut heir = lab.attach(7, Habits::LINUX);
    heir.is_well();
    let sim = lab.path("sim");
    let dir = lab.kill();
    let host = Host::open(&sim, DomId::ZERO).unwrap();
    for domid in [DomId(5), DomId(6)] {
        host.destroy(domid, DomId::ZERO).unwrap();
        host.buried(domid);
    }
    host.create(&[DomId(6)]).unwrap();
    drop(host);
    let lab = Lab::of(common::Daemon::start_in(dir, &["--workers", "1"]));
    known_again(&lab, 6);
    known_again(&lab, 7);
    let reasons = ["doesn't exist", "is another domain now", "has no ring in this page"];
    for (guest, reason) in guests.into_iter().zip(reasons) {
        let domid = guest.domid.0;
        let (_, refused) = reconnect(guest);
        assert_eq!((refused.len(), refused[0].0), (1, domid));
        assert!(refused[0].1.contains(reason), "{refused:?}");
    }
    // Attached anew, they are served.
    lab.attach(6, Habits::LINUX).is_well();
    lab.attach(7, Habits::LINUX).is_well();
}

/// Speaks to the gate as it likes.
struct Impostor(OwnedFd);

impl Impostor {
    fn connect(lab: &Lab) -> Impostor {
        let socket = rustix::net::socket(AddressFamily::UNIX, SocketType::SEQPACKET, None).unwrap();
        let path = lab.path("sim/machines.socket");
        rustix::net::connect(&socket, &rustix::net::SocketAddrUnix::new(path).unwrap()).unwrap();
        let impostor = Impostor(socket);
        assert!(impostor.receive().starts_with("myriad-sim "));
        impostor
    }

    fn receive(&self) -> String {
        let mut bytes = [0; 1024];
        let len = rustix::io::read(&self.0, &mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..len]).into_owned()
    }

    fn say(&self, text: &str, files: &[BorrowedFd<'_>]) -> String {
        let mut space = [std::mem::MaybeUninit::uninit(); cmsg_space!(ScmRights(4))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        assert!(files.is_empty() || control.push(SendAncillaryMessage::ScmRights(files)));
        let pieces = [std::io::IoSlice::new(text.as_bytes())];
        rustix::net::sendmsg(&self.0, &pieces, &mut control, SendFlags::empty()).unwrap();
        self.receive()
    }
}

#[test]
fn pages_that_are_not_a_domains_are_refused_and_harm_nobody() {
    let lab = Lab::start(&["--workers", "1"]);
    let mut guest = boot(&lab, 5);
    guest.is_well();
    lab.build(6);
    let unique_id = |domid: u16| {
        let line = list(&lab).into_iter().find(|line| line.starts_with(&format!("{domid} ")));
        line.unwrap().rsplit(' ').next().unwrap().to_owned()
    };
    let (five, six) = (unique_id(5), unique_id(6));
    let sealed = Memfd::create().unwrap();
    let flags = rustix::fs::MemfdFlags::ALLOW_SEALING;
    let loose = rustix::fs::memfd_create("loose", flags).unwrap();
    rustix::fs::ftruncate(&loose, 4096).unwrap();
    let file = std::fs::File::open("/dev/null").unwrap();
    let impostor = Impostor::connect(&lab);
    let page = sealed.as_fd();
    for (text, files, reason) in [
        (format!("reattach 5 {five}"), vec![page], "no ring in this page"),
        (format!("reattach 6 {six}"), vec![page], "no ring in this page"),
        (format!("reattach 5 {five}"), vec![loose.as_fd()], "sealed"),
        (format!("reattach 5 {five}"), vec![file.as_fd()], "another page"),
        (format!("reattach 5 {five}"), vec![], "one page"),
        (format!("reattach 5 {five}"), vec![page, page], "one page"),
        (format!("reattach 5 {six}"), vec![page], "another domain"),
        (format!("reattach 7 {six}"), vec![page], "doesn't exist"),
        ("reattach 70000 1".to_owned(), vec![page], "use `attach"),
        ("reattach".to_owned(), vec![page], "use `attach"),
        ("reattach 5".to_owned(), vec![], "use `attach"),
    ] {
        let says = impostor.say(&text, &files);
        assert!(says.starts_with("refused ") && says.contains(reason), "{text}: {says}");
    }
    guest.is_well();
    // Descriptors that nobody wants are not kept.
    let before = lab.descriptors();
    for _ in 0..100 {
        impostor.say("reattach 5 0", &[page, loose.as_fd()]);
    }
    assert_eq!(lab.descriptors(), before);
}
