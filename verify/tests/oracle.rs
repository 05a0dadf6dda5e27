//! The oracle: C xenstored agrees with itself, a falsehood is noticed, and ours agrees with C.
//!
//! The full run of 200,000 requests is `.ci/oracle`.

use myriad_verify::{
    oracle::{
        in_v2,
        mutate::{Falsehood, Mutation},
        pair::Pair,
        run::Stop,
        session::{Kind, Session},
        step::{Step, parse_all},
        wire::{Incoming, Link, Message, encode},
    },
    peer::{Server, ring::Ring},
};

const SEED: u64 = 20_260_801;

#[test]
fn c_agrees_with_itself_and_the_model_with_c() {
    let summary = Session::against_c(Kind::C, 5_000, SEED).run().unwrap();
    assert_eq!(summary.gaps(), Vec::<String>::new(), "{summary}");
}

#[test]
fn every_kind_of_falsehood_is_noticed() {
    let kinds = [
        Falsehood::ReplyByte,
        Falsehood::RequestId,
        Falsehood::ReplyType,
        Falsehood::LostEvent,
        Falsehood::TwiceEvent,
        Falsehood::SwappedEvents,
        Falsehood::LateEvent,
        Falsehood::Granted,
        Falsehood::Denied,
        Falsehood::Leaked,
    ];
    for what in kinds {
        let mut session = Session::against_c(Kind::C, 5_000, SEED);
        session.mutation = Some(Mutation::new(what, 300));
        match session.run() {
            Err(Stop::Difference(failure)) => assert!(failure.request >= 300, "{failure}"),
            other => panic!("{what:?}: {:?}", other.map(|summary| summary.to_string())),
        }
    }
}

#[test]
fn a_disagreement_is_shortened_and_can_be_replayed() {
    let mut session = Session::against_c(Kind::C, 400, SEED);
    session.mutation = Some(Mutation::new(Falsehood::LostEvent, 0));
    let Err(Stop::Difference(failure)) = session.run() else { panic!("no difference") };
    let (short, runs) = session.shrink(*failure).unwrap();
    // The initial event of a WATCH is the shortest way to get one at all; a guest that sets one
    // has to be introduced first.
    assert!(short.steps.len() <= 2, "{short}");
    assert!(matches!(short.steps.last(), Some(Step::Request(r)) if r.op == 4), "{short}");
    assert!(runs > 0);
    let lines: String = short.steps.iter().map(|step| format!("{step}\n")).collect();
    let again = parse_all(&lines).unwrap();
    assert!(session.replay(&again).unwrap().is_some());
    session.mutation = None;
    assert!(session.replay(&again).unwrap().is_none());
}

/// What runs have found before, shortened: `cases/` says what each is about.
#[test]
fn what_was_found_before_stays_right() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let mut wrong = Vec::new();
    for right in [Kind::C, Kind::Myriad] {
        let session = Session::against_c(right.clone(), 0, SEED);
        for case in folder.read_dir().unwrap() {
            let path = case.unwrap().path();
            let steps = parse_all(&std::fs::read_to_string(&path).unwrap()).unwrap();
            assert!(!steps.is_empty(), "{}", path.display());
            if let Some(failure) = session.replay(&steps).unwrap() {
                wrong.push(format!("{right:?} {}: {failure}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn ours_agrees_with_c() {
    let summary = Session::against_c(Kind::Myriad, 20_000, SEED).run().unwrap();
    assert_eq!(summary.gaps(), Vec::<String>::new(), "{summary}");
    assert!(summary.of_guests() > 10_000, "{summary}");
}

/// For whoever compares under load: rings of the shim don't run out with a few hundred guests.
#[test]
fn hundreds_of_guests_speak_to_either_server_at_a_time() {
    const GUESTS: u32 = 200;
    let c = Server::start_c(GUESTS).unwrap();
    for mut server in [c, Server::start_myriad(GUESTS).unwrap()] {
        let mut dom0 = Link::connect(server.socket(), "", 0).unwrap();
        let mut rings: Vec<Ring> = Vec::new();
        for domid in 1..=GUESTS {
            let introduce = encode(8, domid, 0, format!("{domid}\x001\x001\0").as_bytes());
            dom0.send(&introduce, 1).unwrap();
            assert!(matches!(dom0.receive().unwrap(), Incoming::Message(m) if m.op == 8));
            rings.push(server.ring(domid).unwrap());
        }
        for (ring, domid) in rings.iter_mut().zip(1..) {
            let path = format!("{domid}\0");
            ring.send(&encode(10, domid, 0, path.as_bytes()), 2).unwrap();
        }
        for (ring, domid) in rings.iter_mut().zip(1..) {
            let home = format!("/local/domain/{domid}\0").into_bytes();
            let reply = Message { op: 10, req_id: domid, tx_id: 0, payload: home };
            assert_eq!(ring.receive().unwrap(), Incoming::Message(reply));
        }
    }
}

#[test]
fn two_of_ours_agree_on_what_c_does_not_know() {
    let session = Session {
        kinds: Pair::same(Kind::Myriad),
        newer: true,
        ..Session::against_c(Kind::Myriad, 5_000, SEED)
    };
    let summary = session.run().unwrap();
    assert!(summary.to_string().contains("0 unexplained"), "{summary}");
}

#[test]
fn ours_in_v2_agrees_with_c_in_v1_and_a_falsehood_is_noticed() {
    let plan = in_v2::Plan { seed: SEED, steps: 4_000, falsify_from: None };
    let compared = in_v2::run(&plan).unwrap_or_else(|apart| panic!("{apart}"));
    assert!(compared.commits > 300 && compared.refused > 300, "{compared}");
    assert!(compared.errors > 300 && compared.events > 1_000, "{compared}");
    let plan = in_v2::Plan { falsify_from: Some(100), ..plan };
    let apart = in_v2::run(&plan).unwrap_err();
    assert!(matches!(apart, in_v2::Apart::Differ { at: 100, .. }), "{apart}");
}
