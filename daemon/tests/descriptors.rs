//! Descriptors run out: new domains and machines are refused, those that are there
//! go on, and when there are descriptors again, all is as before.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;
mod guests;

use common::Client;
use guests::Lab;
use myriad::sim::machine::Machine;
use myriad_ring::{page::guest::Habits, v1::Op};

/// A daemon that may open few files.
fn lab() -> Lab {
    let lab = Lab::start(&["--workers", "2"]);
    lab.leave_descriptors(SPARE);
    lab
}

/// Takes descriptors until the daemon has none for a client: that one waits.
fn exhaust(lab: &Lab, first: &mut Client) -> Vec<Client> {
    let mut clients = Vec::new();
    while !lab.log().contains("can't accept a client") {
        clients.push(lab.connect());
        first.read("/tool").unwrap();
    }
    clients
}

fn lines(lab: &Lab, what: &str) -> usize {
    lab.log().lines().filter(|line| line.contains(what)).count()
}

#[test]
fn domains_beyond_the_limit_of_files_are_refused_and_welcome_later() {
    let lab = lab();
    let bystander = lab.bystander(6);
    let mut dom0 = lab.connect();
    let few = lab.descriptors();
    let clients = exhaust(&lab, &mut dom0);
    dom0.control(&["sim", "create", "10-19"]).unwrap();
    for domid in 10..20_u16 {
        let refused = dom0.ask(Op::Introduce, 0, format!("{domid}\x001\x001\0").as_bytes());
        assert_eq!(refused, Err("EIO".into()));
        assert_eq!(dom0.ok(Op::IsDomainIntroduced, format!("{domid}\0").as_bytes()), b"F\0");
        bystander.goes_on(1);
    }
    assert_eq!(lines(&lab, "can't be reached"), 1, "{}", lab.log());
    drop(clients);
    while lab.descriptors() > few + 2 {
        bystander.goes_on(1);
    }
    for domid in 10..20_u16 {
        dom0.ok(Op::Introduce, format!("{domid}\x001\x001\0").as_bytes());
        dom0.write(&guests::home(domid), "").unwrap();
        dom0.set_perms(&guests::home(domid), &[&format!("n{domid}")]);
        lab.attach(domid, Habits::LINUX).is_well();
    }
    bystander.stop();
}

#[test]
fn machines_beyond_the_limit_of_files_wait_for_others_to_leave() {
    let lab = lab();
    let bystander = lab.bystander(6);
    let mut dom0 = lab.connect();
    lab.build(5);
    let clients = exhaust(&lab, &mut dom0);
    let path = lab.path("sim/machines.socket");
    let waiting = std::thread::spawn(move || {
        loop {
            // It waits to be taken in, or is sent away, and comes again.
            if let Ok(machine) = Machine::connect(&path) {
                return machine;
            }
        }
    });
    bystander.goes_on(20);
    assert!(!waiting.is_finished());
    drop(clients);
    guests::Guest::attach(waiting.join().unwrap(), 5, Habits::LINUX).is_well();
    bystander.stop();
}

#[test]
fn clients_and_domains_come_and_go_at_the_limit() {
    let lab = lab();
    let bystander = lab.bystander(6);
    let mut dom0 = lab.connect();
    dom0.control(&["sim", "create", "10-90"]).unwrap();
    for _ in 0..5 {
        // As many as it takes.
        let mut introduced = Vec::new();
        for domid in 10..=90_u16 {
            match dom0.ask(Op::Introduce, 0, format!("{domid}\x001\x001\0").as_bytes()) {
                Ok(_) => introduced.push(domid),
                Err(error) => assert_eq!(error, "EIO"),
            }
        }
        assert!((5..=SPARE).contains(&introduced.len()), "{introduced:?}");
        bystander.goes_on(3);
        for domid in introduced {
            dom0.ok(Op::Release, format!("{domid}\0").as_bytes());
        }
        bystander.goes_on(3);
    }
    assert_eq!(dom0.control(&["check"]).as_deref(), Ok("OK"));
    bystander.stop();
}

/// Descriptors for a few clients and domains, but not for all that come.
const SPARE: usize = 60;
