//! Each scenario of the load generator runs to its end against our daemon, gives the figures that
//! the goals speak of, and finds what it checks. How long anything takes is not looked at.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    sync::mpsc::{RecvTimeoutError, channel},
    time::Duration,
};

use myriad_benches::load::{Context, Figures, Peer, goals::GOALS, scenario::Scenario};
use myriad_core::Quotas;
use myriad_verify::peer::Server;

/// Small sizes; what is left out has no goal and is as large as it is.
const SCENARIOS: &[&str] = &[
    "create --nodes 500",
    "read --nodes 500",
    "write --nodes 500",
    "list --children 2000",
    "transactions --clients 1,64",
    "counter --clients 1,64",
    "watches --counts 0,50",
    "events --counts 0,50 --fan-out 10",
    "connections --counts 2,20",
    "storm --vms 2,10",
    "storm --vms 2,10 --connection-each",
    "v2 --vms 10",
    "parallel --clients 1,32 --vms 64",
    "memory --vms 10 --watches 50",
    "rings --depth 1,16",
    "rings --depth 16 --hot --arrivals poisson",
    "victim --nodes 100 --others 100 --times 2",
    "fairness --others 4 --spells 1",
];

#[test]
fn every_scenario_gives_what_the_goals_speak_of() {
    let (watchdog, ended) = channel::<()>();
    std::thread::spawn(move || {
        if ended.recv_timeout(HANGS_AFTER) == Err(RecvTimeoutError::Timeout) {
            eprintln!("a scenario hangs");
            std::process::abort();
        }
    });
    let context = Context {
        seed: 1,
        time: Duration::from_millis(50),
        warm_up: Duration::from_millis(10),
        domain_command: None,
    };
    for words in SCENARIOS {
        // A fresh one, as every run should have.
        let options = ["--journal-size", "off", "--history-size", "off"];
        let server = Server::start_myriad_and(30_000, &Quotas::default(), &options).unwrap();
        let peer = Peer::new("myriad", server.socket(), server.pid()).unwrap();
        let words: Vec<&str> = words.split(' ').collect();
        let scenario = Scenario::from_words(&words).unwrap();
        // Twice: a later round meets what an earlier one has left.
        for _ in 0..2 {
            let figures = scenario.run(&peer, &context);
            let figures = figures.unwrap_or_else(|e| panic!("{words:?}: {e}\n{}", server.output()));
            has_goals(scenario.name(), &figures);
            holds_what_it_must(scenario.name(), &figures);
        }
    }
    drop(watchdog);
}

/// Figures that a goal wants are there under their names, but for the N before them.
fn has_goals(scenario: &str, figures: &Figures) {
    let names: Vec<&str> = figures.iter().map(|(name, _)| name.as_str()).collect();
    assert!(!names.is_empty(), "{scenario}");
    for goal in GOALS.iter().filter(|goal| goal.scenario == scenario) {
        let ending = goal.figure.trim_start_matches(|c: char| c.is_ascii_digit());
        let found = names.iter().any(|name| name.ends_with(ending));
        assert!(found, "{scenario} has no {}: {names:?}", goal.figure);
    }
}

/// What doesn't depend on the machine.
fn holds_what_it_must(scenario: &str, figures: &Figures) {
    for (name, value) in figures {
        let wanted = match (scenario, name.as_str()) {
            // 8,891 bytes in parts of up to 4096, after one refusal.
            ("list", "listing: requests") => 4.0,
            ("transactions", "64 clients: aborts") | ("parallel", "32 toolstacks: aborts") => 0.0,
            ("storm", name) if name.ends_with("by index, requests") => 1.0,
            ("v2", "v2: requests/VM") => 2.0,
            (scenario, name) => {
                let is_rate = name.ends_with("/s") && scenario != "counter";
                assert!(!is_rate || *value > 0.0, "{scenario}: {name}: {value}");
                continue;
            }
        };
        assert_eq!(*value, wanted, "{scenario}: {name}");
    }
}

/// Longer than the test takes, by far.
const HANGS_AFTER: Duration = Duration::from_secs(900);
