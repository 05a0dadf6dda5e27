//! What everybody asks of a check, outside of transactions and events.

use myriad_verify::linear::check::{Verdict, check, check_within};

use super::{history, right, wrong};

#[test]
fn a_read_that_overlaps_with_a_write_may_see_it_or_not() {
    for seen in ["'0'", "'1'"] {
        let read = format!("2..5 READ /h/x -> {seen}");
        right(&[(0, "1..4 WRITE /h/x 1 -> OK"), (1, &read)]);
    }
    wrong(&[(0, "1..4 WRITE /h/x 1 -> OK"), (1, "2..5 READ /h/x -> '2'")]);
}

#[test]
fn a_stale_read_is_found() {
    wrong(&[(0, "1..2 WRITE /h/x 1 -> OK"), (1, "3..4 READ /h/x -> '0'")]);
}

#[test]
fn what_was_new_does_not_become_old_again() {
    let write = (0, "1..10 WRITE /h/x 1 -> OK");
    right(&[write, (1, "2..3 READ /h/x -> '0'"), (2, "4..5 READ /h/x -> '1'")]);
    wrong(&[write, (1, "2..3 READ /h/x -> '1'"), (2, "4..5 READ /h/x -> '0'")]);
}

#[test]
fn requests_sent_together_are_executed_in_their_order() {
    let batch = (2, "1..10 WRITE /h/x 1 -> OK\n2..11 WRITE /h/x 2 -> OK");
    right(&[batch, (0, "3..4 READ /h/x -> '1'\n5..6 READ /h/x -> '2'")]);
    wrong(&[batch, (0, "3..4 READ /h/x -> '2'\n5..6 READ /h/x -> '1'")]);
    wrong(&[(0, "1..10 WRITE /h/x 1 -> OK\n2..11 READ /h/x -> '0'")]);
}

#[test]
fn a_listing_has_all_and_only_what_is_there() {
    right(&[(0, "1..2 MKDIR /h/z -> OK"), (1, "3..4 DIRECTORY /h -> [x y z]")]);
    wrong(&[(0, "1..2 MKDIR /h/z -> OK"), (1, "3..4 DIRECTORY /h -> [x y]")]);
    wrong(&[(0, "1..2 RM /h/x -> OK"), (1, "3..4 DIRECTORY /h -> [x y]")]);
    let both = [(0, "1..4 MKDIR /h/a -> OK"), (1, "2..3 MKDIR /h/b -> OK")];
    let listing = |names: &str| format!("5..6 DIRECTORY /h -> [x y {names}]");
    for order in ["a b", "b a"] {
        right(&[both[0], both[1], (2, &listing(order))]);
    }
    wrong(&[both[0], both[1], (2, "5..6 DIRECTORY /h -> [a x y b]")]);
}

#[test]
fn a_removal_of_what_may_come_is_not_taken_at_once() {
    // It is answered alike before and after the write, and does something else.
    let clients = [
        (0, "1..10 RM /h/new -> OK"),
        (1, "2..3 WRITE /h/new 1 -> OK\n12..13 READ /h/new -> ENOENT"),
    ];
    right(&clients);
    right(&[clients[0], (1, "2..3 WRITE /h/new 1 -> OK\n12..13 READ /h/new -> '1'")]);
}

#[test]
fn a_right_that_was_taken_away_is_gone() {
    let taken = (0, "1..2 SET_PERMS /h/x n0 -> OK");
    wrong(&[taken, (1, "3..4 WRITE /h/x 1 -> OK")]);
    wrong(&[taken, (1, "3..4 READ /h/x -> '0'")]);
    right(&[taken, (1, "3..4 WRITE /h/x 1 -> EACCES")]);
    let overlaps = (0, "1..9 SET_PERMS /h/x n0 -> OK");
    right(&[overlaps, (1, "3..4 WRITE /h/x 1 -> OK\n5..6 READ /h/x -> EACCES")]);
    wrong(&[overlaps, (1, "3..4 WRITE /h/x 1 -> EACCES\n5..6 READ /h/x -> '0'")]);
}

#[test]
fn a_batch_heeds_what_it_does_itself() {
    // It owns what it makes, and may make nothing where it removed its own.
    let setup = "1..2 SET_PERMS /h n0 -> OK\n3..4 SET_PERMS /h/x n1 -> OK";
    let after = (0, setup);
    right(&[after, (1, "5..7 RM /h/x -> OK\n6..8 WRITE /h/x 1 -> EACCES")]);
    wrong(&[after, (1, "5..7 RM /h/x -> OK\n6..8 WRITE /h/x 1 -> OK")]);
}

#[test]
fn an_index_is_as_new_as_the_tree() {
    let named = (0, "1..2 WRITE /local/domain/7/name web -> OK");
    let read = |answer: &str| format!("3..4 READ /@index/domain-name/web -> {answer}");
    right(&[named, (0, &read("'7'"))]);
    wrong(&[named, (0, &read("ENOENT"))]);
    right(&[named, (1, &read("EACCES"))]);
    let renamed = "1..2 WRITE /local/domain/7/name web -> OK\n\
                   3..4 WRITE /local/domain/7/name db -> OK";
    right(&[(0, renamed), (0, "5..6 DIRECTORY /@index/domain-name -> [db]")]);
    wrong(&[(0, renamed), (0, "5..6 DIRECTORY /@index/domain-name -> [db web]")]);
    wrong(&[(0, renamed), (0, "5..6 READ /@index/domain-name/web -> '7'")]);
}

#[test]
fn a_search_that_takes_too_long_is_no_proof() {
    let concurrent = history(&[
        (0, "1..9 WRITE /h/x 1 -> OK\n2..10 WRITE /h/y 1 -> OK"),
        (1, "3..11 WRITE /h/x 2 -> OK\n4..12 WRITE /h/y 2 -> OK"),
    ]);
    assert!(matches!(check(&concurrent), Verdict::Right(_)));
    assert_eq!(check_within(&concurrent, 3), Verdict::TooLong);
}

#[test]
fn a_recording_that_contradicts_itself_is_none() {
    let backwards = history(&[(0, "5..3 READ /h/x -> '0'")]);
    assert_eq!(check(&backwards), Verdict::Unsound);
    let crossed = history(&[(0, "1..9 READ /h/x -> '0'\n2..8 READ /h/x -> '0'")]);
    assert_eq!(check(&crossed), Verdict::Unsound);
}

#[test]
fn nothing_at_all_is_right() {
    assert!(matches!(check(&history(&[])), Verdict::Right(_)));
    right(&[(0, ""), (1, "")]);
}
