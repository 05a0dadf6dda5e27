//! What protocol v2 does at one point.

use super::{right, wrong};

#[test]
fn a_commit_is_seen_whole_or_not_at_all() {
    let commit = "1..9 COMMIT write /h/x 1; write /h/y 1 -> OK";
    right(&[(0, commit), (1, "2..3 READ /h/x -> '0'\n 4..5 READ /h/y -> '1'")]);
    right(&[(0, commit), (0, "2..3 GET_MANY /h/x /h/y -> [0 0]")]);
    right(&[(0, commit), (0, "2..3 GET_MANY /h/x /h/y -> [1 1]")]);
    wrong(&[(0, commit), (0, "2..3 GET_MANY /h/x /h/y -> [1 0]")]);
    wrong(&[(0, commit), (0, "2..3 LIST /h -> [x=0 y=1]")]);
    right(&[(0, commit), (0, "2..3 LIST /h -> [x=1 y=1]")]);
    wrong(&[(0, commit), (1, "2..3 READ /h/x -> '1'\n 4..5 READ /h/y -> '0'")]);
    wrong(&[(0, "1..2 COMMIT write /h/x 1; write /h/y 1 -> OK\n 3..4 READ /h/x -> '0'")]);
}

#[test]
fn a_condition_holds_where_the_commit_happens() {
    let raise = |from: u8, to: u8, answer: &str| {
        format!("1..9 COMMIT is /h/x {from}; write /h/x {to} -> {answer}")
    };
    // Of two that raise the same, one is late.
    right(&[(0, &raise(0, 1, "OK")), (0, &raise(0, 1, "EAGAIN 0"))]);
    wrong(&[(0, &raise(0, 1, "OK")), (0, &raise(0, 1, "OK"))]);
    wrong(&[(0, &raise(0, 1, "EAGAIN 0")), (0, &raise(0, 1, "EAGAIN 0"))]);
    right(&[(0, &raise(0, 1, "OK")), (0, &raise(1, 2, "OK"))]);
    right(&[(0, "1..2 COMMIT absent /h/z; write /h/z 1; exists /h/z -> OK")]);
    right(&[(0, "1..2 COMMIT write /h/z 1; absent /h/z -> EEXIST 1\n 3..4 READ /h/z -> ENOENT")]);
    wrong(&[(0, "1..2 COMMIT write /h/z 1; absent /h/z -> EEXIST 0")]);
    wrong(&[(0, "1..2 COMMIT write /h/z 1; absent /h/z -> OK")]);
    wrong(&[(0, "1..2 COMMIT write /h/z 1; absent /h/z -> EEXIST 1\n 3..4 READ /h/z -> '1'")]);
    wrong(&[(0, "1..2 COMMIT exists /h/z -> OK")]);
}

#[test]
fn a_commit_tells_each_node_once() {
    let watch = "1..2 WATCH /h t1 -> OK\n 3 event /h t1\n";
    let commit = "4..9 COMMIT write /h/x 1; write /h/y 1; write /h/x 2 -> OK";
    let events = |list: &[&str]| -> String {
        let lines = list.iter().zip(5..).map(|(path, at)| format!("{at} event {path} t1\n"));
        format!("{watch}{}", lines.collect::<String>())
    };
    let with = |list: &[&str]| format!("{}{commit}", events(list));
    right(&[(0, &with(&["/h/x", "/h/y"]))]);
    wrong(&[(0, &with(&["/h/x"]))]);
    wrong(&[(0, &with(&["/h/x", "/h/y", "/h/x"]))]);
    wrong(&[(0, &format!("{watch}{commit}\n10 event /h/x t1\n11 event /h/y t1"))]);
}

#[test]
fn watches_are_registered_all_or_none() {
    let all = "1..2 WATCH_ALL /h/x t1 /h/y t2 -> OK\n3 event /h/x t1\n4 event /h/y t2\n";
    right(&[(0, all)]);
    wrong(&[(0, "1..2 WATCH_ALL /h/x t1 /h/y t2 -> OK\n3 event /h/x t1")]);
    let again = "5..6 WATCH_ALL /h t3 /h/x t1 -> EEXIST 1\n";
    right(&[(0, &format!("{all}{again}7..8 WATCH /h t3 -> OK\n9 event /h t3"))]);
    wrong(&[(0, &format!("{all}{again}7..8 WATCH /h t3 -> EEXIST"))]);
    wrong(&[(0, &format!("{all}5..6 WATCH_ALL /h t3 /h/x t1 -> OK\n7 event /h t3"))]);
}

#[test]
fn a_look_up_and_its_condition_are_of_the_index() {
    let name = "1..2 COMMIT write /local/domain/d/name n -> OK\n";
    right(&[(0, &format!("{name}3..4 LOOKUP n -> d 0"))]);
    wrong(&[(0, &format!("{name}3..4 LOOKUP n -> d 7"))]);
    right(&[(0, &format!("{name}3..4 LOOKUP m -> []"))]);
    right(&[(0, &format!("{name}3..4 COMMIT absent /@index/domain-name/n -> EEXIST 0"))]);
    wrong(&[(0, &format!("{name}3..4 COMMIT absent /@index/domain-name/n -> OK"))]);
    right(&[(0, &format!("{name}3..4 COMMIT absent /@index/domain-name/m -> OK"))]);
}
