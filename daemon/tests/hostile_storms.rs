//! Guests that do what is allowed far too often, at the wrong moment or not at all. The others at
//! the same worker are served all the while, and what the daemon keeps for the bad one is bounded.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;
mod guests;

use std::sync::mpsc::{TryRecvError, channel};

use guests::{Lab, home, message};
use myriad_ring::{
    page::{
        Word,
        guest::{Client, Habits},
        layout::{CONNECTED, RECONNECT},
    },
    v1::Op,
};

#[test]
fn reconnections_at_any_moment_leave_nothing_behind() {
    let lab = Lab::start(&["--workers", "1"]);
    let bystander = lab.bystander(6);
    let mut guest = lab.boot(5, Habits::LINUX);
    let stream: Vec<u8> = [
        message(Op::Watch, b"a\0t\0"),
        message(Op::TransactionStart, b"\0"),
        message(Op::Write, &[&b"a\0"[..], &[b'v'; 300]].concat()),
        message(Op::Read, b"a\0"),
    ]
    .concat();
    let (before, mut seed) = (lab.resident(), 7_u32);
    for storm in 0..RECONNECTIONS {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let count = (seed >> 16) as usize % (stream.len() + 1);
        guest.client.push(&stream[..count]);
        guest.client.pump().unwrap();
        let liar = guest.liar();
        // Now and then the server has taken all of it before; where it serves the ring, that is.
        let taken = || liar.get(Word::RequestsConsumed) == liar.get(Word::RequestsProduced);
        for _ in 0..(seed >> 3) % 1000 {
            guest.ring();
            if taken() {
                break;
            }
            std::thread::yield_now();
        }
        guest.client.reconnect();
        guest.ring();
        // Once in a while it doesn't wait, and writes into a ring that isn't connected.
        if storm % 7 != 0 {
            guest.reconnect();
        } else {
            guest.client = Client::new(guest.page.clone(), Habits::LINUX);
        }
    }
    guest.await_word(Word::Connection, CONNECTED);
    guest.reconnect();
    bystander.goes_on(3);
    let usage = lab.usage(5);
    assert_eq!((usage.watches, usage.transactions, usage.outstanding), (0, 0, 0), "{usage:?}");
    assert!(lab.resident() < before + GROWTH_MAX, "{before} bytes before, {}", lab.resident());
    guest.is_well();
    bystander.stop();
}

#[test]
fn a_reconnection_from_another_core_hits_any_instruction() {
    let lab = Lab::start(&["--workers", "1"]);
    let bystander = lab.bystander(6);
    let mut guest = lab.boot(5, Habits::LINUX);
    let (liar, machine, domid) = (guest.liar(), guest.machine.clone(), guest.domid);
    let (done, stop) = channel::<()>();
    let other = std::thread::spawn(move || {
        while stop.try_recv() != Err(TryRecvError::Disconnected) {
            liar.set(Word::Connection, RECONNECT);
            machine.ring(domid).unwrap();
        }
    });
    for _ in 0..RECONNECTIONS {
        // Whatever becomes of these: the indices change under it.
        guest.client.ask(Op::Watch, 0, b"a\0t\0");
        guest.client.ask(Op::Write, 0, &[&b"a\0"[..], &[b'v'; 200]].concat());
        if guest.client.pump().is_err() {
            guest.client = Client::new(guest.page.clone(), Habits::LINUX);
        }
    }
    bystander.goes_on(50);
    drop(done);
    other.join().unwrap();
    guest.client = Client::new(guest.page.clone(), Habits::LINUX);
    guest.await_word(Word::Connection, CONNECTED);
    guest.reconnect();
    assert_eq!(lab.usage(5).watches, 0);
    guest.is_well();
    bystander.stop();
}

#[test]
fn a_death_in_the_middle_of_a_write_leaves_nothing_of_it() {
    let lab = Lab::start(&["--workers", "1"]);
    let bystander = lab.bystander(6);
    let mut dom0 = lab.connect();
    dom0.write("/shared", "before").unwrap();
    let known = dom0.control(&["domains"]).unwrap().lines().count();
    let write = message(Op::Write, b"/shared\0after");
    for cut in 0..write.len() {
        let mut guest = lab.boot(5, Habits::LINUX);
        dom0.set_perms("/shared", &["n0", "b5"]);
        let tx = guest.start();
        assert_eq!(guest.ask_in(tx, Op::Write, "/shared\0in a transaction"), Ok("OK".into()));
        assert_eq!(guest.ask(Op::Write, "own\0x"), Ok("OK".into()));
        guest.put(write[..cut].to_vec());
        if cut % 2 == 0 {
            // Its process dies first, and its domain later.
            drop(guest);
            lab.destroy(5);
        } else {
            lab.destroy(5);
            // It goes on to write into its page.
            guest.put(write[cut..].to_vec());
        }
        assert_eq!(dom0.read("/shared").as_deref(), Ok("before"), "cut at {cut}");
        assert_eq!(dom0.read(&home(5)), Err("ENOENT".into()));
        assert_eq!(dom0.control(&["domains"]).unwrap().lines().count(), known);
        bystander.goes_on(1);
    }
    bystander.stop();
    assert_eq!(dom0.control(&["check"]).as_deref(), Ok("OK"));
}

#[test]
fn who_never_reads_its_answers_and_events_is_bounded_and_loses_no_answer() {
    let lab = Lab::start(&["--workers", "1", "-Q", "memory=200000"]);
    let bystander = lab.bystander(6);
    let mut guest = lab.boot(5, Habits::LINUX);
    let value = "v".repeat(1500);
    assert_eq!(guest.ask(Op::Write, &format!("big\0{value}")), Ok("OK".into()));
    assert_eq!(guest.ask(Op::Watch, "/open\0t\0"), Ok("OK".into()));
    assert_eq!(guest.event().0, "/open");
    let mut dom0 = lab.connect();
    dom0.write("/open", "").unwrap();
    dom0.set_perms("/open", &["r0"]);
    let before = lab.resident();
    // It asks as much as its ring and the daemon take, which is bounded, and reads nothing.
    let liar = guest.liar();
    let (request, mut asked, mut quiet) = (message(Op::Read, b"big\0"), 0, 0);
    let mut unsent: Vec<u8> = Vec::new();
    while quiet < 20 {
        let mut end = myriad_ring::page::guest::GuestEnd::new(guest.page.clone(), Habits::LINUX);
        if unsent.is_empty() {
            unsent = request.clone();
            asked += 1;
        }
        let sent = end.send(&unsent).unwrap();
        unsent.drain(..sent);
        guest.ring();
        quiet = if sent == 0 { quiet + 1 } else { 0 };
        if sent == 0 {
            bystander.goes_on(1);
        }
    }
    assert!((10..1000).contains(&asked), "{asked} requests are under way");
    // Events pile up, each another, far beyond what it may hold.
    for number in 0..5000 {
        dom0.write(&format!("/open/{number}/{}", "x".repeat(200)), "").unwrap();
    }
    bystander.goes_on(10);
    let usage = lab.usage(5);
    assert!(usage.memory <= 200_000 + 4 * 4096, "{usage:?}");
    assert!(usage.outstanding <= 20, "{usage:?}");
    let room = GROWTH_MAX + 5000 * 4096;
    assert!(lab.resident() < before + room, "{before} bytes before, {}", lab.resident());
    // It reads at last: each answer is there, whole and in order.
    assert_eq!(liar.get(Word::Error), 0);
    guest.client = Client::new(guest.page.clone(), Habits::LINUX);
    guest.client.push(unsent);
    let (mut answers, mut events) = (0, 0);
    while answers < asked {
        let (header, body) = guest.receive();
        if header.op == Op::WatchEvent as u32 {
            assert!(body.starts_with(b"/open"));
            events += 1;
        } else {
            assert_eq!((header.op, header.req_id), (Op::Read as u32, 77));
            assert_eq!(String::from_utf8(body).unwrap(), value);
            answers += 1;
        }
    }
    println!("{answers} answers, {events} events, {usage:?}");
    guest.is_well();
    bystander.stop();
}

#[test]
fn a_million_doorbells_for_nothing_do_nothing() {
    let lab = Lab::start(&["--workers", "1"]);
    let bystander = lab.bystander(6);
    let mut guest = lab.boot(5, Habits::LINUX);
    for number in 0..1_000_000 {
        guest.ring();
        if number % 100_000 == 0 {
            bystander.goes_on(3);
        }
    }
    // And for domains that this machine has no ring of, or that nobody has.
    for domid in (0..u16::MAX).map(myriad_core::DomId) {
        if domid != guest.domid {
            guest.machine.ring(domid).unwrap();
        }
    }
    bystander.goes_on(3);
    guest.is_well();
    bystander.stop();
}

const RECONNECTIONS: u32 = 3000;
/// What a hostile guest may make the daemon keep, with what allocators keep for themselves.
const GROWTH_MAX: u64 = 16 << 20;
