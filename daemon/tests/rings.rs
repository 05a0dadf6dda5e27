//! Guests of the simulated host on their rings.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::Daemon;
use myriad::sim::machine::{Machine, MachineError};
use myriad_core::DomId;
use myriad_ring::{
    page::{
        Page, Word,
        guest::{Client, Habits, Liar},
        layout::ERROR_RINGIDX,
    },
    v1::{Header, Op},
};

/// A machine of one guest at a time.
struct Guest {
    machine: Machine,
    domid: DomId,
    page: Page,
    client: Client,
}

impl Guest {
    fn boot(daemon: &Daemon, domid: u16, habits: Habits) -> Guest {
        daemon.introduce(domid);
        Guest::attach(daemon, domid, habits)
    }

    fn attach(daemon: &Daemon, domid: u16, habits: Habits) -> Guest {
        let mut machine = Machine::connect(&daemon.path("sim/machines.socket")).unwrap();
        let (domid, mut page) = (DomId(domid), None);
        machine.attach(domid, domid, |_, ring| page = Some(ring)).unwrap();
        let page: Page = page.unwrap();
        let client = Client::new(page.clone(), habits);
        Guest { machine, domid, page, client }
    }

    /// The next message.
    fn receive(&mut self) -> (Header, Vec<u8>) {
        loop {
            // First: what is found from here on is not told of any more.
            self.machine.bells().hear(|_| {});
            self.client.pump().unwrap();
            if self.client.take_doorbell() {
                self.machine.ring(self.domid).unwrap();
            }
            if let Some(message) = self.client.message() {
                return message;
            }
            if !self.client.look_again().unwrap() {
                self.machine.sleep().unwrap();
            }
        }
    }

    fn ask(&mut self, op: Op, payload: &str) -> Result<String, String> {
        let id = self.client.ask(op, 0, payload.as_bytes());
        loop {
            let (header, body) = self.receive();
            if header.op == Op::WatchEvent as u32 {
                continue;
            }
            assert_eq!(header.req_id, id);
            let text = String::from_utf8_lossy(&body).trim_end_matches('\0').to_owned();
            return if header.op == Op::Error as u32 { Err(text) } else { Ok(text) };
        }
    }
}

#[test]
fn a_guest_speaks_through_its_ring_whatever_its_habits() {
    let daemon = Daemon::start(&["--workers", "2"]);
    for (domid, habits) in
        [(5, Habits::LINUX), (6, Habits::MINIOS), (7, Habits::FIRMWARE), (8, Habits::default())]
    {
        let mut guest = Guest::boot(&daemon, domid, habits);
        assert_eq!(guest.ask(Op::Write, "/mine\0x"), Err("EACCES".into()));
        let mut dom0 = daemon.connect();
        let home = format!("/local/domain/{domid}");
        dom0.write(&home, "").unwrap();
        dom0.set_perms(&home, &[&format!("n{domid}")]);
        for round in 0..50 {
            // Longer than the ring, both ways, once in a while.
            let value = "v".repeat(if round % 10 == 0 { 1500 } else { round });
            assert_eq!(guest.ask(Op::Write, &format!("data/x\0{value}")), Ok("OK".into()));
            assert_eq!(guest.ask(Op::Read, "data/x\0"), Ok(value.clone()));
            assert_eq!(dom0.read(&format!("{home}/data/x")).unwrap(), value);
        }
    }
}

#[test]
fn events_reach_a_guest_that_sleeps() {
    let daemon = Daemon::start(&["--workers", "2"]);
    let mut guest = Guest::boot(&daemon, 5, Habits::LINUX);
    let mut dom0 = daemon.connect();
    dom0.write("/open", "0").unwrap();
    dom0.set_perms("/open", &["r0"]);
    assert_eq!(guest.ask(Op::Watch, "/open\0token\0"), Ok("OK".into()));
    for round in 0..100 {
        let (header, body) = guest.receive();
        assert_eq!((header.op, &*body), (Op::WatchEvent as u32, &b"/open\0token\0"[..]), "{round}");
        dom0.write("/open", &round.to_string()).unwrap();
    }
}

#[test]
fn who_lies_about_an_index_loses_its_ring_and_gets_it_back_by_a_new_introduction() {
    let daemon = Daemon::start(&["--workers", "1"]);
    let mut bystander = Guest::boot(&daemon, 6, Habits::LINUX);
    let mut guest = Guest::boot(&daemon, 5, Habits::LINUX);
    assert!(guest.ask(Op::Read, "/\0").is_err());
    let liar = Liar::new(guest.page.clone());
    liar.set(Word::RequestsProduced, liar.get(Word::RequestsConsumed).wrapping_add(1025));
    guest.machine.ring(guest.domid).unwrap();
    while liar.get(Word::Error) != ERROR_RINGIDX {
        assert!(bystander.ask(Op::Read, "/\0").is_err(), "the others are served");
    }
    let mut dom0 = daemon.connect();
    dom0.ok(Op::Introduce, b"5\x001\x001\0");
    while liar.get(Word::Error) != 0 {
        std::thread::yield_now();
    }
    guest.client = Client::new(guest.page.clone(), Habits::LINUX);
    assert_eq!(guest.ask(Op::Read, "/\0"), Err("EACCES".into()));
}

#[test]
fn a_guest_reconnects_in_the_middle_of_a_message() {
    let daemon = Daemon::start(&["--workers", "1"]);
    let mut guest = Guest::boot(&daemon, 5, Habits::LINUX);
    guest.client.push(vec![0; 9]);
    guest.client.pump().unwrap();
    guest.client.reconnect();
    guest.machine.ring(guest.domid).unwrap();
    while !guest.client.end().has_reconnected() {
        guest.machine.sleep().unwrap();
        guest.machine.bells().hear(|_| {});
    }
    assert_eq!(guest.ask(Op::Read, "/\0"), Err("EACCES".into()));
}

#[test]
fn a_ring_is_for_domains_that_are_there() {
    let daemon = Daemon::start(&[]);
    let mut machine = Machine::connect(&daemon.path("sim/machines.socket")).unwrap();
    let mut attach = |domid| match machine.attach(DomId(domid), DomId(domid), |_, _| {}) {
        Err(MachineError::Refused(reason)) => reason,
        other => panic!("{other:?}"),
    };
    assert_eq!(attach(5), "5 doesn't exist: create it first");
    daemon.connect().control(&["sim", "create", "5"]).unwrap();
    assert_eq!(attach(5), "5 was not introduced: introduce it first");
}

#[test]
fn another_machine_takes_a_domain_over() {
    let daemon = Daemon::start(&["--workers", "1"]);
    let mut first = Guest::boot(&daemon, 5, Habits::LINUX);
    assert!(first.ask(Op::Read, "/\0").is_err());
    let mut second = Guest::attach(&daemon, 5, Habits::LINUX);
    drop(first);
    assert!(second.ask(Op::Read, "/\0").is_err());
}
