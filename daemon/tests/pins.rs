//! Transactions that are held open while others write.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::{Client, Daemon};
use myriad_core::limits::PINNED_BYTES;
use myriad_ring::v1::Op;

/// As many as a guest may have open.
const OPEN: u64 = 9;
/// Values of this size are rewritten …
const VALUE: u64 = 2000;
/// … so often that they alone are more than what the open transactions may pin.
const WRITES: u64 = OPEN * PINNED_BYTES / VALUE + 5000;
/// Requests under way at a time.
const UNDER_WAY: u64 = 50;

/// The two figures of the report: what is pinned now, and the most that was.
fn pinned(daemon: &Daemon) -> (u64, u64) {
    let path = daemon.path("report");
    let _ = std::fs::remove_file(&path);
    daemon.connect().control(&["memreport", path.to_str().unwrap()]).unwrap();
    let report = std::fs::read_to_string(&path).unwrap();
    let rest = report.split("open transactions pin ").nth(1).unwrap();
    let numbers: Vec<_> = rest.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    (numbers[0], numbers[1])
}

fn churn(client: &mut Client) {
    let value = "v".repeat(VALUE.try_into().unwrap());
    for round in 0..WRITES / UNDER_WAY {
        for n in 0..UNDER_WAY {
            let path = format!("/churn/{}", (round * UNDER_WAY + n) % 1000);
            client.send(Op::Write, 0, format!("{path}\0{value}").as_bytes());
        }
        for _ in 0..UNDER_WAY {
            assert_eq!(client.receive().unwrap().1, b"OK\0");
        }
    }
}

#[test]
fn transactions_held_open_pin_a_bounded_number_of_bytes() {
    let daemon = Daemon::start(&["--workers", "2"]);
    let mut dom0 = daemon.connect();
    dom0.write("/churn/0", "").unwrap();
    dom0.set_perms("/churn/0", &["r0"]);
    dom0.write("/local/domain/1", "").unwrap();
    daemon.introduce(1);
    dom0.set_perms("/local/domain/1", &["n1"]);
    let mut guest = daemon.guest(1);
    guest.write("quiet", "0").unwrap();
    // Some depend on what is churned, and can't be kept; the others move on.
    let open: Vec<u32> = (0..OPEN).map(|_| guest.start()).collect();
    for (n, &tx) in open.iter().enumerate() {
        let path = if n % 3 == 0 { "/churn/0" } else { "quiet" };
        guest.ask(Op::Read, tx, format!("{path}\0").as_bytes()).unwrap();
        guest.ask(Op::Write, tx, format!("own/{n}\0{n}").as_bytes()).unwrap();
    }
    churn(&mut dom0);
    let (_, most) = pinned(&daemon);
    println!("{OPEN} open transactions pinned {most} bytes at most");
    assert!((1..=OPEN * PINNED_BYTES).contains(&most), "{most}");
    for (n, &tx) in open.iter().enumerate() {
        let end = guest.ask(Op::TransactionEnd, tx, b"T\0");
        let expected = if n % 3 == 0 { Err("EAGAIN".into()) } else { Ok(b"OK\0".to_vec()) };
        assert_eq!(end, expected, "{n}");
        let written = dom0.read(&format!("/local/domain/1/own/{n}"));
        assert_eq!(written.is_ok(), n % 3 != 0, "{n}");
    }
    // Nothing is pinned when none is open any more: a worker finds that out by itself.
    while pinned(&daemon).0 > 0 {}
}
