//! The floors answer the load generator's scenarios to their end.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    path::Path,
    process::{Child, Command},
    sync::mpsc::{RecvTimeoutError, channel},
    time::{Duration, Instant},
};

use myriad_benches::load::{Context, Peer, scenario::Scenario};

/// A process that ends with this.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn run(peer: &Peer, words: &str) -> Vec<(String, f64)> {
    let context = Context {
        seed: 1,
        time: Duration::from_millis(50),
        warm_up: Duration::from_millis(10),
        domain_command: None,
    };
    let words: Vec<&str> = words.split(' ').collect();
    let scenario = Scenario::from_words(&words).unwrap();
    assert!(scenario.has_floor(), "{words:?}");
    scenario.run(peer, &context).unwrap_or_else(|e| panic!("{words:?}: {e}"))
}

/// Ends a test that hangs.
fn watchdog() -> std::sync::mpsc::Sender<()> {
    let (alive, ended) = channel::<()>();
    std::thread::spawn(move || {
        if ended.recv_timeout(HANGS_AFTER) == Err(RecvTimeoutError::Timeout) {
            eprintln!("a floor hangs");
            std::process::abort();
        }
    });
    alive
}

#[test]
fn the_echo_server_answers_whatever_has_a_floor_on_a_socket() {
    let _alive = watchdog();
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("socket");
    let program = env!("CARGO_BIN_EXE_floor-echo");
    let floor = Ended(Command::new(program).arg(&socket).spawn().unwrap());
    let begin = Instant::now();
    let peer = loop {
        match Peer::new("floor-echo", &socket, Some(floor.0.id())) {
            Ok(peer) => break peer,
            Err(error) => assert!(begin.elapsed() < HANGS_AFTER, "{error}"),
        }
        std::thread::yield_now();
    };
    for words in [
        "read --nodes 100",
        "write --nodes 100",
        "transactions --clients 1,64",
        "counter --clients 8",
        "parallel --clients 1,32 --vms 64",
    ] {
        assert!(!run(&peer, words).is_empty(), "{words}");
    }
    let listed = run(&peer, "list");
    // 48,891 bytes in parts of 4,094, after one refusal: as many as a daemon takes.
    assert!(listed.contains(&("listing: requests".to_owned(), 13.0)), "{listed:?}");
}

#[test]
fn the_bare_ring_answers_reads_and_writes_and_the_open_loop() {
    let _alive = watchdog();
    let program = Path::new(env!("CARGO_BIN_EXE_floor-ring"));
    let peer = Peer::new("floor-ring", program, None).unwrap();
    let figures = run(&peer, "rings --depth 1,16");
    for part in ["read, 16 under way, hot: ops/s", "read, open loop at half of that: p99 µs"] {
        assert!(figures.iter().any(|(name, value)| name == part && *value > 0.0), "{figures:?}");
    }
    assert!(!figures.iter().any(|(name, _)| name.contains("doorbells")));
}

/// Longer than a test takes, by far.
const HANGS_AFTER: Duration = Duration::from_secs(120);
