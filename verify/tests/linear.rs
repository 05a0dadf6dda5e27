//! Linearizability: the check itself, and some hundred histories of the daemon in this profile. The
//! whole run is a program: `cargo run --release -p myriad-verify --bin linear`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod linear_check;

use myriad_verify::linear::{
    check::{Verdict, check},
    generate::program,
    json,
    record::History,
    report::Summary,
    run::{Observer, Plan, run},
};

struct Nobody;

impl Observer for Nobody {
    fn progress(&mut self, _: u64) {}
}

fn play(plan: &Plan) -> Summary {
    run(plan, &mut Nobody).unwrap()
}

const PLAN: Plan = Plan { seed: 7, from: 0, histories: 300, sockets: 2, guests: 2, workers: 2 };

#[test]
fn histories_of_the_daemon_can_be_explained() {
    let summary = play(&PLAN);
    assert!(summary.failure.is_none(), "{summary}");
    assert_eq!(summary.histories, PLAN.histories);
    assert_eq!(summary.gaps(), Vec::<String>::new(), "{summary}");
    assert!(summary.overlap.requests > 50 * PLAN.histories, "{summary}");
}

#[test]
fn more_clients_and_workers_change_nothing() {
    let plan = Plan { seed: 8, histories: 60, sockets: 3, guests: 2, workers: 3, ..PLAN };
    let summary = play(&plan);
    assert!(summary.failure.is_none(), "{summary}");
}

#[test]
fn a_program_is_named_by_seed_and_number() {
    let clients = [0, 0, 1, 2];
    assert_eq!(program(3, 5, &clients), program(3, 5, &clients));
    assert_ne!(program(3, 5, &clients).clients, program(4, 5, &clients).clients);
    assert_ne!(program(3, 5, &clients), program(3, 6, &clients));
    let requests: usize = program(3, 5, &clients).clients.iter().flatten().map(Vec::len).sum();
    assert!(requests >= 50, "{requests}");
}

#[test]
fn a_history_survives_its_file() {
    let history = linear_check::history(&[
        (
            0,
            "1..4 WATCH /h t -> OK
             5 event /h t
             2..6 SET_PERMS /h n0 r1 -> OK
             7..8 TRANSACTION_START -> 9
             10..14 tx READ /h -> 'x y'
             11..15 tx TRANSACTION_END F -> OK",
        ),
        (1, "3..9 WRITE /h/x 1 -> EACCES\n 20 event /h t"),
    ]);
    let text = json::write(&history).to_string();
    assert_eq!(json::read(&serde_json::from_str(&text).unwrap()).unwrap(), history);
    assert_eq!(json::read(&serde_json::json!({ "seed": 1 })), None);
}

#[test]
fn a_false_answer_is_found_in_a_history_of_the_daemon() {
    let mut found = 0;
    let mut summary = Summary::default();
    let mut falsify = |mut history: History| {
        for call in history.clients.iter_mut().flat_map(|client| &mut client.calls) {
            if call.ask.act.changes() && call.reply.is_ok() {
                call.reply = Err("ENOENT".into());
                break;
            }
        }
        found += usize::from(matches!(check(&history), Verdict::Wrong(_)));
        summary.add(&history, check(&history));
    };
    for history in linear_check::samples() {
        assert!(matches!(check(&history), Verdict::Right(_)), "{history:?}");
        falsify(history);
    }
    assert_eq!(found, linear_check::samples().len());
    assert!(summary.failure.unwrap().to_string().contains("no order of its operations"));
}
