//! XSA-326 and what came after it: guests that make the daemon keep ever more of what they have
//! done, asked for, or not read. One test for each way, by the number of the advisory.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;
mod guests;

use guests::{Attack, Guest, home, message};
use myriad_ring::{
    page::{
        Word,
        guest::{Client, GuestEnd, Habits},
    },
    v1::Op,
};

/// Asks until neither its ring nor the daemon takes more, and reads nothing; how many requests
/// are under way, and what of the last is not in the ring.
fn stuff(attack: &Attack, guest: &Guest, request: &[u8]) -> (usize, Vec<u8>) {
    let mut end = GuestEnd::new(guest.page.clone(), Habits::LINUX);
    let (mut asked, mut unsent, mut quiet) = (0, Vec::new(), 0);
    while quiet < 20 {
        if unsent.is_empty() {
            unsent = request.to_vec();
            asked += 1;
            assert!(asked < 5000, "it takes whatever it is asked");
        }
        let sent = end.send(&unsent).unwrap();
        unsent.drain(..sent);
        guest.ring();
        quiet = if sent == 0 { quiet + 1 } else { 0 };
        if sent == 0 {
            attack.others_go_on();
        }
    }
    (asked, unsent)
}

/// A node that all may read, which dom0 changes.
fn open(attack: &Attack) -> common::Client {
    let mut dom0 = attack.connect();
    dom0.write("/open", "").unwrap();
    dom0.set_perms("/open", &["b0"]);
    dom0
}

/// XSA-326: events for a guest that never reads them.
#[test]
fn xsa_326_events_that_are_never_read() {
    let attack = Attack::on(&["-Q", "memory=100000"]);
    let mut guest = attack.boot(5, Habits::LINUX);
    guest.watch("/open", "t");
    guest.watch("/", "more");
    let mut dom0 = open(&attack);
    for number in 0..2000 {
        dom0.write(&format!("/open/{number}/{}", "x".repeat(200)), "").unwrap();
    }
    attack.others_go_on();
    let usage = attack.usage(5);
    assert!((90_000..=100_000).contains(&usage.memory), "{usage:?}");
    // What it has missed it has missed; it is served as soon as it reads.
    let events = guest.events();
    assert!((100..2000).contains(&events.len()), "{} events", events.len());
    guest.must(Op::Unwatch, "/\0more\0");
    guest.is_well();
    attack.survived();
}

/// XSA-326: requests without end, none of whose answers is read. Each is answered at last.
#[test]
fn xsa_326_requests_whose_answers_are_never_read() {
    // Where nothing is kept for a next daemon it has its quota of them, else what a slot takes.
    for (journal, outstanding) in [("off", 20), ("1M", 1)] {
        let attack = Attack::on(&["--journal-size", journal]);
        let mut guest = attack.boot(5, Habits::LINUX);
        let value = "v".repeat(1500);
        guest.must(Op::Write, &format!("big\0{value}"));
        let (asked, unsent) = stuff(&attack, &guest, &message(Op::Read, b"big\0"));
        let usage = attack.usage(5);
        assert_eq!(usage.outstanding, outstanding, "{asked} asked");
        assert!(usage.memory < outstanding * 2000 + 10_000, "{usage:?}");
        assert_eq!(guest.liar().get(Word::Error), 0);
        guest.client = Client::new(guest.page.clone(), Habits::LINUX);
        guest.client.push(unsent);
        (0..asked).for_each(|_| assert_eq!(guest.answer(77).as_ref(), Ok(&value)));
        assert_eq!(attack.usage(5).outstanding, 0);
        guest.is_well();
        attack.survived();
    }
}

/// XSA-416: what was made for an answer was kept until a slow reader had taken it. Here the bytes
/// that wait are all that is kept, and the quota `memory` alone bounds them.
#[test]
fn xsa_416_a_slow_reader_pins_only_what_is_counted() {
    let attack =
        Attack::on(&["-Q", "memory=60000", "-Q", "outstanding=0", "--journal-size", "off"]);
    let mut guest = attack.boot(5, Habits::LINUX);
    for number in 0..100 {
        guest.must(Op::Mkdir, &format!("list/{number}-{}\0", "n".repeat(30)));
    }
    let (before, resident) = (attack.usage(5).memory, attack.resident());
    let (asked, _) = stuff(&attack, &guest, &message(Op::Directory, b"list\0"));
    let usage = attack.usage(5);
    assert!(usage.memory > 60_000 - 4096 && usage.memory <= 60_000 + 4096, "{usage:?}");
    assert!(usage.outstanding > 5 && asked > 5, "{usage:?} {asked} {before}");
    assert!(attack.resident() < resident + GROWTH_MAX);
    guest.reconnect();
    assert_eq!(attack.usage(5).memory, before);
    guest.is_well();
    attack.survived();
}

/// XSA-326: nodes that were given to a domain before its introduction were nobody's.
#[test]
fn xsa_326_nodes_made_before_the_introduction() {
    let attack = Attack::on(&["-Q", "nodes=310"]);
    let mut dom0 = attack.connect();
    dom0.control(&["sim", "create", "5"]).unwrap();
    let tx = dom0.start();
    for number in 0..300 {
        let path = format!("{}/{number}", home(5));
        dom0.ask(Op::Write, tx, format!("{path}\0x").as_bytes()).unwrap();
        dom0.ask(Op::SetPerms, tx, format!("{path}\0n5\0").as_bytes()).unwrap();
    }
    dom0.ask(Op::SetPerms, tx, format!("{}\0n5\0", home(5)).as_bytes()).unwrap();
    dom0.commit(tx);
    assert_eq!(attack.usage(5).nodes, 301);
    dom0.ok(Op::Introduce, b"5\x001\x001\0");
    assert_eq!(attack.usage(5).nodes, 301);
    let mut guest = attack.attach(5, Habits::LINUX);
    (0..8).for_each(|number| guest.must(Op::Mkdir, &format!("own{number}\0")));
    guest.refused(Op::Mkdir, "more\0", "ENOSPC");
    attack.destroy(5);
    assert_eq!(dom0.read(&home(5)), Err("ENOENT".into()));
    attack.survived();
}

/// XSA-326: watches without end, and with paths and tokens as long as a message takes.
#[test]
fn xsa_326_watches_without_end() {
    let attack = Attack::on(&["-Q", "memory=200000"]);
    let mut guest = attack.boot(5, Habits::LINUX);
    for number in 0..127 {
        guest.watch("a", &number.to_string());
    }
    for _ in 0..10 {
        guest.refused(Op::Watch, "a\0more\0", "ENOSPC");
    }
    assert_eq!(attack.usage(5).watches, 127);
    guest.must(Op::ResetWatches, "\0");
    let (mut watches, long) = (0, "t".repeat(4000));
    let refused = loop {
        match guest.ask(Op::Watch, &format!("a\0{watches}{long}\0")) {
            Ok(_) => watches += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(refused, "ENOMEM");
    let usage = attack.usage(5);
    assert!((40..50).contains(&watches) && usage.memory <= 200_000, "{watches} {usage:?}");
    guest.must(Op::ResetWatches, "\0");
    guest.events();
    guest.is_well();
    attack.survived();
}

/// XSA-326: a guest floods another domain, by events that this one doesn't read.
#[test]
fn xsa_326_events_for_another_domain() {
    let attack = Attack::on(&["--journal-size", "off"]);
    let mut victim = attack.boot(7, Habits::LINUX);
    let mut guest = attack.boot(5, Habits::LINUX);
    victim.watch(&format!("{}/open", home(5)), "t");
    guest.must(Op::Mkdir, "open\0");
    guest.must(Op::SetPerms, "open\0n5\0r7\0");
    // Each causes an event, none of which is read; more than two rings full.
    let ids: Vec<u32> = (0..REQUESTS)
        .map(|number| {
            let path = format!("open/{number}-{}\0x", "n".repeat(60));
            guest.client.ask(Op::Write, 0, path.as_bytes())
        })
        .collect();
    while attack.usage(5).outstanding < 20 {
        guest.pump();
    }
    for _ in 0..50 {
        guest.pump();
        guest.ring();
        attack.others_go_on();
        let (usage, other) = (attack.usage(5), attack.usage(7));
        assert_eq!(usage.outstanding, 20, "as long as the other one reads nothing");
        assert!(other.memory < 20_000, "{other:?}");
        assert!(usage.nodes < 60, "{usage:?}");
    }
    // The victim reads: the guest is served again, and nothing is lost.
    let mut told = 0;
    let last = format!("{}-{}", REQUESTS - 1, "n".repeat(60));
    std::thread::scope(|scope| {
        let answers = scope.spawn(move || {
            ids.into_iter().for_each(|id| assert_eq!(guest.answer(id), Ok("OK".into())));
        });
        while !victim.event().0.ends_with(&last) {
            told += 1;
        }
        answers.join().unwrap();
    });
    assert!(told >= REQUESTS - 1, "{told}");
    victim.is_well();
    attack.survived();
}

/// XSA-330: each RESET_WATCHES lost sight of what it should have freed.
#[test]
fn xsa_330_watches_reset_in_a_loop() {
    // History has a queue of its own, which is bounded, and fills slowly.
    let attack = Attack::on(&["--history-size", "off"]);
    let mut guest = attack.boot(5, Habits::LINUX);
    let fresh = attack.usage(5);
    let round = |guest: &mut Guest, round: usize| {
        let mut ids = Vec::new();
        for number in 0..10 {
            let watch = format!("{round}/{number}\0{}\0", "t".repeat(1000));
            ids.push(guest.client.ask(Op::Watch, 0, watch.as_bytes()));
        }
        ids.push(guest.client.ask(Op::TransactionStart, 0, b"\0"));
        ids.push(guest.client.ask(Op::ResetWatches, 0, b"\0"));
        ids.into_iter().for_each(|id| assert!(guest.answer(id).is_ok()));
        guest.events();
    };
    (0..WARM_UP).for_each(|number| round(&mut guest, number));
    let resident = attack.resident();
    (WARM_UP..ROUNDS).for_each(|number| round(&mut guest, number));
    assert_eq!(attack.usage(5), fresh);
    assert!(attack.resident() < resident + RESETS_MAX, "{resident}, {}", attack.resident());
    guest.is_well();
    attack.survived();
}

/// Writes that a guest has under way: far more than it may have outstanding.
const REQUESTS: usize = 120;
/// Resets of ten watches of a kilobyte each: ten megabytes, if they were kept, after some that
/// fill the feed.
const WARM_UP: usize = 500;
const ROUNDS: usize = 1500;
/// What these may make the daemon keep.
const RESETS_MAX: u64 = 5 << 20;
/// What a hostile guest may make the daemon keep, with what allocators keep for themselves.
const GROWTH_MAX: u64 = 16 << 20;
