//! A short soak: the load generator's scenario of the same name, with assertions.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    sync::mpsc::{RecvTimeoutError, channel},
    time::Duration,
};

use myriad_benches::load::{
    Peer,
    scenario::soak::{Sample, Soak},
};
use myriad_core::Quotas;
use myriad_verify::peer::{DomainChange, Server};

#[test]
fn domains_come_and_go_and_leave_nothing_behind() {
    let (watchdog, ended) = channel::<()>();
    std::thread::spawn(move || {
        if ended.recv_timeout(HANGS_AFTER) == Err(RecvTimeoutError::Timeout) {
            eprintln!("the soak hangs");
            std::process::abort();
        }
    });
    // A journal whose memory is soon all in use.
    let options = ["--journal-size", "1M", "--history-size", "off"];
    let mut server = Server::start_myriad_and(1, &Quotas::default(), &options).unwrap();
    server.domain(DomainChange::Destroy(1)).unwrap();
    let peer = Peer::new("myriad", server.socket(), None).unwrap();
    // Each id is used seven times; the first samples see the daemon grow to its size.
    let soak = Soak { domains: DOMAINS, at_once: AT_ONCE, ids: 225, samples: 12 };
    let show = |sample: &Sample| println!("{sample:?}");
    let samples = soak.soak(&peer, show).unwrap_or_else(|e| panic!("{e}\n{}", server.output()));
    let (first, last) = (&samples[SETTLED], samples.last().unwrap());
    assert!(last.domains > DOMAINS - u64::from(AT_ONCE) && last.checked >= 3 * last.domains);
    for sample in &samples[SETTLED..] {
        assert_eq!(sample.descriptors, first.descriptors, "{sample:?}");
        assert_eq!(sample.nodes, first.nodes, "{sample:?}");
    }
    let grown = last.resident.saturating_sub(first.resident);
    assert!(grown < GROWTH_MAX, "{grown} bytes more in {} domains", last.domains - first.domains);
    // All are gone, and what they had.
    assert_eq!(
        soak.soak(&peer, |_| {}).map(|samples| samples[SETTLED].nodes).unwrap(),
        first.nodes
    );
    drop(watchdog);
}

/// A debug build does some 500 a second where nothing else runs.
const DOMAINS: u64 = 1500;
/// Domains of a generation.
const AT_ONCE: u16 = 50;
/// Samples before the one that the others are held against.
const SETTLED: usize = 2;
/// What allocators keep: far less than the nodes of the domains between first and last would take.
const GROWTH_MAX: u64 = 1 << 20;
/// Longer than the test takes, by far.
const HANGS_AFTER: Duration = Duration::from_secs(300);
