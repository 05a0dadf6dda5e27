//! The death of a domain that owns many nodes, while others go on.
//!
//! The figures are printed, not asserted; for those that mean something:
//! `cargo test --release -p myriad --test death -- --nocapture`
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::{
    sync::mpsc::{Receiver, TryRecvError, channel},
    time::{Duration, Instant},
};

use common::{Client, Daemon};
use myriad_ring::v1::Op;

/// Without optimisation everything is slow, and so much smaller.
const SCALE: usize = if cfg!(debug_assertions) { 20 } else { 1 };
/// Nodes that the domain owns, and nodes of others.
const OWNED: usize = 10_000 / SCALE;
const OTHERS: usize = 400_000 / SCALE;
/// Nodes below one directory.
const FAN_OUT: usize = 100;
const DEATHS: usize = 5;
/// What a second of others' requests is held against.
const QUIET: Duration = Duration::from_millis(1000 / SCALE as u64);
const DOMID: u16 = 7;
/// Requests under way while nodes are made.
const UNDER_WAY: usize = 50;

/// Where the domain's nodes lie: all below one that it owns, or each below one that it doesn't.
#[derive(Clone, Copy, Debug)]
enum Layout {
    Together,
    Scattered,
}

impl Layout {
    fn path(self, number: usize) -> String {
        let (directory, name) = (number / FAN_OUT, number % FAN_OUT);
        match self {
            Layout::Together => format!("/local/domain/{DOMID}/{directory}/{name}"),
            Layout::Scattered => format!("{}/own", other(number * (OTHERS / OWNED))),
        }
    }
}

fn other(number: usize) -> String {
    format!("/others/{}/{}", number / FAN_OUT, number % FAN_OUT)
}

/// Requests in a pipeline, all of which succeed.
fn pump(client: &mut Client, requests: impl Iterator<Item = (Op, String)>) {
    let mut under_way = 0;
    let answer = |client: &mut Client| {
        let (header, body) = client.receive().unwrap();
        assert_ne!(header.op, Op::Error as u32, "{}", String::from_utf8_lossy(&body));
    };
    for (op, payload) in requests {
        client.send(op, 0, payload.as_bytes());
        under_way += 1;
        if under_way == UNDER_WAY {
            answer(client);
            under_way -= 1;
        }
    }
    (0..under_way).for_each(|_| answer(client));
}

/// What another client does all the while: the starts and ends of its requests.
fn go_on(mut client: Client, seed: usize, stopped: &Receiver<()>) -> Vec<(Instant, Instant)> {
    let (mut number, mut spans) = (seed, Vec::new());
    while stopped.try_recv() == Err(TryRecvError::Empty) {
        number = (number * 1_103_515_245 + 12_345) % OTHERS;
        let start = Instant::now();
        if spans.len() % 4 == 0 {
            client.write(&other(number), "new").unwrap();
        } else {
            client.read(&other(number)).unwrap();
        }
        spans.push((start, Instant::now()));
    }
    spans
}

fn give_life(daemon: &Daemon, dom0: &mut Client, layout: Layout) {
    daemon.introduce(DOMID);
    if matches!(layout, Layout::Together) {
        dom0.write(&format!("/local/domain/{DOMID}"), "").unwrap();
        dom0.set_perms(&format!("/local/domain/{DOMID}"), &[&format!("n{DOMID}")]);
    }
    pump(dom0, (0..OWNED).map(|n| (Op::Write, format!("{}\0x", layout.path(n)))));
    if matches!(layout, Layout::Scattered) {
        let perms = (0..OWNED).map(|n| format!("{}\0n{DOMID}\0", layout.path(n)));
        pump(dom0, perms.map(|payload| (Op::SetPerms, payload)));
    }
    let usage = dom0.control(&["quota", &DOMID.to_string()]).unwrap();
    let nodes: usize =
        usage.lines().nth(1).unwrap().split(": ").nth(1).unwrap().trim().parse().unwrap();
    assert!(nodes >= OWNED, "{usage}");
}

/// What is left of it is nothing.
fn look_for_remains(daemon: &Daemon, dom0: &mut Client, layout: Layout) {
    for number in (0..OWNED).step_by(OWNED / 100) {
        assert_eq!(dom0.read(&layout.path(number)).unwrap_err(), "ENOENT");
    }
    assert_eq!(dom0.control(&["quota", &DOMID.to_string()]).unwrap_err(), "ENOENT");
    daemon.introduce(DOMID);
    let usage = dom0.control(&["quota", &DOMID.to_string()]).unwrap();
    assert!(usage.contains("nodes           :        0\n"), "{usage}");
    dom0.control(&["sim", "destroy", &DOMID.to_string()]).unwrap();
}

fn quantile(spans: &mut [Duration], of_1000: usize) -> f64 {
    spans.sort_unstable();
    spans.get(spans.len() * of_1000 / 1000).map_or(f64::NAN, |span| span.as_secs_f64() * 1e6)
}

/// The durations of the requests that were under way in a time.
fn under_way(spans: &[(Instant, Instant)], from: Instant, to: Instant) -> Vec<Duration> {
    let in_time = spans.iter().filter(|(start, end)| *start < to && *end > from);
    in_time.map(|(start, end)| *end - *start).collect()
}

fn deaths(layout: Layout) {
    let daemon = Daemon::start(&["--workers", "2"]);
    let mut dom0 = daemon.connect();
    pump(&mut dom0, (0..OTHERS).map(|n| (Op::Write, format!("{}\0x", other(n)))));
    let mut watcher = daemon.connect();
    watcher.watch("@releaseDomain", "gone");
    let (times, spans) = std::thread::scope(|scope| {
        let others: Vec<_> = (0..4)
            .map(|seed| {
                let (client, (stop, stopped)) = (daemon.connect(), channel::<()>());
                (stop, scope.spawn(move || go_on(client, seed, &stopped)))
            })
            .collect();
        let mut times = Vec::new();
        for _ in 0..DEATHS {
            give_life(&daemon, &mut dom0, layout);
            // The length of a measurement; nothing depends on what happens in it.
            std::thread::sleep(QUIET);
            let start = Instant::now();
            dom0.control(&["sim", "destroy", &DOMID.to_string()]).unwrap();
            times.push((start, Instant::now()));
            assert_eq!(watcher.event(), ("@releaseDomain".into(), "gone".into()));
            std::thread::sleep(QUIET);
            look_for_remains(&daemon, &mut dom0, layout);
            assert_eq!(watcher.event(), ("@releaseDomain".into(), "gone".into()));
        }
        let mut spans = Vec::new();
        for (stop, other) in others {
            drop(stop);
            spans.extend(other.join().unwrap());
        }
        (times, spans)
    });
    let mut lengths: Vec<Duration> = times.iter().map(|(start, end)| *end - *start).collect();
    let (mut before, mut during, mut meanwhile) = (Vec::new(), Vec::new(), Vec::new());
    for (start, end) in times {
        before.extend(under_way(&spans, start - QUIET, start));
        during.extend(under_way(&spans, start, start + QUIET));
        meanwhile.extend(under_way(&spans, start, end));
    }
    println!(
        "{layout:?}: the death of an owner of {OWNED} nodes among {} takes {:.2} ms (median of \
         {DEATHS}); others' p99 in the {QUIET:?} before {:.0} µs, in those from its beginning \
         {:.0} µs, p99.9 {:.0} and {:.0}; the slowest of {} requests meanwhile {:.0} µs",
        OWNED + OTHERS,
        quantile(&mut lengths, 500) / 1e3,
        quantile(&mut before, 990),
        quantile(&mut during, 990),
        quantile(&mut before, 999),
        quantile(&mut during, 999),
        meanwhile.len(),
        meanwhile.iter().max().map_or(0.0, |span| span.as_secs_f64() * 1e6),
    );
    assert_eq!(dom0.control(&["check"]).unwrap(), "OK");
    let (_, dir) = daemon.stop();
    let log = std::fs::read_to_string(dir.path().join("stderr")).unwrap();
    assert!(log.contains("Checking store complete: nothing found"), "{log}");
}

#[test]
fn an_owner_of_a_large_subtree_dies_under_load() {
    deaths(Layout::Together);
}

#[test]
fn an_owner_of_nodes_everywhere_dies_under_load() {
    deaths(Layout::Scattered);
}
