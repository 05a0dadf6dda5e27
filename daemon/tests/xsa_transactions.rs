//! Attacks that have worked on xenstored by transactions. One test each, by the number of the
//! advisory.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;
mod guests;

use std::sync::mpsc::{Receiver, TryRecvError, channel};

use guests::{Attack, Guest, home};
use myriad_ring::{
    client::{self, Commit},
    page::guest::Habits,
    v1::Op,
};

/// Another commit, so that a transaction that is open has to be put on top of it.
fn commit_between(attack: &Attack) {
    attack.connect().write("/unrelated", "x").unwrap();
}

/// XSA-206: guests that write all the time make every transaction of the toolstack fail.
#[test]
fn xsa_206_writers_do_not_starve_a_transaction() {
    let attack = Attack::on(&[]);
    let mut dom0 = attack.connect();
    starve(&attack, || {
        let tx = dom0.start();
        let value = dom0.ask(Op::Read, tx, b"/contended\0").unwrap();
        dom0.ask(Op::Write, tx, &[&b"/derived\0"[..], &value].concat()).unwrap();
        dom0.ask(Op::TransactionEnd, tx, b"T\0").map(drop)
    });
    attack.survived();
}

/// XSA-206, for protocol v2: conditions on what they write fail every time.
#[test]
fn xsa_206_writers_do_not_starve_a_commit_with_conditions() {
    let attack = Attack::on(&[]);
    let mut dom0 = client::Client::connect_to_best(attack.path("socket")).unwrap();
    assert!(dom0.welcome().is_some());
    starve(&attack, || {
        let now = dom0.get("/contended").unwrap();
        let derived = Commit::new().if_value_stamp("/contended", now.stamps.unwrap().value);
        match dom0.commit(&derived.write("/derived", &now.value)) {
            Ok(_) => Ok(()),
            Err(client::Error::Declined { errno, .. }) => Err(errno.name().into()),
            Err(error) => panic!("{error}"),
        }
    });
    attack.survived();
}

/// Guests change `/contended` at full speed while attempts depend on it: few of them fail.
fn starve(attack: &Attack, mut attempt: impl FnMut() -> Result<(), String>) {
    let mut dom0 = attack.connect();
    dom0.write("/contended", "0").unwrap();
    dom0.set_perms("/contended", &["b0"]);
    let hammers: Vec<_> = (1..=HAMMERS)
        .map(|domid| {
            let guest = attack.boot(domid, Habits::LINUX);
            let (stop, stopped) = channel::<()>();
            (stop, std::thread::spawn(move || hammer(guest, &stopped)))
        })
        .collect();
    let mut most = 0;
    for _ in 0..COMMITS {
        // Nobody is held back when it begins.
        let before = dom0.read("/contended").unwrap();
        while dom0.read("/contended").unwrap() == before {
            attack.others_go_on();
        }
        let mut attempts = 1;
        while let Err(error) = attempt() {
            assert_eq!(error, "EAGAIN");
            attempts += 1;
        }
        assert!(attempts <= ATTEMPTS_MAX, "{attempts} attempts");
        most = most.max(attempts);
    }
    assert!(most > 1, "nobody was in the way");
    for (stop, hammer) in hammers {
        drop(stop);
        assert!(hammer.join().unwrap() > 0);
    }
}

/// Writes at full speed until the channel's other end is gone. Says how often.
fn hammer(mut guest: Guest, stopped: &Receiver<()>) -> usize {
    let mut writes = 0;
    while stopped.try_recv() == Err(TryRecvError::Empty) {
        let ids: Vec<u32> = (0..UNDER_WAY)
            .map(|_| {
                writes += 1;
                let value = format!("/contended\0{}-{writes}", guest.domid);
                guest.client.ask(Op::Write, 0, value.as_bytes())
            })
            .collect();
        ids.into_iter().for_each(|id| assert_eq!(guest.answer(id), Ok("OK".into())));
    }
    writes
}

/// XSA-326: a transaction that looks at ever more nodes.
#[test]
fn xsa_326_nodes_without_end_in_a_transaction() {
    let attack = Attack::on(&[]);
    let mut guest = attack.boot(5, Habits::LINUX);
    let resident = attack.resident();
    // What it asks for isn't there, or is, or is refused: each is noted.
    guest.must(Op::Mkdir, "there\0");
    for prefix in ["missing", "there/missing", "/local/domain/60/not-for-it", "/nowhere"] {
        let tx = guest.start();
        let mut refused = None;
        for number in 0..3000 {
            let answer = guest.ask_in(tx, Op::Read, &format!("{prefix}{number}\0"));
            if answer == Err("ENOSPC".into()) {
                refused = refused.or(Some(number));
            } else if refused.is_some() {
                assert_eq!(answer, Err("ENOMEM".into()), "{prefix} {number}");
            }
        }
        let refused = refused.expect("it notes as much as it is told to");
        assert!(refused < 1024, "{prefix}: {refused}");
        guest.refused_in(tx, Op::Write, "new\0x", "ENOMEM");
        guest.refused_in(tx, Op::TransactionEnd, "T\0", "ENOMEM");
    }
    guest.refused(Op::Read, "new\0", "ENOENT");
    assert!(attack.resident() < resident + GROWTH_MAX);
    guest.is_well();
    attack.survived();
}

/// XSA-326: as many nodes of the largest size as allowed, in as many transactions as allowed, over
/// and over.
#[test]
fn xsa_326_bytes_without_end_in_transactions() {
    let attack = Attack::on(&["-Q", "transactions=5"]);
    let mut guest = attack.boot(5, Habits::LINUX);
    let (value, resident) = ("v".repeat(1900), attack.resident());
    let transactions: Vec<u32> = (0..4).map(|_| guest.start()).collect();
    for tx in &transactions {
        let mut ids = Vec::new();
        for number in 0..WRITES {
            let payload = format!("{}\0{value}", number % 2);
            ids.push(guest.client.ask(Op::Write, *tx, payload.as_bytes()));
        }
        let refused = ids.into_iter().filter(|id| guest.answer(*id).is_err()).count();
        assert!(refused > 0, "its {WRITES} writes are all kept");
        attack.others_go_on();
    }
    guest.refused(Op::TransactionStart, "\0", "ENOSPC");
    let grown = attack.resident().saturating_sub(resident);
    assert!(grown < 4 * (2 << 20) + GROWTH_MAX, "{grown} bytes");
    for tx in transactions {
        guest.refused_in(tx, Op::TransactionEnd, "T\0", "ENOMEM");
    }
    guest.refused(Op::Read, "0\0", "ENOENT");
    guest.is_well();
    attack.survived();
}

/// XSA-326: an operation that was refused was noted in the transaction as one that was done.
#[test]
fn xsa_326_a_refused_operation_is_none_of_the_transaction() {
    let attack = Attack::on(&[]);
    let mut dom0 = attack.connect();
    dom0.write("/foreign/node", "x").unwrap();
    let mut guest = attack.boot(5, Habits::LINUX);
    for is_rebased in [false, true] {
        let tx = guest.start();
        guest.must_in(tx, Op::Write, "before\0x");
        for payload in ["/foreign/node\0y", "/foreign/new/node\0y", "/local/domain/60/seen\0y"] {
            guest.refused_in(tx, Op::Write, payload, "EACCES");
            let (path, _) = payload.split_once('\0').unwrap();
            guest.refused_in(tx, Op::Rm, &format!("{path}\0"), "EACCES");
            guest.refused_in(tx, Op::Mkdir, &format!("{path}/below\0"), "EACCES");
            guest.refused_in(tx, Op::SetPerms, &format!("{path}\0n5\0"), "EACCES");
        }
        guest.refused_in(tx, Op::Write, &format!("big\0{}", "v".repeat(3000)), "ENOSPC");
        guest.refused_in(tx, Op::SetPerms, "before\0n7\0", "ENOENT");
        guest.must_in(tx, Op::Write, "after\0x");
        if is_rebased {
            commit_between(&attack);
        }
        guest.must_in(tx, Op::TransactionEnd, "T\0");
        assert_eq!(guest.ask(Op::Directory, "/local/domain/5\0"), Ok("before\0after".into()));
        assert_eq!(dom0.read("/foreign/node"), Ok("x".into()));
        assert_eq!(dom0.ok(Op::Directory, b"/foreign\0"), b"node\0");
        assert_eq!(attack.usage(5).nodes, 3);
        guest.must(Op::Rm, "before\0");
        guest.must(Op::Rm, "after\0");
    }
    attack.survived();
}

/// XSA-415: a creation that failed half-way in a transaction left nodes without parents, which
/// its commit made last.
#[test]
fn xsa_415_a_failed_creation_in_a_transaction_that_commits() {
    let attack = Attack::on(&["-Q", "nodes=10", "-Q", "node-size=300"]);
    let mut guest = attack.boot(5, Habits::LINUX);
    (0..5).for_each(|number| guest.must(Op::Mkdir, &format!("{number}\0")));
    let big = "v".repeat(400);
    for is_rebased in [false, true] {
        let before = attack.usage(5);
        let tx = guest.start();
        guest.refused_in(tx, Op::Mkdir, "a/b/c/d/e/f\0", "ENOSPC");
        guest.refused_in(tx, Op::Write, &format!("a/b\0{big}"), "ENOSPC");
        for path in ["a", "a/b", "a/b/c", "a/b/c/d"] {
            guest.refused_in(tx, Op::Read, &format!("{path}\0"), "ENOENT");
        }
        guest.must_in(tx, Op::Write, "z/y\0x");
        guest.refused_in(tx, Op::Mkdir, "z/y/x/w\0", "ENOSPC");
        if is_rebased {
            commit_between(&attack);
        }
        guest.must_in(tx, Op::TransactionEnd, "T\0");
        assert_eq!(
            guest.ask(Op::Directory, "/local/domain/5\0").unwrap(),
            "0\x001\x002\x003\x004\0z"
        );
        assert_eq!(guest.ask(Op::Directory, "z/y\0"), Ok(String::new()));
        assert_eq!(attack.usage(5).nodes, before.nodes + 2);
        guest.must(Op::Rm, "z\0");
        assert_eq!(attack.usage(5), before);
        assert_eq!(attack.connect().control(&["check"]).as_deref(), Ok("OK"));
    }
    attack.survived();
}

/// XSA-421: a node that was created and removed in one transaction ended the commit half-way, and
/// what it had written by then was accounted to nobody.
#[test]
fn xsa_421_created_and_removed_in_one_transaction() {
    let attack = Attack::on(&[]);
    let mut guest = attack.boot(5, Habits::LINUX);
    let before = attack.usage(5);
    for is_rebased in [false, true] {
        let tx = guest.start();
        guest.must_in(tx, Op::Write, "first/below\0x");
        guest.must_in(tx, Op::Write, "passing/below/deep\0x");
        guest.must_in(tx, Op::Rm, "passing\0");
        guest.must_in(tx, Op::Write, "again\0x");
        guest.must_in(tx, Op::Rm, "again\0");
        guest.must_in(tx, Op::Write, "again\0y");
        guest.must_in(tx, Op::Write, "last\0x");
        if is_rebased {
            commit_between(&attack);
        }
        guest.must_in(tx, Op::TransactionEnd, "T\0");
        let home = home(5);
        assert_eq!(guest.ask(Op::Directory, &format!("{home}\0")).unwrap(), "first\0again\0last");
        assert_eq!(guest.ask(Op::Read, "again\0"), Ok("y".into()));
        guest.refused(Op::Read, "passing\0", "ENOENT");
        assert_eq!(attack.usage(5).nodes, before.nodes + 4);
        assert_eq!(attack.connect().control(&["check"]).as_deref(), Ok("OK"));
        for path in ["first", "again", "last"] {
            guest.must(Op::Rm, &format!("{path}\0"));
        }
        assert_eq!(attack.usage(5), before);
    }
    attack.survived();
}

/// XSA-484: RESET_WATCHES in a transaction freed what the request was still about.
#[test]
fn xsa_484_watches_reset_in_a_transaction() {
    let attack = Attack::on(&[]);
    let mut guest = attack.boot(5, Habits::LINUX);
    for _ in 0..20 {
        guest.watch("a", "t");
        let (tx, other) = (guest.start(), guest.start());
        guest.must_in(tx, Op::Write, "a\0x");
        guest.must_in(other, Op::Write, "b\0x");
        guest.must_in(tx, Op::ResetWatches, "\0");
        let usage = attack.usage(5);
        assert_eq!((usage.watches, usage.transactions, usage.nodes), (0, 0, 1));
        for tx in [tx, other] {
            guest.refused_in(tx, Op::Write, "a\0x", "ENOENT");
            guest.refused_in(tx, Op::ResetWatches, "\0", "ENOENT");
            guest.refused_in(tx, Op::TransactionEnd, "T\0", "ENOENT");
        }
        guest.refused(Op::Read, "a\0", "ENOENT");
    }
    guest.is_well();
    attack.survived();
}

/// Guests that rewrite what the control domain reads, and requests that each has under way.
const HAMMERS: u16 = 8;
const UNDER_WAY: usize = 8;
/// Transactions in the midst of that, and attempts that each may take.
const COMMITS: usize = 30;
const ATTEMPTS_MAX: usize = 3;
/// Writes of nearly two kilobytes: far more than a transaction may keep.
const WRITES: usize = 1300;
/// What a hostile guest may make the daemon keep, with what allocators keep for themselves.
const GROWTH_MAX: u64 = 16 << 20;
