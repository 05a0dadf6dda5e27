//! Domains, their features and quotas, and CONTROL.

use myriad_core::{DomId, Errno, Quota};

use super::{OK, some};
use crate::v1::{Op, connection::Progress, world::World};

#[test]
fn a_domain_comes_and_goes() {
    let mut world = World::new();
    let dom0 = world.socket();
    world.ok(dom0, Op::Watch, 0, b"@introduceDomain\0in\0");
    world.ok(dom0, Op::Watch, 0, b"@releaseDomain\0out\0");
    world.seen(dom0);
    assert_eq!(world.ok(dom0, Op::IsDomainIntroduced, 0, b"5\0"), b"F\0");
    world.send(dom0, Op::Introduce, 0, b"5\0ignored\x003\0");
    assert_eq!(world.events(dom0), [some("@introduceDomain", "in"), None]);
    assert_eq!(world.ok(dom0, Op::IsDomainIntroduced, 0, b"5\0"), b"T\0");
    // Again: the event channel is bound anew, and nobody is told.
    world.send(dom0, Op::Introduce, 0, b"5\0ignored\x004\0");
    assert_eq!(world.events(dom0), [None]);
    assert_eq!(world.ok(dom0, Op::Resume, 0, b"5\0"), OK);
    world.send(dom0, Op::Release, 0, b"5\0");
    assert_eq!(world.events(dom0), [some("@releaseDomain", "out"), None]);
    assert_eq!(world.ok(dom0, Op::IsDomainIntroduced, 0, b"5\0"), b"F\0");
    let calls = ["connect 5 3", "introduced 5", "connect 5 4", "introduced 5", "released 5"];
    assert_eq!(world.desk.calls, calls);
}

#[test]
fn a_ring_that_cannot_be_mapped_introduces_nobody() {
    let mut world = World::new();
    let dom0 = world.socket();
    world.desk.refuse_connect = Some(Errno::EINVAL);
    assert_eq!(world.ask(dom0, Op::Introduce, 0, b"5\x001\x003\0"), Err("EINVAL".into()));
    assert_eq!(world.ok(dom0, Op::IsDomainIntroduced, 0, b"5\0"), b"F\0");
    assert_eq!(world.desk.calls, ["connect 5 3"]);
}

#[test]
fn ids_are_read_as_c_reads_them() {
    let mut world = World::new();
    let dom0 = world.socket();
    let paths = [("7", "7"), ("x", "0"), (" 12x", "12"), ("-1", "4294967295")];
    for (id, path) in paths {
        let path = format!("/local/domain/{path}\0");
        assert_eq!(
            world.ok(dom0, Op::GetDomainPath, 0, format!("{id}\0").as_bytes()),
            path.as_bytes()
        );
    }
    for (id, known) in [("0", "T\0"), ("x", "T\0"), ("32752", "T\0"), ("65536", "F\0")] {
        let ask = format!("{id}\0");
        assert_eq!(world.ok(dom0, Op::IsDomainIntroduced, 0, ask.as_bytes()), known.as_bytes());
    }
}

#[test]
fn a_target_lends_its_access() {
    let mut world = World::new();
    let dom0 = world.socket();
    let stub = world.guest(6);
    world.guest(5);
    world.ok(dom0, Op::Write, 0, b"/a\0x");
    world.ok(dom0, Op::SetPerms, 0, b"/a\0n5\0");
    assert_eq!(world.ask(stub, Op::Read, 0, b"/a\0"), Err("EACCES".into()));
    assert_eq!(world.ok(dom0, Op::SetTarget, 0, b"6\x005\0"), OK);
    assert_eq!(world.ok(stub, Op::Read, 0, b"/a\0"), b"x");
}

#[test]
fn features_are_set_before_the_introduction() {
    let mut world = World::new();
    let dom0 = world.socket();
    assert_eq!(world.ok(dom0, Op::GetFeature, 0, b""), b"14\0");
    world.desk.alive.push(DomId(5));
    assert_eq!(world.ok(dom0, Op::GetFeature, 0, b"5\0"), b"14\0");
    assert_eq!(world.ok(dom0, Op::SetFeature, 0, b"5\x002\0"), OK);
    let guest = world.guest(5);
    assert_eq!(world.ok(guest, Op::GetFeature, 0, b""), b"2\0");
    assert_eq!(world.ok(dom0, Op::GetFeature, 0, b"5\0"), b"2\0");
    // Without the feature, a depth is one string too many.
    assert_eq!(world.ask(guest, Op::Watch, 0, b"a\0t\x001\0"), Err("EINVAL".into()));
    let other = world.guest(6);
    world.send(other, Op::Watch, 0, b"a\0t\x001\0");
    assert_eq!(world.events(other), [None, some("a", "t")]);
}

#[test]
fn quotas_are_named_read_and_set() {
    let mut world = World::new();
    let dom0 = world.socket();
    world.guest(5);
    let names = b"nodes watches outstanding memory soft-memory transactions transaction-nodes \
                  node-permissions path-max node-size\0";
    assert_eq!(world.ok(dom0, Op::GetQuota, 0, b""), names);
    assert_eq!(world.ok(dom0, Op::GetQuota, 0, b"nodes\0"), b"1000\0");
    assert_eq!(world.ok(dom0, Op::GetQuota, 0, b"soft-memory\0"), b"2097152\0");
    assert_eq!(world.ok(dom0, Op::SetQuota, 0, b"5\0nodes\x0010\0"), OK);
    assert_eq!(world.ok(dom0, Op::GetQuota, 0, b"5\0nodes\0"), b"10\0");
    assert_eq!(world.ok(dom0, Op::GetQuota, 0, b"nodes\0"), b"1000\0");
    assert_eq!(world.ok(dom0, Op::SetQuota, 0, b"watches\0-2\0"), OK);
    assert_eq!(world.ok(dom0, Op::GetQuota, 0, b"watches\0"), b"4294967294\0");
    assert_eq!(world.desk.calls, ["quotas Some(DomId(5))", "quotas None"]);
    assert_eq!(world.store.pin().quotas().get(Quota::Nodes), 1000);
}

#[test]
fn control_is_the_hosts() {
    let mut world = World::new();
    let dom0 = world.socket();
    assert_eq!(world.ok(dom0, Op::Control, 0, b"check\0"), OK);
    assert_eq!(world.ok(dom0, Op::Control, 0, b"print\0a\0b\0tail"), b"2 arguments\0");
    assert_eq!(world.ask(dom0, Op::Control, 0, b"no\0"), Err("EINVAL".into()));
}

#[test]
fn an_answer_may_come_later_and_keeps_its_place() {
    let mut world = World::new();
    let dom0 = world.socket();
    let first = world.send(dom0, Op::Control, 0, b"live-update\0-s\0");
    let second = world.send(dom0, Op::Read, 0, b"/\0");
    assert_eq!(world.run(dom0), Some(Progress::Waiting));
    assert_eq!(world.seen(dom0), []);
    world.conns[dom0].answer(&Ok("OK".into()));
    world.conns[dom0].answer(&Ok("twice".into()));
    world.run(dom0);
    let seen = world.seen(dom0);
    assert_eq!((seen[0].header.req_id, seen[0].payload.as_slice()), (first, OK));
    assert_eq!((seen[1].header.req_id, seen.len()), (second, 2));
    world.send(dom0, Op::Control, 0, b"live-update\0-s\0");
    world.conns[dom0].answer(&Err(Errno::EBUSY));
    assert_eq!(world.seen(dom0)[0].payload, b"EBUSY\0");
}
