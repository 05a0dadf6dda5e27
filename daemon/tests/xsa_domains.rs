//! Attacks that have worked on xenstored by the ends of domains: together, while others are being
//! looked at, and by those who get their ids. One test each, by the number of the advisory.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;
mod guests;

use guests::{Attack, Lab, home, message};
use myriad_ring::{
    page::{Word, guest::Habits},
    v1::Op,
};

/// XSA-233: a stub domain and the guest that it serves die within one look at the domains.
#[test]
fn xsa_233_a_stub_domain_and_its_guest_are_destroyed_together() {
    let lab = Lab::start(&["--workers", "2"]);
    let bystander = lab.bystander(20);
    let mut dom0 = lab.connect();
    dom0.watch("@releaseDomain", "t");
    dom0.watch("/local", "l");
    // Either may be looked at first, by the same worker or by another.
    for (stub, guest) in [(9, 10), (10, 9), (9, 11), (11, 9)] {
        let mut of_guest = lab.boot(guest, Habits::LINUX);
        let mut of_stub = lab.boot(stub, Habits::MINIOS);
        dom0.ok(Op::SetTarget, format!("{stub}\0{guest}\0").as_bytes());
        // It acts for its guest: watches it, and makes nodes there that are its own.
        let home_of_guest = home(guest);
        let at = |name: &str| format!("{home_of_guest}/{name}");
        assert_eq!(of_stub.ask(Op::Write, &format!("{}\0x", at("device"))), Ok("OK".into()));
        assert_eq!(of_stub.ask(Op::Watch, &format!("{home_of_guest}\0t\0")), Ok("OK".into()));
        assert_eq!(of_stub.event().0, home_of_guest);
        assert_eq!(of_guest.ask(Op::Watch, "device\0t\0"), Ok("OK".into()));
        assert_eq!(of_guest.event().0, "device");
        let tx = of_stub.start();
        assert!(of_stub.ask_in(tx, Op::Write, &format!("{}\0y", at("device"))).is_ok());
        let tx = of_guest.start();
        assert!(of_guest.ask_in(tx, Op::Write, "data\0y").is_ok());
        dom0.kept_events();
        if stub.abs_diff(guest) == 1 {
            let range = format!("{}-{}", stub.min(guest), stub.max(guest));
            dom0.control(&["sim", "destroy", &range]).unwrap();
        } else {
            // By two commands of two clients, at the same time.
            std::thread::scope(|scope| {
                scope.spawn(|| lab.destroy(stub));
                scope.spawn(|| lab.destroy(guest));
            });
            dom0.ok(Op::GetDomainPath, b"0\0");
        }
        let mut releases = 0;
        while releases < 2 {
            releases += usize::from(dom0.event().0 == "@releaseDomain");
        }
        for domid in [stub, guest] {
            assert_eq!(dom0.read(&home(domid)), Err("ENOENT".into()));
            assert_eq!(dom0.ok(Op::IsDomainIntroduced, format!("{domid}\0").as_bytes()), b"F\0");
            assert!(lab.usage_or_none(domid).is_none());
        }
        dom0.kept_events();
        assert_eq!(dom0.control(&["check"]).as_deref(), Ok("OK"));
        bystander.goes_on(2);
    }
    bystander.stop();
}

/// XSA-425: RELEASE, as at a soft reset, took a connection away that the daemon was just going
/// through.
#[test]
fn xsa_425_a_release_while_its_domain_is_served() {
    let attack = Attack::on(&[]);
    let mut dom0 = attack.connect();
    dom0.watch("@releaseDomain", "r");
    dom0.write("/open", "").unwrap();
    dom0.set_perms("/open", &["b0"]);
    let mut other = attack.boot(7, Habits::LINUX);
    other.watch("/open", "t");
    other.watch("@releaseDomain", "r");
    for round in 0..30 {
        let mut guest = attack.boot(5, Habits::LINUX);
        guest.watch("@releaseDomain", "r");
        guest.watch("/open", "t");
        guest.watch("own", "t");
        let tx = guest.start();
        guest.must_in(tx, Op::Write, "own\0unfinished");
        guest.must(Op::Write, "own\0x");
        assert_eq!(guest.event().0, "own");
        // Requests, events and half a message are on their way when it is released.
        let write = message(Op::Write, format!("/open\0{round}").as_bytes());
        guest.put([&write[..], &write, &message(Op::Read, b"own\0"), &write[..9]].concat());
        other.must(Op::Write, "/open\0x");
        // Both in one go, so that the worker has them in one sweep.
        let release = dom0.send(Op::Release, 0, b"5\0");
        let again = dom0.send(Op::Introduce, 0, b"5\x001\x001\0");
        for id in [release, again] {
            let (header, body) = next_answer(&mut dom0);
            assert_eq!((header.req_id, &body[..]), (id, &b"OK\0"[..]));
        }
        let told = other.events();
        assert_eq!(told.iter().filter(|(path, _)| path == "@releaseDomain").count(), 1);
        assert!(told.iter().any(|(path, _)| path == "/open"));
        // It has nothing any more, and is served from scratch.
        assert_eq!(dom0.read(&home(5)), Err("ENOENT".into()));
        let usage = attack.usage(5);
        assert_eq!((usage.nodes, usage.watches, usage.transactions), (0, 0, 0), "{round}");
        drop(guest);
        let mut guest = attack.attach(5, Habits::LINUX);
        guest.refused_in(tx, Op::Read, "own\0", "ENOENT");
        guest.refused(Op::Read, "own\0", "EACCES");
        guest.watch("@releaseDomain", "r");
        // Its watches go first: nothing is sent to who is taken away.
        let sent = guest.liar().get(Word::ResponsesProduced);
        dom0.ok(Op::Release, b"5\0");
        attack.others_go_on();
        assert_eq!(guest.liar().get(Word::ResponsesProduced), sent);
        attack.destroy(5);
        assert_eq!(other.paths(), ["@releaseDomain"]);
    }
    attack.survived();
}

/// XSA-483: what a dead domain had used was charged to the next of its id.
#[test]
fn xsa_483_a_reused_domid_starts_with_no_usage() {
    let attack = Attack::on(&["-Q", "nodes=50", "-Q", "watches=20", "-Q", "transactions=5"]);
    let mut dom0 = attack.connect();
    let fresh = {
        drop(attack.boot(5, Habits::LINUX));
        attack.usage(5)
    };
    for ends in ["destroyed", "released", "broken", "destroyed"] {
        attack.destroy(5);
        let mut guest = attack.boot(5, Habits::LINUX);
        assert_eq!(attack.usage(5), fresh, "before it is {ends}");
        // All that it may have: the next one has to have as much.
        for number in 0..48 {
            guest.must(Op::Write, &format!("{number}\0value"));
        }
        (0..19).for_each(|number| guest.watch(&number.to_string(), "t"));
        (0..4).for_each(|_| assert!(guest.start() > 0));
        guest.refused(Op::Write, "more\0x", "ENOSPC");
        guest.refused(Op::Watch, "more\0t\0", "ENOSPC");
        guest.refused(Op::TransactionStart, "\0", "ENOSPC");
        let full = attack.usage(5);
        assert_eq!((full.nodes, full.watches, full.transactions), (49, 19, 4));
        match ends {
            "released" => {
                dom0.ok(Op::Release, b"5\0");
                dom0.ok(Op::Introduce, b"5\x001\x001\0");
                let usage = attack.usage(5);
                let used = (usage.nodes, usage.watches, usage.transactions, usage.memory);
                assert_eq!(used, (0, 0, 0, 0));
            }
            "broken" => guest.put(vec![0xFF; 16]),
            _ => {}
        }
    }
    attack.survived();
}

/// The next answer on a socket; events go to where they belong.
fn next_answer(client: &mut common::Client) -> (myriad_ring::v1::Header, Vec<u8>) {
    loop {
        let message = client.receive().unwrap();
        if message.0.op != Op::WatchEvent as u32 {
            return message;
        }
    }
}
