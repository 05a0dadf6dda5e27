//! Attacks that have worked on xenstored by nodes: paths that can't be named, creations that fail
//! half-way, trees that are too deep, and what outlives its owner. One test each, by the number of
//! the advisory.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;
mod guests;

use guests::{Attack, home};
use myriad_ring::{page::guest::Habits, v1::Op};

/// A path of so many bytes, all in names.
fn path_of(bytes: usize) -> String {
    let mut path = "p".repeat(bytes);
    (99..bytes.saturating_sub(1)).step_by(100).for_each(|at| path.replace_range(at..=at, "/"));
    path
}

/// XSA-323: a relative path within the limit, whose absolute form is past it: nobody can read,
/// list or remove the node.
#[test]
fn xsa_323_whatever_can_be_made_can_be_named() {
    // The quota's own limit, and without a quota that of a message.
    for (quota, longest) in [("path-max=2048", 2047), ("path-max=0", 4095 - home(5).len() - 1)] {
        let attack = Attack::on(&["-Q", quota]);
        let mut dom0 = attack.connect();
        let mut guest = attack.boot(5, Habits::LINUX);
        let (path, longer) = (path_of(longest), path_of(longest + 1));
        for op in [Op::Mkdir, Op::Read, Op::Directory, Op::Rm, Op::GetPerms] {
            guest.refused(op, &format!("{longer}\0"), "EINVAL");
        }
        guest.refused(Op::Write, &format!("{longer}\0"), "EINVAL");
        let absolute = format!("{}/{path}", home(5));
        guest.must(Op::Write, &format!("{path}\0"));
        for name in [&path, &absolute] {
            assert_eq!(guest.ask(Op::Read, &format!("{name}\0")), Ok(String::new()));
            assert_eq!(guest.ask(Op::GetPerms, &format!("{name}\0")), Ok("n5".into()));
            assert_eq!(guest.ask(Op::Directory, &format!("{name}\0")), Ok(String::new()));
        }
        assert_eq!(dom0.read(&absolute), Ok(String::new()), "dom0 has only the absolute one");
        dom0.ok(Op::Directory, format!("{absolute}\0").as_bytes());
        dom0.ok(Op::Rm, format!("{absolute}\0").as_bytes());
        assert_eq!(guest.ask(Op::Read, &format!("{path}\0")), Err("ENOENT".into()));
        guest.must(Op::Rm, &format!("{}\0", path_of(99)));
        assert_eq!(attack.usage(5).nodes, 1);
        attack.survived();
    }
}

/// XSA-414: a creation with missing parents that fails on its way left what it had made, or
/// pointers to what it had not.
#[test]
fn xsa_414_a_failed_creation_leaves_nothing() {
    let attack = Attack::on(&["-Q", "nodes=12", "-Q", "node-size=300", "-Q", "memory=8000"]);
    let mut guest = attack.boot(5, Habits::LINUX);
    guest.watch("a", "t");
    for number in 0..7 {
        guest.must(Op::Write, &format!("full/{number}\0x"));
    }
    let before = attack.usage(5);
    assert_eq!(before.nodes, 9, "two more fit");
    let (big, long) = ("v".repeat(400), "n".repeat(1000));
    let fails = [
        (Op::Write, "a/b/c\0x".to_owned(), "ENOSPC"),
        (Op::Mkdir, "a/b/c/d/e/f/g\0".to_owned(), "ENOSPC"),
        (Op::Write, format!("a/b\0{big}"), "ENOSPC"),
        (Op::Write, format!("full/x/y/z\0{big}"), "ENOSPC"),
        (Op::Mkdir, format!("a/{long}\0"), "EINVAL"),
    ];
    for _ in 0..3 {
        for (op, payload, error) in &fails[..4] {
            guest.refused(*op, payload, error);
        }
        // Several that share a publication, with one that succeeds.
        let put =
            |(op, payload, _): &(Op, String, &str)| guest.client.ask(*op, 0, payload.as_bytes());
        let ids: Vec<u32> = fails[..4].iter().map(put).collect();
        let good = guest.client.ask(Op::Write, 0, b"full/0\0y");
        for (id, (_, payload, error)) in ids.into_iter().zip(&fails) {
            assert_eq!(guest.answer(id), Err((*error).into()), "{payload}");
        }
        assert_eq!(guest.answer(good), Ok("OK".into()));
        assert_eq!(attack.usage(5), before);
        for path in ["a", "a/b", "a/b/c", "full/x"] {
            guest.refused(Op::Read, &format!("{path}\0"), "ENOENT");
        }
    }
    assert_eq!(guest.events(), []);
    assert_eq!(guest.ask(Op::Directory, "full\0").unwrap().split('\0').count(), 7);
    // Two do fit.
    guest.must(Op::Write, "a/b\0x");
    guest.refused(Op::Mkdir, "c\0", "ENOSPC");
    assert_eq!(attack.usage(5).nodes, 11);
    let (op, payload, error) = &fails[4];
    attack.connect().control(&["quota", "set", "path-max", "900"]).unwrap();
    guest.refused(*op, payload, error);
    attack.survived();
}

/// XSA-418: walks that called themselves for each level of the tree ran out of stack: in creation,
/// removal, check, in transactions and at the owner's death.
#[test]
fn xsa_418_a_deep_tree_is_no_deep_recursion() {
    let attack = Attack::on(&["-Q", "nodes=3000", "-Q", "transaction-nodes=6000"]);
    let mut dom0 = attack.connect();
    let mut guest = attack.boot(5, Habits::LINUX);
    let deep = "d/".repeat(1000) + "d";
    let absolute = format!("{}/{deep}", home(5));
    guest.must(Op::Write, &format!("{deep}\0x"));
    assert_eq!(attack.usage(5).nodes, 1002);
    dom0.ok(Op::Watch, format!("{absolute}\0t\0").as_bytes());
    assert_eq!(dom0.control(&["check"]).as_deref(), Ok("OK"));
    attack.others_go_on();
    guest.must(Op::Rm, "d\0");
    assert_eq!(attack.usage(5).nodes, 1);
    let tx = guest.start();
    guest.must_in(tx, Op::Write, &format!("{deep}\0x"));
    guest.must_in(tx, Op::TransactionEnd, "T\0");
    let tx = guest.start();
    guest.must_in(tx, Op::Rm, "d\0");
    guest.must_in(tx, Op::TransactionEnd, "T\0");
    guest.must(Op::Mkdir, &format!("{deep}\0"));
    attack.destroy(5);
    assert_eq!(dom0.read(&home(5)), Err("ENOENT".into()));
    attack.others_go_on();
    let mut guest = attack.boot(5, Habits::LINUX);
    dom0.ok(Op::Unwatch, format!("{absolute}\0t\0").as_bytes());
    // As deep as a message can say: only the control domain can ask for that.
    let deepest = "/d".repeat(2047);
    dom0.write(&deepest, "x").unwrap();
    assert_eq!(dom0.read(&deepest).as_deref(), Ok("x"));
    assert_eq!(dom0.control(&["check"]).as_deref(), Ok("OK"));
    dom0.ok(Op::Rm, b"/d\0");
    guest.is_well();
    attack.survived();
}

/// XSA-419: nodes that a guest made at another's stayed when it died, as dom0's: two guests that
/// help each other, one of which reboots, fill the store.
#[test]
fn xsa_419_nodes_elsewhere_die_with_their_maker() {
    let attack = Attack::on(&[]);
    let mut dom0 = attack.connect();
    let mut host = attack.boot(7, Habits::LINUX);
    host.must(Op::Mkdir, "open\0");
    let nodes = |dom0: &mut common::Client| -> String {
        let text = dom0.control(&["quota", "0"]).unwrap();
        text.lines().find(|line| line.starts_with("nodes")).unwrap().to_owned()
    };
    let before = nodes(&mut dom0);
    for life in 0..6 {
        let mut guest = attack.boot(5, Habits::LINUX);
        host.must(Op::SetPerms, "open\0n7\0b5\0");
        for number in 0..200 {
            let path = format!("{}/open/{life}/{number}", home(7));
            guest.must(Op::Write, &format!("{path}\0x"));
        }
        // The host has a part in it, too: what it makes below them goes with them.
        guest.must(Op::SetPerms, &format!("{}/open/{life}/0\0n5\0b7\0", home(7)));
        host.must(Op::Write, &format!("open/{life}/0/of-the-host\0x"));
        assert_eq!(attack.usage(5).nodes, 202);
        attack.destroy(5);
        assert_eq!(host.ask(Op::Directory, "open\0"), Ok(String::new()));
        assert_eq!(attack.usage(7).nodes, 2);
        assert_eq!(nodes(&mut dom0), before);
        attack.others_go_on();
    }
    host.is_well();
    attack.survived();
}

/// XSA-481: a path that ends in `/` led past the checks to a node without a name.
#[test]
fn xsa_481_paths_that_end_in_a_slash() {
    let attack = Attack::on(&[]);
    let mut guest = attack.boot(5, Habits::LINUX);
    guest.must(Op::Write, "a\0x");
    let tx = guest.start();
    let before = attack.usage(5);
    for path in ["a/", "/local/domain/5/", "/local/domain/5/a/", "//", "a//b", "b/", "", "a//"] {
        for tx in [0, tx] {
            for op in [Op::Directory, Op::Read, Op::GetPerms, Op::Mkdir, Op::Rm] {
                guest.refused_in(tx, op, &format!("{path}\0"), "EINVAL");
            }
            guest.refused_in(tx, Op::Write, &format!("{path}\0x"), "EINVAL");
            guest.refused_in(tx, Op::SetPerms, &format!("{path}\0n5\0"), "EINVAL");
            guest.refused_in(tx, Op::DirectoryPart, &format!("{path}\x000\0"), "EINVAL");
        }
        guest.refused(Op::Watch, &format!("{path}\0t\0"), "EINVAL");
        guest.refused(Op::Unwatch, &format!("{path}\0t\0"), "ENOENT");
    }
    for path in ["@releaseDomain/", "@/", "@releaseDomain//5"] {
        guest.refused(Op::Watch, &format!("{path}\0t\0"), "EINVAL");
        guest.refused(Op::GetPerms, &format!("{path}\0"), "EINVAL");
        guest.refused(Op::SetPerms, &format!("{path}\0n5\0"), "EINVAL");
    }
    guest.must_in(tx, Op::TransactionEnd, "T\0");
    let after = attack.usage(5);
    assert_eq!((after.nodes, after.watches, after.memory), (before.nodes, 0, before.memory));
    assert_eq!(guest.ask(Op::Directory, "/local/domain/5\0"), Ok("a".into()));
    attack.survived();
}
