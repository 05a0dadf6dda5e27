//! Attacks that have worked on xenstored by way of the ring and its messages: indices, lengths, and
//! what a client can't take. One test each, by the number of the advisory.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;
mod guests;

use std::sync::mpsc::{TryRecvError, channel};

use guests::{Attack, Guest, Lab, home, message};
use myriad_ring::{
    page::{
        Lane, Word,
        guest::Habits,
        layout::{ERROR_NONE, ERROR_PROTO, ERROR_RINGIDX, RECONNECT},
    },
    v1::{Op, PAYLOAD_MAX},
};

/// A word, and what it becomes.
type Lie = (Word, fn(u32) -> u32);

/// A guest that has all that it can lose.
fn settled(lab: &Lab, domid: u16) -> Guest {
    let mut guest = lab.boot(domid, Habits::LINUX);
    guest.watch("a", "t");
    guest.watch("b", "t");
    let tx = guest.start();
    guest.must_in(tx, Op::Write, "c\0unfinished");
    let usage = lab.usage(domid);
    assert_eq!((usage.watches, usage.transactions), (2, 1));
    guest
}

/// What is left of it in the daemon when its ring isn't served any more: its nodes.
fn has_lost_its_connection(lab: &Lab, domid: u16) {
    let usage = lab.usage(domid);
    assert_eq!((usage.nodes, usage.watches, usage.transactions, usage.outstanding), (1, 0, 0, 0));
}

/// XSA-38: indices further apart than the ring is long made the daemon copy what lies beside it.
#[test]
fn xsa_38_ring_indices_out_of_range() {
    let attack = Attack::on(&[]);
    let lies: [Lie; 8] = [
        (Word::RequestsProduced, |at| at.wrapping_add(1025)),
        (Word::RequestsProduced, |at| at.wrapping_add(1 << 31)),
        (Word::RequestsProduced, |at| at.wrapping_sub(1)),
        (Word::RequestsConsumed, |at| at.wrapping_add(1)),
        (Word::ResponsesConsumed, |at| at.wrapping_add(1)),
        (Word::ResponsesConsumed, |at| at.wrapping_sub(2000)),
        (Word::ResponsesProduced, |at| at.wrapping_add(1 << 30)),
        (Word::ResponsesProduced, |at| at.wrapping_sub(1)),
    ];
    for (word, lie) in lies {
        let mut guest = settled(&attack, 5);
        let liar = guest.liar();
        if matches!(word, Word::ResponsesConsumed | Word::ResponsesProduced) {
            // Found when there is something to send.
            liar.set(word, lie(liar.get(word)));
            let request = message(Op::Read, b"a\0");
            let at = liar.get(Word::RequestsProduced);
            liar.scribble(Lane::Requests, (at % 1024) as usize, &request);
            liar.set(Word::RequestsProduced, at + u32::try_from(request.len()).unwrap());
        } else {
            liar.set(word, lie(liar.get(word)));
        }
        guest.await_word(Word::Error, ERROR_RINGIDX);
        attack.others_go_on();
        has_lost_its_connection(&attack, 5);
        // What it puts now, in order or not, nobody takes.
        liar.start_at(0, 0);
        guest.ring();
        liar.set(Word::RequestsProduced, 20);
        guest.ring();
        attack.others_go_on();
        assert_eq!((liar.get(Word::RequestsConsumed), liar.get(Word::Error)), (0, ERROR_RINGIDX));
        // It may begin anew.
        guest.reconnect();
        assert_eq!(liar.get(Word::Error), ERROR_NONE);
        guest.is_well();
        attack.destroy(5);
    }
    attack.survived();
}

/// XSA-38: indices and headers that change between two looks at them got past the check of the
/// first.
#[test]
fn xsa_38_ring_indices_that_change_under_the_reader() {
    let attack = Attack::on(&[]);
    let mut guest = settled(&attack, 5);
    let (liar, machine, domid) = (guest.liar(), guest.machine.clone(), guest.domid);
    let (done, stop) = channel::<()>();
    let storm = std::thread::spawn(move || {
        let (mut seed, mut rounds) = (1_u32, 0_u32);
        while stop.try_recv() != Err(TryRecvError::Disconnected) {
            for word in Word::ALL {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                // Nearly right as often as anything.
                let value = if seed >> 31 == 0 { seed >> 20 } else { seed };
                liar.set(word, value);
                let header = message(Op::Write, b"data\0x");
                liar.scribble(Lane::Requests, (seed >> 22) as usize, &header);
            }
            // It is given its ring back again and again.
            liar.set(Word::Connection, RECONNECT);
            machine.ring(domid).unwrap();
            rounds += 1;
        }
        rounds
    });
    (0..100).for_each(|_| attack.others_go_on());
    drop(done);
    println!("{} rounds of lies", storm.join().unwrap());
    guest.reconnect();
    guest.is_well();
    assert!(attack.usage(5).nodes < 10);
    attack.survived();
}

/// XSA-72: an answer longer than a message may be makes its reader lose its place in the stream.
#[test]
fn xsa_72_an_answer_that_no_client_can_take() {
    let attack = Attack::on(&["-Q", "nodes=2000"]);
    let mut guest = attack.boot(5, Habits::LINUX);
    let mut names = Vec::new();
    for number in 0..150 {
        let name = format!("{number}-{}", "n".repeat(25));
        guest.must(Op::Mkdir, &format!("many/{name}\0"));
        names.push(name);
    }
    let tx = guest.start();
    for tx in [0, tx] {
        guest.refused_in(tx, Op::Directory, "many\0", "E2BIG");
        // The stream is whole: what is asked next has its own answer.
        assert_eq!(guest.ask_in(tx, Op::Read, "many\0"), Ok(String::new()));
    }
    let mut dom0 = attack.connect();
    let many = format!("{}/many", home(5));
    assert_eq!(dom0.ask(Op::Directory, 0, format!("{many}\0").as_bytes()), Err("E2BIG".into()));
    // In parts it comes whole.
    let (mut listed, mut parts) = (Vec::new(), 0);
    while !listed.ends_with(b"\0\0") {
        let offset = listed.len();
        let part = dom0.ok(Op::DirectoryPart, format!("{many}\0{offset}\0").as_bytes());
        assert!(part.len() <= PAYLOAD_MAX);
        let stamp = part.iter().position(|byte| *byte == 0).unwrap();
        listed.extend_from_slice(&part[stamp + 1..]);
        parts += 1;
        assert!(parts < 10);
    }
    assert_eq!(listed, format!("{}\0\0", names.join("\0")).into_bytes());
    guest.is_well();
    attack.survived();
}

/// XSA-324: with a token of nearly a message's length, a change further down makes an event that is
/// longer than a message.
#[test]
fn xsa_324_a_token_that_makes_events_over_long() {
    let attack = Attack::on(&[]);
    let mut guest = attack.boot(5, Habits::LINUX);
    let (long, longer) = ("t".repeat(4080), "n".repeat(40));
    guest.watch("a", &long);
    guest.watch("a", "short");
    guest.must(Op::Write, "a/fits\0x");
    // The path takes the event past what a header may say.
    guest.must(Op::Write, &format!("a/{longer}\0x"));
    guest.must(Op::Write, "a\0x");
    let events = guest.events();
    assert!(events.iter().all(|(path, token)| path.len() + token.len() + 2 <= PAYLOAD_MAX));
    let of = |token: &str| {
        let mine = events.iter().filter(|(_, t)| t == token);
        mine.map(|(path, _)| path.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(of(&long), ["a/fits", "a"]);
    assert_eq!(of("short"), ["a/fits", &format!("a/{longer}"), "a"]);
    guest.must(Op::Unwatch, &format!("a\0{long}\0"));
    guest.is_well();
    attack.survived();
}

/// XSA-325: a guest breaks its ring before it dies, so that nobody hears of its death.
#[test]
fn xsa_325_a_broken_ring_hides_no_death() {
    let attack = Attack::on(&[]);
    let mut dom0 = attack.connect();
    dom0.watch("@releaseDomain", "t");
    let protocol = [&[0xFF; 16][..], b"garbage"].concat();
    for (lie, error) in [(Word::RequestsProduced, ERROR_RINGIDX), (Word::Error, ERROR_PROTO)] {
        for is_released in [false, true] {
            let mut guest = settled(&attack, 5);
            if lie == Word::Error {
                guest.put(protocol.clone());
            } else {
                guest.liar().set(lie, 5000);
            }
            guest.await_word(Word::Error, error);
            has_lost_its_connection(&attack, 5);
            attack.others_go_on();
            // It is known all the same.
            assert_eq!(dom0.ok(Op::IsDomainIntroduced, b"5\0"), b"T\0");
            if is_released {
                dom0.ok(Op::Release, b"5\0");
            }
            attack.destroy(5);
            dom0.control(&["print", "done"]).unwrap();
            let events = dom0.kept_events();
            assert_eq!(events, [("@releaseDomain".into(), "t".into())], "{lie:?} {is_released}");
            assert_eq!(dom0.read(&home(5)), Err("ENOENT".into()));
            assert!(attack.usage_or_none(5).is_none());
        }
    }
    attack.survived();
}

/// XSA-420: a length whose sign or size overflows the daemon's arithmetic.
#[test]
fn xsa_420_a_length_that_no_message_has() {
    let attack = Attack::on(&[]);
    let before = attack.resident();
    for len in [4097_u32, 1 << 30, (1 << 30) + 8, 1 << 31, u32::MAX - 15, u32::MAX] {
        let mut guest = settled(&attack, 5);
        let mut request = message(Op::Write, &[b'x'; 900]);
        request[12..16].copy_from_slice(&len.to_le_bytes());
        guest.put(request);
        guest.await_word(Word::Error, ERROR_PROTO);
        attack.others_go_on();
        has_lost_its_connection(&attack, 5);
        guest.reconnect();
        guest.is_well();
        attack.destroy(5);
    }
    assert!(attack.resident() < before + GROWTH_MAX, "{before} bytes, {}", attack.resident());
    attack.survived();
}

/// XSA-484: a ring that fails, or begins anew, in the middle of a transaction.
#[test]
fn xsa_484_a_ring_error_in_a_transaction() {
    let attack = Attack::on(&[]);
    for word in [Word::RequestsProduced, Word::Connection] {
        let mut guest = settled(&attack, 5);
        let (liar, tx) = (guest.liar(), guest.start());
        guest.must_in(tx, Op::Write, "data\0unfinished");
        if word == Word::Connection {
            guest.put(message(Op::Write, b"data\0x")[..20].to_vec());
        } else {
            liar.set(word, 5000);
            guest.await_word(Word::Error, ERROR_RINGIDX);
            has_lost_its_connection(&attack, 5);
        }
        guest.reconnect();
        // Nothing of it is left, nor can be committed.
        has_lost_its_connection(&attack, 5);
        guest.refused_in(tx, Op::Write, "data\0more", "ENOENT");
        guest.refused_in(tx, Op::TransactionEnd, "T\0", "ENOENT");
        guest.refused(Op::Read, "data\0", "ENOENT");
        guest.is_well();
        attack.destroy(5);
    }
    attack.survived();
}

/// What a hostile guest may make the daemon keep, with what allocators keep for themselves.
const GROWTH_MAX: u64 = 16 << 20;
