//! Attacks on daemons like this one that have no number: work that grows faster than what is asked
//! for, work on the thread that serves, and what history keeps.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;
mod guests;

use std::collections::HashMap;

use common::Client;
use guests::{Attack, home};
use myriad_ring::{page::guest::Habits, v1::Op};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Sends requests, a few at a time, and expects them to be answered so.
fn flood(
    client: &mut Client,
    op: Op,
    tx: u32,
    payloads: impl Iterator<Item = String>,
    is_ok: bool,
) {
    let (mut sent, mut answered) = (0, 0);
    let mut answer = |client: &mut Client| {
        let (header, body) = client.receive().unwrap();
        let failed = header.op == Op::Error as u32;
        assert_eq!(failed, !is_ok, "{}", String::from_utf8_lossy(&body));
        answered += 1;
    };
    for payload in payloads {
        client.send(op, tx, payload.as_bytes());
        sent += 1;
        if sent > AT_ONCE {
            answer(client);
        }
    }
    (0..sent.min(AT_ONCE)).for_each(|_| answer(client));
    assert_eq!(answered, sent);
}

/// The hash of a name in C's table of nodes, which has no key.
fn unkeyed(name: &str) -> u32 {
    name.bytes().fold(5381, |hash: u32, byte| hash.wrapping_mul(33).wrapping_add(byte.into()))
}

/// Names chosen so that a hash without a key puts them all into one place.
#[test]
fn more_names_that_collide() {
    let attack = Attack::on(&[]);
    let mut guest = attack.boot(5, Habits::LINUX);
    // Two letters that hash alike, put together at will: 2⁹ names.
    let mut by_hash: HashMap<u32, Vec<String>> = HashMap::new();
    let letters: Vec<u8> = (b'a'..=b'z').chain(b'A'..=b'Z').chain(b'0'..=b'9').collect();
    for pair in letters.iter().flat_map(|a| letters.iter().map(move |b| [*a, *b])) {
        let text = String::from_utf8(pair.to_vec()).unwrap();
        by_hash.entry(unkeyed(&text)).or_default().push(text);
    }
    let alike = by_hash.into_values().find(|alike| alike.len() > 1).unwrap();
    let names: Vec<String> =
        (0..1 << 9).map(|bits| (0..9).map(|at| alike[bits >> at & 1].as_str()).collect()).collect();
    assert!(names.iter().all(|name| unkeyed(name) == unkeyed(&names[0])));
    for name in &names {
        guest.must(Op::Write, &format!("{name}\0{name}"));
    }
    for name in &names {
        assert_eq!(guest.ask(Op::Read, &format!("{name}\0")).as_ref(), Ok(name));
    }
    for name in names.iter().take(100) {
        guest.watch(name, "t");
    }
    for name in &names {
        guest.must(Op::Rm, &format!("{name}\0"));
    }
    assert_eq!(guest.events().len(), 100);
    assert_eq!(attack.usage(5).nodes, 1);
    attack.survived();
}

/// A directory in which each new child costs as much as there are.
#[test]
fn more_children_than_can_be_walked_for_each() {
    let attack = Attack::on(&[]);
    let mut dom0 = attack.connect();
    flood(&mut dom0, Op::Write, 0, (0..CHILDREN).map(|n| format!("/many/{n}\0")), true);
    attack.others_go_on();
    assert_eq!(dom0.read(&format!("/many/{}", CHILDREN - 1)).as_deref(), Ok(""));
    flood(&mut dom0, Op::Rm, 0, (0..CHILDREN).step_by(2).map(|n| format!("/many/{n}\0")), true);
    assert_eq!(dom0.ask(Op::Directory, 0, b"/many\0"), Err("E2BIG".into()));
    dom0.ok(Op::Rm, b"/many\0");
    attack.survived();
}

/// A transaction in which each operation costs as much as there were before it.
#[test]
fn more_nodes_in_a_transaction_than_can_be_walked_for_each() {
    let attack = Attack::on(&[]);
    let mut dom0 = attack.connect();
    let tx = dom0.start();
    // Its missing parents are noted with each.
    let missing = |n| format!("/{n:05}/missing/and/so/are/its/parents\0");
    flood(&mut dom0, Op::Read, tx, (0..TOUCHED).map(missing), false);
    attack.others_go_on();
    dom0.ask(Op::Write, tx, b"/seen\0x").unwrap();
    attack.connect().write("/unrelated", "x").unwrap();
    dom0.commit(tx);
    assert_eq!(dom0.read("/seen").as_deref(), Ok("x"));
    attack.survived();
}

/// Whether something waits to be read.
fn has_answer(client: &Client) -> bool {
    let mut polled = [PollFd::new(&client.stream, PollFlags::IN)];
    poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap() > 0
}

/// `check` walks everything there is: others are served meanwhile by the same worker.
#[test]
fn more_walks_are_none_of_the_serving_threads() {
    let attack = Attack::on(&[]);
    let mut dom0 = attack.connect();
    flood(&mut dom0, Op::Write, 0, (0..CHILDREN).map(|n| format!("/a/{}/{n}\0", n % 100)), true);
    let mut other = attack.connect();
    // Where the walk is over before anyone could be served, it is tried again.
    let tries = (0..TRIES).map(|_| {
        let check = dom0.send(Op::Control, 0, b"check\0");
        let mut served = 0;
        while !has_answer(&dom0) {
            assert_eq!(other.read("/a/7/7").as_deref(), Ok(""));
            served += 1;
        }
        let (header, body) = dom0.receive().unwrap();
        assert_eq!((header.req_id, &body[..]), (check, &b"OK\0"[..]));
        served
    });
    let served: Vec<u32> = tries.collect();
    let most = served.iter().max().unwrap();
    assert!(*most >= SERVED, "others were served {served:?} times meanwhile");
    attack.survived();
}

/// History would keep a guest's garbage for ever, and show it to who may not read it now.
#[test]
fn more_history_is_bounded_and_none_of_the_guests() {
    let attack = Attack::on(&["--history-size", "1M"]);
    let mut guest = attack.boot(5, Habits::LINUX);
    let file = attack.path("history");
    let size = std::fs::metadata(&file).unwrap().len();
    assert_eq!(size, 1 << 20);
    let mut dom0 = attack.connect();
    let mut reader = attack.boot(7, Habits::LINUX);
    guest.must(Op::Write, "open\0shown once");
    guest.must(Op::SetPerms, "open\0n5\0r7\0");
    let open = format!("{}/open", home(5));
    assert_eq!(reader.ask(Op::Read, &format!("{open}\0")), Ok("shown once".into()));
    guest.must(Op::SetPerms, "open\0n5\0");
    // Garbage: eight times what history may be.
    let mut resident = 0;
    for number in 0..GARBAGE {
        guest.must(Op::Write, &format!("{}\0{number:01900}", number % 20));
        if number == GARBAGE / 4 {
            resident = attack.resident();
        }
    }
    assert!(attack.resident() < resident + GROWTH_MAX, "{resident} {}", attack.resident());
    assert_eq!(std::fs::metadata(&file).unwrap().len(), size);
    for words in ["history\0", "sim\0list\0", "check\0", "quota\0", "memreport\0", "help\0"] {
        reader.refused(Op::Control, words, "EACCES");
    }
    reader.refused(Op::Read, &format!("{open}\0"), "EACCES");
    for path in ["/@history", "/@index", "/@index/domain-name"] {
        reader.refused(Op::Directory, &format!("{path}\0"), "EACCES");
    }
    assert_eq!(dom0.read(&open).as_deref(), Ok("shown once"));
    attack.survived();
}

/// Requests that a client has under way.
const AT_ONCE: usize = 64;
/// Children of one directory: their square is more than any test has time for.
const CHILDREN: usize = 40_000;
/// Nodes that one transaction looks for, and seven times as many that it notes: the same.
const TOUCHED: usize = 12_000;
/// Walks that are tried, and requests that have to be answered in the midst of one of them.
const TRIES: usize = 8;
const SERVED: u32 = 20;
/// Values of nearly two kilobytes.
const GARBAGE: usize = 4400;
/// What that may make the daemon keep, with what allocators keep for themselves.
const GROWTH_MAX: u64 = 24 << 20;
