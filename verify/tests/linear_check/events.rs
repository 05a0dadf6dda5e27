//! Watches: which events there must be, where in a client's stream, and to whom.

use super::{right, wrong};

/// A client that watches `/h/x`, then what it has, then a last read.
fn watcher(then: &str, seen: &str) -> String {
    format!("1..2 WATCH /h/x t -> OK\n3 event /h/x t\n{then}\n90..91 READ /h/x -> '{seen}'")
}

const WRITE: (u16, &str) = (0, "10..11 WRITE /h/x 1 -> OK");

#[test]
fn an_event_that_is_missing_is_found() {
    right(&[WRITE, (1, &watcher("50 event /h/x t", "1"))]);
    wrong(&[WRITE, (1, &watcher("", "1"))]);
}

#[test]
fn an_event_that_comes_twice_is_found() {
    wrong(&[WRITE, (1, &watcher("50 event /h/x t\n51 event /h/x t", "1"))]);
    wrong(&[WRITE, (1, &(watcher("50 event /h/x t", "1") + "\n95 event /h/x t"))]);
}

#[test]
fn an_event_comes_before_the_answer_that_knows_of_its_change() {
    let late = "1..2 WATCH /h/x t -> OK\n3 event /h/x t\n20..21 READ /h/x -> '1'\n\
                50 event /h/x t\n60..61 READ /h/x -> '1'";
    wrong(&[WRITE, (1, late)]);
}

#[test]
fn an_event_does_not_come_before_its_change() {
    let early = "1..2 WATCH /h/x t -> OK\n3 event /h/x t\n4 event /h/x t\n\
                 5..6 READ /h/x -> '0'\n60..61 READ /h/x -> '1'";
    wrong(&[WRITE, (1, early)]);
}

#[test]
fn ones_own_event_comes_before_ones_own_answer() {
    let own = |order: &str| format!("1..2 WATCH /h/x t -> OK\n3 event /h/x t\n{order}");
    right(&[(0, &own("5 event /h/x t\n4..6 WRITE /h/x 1 -> OK\n7..8 READ /h/x -> '1'"))]);
    wrong(&[(0, &own("4..5 WRITE /h/x 1 -> OK\n6 event /h/x t\n7..8 READ /h/x -> '1'"))]);
}

#[test]
fn a_watch_fires_once_after_its_answer() {
    right(&[(0, "1..2 WATCH /h/x t -> OK\n3 event /h/x t\n4..5 READ /h/x -> '0'")]);
    wrong(&[(0, "1..2 WATCH /h/x t -> OK\n4..5 READ /h/x -> '0'")]);
    wrong(&[(0, "1 event /h/x t\n0..2 WATCH /h/x t -> OK\n4..5 READ /h/x -> '0'")]);
    right(&[(0, "1..2 WATCH /h t -> OK\n3 event /h t\n4..5 WATCH /h t -> EEXIST")]);
}

#[test]
fn an_identical_event_that_waits_stands_for_both() {
    // The first had not come when the second change was sent.
    let two = (0, "10..11 WRITE /h/x 1 -> OK\n12..13 WRITE /h/x 2 -> OK");
    right(&[two, (1, &watcher("50 event /h/x t", "2"))]);
    right(&[two, (1, &watcher("50 event /h/x t\n51 event /h/x t", "2"))]);
    wrong(&[two, (1, &watcher("11 event /h/x t", "2"))]);
    wrong(&[two, (1, &watcher("50 event /h/x t\n51 event /h/x t\n52 event /h/x t", "2"))]);
}

#[test]
fn who_may_not_read_is_not_told() {
    let secret = (
        0,
        "4..5 SET_PERMS /h n0 -> OK\n6..7 SET_PERMS /h/x n0 -> OK\n\
                      10..11 WRITE /h/x 1 -> OK",
    );
    let told = |then: &str| {
        format!("1..2 WATCH /h/x t -> OK\n3 event /h/x t\n{then}\n90..91 READ /h/x -> EACCES")
    };
    // That the right is taken away is told to who had it.
    right(&[secret, (1, &told("8 event /h/x t"))]);
    wrong(&[secret, (1, &told("8 event /h/x t\n50 event /h/x t"))]);
    wrong(&[secret, (1, &told(""))]);
}

#[test]
fn a_removal_is_told_to_all_watches_of_what_goes() {
    let gone = |events: &str| {
        format!(
            "1..4 WATCH /h/x t -> OK\n5 event /h/x t\n2..6 WATCH /h u -> OK\n7 event /h u\n\
             {events}\n8..30 RM /h -> OK\n31..32 READ /h/x -> ENOENT"
        )
    };
    right(&[(0, &gone("20 event /h/x t\n21 event /h u"))]);
    wrong(&[(0, &gone("20 event /h/x t\n21 event /h/x u\n22 event /h u"))]);
    wrong(&[(0, &gone("21 event /h u\n22 event /h/x u"))]);
}

#[test]
fn a_transaction_is_told_once_for_each_node_and_at_its_end() {
    let tx = (
        0,
        "10..11 TRANSACTION_START -> 1\n12..13 tx WRITE /h/x 1 -> OK\n\
                  14..15 tx WRITE /h/x 2 -> OK\n16..17 tx WRITE /h/y 1 -> OK\n\
                  18..19 tx TRANSACTION_END T -> OK",
    );
    let watch = |then: &str| {
        format!("1..2 WATCH /h t -> OK\n3 event /h t\n{then}\n90..91 READ /h/x -> '2'")
    };
    right(&[tx, (1, &watch("50 event /h/x t\n51 event /h/y t"))]);
    wrong(&[tx, (1, &watch("50 event /h/x t\n51 event /h/x t\n52 event /h/y t"))]);
    wrong(&[tx, (1, &watch("50 event /h/x t"))]);
    wrong(&[tx, (1, &watch("15 event /h/x t\n16..17 READ /h/x -> '0'\n50 event /h/y t"))]);
}

#[test]
fn an_index_tells_the_control_domain_alone() {
    let named = (0, "10..11 WRITE /local/domain/7/name web -> OK");
    let watch = |then: &str| {
        format!(
            "1..2 WATCH /@index/domain-name/web t -> OK\n3 event /@index/domain-name/web t\n\
             {then}\n90..91 READ /h/x -> '0'"
        )
    };
    let told = watch("50 event /@index/domain-name/web t");
    right(&[named, (0, &told)]);
    wrong(&[named, (0, &watch(""))]);
    right(&[named, (1, &watch(""))]);
    wrong(&[named, (1, &told)]);
}

#[test]
fn what_is_unwatched_is_not_told() {
    let ended = |then: &str| {
        format!("1..2 WATCH /h/x t -> OK\n3 event /h/x t\n4..5 UNWATCH /h/x t -> OK\n{then}")
    };
    right(&[WRITE, (1, &ended("90..91 READ /h/x -> '1'"))]);
    wrong(&[WRITE, (1, &ended("50 event /h/x t\n90..91 READ /h/x -> '1'"))]);
    wrong(&[(1, "1..2 UNWATCH /h/x t -> OK")]);
}
