//! Ratios, goals, and what is written and read again.

use super::Report;

fn report() -> Report {
    let peers = ["c", "ox", "floor-echo", "myriad", "myriad-history"];
    let mut report = Report::new(peers.map(str::to_owned));
    for (round, base) in [1.0, 2.0].into_iter().enumerate() {
        for (peer, times) in [1.0, 3.0, 30.0, 12.0, 11.0].into_iter().enumerate() {
            let figures = vec![("pipelined, 16 under way: ops/s".to_owned(), base * times)];
            report.add("read", round, peer, figures);
        }
    }
    report
}

#[test]
fn ratios_are_to_the_first_peer_of_the_same_round() {
    let json = report().to_json();
    assert_eq!(json[0]["peers"]["ox"]["ratio"]["min"], 3.0);
    assert_eq!(json[0]["peers"]["ox"]["ratio"]["max"], 3.0);
    assert_eq!(json[0]["peers"]["myriad"]["verdict"], "reached");
    assert_eq!(json[0]["peers"]["myriad-history"]["verdict"], "missed");
    assert!(report().table().to_string().contains("| 1.50 [1.00..2.00] |"));
}

#[test]
fn the_goals_table_names_rival_verdict_and_what_history_takes() {
    let table = report().goals().to_string();
    for part in ["4.00 [4.00..4.00] × ox", "reached", "0.92 [0.92..0.92]: kept"] {
        assert!(table.contains(part), "{part}: {table}");
    }
}

#[test]
fn what_is_written_is_read_again_and_rounds_are_put_together() {
    let report = report();
    let peers = report.peers().to_vec();
    let mut read = Report::from_json(peers, &report.to_json()).unwrap();
    assert_eq!(read.to_json(), report.to_json());
    let mut alone = Report::new(["myriad".to_owned()]);
    alone.add("read", 0, 0, vec![("pipelined, 16 under way: ops/s".to_owned(), 50.0)]);
    read.append(&alone);
    let json = read.to_json();
    assert_eq!(json[0]["peers"]["myriad"]["rounds"].as_array().unwrap().len(), 3);
    assert_eq!(json[0]["peers"]["ox"]["n"], 2);
}
