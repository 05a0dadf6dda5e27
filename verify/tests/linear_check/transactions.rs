//! Transactions: what one that commits, fails, or is given up may have seen and done.

use super::{right, wrong};

/// A transaction whose START and END have these times; between them at most two requests.
fn tx(start: (u32, u32), requests: &[&str], end: (u32, u32), answer: &str) -> String {
    let mut text = format!("{}..{} TRANSACTION_START -> 1\n", start.0, start.1);
    for (at, request) in (start.1 + 1..).zip(requests) {
        // Odd times between are free for others.
        let (sent, done) = (10 * at, 10 * at + 5);
        text += &format!("{sent}..{done} tx {request}\n");
    }
    text + &format!("{}..{} tx TRANSACTION_END T -> {answer}\n", end.0, end.1)
}

#[test]
fn a_lost_update_is_found() {
    let one = tx((1, 3), &["READ /h/x -> '0'", "WRITE /h/x 1 -> OK"], (100, 101), "OK");
    let two = |answer| tx((2, 4), &["READ /h/x -> '0'", "WRITE /h/x 2 -> OK"], (102, 103), answer);
    wrong(&[(0, &one), (1, &two("OK"))]);
    right(&[(0, &one), (1, &two("EAGAIN"))]);
}

#[test]
fn write_skew_is_found() {
    let one = tx((1, 3), &["READ /h/x -> '0'", "WRITE /h/y 1 -> OK"], (100, 101), "OK");
    let two = tx((2, 4), &["READ /h/y -> '0'", "WRITE /h/x 1 -> OK"], (102, 103), "OK");
    wrong(&[(0, &one), (1, &two)]);
}

#[test]
fn a_phantom_is_found() {
    let lists = tx((1, 3), &["DIRECTORY /h -> [x y]", "WRITE /h/x 1 -> OK"], (100, 101), "OK");
    wrong(&[(0, &lists), (1, "60..61 MKDIR /h/z -> OK")]);
    right(&[(0, &lists), (1, "60..61 WRITE /h/y 5 -> OK")]);
    let misses = tx((1, 3), &["READ /h/z -> ENOENT", "WRITE /h/x 1 -> OK"], (100, 101), "OK");
    wrong(&[(0, &misses), (1, "60..61 MKDIR /h/z -> OK")]);
    let lookup = "READ /@index/domain-name/web -> ENOENT";
    let looks = tx((1, 3), &[lookup, "WRITE /h/x 1 -> OK"], (100, 101), "OK");
    wrong(&[(0, &looks), (0, "60..61 WRITE /local/domain/7/name web -> OK")]);
}

#[test]
fn siblings_land_both() {
    let one = tx((1, 3), &["WRITE /h/a 1 -> OK"], (100, 101), "OK");
    let two = tx((2, 4), &["WRITE /h/b 1 -> OK"], (102, 103), "OK");
    let listing = |names: &str| format!("110..111 DIRECTORY /h -> [x y {names}]");
    right(&[(0, &one), (1, &two), (2, &listing("a b"))]);
    wrong(&[(0, &one), (1, &two), (2, &listing("b"))]);
    wrong(&[(0, &one), (1, &two), (2, &listing("a"))]);
}

#[test]
fn nobody_sees_a_part_of_one() {
    let both = tx((1, 2), &["WRITE /h/x 1 -> OK", "WRITE /h/y 1 -> OK"], (100, 110), "OK");
    let reads = |x: &str, y: &str| format!("101..102 READ /h/x -> {x}\n103..104 READ /h/y -> {y}");
    right(&[(0, &both), (1, &reads("'1'", "'1'"))]);
    right(&[(0, &both), (1, &reads("'0'", "'1'"))]);
    wrong(&[(0, &both), (1, &reads("'1'", "'0'"))]);
    let early = (1, "50..51 READ /h/x -> '1'");
    wrong(&[(0, &both), early]);
}

#[test]
fn all_its_answers_are_of_its_start() {
    let between = (1, "35..36 WRITE /h/x 1 -> OK\n37..38 WRITE /h/y 1 -> OK");
    let reads = |x: &str, y: &str| {
        let (x, y) = (format!("READ /h/x -> {x}"), format!("READ /h/y -> {y}"));
        tx((1, 2), &[&x, &y], (100, 101), "OK")
    };
    // One that changes nothing commits whatever has happened since.
    right(&[(0, &reads("'0'", "'0'")), between]);
    wrong(&[(0, &reads("'0'", "'1'")), between]);
    wrong(&[(0, &reads("'1'", "'1'")), between]);
}

#[test]
fn it_reads_what_it_wrote_and_others_do_not() {
    let own = tx((1, 2), &["WRITE /h/x 1 -> OK", "READ /h/x -> '1'"], (100, 101), "OK");
    right(&[(0, &own), (1, "50..51 READ /h/x -> '0'")]);
    let deaf = tx((1, 2), &["WRITE /h/x 1 -> OK", "READ /h/x -> '0'"], (100, 101), "OK");
    wrong(&[(0, &deaf)]);
}

#[test]
fn one_that_is_given_up_has_done_nothing() {
    let up = "1..2 TRANSACTION_START -> 1\n3..4 tx WRITE /h/x 1 -> OK\n\
              5..6 tx TRANSACTION_END F -> OK\n";
    right(&[(0, &format!("{up}7..8 READ /h/x -> '0'"))]);
    wrong(&[(0, &format!("{up}7..8 READ /h/x -> '1'"))]);
}

#[test]
fn it_fails_only_where_something_has_happened() {
    let fails = tx((1, 2), &["WRITE /h/x 1 -> OK"], (100, 101), "EAGAIN");
    wrong(&[(0, &fails)]);
    wrong(&[(0, &fails), (1, "110..111 WRITE /h/x 5 -> OK")]);
    right(&[(0, &fails), (1, "50..51 WRITE /h/x 5 -> OK")]);
    let reads = tx((1, 2), &["READ /h/x -> '0'"], (100, 101), "EAGAIN");
    wrong(&[(0, &reads), (1, "50..51 WRITE /h/x 5 -> OK")]);
}

#[test]
fn a_right_that_was_taken_away_meanwhile_breaks_it() {
    let guest = |answer| tx((1, 2), &["WRITE /h/x 1 -> OK"], (100, 101), answer);
    let taken = (0, "50..51 SET_PERMS /h/x n0 -> OK");
    wrong(&[taken, (1, &guest("OK"))]);
    right(&[taken, (1, &guest("EAGAIN"))]);
}

#[test]
fn a_start_may_be_answered_after_what_it_does_not_see() {
    // The event is queued before the answer, the state is from before the change.
    let lines = "1..2 WATCH /h/x t -> OK\n3 event /h/x t\n20 event /h/x t\n\
                 10..21 TRANSACTION_START -> 1\n30..31 tx READ /h/x -> '0'\n\
                 32..33 tx TRANSACTION_END T -> OK";
    right(&[(0, lines), (1, "11..12 WRITE /h/x 1 -> OK")]);
    wrong(&[(0, lines), (1, "6..7 WRITE /h/x 1 -> OK")]);
}
