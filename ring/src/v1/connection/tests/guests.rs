//! What unprivileged callers may not do, and how much of the rest.

use std::time::Duration;

use myriad_core::{DomId, Quota, Refusal};

use super::{OK, some};
use crate::v1::{
    HEADER_LEN, Op,
    connection::{Event, Progress, Report},
    limits::EVENT_TIMEOUT,
    world::World,
};

/// A guest whose home is its own, with a quota set.
fn guest(quota: Quota, value: u32) -> (World, usize, usize) {
    let mut world = World::new();
    let dom0 = world.socket();
    let guest = world.guest(5);
    world.ok(dom0, Op::Mkdir, 0, b"/local/domain/5\0");
    world.ok(dom0, Op::SetPerms, 0, b"/local/domain/5\0n5\0");
    let set = format!("5\0{quota}\0{value}\0");
    world.ok(dom0, Op::SetQuota, 0, set.as_bytes());
    (world, dom0, guest)
}

#[test]
fn a_guest_lives_in_its_home() {
    let (mut world, dom0, guest) = guest(Quota::Nodes, 100);
    world.send(guest, Op::Watch, 0, b"data\0t\0");
    world.send(guest, Op::Write, 0, b"data/x\x001");
    assert_eq!(world.events(guest), [None, some("data", "t"), some("data/x", "t"), None]);
    assert_eq!(world.ok(dom0, Op::Read, 0, b"/local/domain/5/data/x\0"), b"1");
    assert_eq!(world.ok(dom0, Op::GetPerms, 0, b"/local/domain/5/data\0"), b"n5\0");
}

#[test]
fn transactions_are_refused_at_the_quota() {
    let (mut world, _, guest) = guest(Quota::Transactions, 3);
    world.start(guest);
    world.start(guest);
    for _ in 0..2 {
        assert_eq!(world.ask(guest, Op::TransactionStart, 0, b""), Err("ENOSPC".into()));
    }
    let refusal = Refusal { domain: DomId(5), quota: Quota::Transactions, limit: 3 };
    assert_eq!(world.desk.reports, [Report::Refused(refusal)]);
    world.ok(guest, Op::TransactionEnd, 1, b"F\0");
    world.start(guest);
}

#[test]
fn a_transaction_that_touches_too_much_is_poisoned() {
    let (mut world, _, guest) = guest(Quota::TransactionNodes, 8);
    let tx = world.start(guest);
    let mut refused = None;
    for n in 0..100 {
        refused = world.ask(guest, Op::Write, tx, format!("n{n}\0x").as_bytes()).err();
        if refused.is_some() {
            break;
        }
    }
    assert_eq!(refused.as_deref(), Some("ENOSPC"));
    assert_eq!(world.ask(guest, Op::TransactionEnd, tx, b"T\0"), Err("ENOMEM".into()));
    assert_eq!(world.conns[guest].transactions(), 0);
    assert_eq!(world.ask(guest, Op::Read, 0, b"n0\0"), Err("ENOENT".into()));
}

#[test]
fn nodes_and_watches_are_refused_at_the_quota() {
    let (mut world, dom0, guest) = guest(Quota::Nodes, 4);
    world.ok(guest, Op::Write, 0, b"a\0x");
    world.ok(guest, Op::Write, 0, b"b\0x");
    assert_eq!(world.ask(guest, Op::Write, 0, b"c\0x"), Err("ENOSPC".into()));
    assert_eq!(world.ask(guest, Op::Mkdir, 0, b"c\0"), Err("ENOSPC".into()));
    world.ok(dom0, Op::SetQuota, 0, b"5\0watches\x002\0");
    world.ok(guest, Op::Watch, 0, b"a\0t\0");
    assert_eq!(world.ask(guest, Op::Watch, 0, b"a\0u\0"), Err("ENOSPC".into()));
    assert_eq!(world.ask(guest, Op::Watch, 0, b"a\0t\0"), Err("EEXIST".into()));
    assert_eq!(world.desk.refused(), [Quota::Nodes, Quota::Watches]);
}

#[test]
fn permissions_and_paths_are_refused_at_the_quota() {
    let (mut world, _, guest) = guest(Quota::NodePermissions, 3);
    world.ok(guest, Op::Write, 0, b"a\0x");
    assert_eq!(world.ok(guest, Op::SetPerms, 0, b"a\0n5\0r0\0"), OK);
    // The count is looked at before the entries.
    assert_eq!(world.ask(guest, Op::SetPerms, 0, b"a\0n5\0x\0y\0"), Err("ENOSPC".into()));
    let path = format!("{}\0x", "p".repeat(2048));
    assert_eq!(world.ask(guest, Op::Write, 0, path.as_bytes()), Err("EINVAL".into()));
    let watch = format!("@{}\0t\0", "p".repeat(2048));
    assert_eq!(world.ask(guest, Op::Watch, 0, watch.as_bytes()), Err("EINVAL".into()));
    assert_eq!(world.desk.refused(), [Quota::NodePermissions, Quota::PathMax]);
}

#[test]
fn outstanding_requests_stop_the_reading() {
    let (mut world, _, guest) = guest(Quota::Outstanding, 3);
    for _ in 0..5 {
        world.send(guest, Op::Directory, 0, b"/local/domain/5\0");
    }
    assert_eq!(world.run(guest), Some(Progress::Stalled));
    assert!(!world.conns[guest].wants_input());
    assert_eq!(world.conns[guest].outstanding(), 3);
    // One reply read, one request executed.
    let one = world.take(guest, HEADER_LEN);
    assert_eq!(one.len(), HEADER_LEN);
    assert!(world.conns[guest].wants_input());
    assert_eq!(world.run(guest), Some(Progress::Stalled));
    assert_eq!(world.seen(guest).len(), 3);
    assert_eq!(world.run(guest), Some(Progress::Idle));
    assert_eq!(world.desk.refused(), [Quota::Outstanding]);
}

#[test]
fn a_request_is_outstanding_until_its_events_are_sent() {
    let (mut world, dom0, guest) = guest(Quota::Outstanding, 3);
    let other = world.socket();
    for watcher in [dom0, other] {
        world.ok(watcher, Op::Watch, 0, b"/local/domain/5\0t\0");
        world.seen(watcher);
    }
    world.ok(guest, Op::Write, 0, b"a\0x");
    world.ok(guest, Op::Write, 0, b"b\0x");
    world.ok(guest, Op::Read, 0, b"b\0");
    world.ok(dom0, Op::Write, 0, b"/local/domain/5/c\0x");
    // Both replies are read, but nobody has read the events.
    assert_eq!(world.conns[guest].outstanding(), 2);
    world.seen(dom0);
    assert_eq!(world.conns[guest].outstanding(), 2);
    world.take(other, 1);
    world.ok(guest, Op::Mkdir, 0, b"d\0");
    assert_eq!(world.conns[guest].outstanding(), 3);
    assert!(!world.conns[guest].wants_input());
    world.conns[dom0].close(&world.store);
    world.conns[other].close(&world.store);
    assert_eq!(world.conns[guest].outstanding(), 0);
}

#[test]
fn memory_refuses_long_replies_and_stops_the_reading() {
    let (mut world, dom0, guest) = guest(Quota::Memory, 0);
    world.ok(dom0, Op::Write, 0, &[&b"/local/domain/5/a\0"[..], &[b'v'; 700]].concat());
    let limit = world.ok_memory(dom0, 1000);
    world.send(guest, Op::Read, 0, b"a\0");
    world.send(guest, Op::Read, 0, b"a\0");
    // The second finds no room: an error does.
    let waiting = world.conns[guest].unsent().flatten().count();
    assert_eq!(waiting, HEADER_LEN + 700 + HEADER_LEN + 7);
    world.deliver_to(guest, b"/event", &[b't'; 300]);
    assert_eq!(world.conns[guest].unsent().flatten().count(), waiting);
    let seen = world.seen(guest);
    assert_eq!(seen[1].payload, b"ENOMEM\0");
    assert_eq!(world.desk.refused(), []);
    world.conns[guest].tend(&world.store, &mut world.desk, Duration::from_secs(20));
    let refusal = Refusal { domain: DomId(5), quota: Quota::Memory, limit };
    let again = Report::BelowAgain(DomId(5), Quota::Memory);
    assert_eq!(world.desk.reports, [Report::Refused(refusal), again]);
}

/// Events that come before the next request of a guest count beside the watch that it has just set.
#[test]
fn the_last_watch_counts_beside_the_events_that_come_next() {
    let (mut world, dom0, guest) = guest(Quota::Memory, 0);
    let limit = world.ok_memory(dom0, 1000);
    let token = format!("a\0{}\0", "t".repeat(400));
    world.send(guest, Op::Watch, 0, token.as_bytes());
    world.seen(guest);
    let used = world.store.pin().domain(DomId(5)).unwrap().memory;
    let left = usize::try_from(u64::from(limit) - used).unwrap();
    world.deliver_to(guest, b"/event", &vec![b't'; left]);
    assert!(!world.conns[guest].has_output());
}

#[test]
fn memory_at_the_quota_stalls_a_guest() {
    let (mut world, dom0, guest) = guest(Quota::Memory, 0);
    world.ok(dom0, Op::Write, 0, &[&b"/local/domain/5/a\0"[..], &[b'v'; 500]].concat());
    world.ok_memory(dom0, 600);
    world.send(guest, Op::Read, 0, b"a\0");
    world.ok_memory(dom0, 500);
    world.send(guest, Op::Read, 0, b"a\0");
    assert_eq!(world.run(guest), Some(Progress::Stalled));
    assert!(!world.conns[guest].wants_input());
    assert_eq!(world.desk.refused(), [Quota::Memory]);
    assert_eq!(world.ask_watch(guest), Err("ENOMEM".into()));
}

#[test]
fn nodes_and_watches_are_refused_at_the_quota_of_memory() {
    let (mut world, dom0, guest) = guest(Quota::Memory, 0);
    let limit = world.ok_memory(dom0, 500);
    let long = [&b"a\0"[..], &[b'v'; 500]].concat();
    assert_eq!(world.ask(guest, Op::Write, 0, &long), Err("ENOMEM".into()));
    assert_eq!(world.ask(guest, Op::Read, 0, b"a\0"), Err("ENOENT".into()));
    let refusal = Refusal { domain: DomId(5), quota: Quota::Memory, limit };
    assert_eq!(world.desk.reports, [Report::Refused(refusal)]);
    world.ok(guest, Op::Write, 0, b"a\0v");
    assert_eq!(world.ask(guest, Op::Write, 0, &long), Err("ENOMEM".into()));
    let token = format!("a\0{}\0", "t".repeat(400));
    assert_eq!(world.ask(guest, Op::Watch, 0, token.as_bytes()), Err("ENOMEM".into()));
    assert_eq!(world.watches(guest), 0);
    assert_eq!(world.desk.refused(), [Quota::Memory]);
}

#[test]
fn nodes_above_the_soft_quota_of_memory_are_reported() {
    let (mut world, dom0, guest) = guest(Quota::SoftMemory, 600);
    world.ok(guest, Op::Write, 0, &[&b"a\0"[..], &[b'v'; 700]].concat());
    world.ok(guest, Op::Read, 0, b"a\0");
    let refusal = Refusal { domain: DomId(5), quota: Quota::SoftMemory, limit: 600 };
    assert_eq!(world.desk.reports, [Report::AboveSoft(refusal)]);
    world.ok(dom0, Op::Rm, 0, b"/local/domain/5/a\0");
    world.now = Duration::from_secs(20);
    world.ok(guest, Op::Mkdir, 0, b"b\0");
    world.ok(guest, Op::Mkdir, 0, b"c\0");
    let below = Report::BelowAgain(DomId(5), Quota::SoftMemory);
    assert_eq!(world.desk.reports, [Report::AboveSoft(refusal), below]);
}

#[test]
fn a_guest_whose_nodes_were_made_to_be_too_much_is_read_again_when_they_go() {
    let (mut world, dom0, guest) = guest(Quota::Memory, 600);
    // The control domain is not refused.
    world.ok(dom0, Op::Write, 0, &[&b"/local/domain/5/a\0"[..], &[b'v'; 700]].concat());
    world.send(guest, Op::Mkdir, 0, b"b\0");
    assert_eq!(world.run(guest), Some(Progress::Stalled));
    assert!(world.conns[guest].is_over_memory() && !world.conns[guest].wants_input());
    world.ok(dom0, Op::Rm, 0, b"/local/domain/5/a\0");
    world.conns[guest].tend(&world.store, &mut world.desk, world.now);
    assert!(!world.conns[guest].is_over_memory() && world.conns[guest].wants_input());
    assert_ne!(world.run(guest), Some(Progress::Stalled));
    assert_eq!(world.seen(guest).len(), 1);
}

#[test]
fn an_event_that_nobody_reads_is_given_up() {
    let (mut world, _, guest) = guest(Quota::Nodes, 100);
    world.send(guest, Op::Watch, 0, b"a\0t\0");
    world.seen(guest);
    world.now = Duration::from_secs(100);
    world.deliver_to(guest, b"a", b"t");
    let due = world.now + EVENT_TIMEOUT;
    assert_eq!(world.conns[guest].next_deadline(), Some(due));
    world.conns[guest].tend(&world.store, &mut world.desk, due - Duration::from_millis(1));
    assert!(world.conns[guest].has_output());
    world.conns[guest].tend(&world.store, &mut world.desk, due);
    assert!(!world.conns[guest].has_output());
    assert_eq!(world.conns[guest].next_deadline(), None);
}

#[test]
fn privileged_clients_have_no_quotas() {
    let mut world = World::new();
    let dom0 = world.socket();
    for quota in Quota::ALL {
        world.ok(dom0, Op::SetQuota, 0, format!("{quota}\x001\0").as_bytes());
    }
    world.start(dom0);
    world.start(dom0);
    world.ok(dom0, Op::Watch, 0, b"/a\0t\0");
    world.ok(dom0, Op::Watch, 0, b"/a\0u\0");
    world.ok(dom0, Op::Write, 0, &[&b"/a/b/c\0"[..], &[b'v'; 4000]].concat());
    world.ok(dom0, Op::SetPerms, 0, b"/a\0n0\0r0\0r0\0r0\0r0\0r0\0");
    world.ok(dom0, Op::Mkdir, 0, format!("/{}\0", "p".repeat(3000)).as_bytes());
    assert_eq!(world.conns[dom0].outstanding(), 0);
    assert_eq!(world.desk.reports, []);
}

impl World {
    fn deliver_to(&mut self, at: usize, path: &[u8], token: &[u8]) {
        let event = Event { seq: u64::MAX, at: 0, path, token, ticket: None };
        self.conns[at].deliver(event, self.now);
    }

    /// Sets the quota `memory` of domain 5 to what it uses and so much more.
    fn ok_memory(&mut self, dom0: usize, more: u64) -> u32 {
        let used = self.store.pin().domain(DomId(5)).unwrap().memory;
        let limit = u32::try_from(used + more).unwrap();
        let set = format!("5\0memory\0{limit}\0");
        assert_eq!(self.ok(dom0, Op::SetQuota, 0, set.as_bytes()), OK);
        limit
    }

    /// A WATCH that finds no room in the memory quota, and one that does.
    fn ask_watch(&mut self, guest: usize) -> Result<Vec<u8>, String> {
        self.seen(guest);
        self.run(guest);
        self.seen(guest);
        let long = format!("a\0{}\0", "t".repeat(600));
        let refused = self.ask(guest, Op::Watch, 0, long.as_bytes());
        assert_eq!(self.watches(guest), 0);
        self.send(guest, Op::Watch, 0, b"a\0t\0");
        assert_eq!(self.events(guest), [None, some("a", "t")]);
        refused
    }
}
