//! Guests at every quota at once: nodes and their sizes, permissions, paths, watches, transactions
//! and what they touch, memory, outstanding requests, events that nobody reads. Others are served,
//! and the daemon keeps no more than the quotas add up to.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;
mod guests;

use guests::{
    Attack, Guest,
    glutton::{QUOTAS, SUM},
    message,
};
use myriad_ring::{
    page::guest::{GuestEnd, Habits},
    v1::Op,
};

/// Asks until neither its ring nor the daemon takes more, and reads nothing.
fn stuff(attack: &Attack, guest: &Guest) {
    let mut end = GuestEnd::new(guest.page.clone(), Habits::LINUX);
    let request = message(Op::Read, b"1\0");
    let (mut unsent, mut quiet) = (Vec::new(), 0);
    while quiet < 10 {
        if unsent.is_empty() {
            unsent.clone_from(&request);
        }
        let sent = end.send(&unsent).unwrap();
        unsent.drain(..sent);
        guest.ring();
        quiet = if sent == 0 { quiet + 1 } else { 0 };
        // The worker has had its turn.
        attack.usage(guest.domid.0);
    }
}

#[test]
fn guests_at_every_quota_leave_others_alone_and_memory_bounded() {
    let args = [&QUOTAS[..], &["--journal-size", "off", "--history-size", "off"]].concat();
    let attack = Attack::on(&args);
    let mut dom0 = attack.connect();
    dom0.write("/open", "").unwrap();
    dom0.set_perms("/open", &["r0"]);
    // One comes and goes before it is measured: what an allocator keeps, it has then.
    let mut first = attack.boot(FIRST, Habits::LINUX);
    first.takes_all("/open");
    drop(first);
    attack.destroy(FIRST);
    let before = attack.resident();
    let mut gluttons: Vec<Guest> =
        (FIRST..FIRST + GLUTTONS).map(|domid| attack.boot(domid, Habits::LINUX)).collect();
    for glutton in &mut gluttons {
        glutton.takes_all("/open");
        stuff(&attack, glutton);
        attack.others_go_on();
    }
    for number in 0..EVENTS {
        dom0.write(&format!("/open/{}{number}", "e".repeat(150)), "").unwrap();
    }
    attack.others_go_on();
    for glutton in &gluttons {
        let usage = attack.usage(glutton.domid.0);
        assert_eq!((usage.nodes, usage.watches, usage.transactions), (299, 127, 3), "{usage:?}");
        assert_eq!(usage.outstanding, 20, "{usage:?}");
        assert!((600_000..=614_400 + 4096).contains(&usage.memory), "{usage:?}");
    }
    // They go on and on; so do the others, and the toolstack.
    for round in 0..ROUNDS {
        gluttons.iter().for_each(Guest::ring);
        dom0.write(&format!("/open/{}{round}", "f".repeat(150)), "").unwrap();
        attack.others_go_on();
        let mut newcomer = attack.boot(7, Habits::LINUX);
        newcomer.is_well();
        drop(newcomer);
        attack.destroy(7);
    }
    let grown = attack.resident().saturating_sub(before);
    let sum = u64::from(GLUTTONS) * SUM;
    println!("{grown} bytes more, the quotas allow {sum}");
    assert!(grown < sum + SLACK, "{grown} bytes more, the quotas allow {sum}");
    assert!(grown > sum / 4, "{grown} bytes more: are they at their quotas?");
    // Each can go back to being a guest like any other, with nothing lost.
    for glutton in &mut gluttons {
        glutton.reconnect();
        let usage = attack.usage(glutton.domid.0);
        let left = (usage.nodes, usage.watches, usage.transactions, usage.outstanding);
        assert_eq!(left, (299, 0, 0, 0));
        glutton.must(Op::Rm, "0\0");
        glutton.is_well();
        attack.destroy(glutton.domid.0);
    }
    attack.survived();
}

/// Guests that take all they can get, from this domain id on.
const GLUTTONS: u16 = 8;
const FIRST: u16 = 20;
/// Events for each of them: far more than its memory takes.
const EVENTS: usize = 2000;
/// Rounds in which they go on.
const ROUNDS: usize = 10;
/// What allocators keep beside what they are asked for, the commit feed (4 MiB), and versions that
/// are pinned.
const SLACK: u64 = 16 << 20;
