//! What can be subscribed to, and what a filter wants.

use myriad_core::Errno;

use super::feeds::{set, subscribe, subscription, told};
use crate::{
    v1::world::World,
    v2::{
        Request,
        feed::Filter,
        limits::SUBSCRIPTIONS_MAX,
        records::{ALL_LEVELS, GRANTED, NOW, REMOVED, Subscription, WRITTEN},
    },
};

#[test]
fn what_can_not_be_subscribed_to_is_refused() {
    let mut world = World::new();
    let (at, guest) = (world.v2(), world.v2_guest(5));
    let refused = |world: &mut World, at, (head, path): (Subscription, &[u8])| {
        world.error(at, &Request::Subscribe(head, path)).0
    };
    assert_eq!(refused(&mut world, guest, subscription("/a", 1, NOW)), Errno::ENOSYS);
    assert_eq!(world.error(guest, &Request::Unsubscribe(1)).0, Errno::ENOSYS);
    for path in ["", "/a//b", "/a/", "@releaseDomain", "/@index", "/@index/domain-name/x"] {
        assert_eq!(refused(&mut world, at, subscription(path, 1, NOW)), Errno::EINVAL, "{path}");
    }
    let mut kind = subscription("/a", 1, NOW);
    kind.0.kinds = 16.into();
    assert_eq!(refused(&mut world, at, kind), Errno::EINVAL);
    assert_eq!(world.error(at, &Request::Unsubscribe(1)).0, Errno::ENOENT);
    for token in 0..SUBSCRIPTIONS_MAX as u64 {
        subscribe(&mut world, at, subscription("name", token, NOW));
    }
    assert_eq!(refused(&mut world, at, subscription("/a", 3, NOW)), Errno::EEXIST);
    assert_eq!(refused(&mut world, at, subscription("/a", 99, NOW)), Errno::ENOSPC);
    assert!(world.ask2(at, &Request::Unsubscribe(3)).is_ok());
    subscribe(&mut world, at, subscription("/a", 99, NOW));
    // What frames say is absolute.
    world.commit(at, &[set("name", "x")]);
    let seen = told(&mut world, at);
    assert_eq!(seen.len(), SUBSCRIPTIONS_MAX - 1);
    assert_eq!(seen[0].changes.last().unwrap().path, "/local/domain/0/name");
}

#[test]
fn a_filter_knows_what_lies_below() {
    let (head, _) = subscription("", 1, NOW);
    let filter = |path: &str, depth: u32| {
        let head = Subscription { depth: depth.into(), ..head };
        Filter::new(&head, path)
    };
    let all = filter("/a/b", ALL_LEVELS);
    for (path, kind, wanted) in [
        ("/a/b", WRITTEN, true),
        ("/a/b/c/d", WRITTEN, true),
        ("/a/bc", WRITTEN, false),
        ("/a", WRITTEN, false),
        ("/a", REMOVED, true),
        ("/", REMOVED, true),
        ("/x", REMOVED, false),
    ] {
        assert_eq!(all.wants(path, kind), wanted, "{path}");
    }
    assert!(filter("/", 0).wants("/", WRITTEN) && !filter("/", 0).wants("/a", WRITTEN));
    assert!(filter("/", 1).wants("/a", WRITTEN) && !filter("/", 1).wants("/a/b", WRITTEN));
    assert!(!filter("/", ALL_LEVELS).wants("@releaseDomain", GRANTED));
}
