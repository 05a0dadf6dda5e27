//! Histories with a fault of each kind: the ledger finds it, and nothing in those without.

use myriad_ring::v1::{Header, Op};

use super::{ACTS_UNTIL_HEARD, TOGGLE, fake::Fake};
use crate::kill::{fault::Kind, tree::Change};

const SEEDS: usize = 40;

/// A guest that has begun, and done something.
fn begun(seed: u64) -> Fake {
    let mut fake = Fake::new(seed);
    fake.go_on(10 + usize::try_from(seed % 5).unwrap());
    fake
}

/// The kinds of faults that were found over many histories, of which some may hide it.
fn found(history: impl Fn(&mut Fake)) -> Vec<Kind> {
    let mut kinds = Vec::new();
    for seed in (0..).take(SEEDS) {
        let mut fake = begun(seed);
        assert_eq!(fake.found, [], "nothing is wrong before");
        history(&mut fake);
        kinds.extend(fake.found.first().map(|(kind, _)| *kind));
    }
    kinds
}

/// Goes on until a request of this kind is next, and takes it off.
fn next_of(fake: &mut Fake, op: Op) -> (u32, super::Ask) {
    for _ in 0..10_000 {
        fake.act();
        match fake.requests.front() {
            Some((_, ask)) if ask.op == op => return fake.requests.pop_front().unwrap(),
            Some(_) => drop(fake.execute()),
            None => {}
        }
        fake.deliver();
    }
    panic!("no {}", op.name());
}

#[test]
fn a_guest_finds_nothing_where_nothing_is_wrong() {
    for seed in (0..).take(SEEDS) {
        let mut fake = begun(seed);
        for round in 0..30 {
            if round % 3 == 0 {
                fake.raise();
            }
            // Killed in the midst of an act, before or after the guest has what was answered.
            fake.act();
            for _ in 0..(seed + round) % 7 {
                fake.execute();
            }
            if round % 2 == 0 {
                fake.deliver();
            }
            fake.restart();
            while fake.execute().is_some() {}
            fake.deliver();
            fake.go_on(usize::try_from(round).unwrap());
        }
        assert_eq!(fake.found, [], "seed {seed}");
        assert!(fake.ledger.is_heard() && fake.ledger.shared() > 0);
    }
}

#[test]
fn an_answer_that_comes_twice_is_found() {
    let kinds = found(|fake| {
        let (id, ask) = next_of(fake, Op::Read);
        fake.execute_as(id, &ask);
        fake.messages.push_back(fake.messages[0].clone());
        fake.go_on(1);
    });
    assert_eq!(kinds, [Kind::Twice; SEEDS]);
}

#[test]
fn an_answer_that_never_comes_is_found() {
    // The ring goes on after it …
    let kinds = found(|fake| {
        while {
            fake.act();
            fake.requests.len() < 2
        } {
            fake.go_on(1);
        }
        fake.requests.pop_front();
        fake.go_on(1);
    });
    assert_eq!(kinds, [Kind::Restart; SEEDS]);
    // … or not: then the guest waits.
    let mut fake = begun(1);
    fake.act();
    fake.requests.clear();
    fake.go_on(3);
    assert!(!fake.ledger.is_idle());
    assert!(fake.ledger.waits_for().starts_with("request "), "{}", fake.ledger.waits_for());
}

#[test]
fn requests_that_are_executed_again_are_found() {
    // The daemon had executed all of an act, had answered nothing, and begins it again.
    for op in [Op::Watch, Op::Unwatch] {
        let kinds = found(|fake| {
            let (id, ask) = next_of(fake, op);
            fake.execute_as(id, &ask);
            fake.messages.clear();
            fake.restart();
            fake.execute_as(id, &ask);
            fake.deliver();
        });
        assert_eq!(kinds, [Kind::Twice; SEEDS], "{}", op.name());
    }
    let kinds = found(|fake| {
        let (id, ask) = loop {
            let (id, ask) = next_of(fake, Op::Read);
            if ask.payload == b"n\0" && fake.requests.iter().any(|(_, ask)| ask.op == Op::Write) {
                break (id, ask);
            }
            fake.execute_as(id, &ask);
        };
        fake.requests.push_front((id, ask));
        let all = fake.requests.clone();
        while fake.execute().is_some() {}
        fake.messages.clear();
        fake.restart();
        fake.requests = all;
        while fake.execute().is_some() {}
        fake.deliver();
    });
    assert_eq!(kinds, [Kind::Twice; SEEDS]);
}

#[test]
fn a_change_that_was_acknowledged_and_is_gone_is_found() {
    let kinds = found(|fake| {
        let before = fake.tree.clone();
        let (id, ask) = loop {
            let (id, ask) = next_of(fake, Op::Write);
            if ask.payload.starts_with(b"n\0") {
                break (id, ask);
            }
            fake.execute_as(id, &ask);
        };
        fake.execute_as(id, &ask);
        fake.deliver();
        // The counter is as it was.
        let old = before.0["n"].value.clone();
        fake.tree.apply(&Change::Write("n".into(), old));
        fake.restart();
        fake.go_on(40);
    });
    assert_eq!(kinds, [Kind::Lost; SEEDS]);
    // The shared node, too: what this guest has seen.
    let mut fake = begun(2);
    fake.raise();
    fake.raise();
    fake.go_on(3);
    assert_eq!((fake.ledger.shared(), fake.found.len()), (2, 0));
    fake.shared = 0;
    fake.raise();
    fake.go_on(3);
    assert_eq!(fake.found.first().map(|(kind, _)| *kind), Some(Kind::Lost));
}

#[test]
fn a_transaction_in_part_or_with_a_false_end_is_found() {
    let kinds = found(|fake| {
        let (id, ask) = loop {
            let (id, ask) = next_of(fake, Op::TransactionEnd);
            if ask.payload == b"T\0" {
                break (id, ask);
            }
            fake.execute_as(id, &ask);
        };
        let old = fake.tree.0["u"].value.clone();
        fake.execute_as(id, &ask);
        fake.tree.apply(&Change::Write("u".into(), old));
        fake.go_on(3);
    });
    assert_eq!(kinds, [Kind::Torn; SEEDS]);
    // EAGAIN, though it was committed; and without a restart.
    for (restarts, wanted) in [(true, Kind::Twice), (false, Kind::Wrong)] {
        let kinds = found(|fake| {
            let (id, ask) = loop {
                let (id, ask) = next_of(fake, Op::TransactionEnd);
                if ask.payload == b"T\0" {
                    break (id, ask);
                }
                fake.execute_as(id, &ask);
            };
            fake.execute_as(id, &ask);
            fake.messages.clear();
            if restarts {
                fake.restart();
            }
            fake.execute_as(id, &ask);
            fake.go_on(3);
        });
        assert_eq!(kinds, [wanted; SEEDS], "restarts: {restarts}");
    }
}

#[test]
fn a_lost_watch_is_found() {
    // Its own, as soon as it writes.
    let kinds = found(|fake| {
        fake.watches.get_mut("own").unwrap().1 = true;
        fake.go_on(40);
    });
    assert_eq!(kinds, [Kind::Watch; SEEDS]);
    // One of a node that doesn't change, when it doesn't fire after a restart.
    for token in ["quiet", "released", "shared"] {
        let kinds = found(|fake| {
            fake.watches.get_mut(token).unwrap().1 = true;
            fake.restart();
            fake.go_on(usize::try_from(ACTS_UNTIL_HEARD).unwrap() + 1);
            fake.restart();
        });
        assert_eq!(kinds, [Kind::Watch; SEEDS], "{token}");
    }
    // One that came and has not gone.
    let mut fake = begun(4);
    while !fake.watches.contains_key(TOGGLE) {
        fake.go_on(1);
    }
    fake.watches.get_mut(TOGGLE).unwrap().1 = true;
    fake.restart();
    fake.deliver();
    assert_eq!(fake.ledger.must_be_heard().map_err(|(kind, _)| kind), Err(Kind::Watch));
}

#[test]
fn events_of_no_watch_and_answers_to_nothing_are_found() {
    let mut fake = begun(3);
    let header = |op: Op, id| Header { op: op as u32, req_id: id, tx_id: 0, len: 0 };
    let mut take = |header, payload: &[u8]| {
        let verdict = fake.ledger.take(header, payload);
        verdict.err().map(|(kind, _)| kind)
    };
    assert_eq!(take(header(Op::WatchEvent, 0), b"n\0other\0"), Some(Kind::Wrong));
    assert_eq!(take(header(Op::WatchEvent, 0), b"/shared\0own\0"), Some(Kind::Wrong));
    assert_eq!(take(header(Op::WatchEvent, 0), b"n\0own\0"), None);
    assert_eq!(take(header(Op::Read, 1 << 20), b""), Some(Kind::Wrong));
    assert_eq!(take(header(Op::Read, 0), b""), Some(Kind::Twice));
}
