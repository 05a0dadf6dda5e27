//! Attacks that have worked on xenstored's permissions: what a guest may see, change and give away.
//! One test each, by the number of the advisory.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;
mod guests;

use guests::{Attack, home};
use myriad_ring::{page::guest::Habits, v1::Op};

/// XSA-115: a watch of `/` told of every path of every guest.
#[test]
fn xsa_115_a_watch_of_the_root_shows_no_foreign_paths() {
    let attack = Attack::on(&[]);
    let mut dom0 = attack.connect();
    let mut other = attack.boot(7, Habits::LINUX);
    let mut guest = attack.boot(5, Habits::LINUX);
    for path in ["/", "/local", "/secret/of/dom0", "/local/domain/7"] {
        guest.watch(path, path);
    }
    dom0.write("/secret/of/dom0", "x").unwrap();
    dom0.write("/secret/of/dom0", "y").unwrap();
    other.must(Op::Write, "data\0x");
    other.must(Op::Rm, "data\0");
    let tx = dom0.start();
    for path in ["/secret/of/dom0/a", "/secret/b", "/local/domain/7/c"] {
        dom0.ask(Op::Write, tx, format!("{path}\0x").as_bytes()).unwrap();
    }
    dom0.commit(tx);
    dom0.set_perms("/secret", &["n0"]);
    dom0.ok(Op::Rm, b"/secret\0");
    attack.destroy(7);
    assert_eq!(guest.events(), [], "nothing of others");
    // It hears of its own, of what it may read now, and of the loss of that.
    guest.must(Op::Write, "data\0x");
    assert_eq!(guest.paths(), [format!("{}/data", home(5)), format!("{}/data", home(5))]);
    dom0.write("/open", "").unwrap();
    assert_eq!(guest.events(), []);
    dom0.set_perms("/open", &["n0", "r5"]);
    dom0.write("/open", "x").unwrap();
    dom0.set_perms("/open", &["n0"]);
    dom0.write("/open", "hidden").unwrap();
    // The same event is not queued twice; one or more, then, of three.
    let paths = guest.paths();
    assert!((1..=3).contains(&paths.len()) && paths.iter().all(|p| p == "/open"), "{paths:?}");
    dom0.write("/open", "hidden again").unwrap();
    assert_eq!(guest.events(), [], "not of what it can't read any more");
    attack.survived();
}

/// XSA-115: watches of the special nodes told every guest which domains come and go.
#[test]
fn xsa_115_watches_of_special_nodes_show_no_domains() {
    let attack = Attack::on(&[]);
    let mut dom0 = attack.connect();
    dom0.set_perms("@releaseDomain", &["n0"]);
    let mut guest = attack.boot(5, Habits::LINUX);
    for name in ["introduceDomain", "releaseDomain"] {
        guest.watch(&format!("@{name}"), "t");
        guest.watch(&format!("@{name}/8"), "t");
        guest.must(Op::Watch, &format!("@{name}\0deep\x001\0"));
        assert_eq!(guest.event().1, "deep");
        guest.refused(Op::GetPerms, &format!("@{name}\0"), "EACCES");
        guest.refused(Op::SetPerms, &format!("@{name}\0r5\0"), "EACCES");
        guest.refused(Op::SetPerms, &format!("@{name}\0r0\0"), "EACCES");
    }
    let life_of_another = || {
        attack.build(8);
        attack.connect().control(&["sim", "shutdown", "8"]).unwrap();
        attack.destroy(8);
    };
    life_of_another();
    assert_eq!(guest.events(), []);
    dom0.set_perms("@introduceDomain", &["n0", "r5"]);
    life_of_another();
    let paths = guest.paths();
    assert_eq!(paths.len(), 3, "{paths:?}");
    assert!(paths.iter().all(|path| path.starts_with("@introduceDomain")), "{paths:?}");
    attack.survived();
}

/// XSA-322: a domain gets the id of one that has died, and with it what that was allowed.
#[test]
fn xsa_322_a_reused_domid_inherits_no_permission() {
    let attack = Attack::on(&[]);
    let mut dom0 = attack.connect();
    dom0.write("/shared", "secret").unwrap();
    let mut other = attack.boot(7, Habits::LINUX);
    other.must(Op::Write, "open\0secret");
    let mut first = attack.boot(5, Habits::LINUX);
    dom0.set_perms("/shared", &["n0", "b5"]);
    other.must(Op::SetPerms, "open\0n7\0b5\0");
    let open = format!("{}/open", home(7));
    for path in ["/shared", &open] {
        assert_eq!(first.ask(Op::Read, &format!("{path}\0")), Ok("secret".into()));
        first.must(Op::Write, &format!("{path}/of-the-first\0x"));
    }
    dom0.write("/given", "").unwrap();
    dom0.set_perms("/given", &["n5"]);
    attack.destroy(5);
    let mut second = attack.boot(5, Habits::LINUX);
    second.watch("/shared", "t");
    // Children of such a node inherit nothing that is alive, either.
    dom0.write("/shared/child", "secret").unwrap();
    dom0.write("/shared", "secret").unwrap();
    for path in ["/shared", &open, "/shared/child"] {
        for (op, more) in [(Op::Read, ""), (Op::Write, "x"), (Op::Directory, "")] {
            second.refused(op, &format!("{path}\0{more}"), "EACCES");
        }
        second.refused(Op::Write, &format!("{path}/new\0x"), "EACCES");
        second.refused(Op::SetPerms, &format!("{path}\0n5\0"), "EACCES");
        second.refused(Op::Rm, &format!("{path}\0"), "EACCES");
        let tx = second.start();
        second.refused_in(tx, Op::Read, &format!("{path}\0"), "EACCES");
        second.must_in(tx, Op::TransactionEnd, "F\0");
    }
    assert_eq!(second.events(), []);
    // What the first owned is gone.
    for path in ["/given", "/shared/of-the-first", &format!("{open}/of-the-first")] {
        assert_eq!(dom0.read(path), Err("ENOENT".into()));
    }
    assert_eq!(dom0.ok(Op::GetPerms, b"/shared\0"), b"n0\0");
    assert_eq!(attack.usage(5).nodes, 1);
    second.is_well();
    attack.survived();
}

/// XSA-322: the same by the permissions of the special nodes, which nobody looked through.
#[test]
fn xsa_322_a_reused_domid_inherits_no_special_node() {
    let attack = Attack::on(&[]);
    let mut dom0 = attack.connect();
    dom0.set_perms("@releaseDomain", &["n0"]);
    let mut first = attack.boot(5, Habits::LINUX);
    for name in ["@introduceDomain", "@releaseDomain"] {
        dom0.set_perms(name, &["n0", "r5"]);
        first.watch(name, "t");
    }
    attack.build(8);
    attack.destroy(8);
    assert_eq!(first.paths(), ["@introduceDomain", "@releaseDomain"]);
    attack.destroy(5);
    let mut second = attack.boot(5, Habits::LINUX);
    for name in ["@introduceDomain", "@releaseDomain"] {
        second.watch(name, "t");
        second.refused(Op::GetPerms, &format!("{name}\0"), "EACCES");
        assert_eq!(dom0.ok(Op::GetPerms, format!("{name}\0").as_bytes()), b"n0\0");
    }
    attack.build(8);
    attack.destroy(8);
    assert_eq!(second.events(), []);
    attack.survived();
}

/// XSA-352: a guest gives its nodes away, out of its own quota and into another's.
#[test]
fn xsa_352_nodes_can_not_be_given_away() {
    let attack = Attack::on(&[]);
    let mut other = attack.boot(7, Habits::LINUX);
    let mut guest = attack.boot(5, Habits::LINUX);
    guest.must(Op::Write, "gift\0x");
    other.must(Op::Mkdir, "open\0");
    other.must(Op::SetPerms, "open\0n7\0b5\0");
    let before = (attack.usage(5), attack.usage(7));
    for to in ["n7", "b7", "n0", "n60"] {
        guest.refused(Op::SetPerms, &format!("gift\0{to}\0b5\0"), "EPERM");
        let tx = guest.start();
        guest.refused_in(tx, Op::SetPerms, &format!("gift\0{to}\0"), "EPERM");
        guest.must_in(tx, Op::TransactionEnd, "T\0");
    }
    guest.refused(Op::SetPerms, "gift\0n9\0", "ENOENT");
    assert_eq!((attack.usage(5), attack.usage(7)), before);
    // What it makes at another's is its own to pay for, and stays so.
    for number in 0..50 {
        guest.must(Op::Write, &format!("{}/open/{number}\0x", home(7)));
    }
    guest.refused(Op::SetPerms, &format!("{}/open/1\0n7\0", home(7)), "EPERM");
    other.refused(Op::SetPerms, "open/1\0n7\0", "EACCES");
    assert_eq!(attack.usage(7), before.1);
    assert_eq!(attack.usage(5).nodes, before.0.nodes + 50);
    attack.survived();
}

/// XSA-353: operations on the root looked at no permission.
#[test]
fn xsa_353_the_root_has_permissions() {
    let attack = Attack::on(&[]);
    let mut guest = attack.boot(5, Habits::LINUX);
    let tx = guest.start();
    for tx in [0, tx] {
        for payload in ["/\0n5\0", "/\0n0\0b5\0", "/\0b0\0"] {
            guest.refused_in(tx, Op::SetPerms, payload, "EACCES");
        }
        for op in [Op::Directory, Op::Read, Op::GetPerms, Op::Rm, Op::Mkdir] {
            guest.refused_in(tx, op, "/\0", "EACCES");
        }
        guest.refused_in(tx, Op::DirectoryPart, "/\x000\0", "EACCES");
        guest.refused_in(tx, Op::Write, "/\0x", "EACCES");
        guest.refused_in(tx, Op::Write, "/new\0x", "EACCES");
    }
    guest.must_in(tx, Op::TransactionEnd, "T\0");
    let mut dom0 = attack.connect();
    assert_eq!(dom0.ok(Op::GetPerms, b"/\0"), b"n0\0");
    assert_eq!(dom0.read("/"), Ok(String::new()));
    // Even the control domain can't remove it.
    assert_eq!(dom0.ask(Op::Rm, 0, b"/\0"), Err("EINVAL".into()));
    assert_eq!(dom0.read("/tool/xenstored"), Ok(String::new()));
    attack.survived();
}

/// XSA-417: entries of a dead domain were looked at when a node was written, and counted for the
/// next of its id that was there and not known yet.
#[test]
fn xsa_417_permissions_before_the_new_domain_is_known() {
    let attack = Attack::on(&[]);
    let mut dom0 = attack.connect();
    let mut writer = attack.boot(7, Habits::LINUX);
    dom0.write("/shared", "secret").unwrap();
    // One entry is of a domain that there never was.
    dom0.write("/early", "secret").unwrap();
    dom0.set_perms("/early", &["n0", "b5", "b7"]);
    drop(attack.boot(5, Habits::LINUX));
    dom0.set_perms("/shared", &["n0", "b5", "b7"]);
    attack.destroy(5);
    // The next one is there, and others write before it is introduced.
    dom0.control(&["sim", "create", "5"]).unwrap();
    for path in ["/shared", "/early"] {
        writer.must(Op::Write, &format!("{path}\0secret"));
        writer.must(Op::Mkdir, &format!("{path}/child\0"));
        dom0.write(&format!("{path}/child/of-dom0"), "secret").unwrap();
    }
    dom0.ok(Op::Introduce, b"5\x001\x001\0");
    let mut guest = attack.attach(5, Habits::LINUX);
    for path in ["/shared", "/shared/child", "/early", "/early/child", "/early/child/of-dom0"] {
        guest.refused(Op::Read, &format!("{path}\0"), "EACCES");
        guest.refused(Op::Write, &format!("{path}\0x"), "EACCES");
        guest.refused(Op::Directory, &format!("{path}\0"), "EACCES");
    }
    // What it is granted in this life counts from before its introduction on, as libxl needs it.
    dom0.control(&["sim", "create", "8"]).unwrap();
    dom0.set_perms("/shared", &["n0", "r8"]);
    dom0.ok(Op::Introduce, b"8\x001\x001\0");
    let mut guest = attack.attach(8, Habits::LINUX);
    assert_eq!(guest.ask(Op::Read, "/shared\0"), Ok("secret".into()));
    attack.survived();
}
