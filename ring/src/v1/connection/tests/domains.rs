//! Domains, their features and quotas, and CONTROL.

use myriad_core::{DomId, Errno, FeedItem, Quota};

use super::{OK, some};
use crate::v1::{Header, Op, connection::Progress, world::World};

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
fn a_released_domain_hears_nothing_of_its_own_end() {
    let mut world = World::new();
    let dom0 = world.socket();
    let guest = world.guest(5);
    world.ok(dom0, Op::Write, 0, b"/local/domain/5/a\0x");
    world.ok(dom0, Op::SetPerms, 0, b"/local/domain/5\0n5\0");
    for path in ["/local/domain/5", "@releaseDomain"] {
        world.ok(dom0, Op::Watch, 0, format!("{path}\0t\0").as_bytes());
        world.ok(guest, Op::Watch, 0, format!("{path}\0t\0").as_bytes());
    }
    world.seen(dom0);
    let (guest, mut feed) = (world.conns[guest].id(), world.store.feed());
    world.send(dom0, Op::Release, 0, b"5\0");
    let told = [some("/local/domain/5", "t"), some("@releaseDomain", "t"), None];
    assert_eq!(world.events(dom0), told);
    let mut fires = 0;
    while let FeedItem::Record(record) = feed.next() {
        fires += record.fires.len();
        assert!(record.fires.iter().all(|fire| fire.conn() != guest));
    }
    assert_eq!(fires, 2);
}

#[test]
fn introducing_again_ends_the_watches_at_once() {
    let mut world = World::new();
    let dom0 = world.socket();
    let guest = world.guest(5);
    world.desk.alive.push(DomId(5));
    world.ok(guest, Op::Watch, 0, b"a\0t\0");
    let payload = b"5\x001\x003\0";
    let header = Header { op: Op::Introduce as u32, req_id: 1, tx_id: 0, len: 6 };
    world.conns[dom0].input(&[&header.to_bytes()[..], payload].concat());
    let held = world.conns[dom0].step(&world.store, &mut world.desk, world.now);
    // Nobody has reset the ring yet.
    assert!(matches!(held, Progress::Held { .. }) && world.reset.is_empty());
    assert_eq!(world.watches(guest), 0);
}

#[test]
fn neither_the_control_domain_nor_the_servers_is_released() {
    let mut world = World::new();
    let dom0 = world.socket();
    for domid in [6, 7] {
        world.guest(domid);
    }
    world.desk.store_domain = Some(DomId(7));
    for (domid, answer) in [("0", "EINVAL"), ("7", "EINVAL"), ("8", "ENOENT")] {
        for op in [Op::Release, Op::Resume] {
            let refused = world.ask(dom0, op, 0, format!("{domid}\0").as_bytes());
            assert_eq!(refused, Err(answer.into()), "{domid}");
        }
    }
    world.ok(dom0, Op::Release, 0, b"6\0");
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
