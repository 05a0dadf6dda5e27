//! Guests that lie in their pages, about indices and about lengths. Each loses its own ring at
//! most; the others at the same worker are served all the while.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;
mod guests;

use std::sync::mpsc::{TryRecvError, channel};

use guests::{Guest, Lab, home, message};
use myriad_ring::{
    page::{
        Lane, Word,
        guest::Habits,
        layout::{ERROR_NONE, ERROR_PROTO, ERROR_RINGIDX, RECONNECT},
    },
    v1::Op,
};

/// A word, and what it becomes.
type Lie = (Word, fn(u32) -> u32);

/// A guest that has all that it can lose.
fn settled(lab: &Lab, domid: u16) -> Guest {
    let mut guest = lab.boot(domid, Habits::LINUX);
    for path in ["a", "b"] {
        assert_eq!(guest.ask(Op::Watch, &format!("{path}\0t\0")), Ok("OK".into()));
        assert_eq!(guest.event(), (path.into(), "t".into()));
    }
    let tx = guest.start();
    assert_eq!(guest.ask_in(tx, Op::Write, "c\0unfinished"), Ok("OK".into()));
    let usage = lab.usage(domid);
    assert_eq!((usage.watches, usage.transactions), (2, 1));
    guest
}

/// What is left of it in the daemon when its ring isn't served any more: its nodes.
fn has_lost_its_connection(lab: &Lab, domid: u16) {
    let usage = lab.usage(domid);
    assert_eq!((usage.nodes, usage.watches, usage.transactions, usage.outstanding), (1, 0, 0, 0));
}

#[test]
fn indices_out_of_range_cost_the_liar_its_ring_alone() {
    let lab = Lab::start(&["--workers", "1"]);
    let bystander = lab.bystander(6);
    let mut dom0 = lab.connect();
    dom0.watch("@releaseDomain", "t");
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
        let mut guest = settled(&lab, 5);
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
        bystander.goes_on(3);
        has_lost_its_connection(&lab, 5);
        // What it puts now, in order or not, nobody takes.
        liar.start_at(0, 0);
        guest.ring();
        liar.set(Word::RequestsProduced, 20);
        guest.ring();
        bystander.goes_on(3);
        assert_eq!((liar.get(Word::RequestsConsumed), liar.get(Word::Error)), (0, ERROR_RINGIDX));
        // It may begin anew, and its end is told as any other's (XSA-325).
        guest.reconnect();
        assert_eq!(liar.get(Word::Error), ERROR_NONE);
        guest.is_well();
        liar.set(Word::RequestsProduced, 5000);
        guest.await_word(Word::Error, ERROR_RINGIDX);
        lab.destroy(5);
        assert_eq!(dom0.event().0, "@releaseDomain", "{word:?}");
        assert_eq!(dom0.read(&home(5)), Err("ENOENT".into()));
    }
    bystander.stop();
}

#[test]
fn a_page_that_never_stands_still_disturbs_nobody_else() {
    let lab = Lab::start(&["--workers", "1"]);
    let bystander = lab.bystander(6);
    let mut guest = settled(&lab, 5);
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
    bystander.goes_on(300);
    drop(done);
    println!("{} rounds of lies", storm.join().unwrap());
    guest.reconnect();
    guest.is_well();
    assert!(lab.usage(5).nodes < 10);
    bystander.goes_on(3);
    bystander.stop();
    assert_eq!(lab.connect().control(&["check"]).as_deref(), Ok("OK"));
}

#[test]
fn a_length_that_no_message_has_is_not_waited_for() {
    let lab = Lab::start(&["--workers", "1"]);
    let bystander = lab.bystander(6);
    let before = lab.resident();
    for len in [4097_u32, 1 << 30, 1 << 31, u32::MAX] {
        let mut guest = settled(&lab, 5);
        let mut request = message(Op::Write, &[b'x'; 900]);
        request[12..16].copy_from_slice(&len.to_le_bytes());
        guest.put(request);
        guest.await_word(Word::Error, ERROR_PROTO);
        bystander.goes_on(3);
        has_lost_its_connection(&lab, 5);
        guest.reconnect();
        guest.is_well();
        lab.destroy(5);
    }
    assert!(lab.resident() < before + GROWTH_MAX, "{before} bytes before, {}", lab.resident());
    bystander.stop();
}

#[test]
fn half_a_message_may_stay_half_for_ever() {
    let lab = Lab::start(&["--workers", "1"]);
    let bystander = lab.bystander(6);
    let request = message(Op::Write, b"data\0as it came");
    let cuts: Vec<usize> = (1..request.len()).collect();
    for (domid, cut) in (100_u16..).zip(&cuts) {
        let mut guest = lab.boot(domid, Habits::LINUX);
        guest.put(request[..*cut].to_vec());
        // It rings for nothing more.
        (0..20).for_each(|_| guest.ring());
        bystander.goes_on(1);
        let usage = lab.usage(domid);
        assert_eq!((usage.nodes, usage.outstanding), (1, 0), "cut at {cut}");
        assert_eq!(lab.connect().read(&format!("{}/data", home(domid))), Err("ENOENT".into()));
        // The others' halves are there all the while; this one is made whole after all.
        guest.put(request[*cut..].to_vec());
        assert_eq!(guest.answer(77), Ok("OK".into()));
        assert_eq!(guest.ask(Op::Read, "data\0"), Ok("as it came".into()));
        guest.put(request[..*cut].to_vec());
        // Machines are few: the guest goes, and its domain stays.
    }
    bystander.goes_on(3);
    bystander.stop();
}

/// What a hostile guest may make the daemon keep, with what allocators keep for themselves.
const GROWTH_MAX: u64 = 16 << 20;
