//! How v2 begins, and that v1 stays as it is without it.

use myriad_core::Errno;

use super::client::hello;
use crate::{
    v1::{HEADER_LEN, Header, Op as Classics, world::World},
    v2::{
        Request, answers,
        limits::{FRAGMENT_MAX, GUEST_ITEMS_MAX, GUEST_MESSAGE_MAX, ITEMS_MAX, MESSAGE_MAX},
        records::{FEEDS, HISTORIES, Info, LOOKUPS, OFFERED, RINGS, WATCHES},
    },
};

/// The error of a HELLO that is refused; v1 goes on.
fn refusal(world: &mut World, at: usize, bytes: &[u8]) -> Vec<u8> {
    world.bytes(at, bytes);
    let answer = world.take(at, usize::MAX);
    let header = Header::from_bytes(*answer.first_chunk().unwrap());
    assert_eq!((header.op, header.req_id), (Classics::Error as u32, 77));
    let len = usize::try_from(header.len).unwrap();
    assert!(!world.conns[at].is_v2());
    answer[HEADER_LEN..HEADER_LEN + len].to_vec()
}

#[test]
fn both_sides_agree_upon_what_both_have() {
    let mut world = World::new();
    let at = world.socket();
    let welcome = world.speak(at);
    assert_eq!((welcome.version.get(), welcome.features.get()), (2, OFFERED));
    assert_eq!(welcome.fragment_max.get() as usize, FRAGMENT_MAX);
    assert_eq!(welcome.message_max.get() as usize, MESSAGE_MAX);
    assert_eq!(welcome.items_max.get() as usize, ITEMS_MAX);
    let guest = world.guest(5);
    let welcome = world.speak(guest);
    assert_eq!(welcome.features.get(), OFFERED & !LOOKUPS & !FEEDS & !HISTORIES & !RINGS);
    assert_eq!(welcome.message_max.get() as usize, GUEST_MESSAGE_MAX);
    assert_eq!(welcome.items_max.get() as usize, GUEST_ITEMS_MAX);
    // As many as transactions, of which the tenth is refused.
    assert_eq!(welcome.snapshots_max.get(), 9);

    let modest = world.socket();
    world.bytes(modest, &hello(9, WATCHES | 1 << 30));
    world.take(modest, usize::MAX);
    let info = world.ask2(modest, &Request::Info).unwrap();
    let info: Info = answers_head(&info);
    assert_eq!((info.version.get(), info.features.get()), (2, WATCHES));
    assert_eq!(world.error(modest, &Request::Snapshot).0, Errno::ENOSYS);
    let classic = Header { op: 1, req_id: 1, tx_id: 0, len: 0 };
    assert_eq!(world.error(modest, &Request::Classic(classic, b"")).0, Errno::ENOSYS);
}

fn answers_head(body: &[u8]) -> Info {
    let info: Info = answers::record(&body[..size_of::<Info>()]).unwrap();
    let name = &body[size_of::<Info>()..][..info.name_length.get() as usize];
    assert!(name.starts_with(b"myriad "));
    info
}

#[test]
fn who_is_refused_goes_on_with_v1() {
    let mut world = World::new();
    let at = world.socket();
    assert_eq!(refusal(&mut world, at, &hello(1, 0)), b"EINVAL\0");
    let mut long = hello(2, 0);
    long[12] += 1;
    long.push(0);
    assert_eq!(refusal(&mut world, at, &long), b"EINVAL\0");
    let mut unclean = hello(2, 0);
    *unclean.last_mut().unwrap() = 1;
    assert_eq!(refusal(&mut world, at, &unclean), b"EINVAL\0");
    // What follows at once would be of v1 or of v2, and nobody could tell.
    let more = [&hello(2, 0)[..], &hello(2, 0)].concat();
    assert_eq!(refusal(&mut world, at, &more[..hello(2, 0).len() + 1]), b"EBUSY\0");
    let again = &more[hello(2, 0).len() + 1..];
    world.bytes(at, again);
    assert!(world.conns[at].is_v2(), "alone it is taken");
}

#[test]
fn nothing_of_v1_is_taken_along() {
    let mut world = World::new();
    let at = world.socket();
    let open = |payload: &[u8], op: Classics, tx_id| {
        let len = u32::try_from(payload.len()).unwrap();
        [&Header { op: op as u32, req_id: 3, tx_id, len }.to_bytes()[..], payload].concat()
    };
    world.bytes(at, &open(b"/a\0t\0", Classics::Watch, 0));
    world.take(at, usize::MAX);
    assert_eq!(refusal(&mut world, at, &hello(2, 0)), b"EBUSY\0");
    world.bytes(at, &open(b"/a\0t\0", Classics::Unwatch, 0));
    world.bytes(at, &open(b"\0", Classics::TransactionStart, 0));
    world.take(at, usize::MAX);
    assert_eq!(refusal(&mut world, at, &hello(2, 0)), b"EBUSY\0");
    world.bytes(at, &open(b"F\0", Classics::TransactionEnd, 1));
    world.take(at, usize::MAX);
    world.speak(at);
    assert!(world.conns[at].is_v2());
}

#[test]
fn a_reset_begins_with_v1_again() {
    let mut world = World::new();
    let at = world.v2_guest(5);
    world.ask2(at, &Request::Snapshot).unwrap();
    assert!(world.conns[at].has_pins());
    let store = world.store.clone();
    world.conns[at].reset(&store);
    assert!(!world.conns[at].is_v2() && !world.conns[at].has_pins());
    world.bytes(at, &Header { op: 2, req_id: 1, tx_id: 0, len: 2 }.to_bytes());
    world.bytes(at, b"/\0");
    let answer = world.take(at, usize::MAX);
    assert_eq!(&answer[HEADER_LEN..], b"EACCES\0");
}

#[test]
fn a_connection_that_does_not_offer_it_knows_no_such_message() {
    let mut world = World::new();
    let at = world.socket();
    let plain = crate::v1::Connection::new(
        myriad_core::ConnId::new(0, 99),
        crate::v1::connection::Peer::Socket(99),
        myriad_core::Caller::Control,
    );
    world.conns[at] = plain;
    assert_eq!(refusal(&mut world, at, &hello(2, 0)), b"ENOSYS\0");
}

#[test]
fn requests_of_v1_go_on_inside() {
    let mut world = World::new();
    let at = world.v2();
    let classic = |world: &mut World, op: Classics, tx_id, payload: &[u8]| {
        let len = u32::try_from(payload.len()).unwrap();
        let header = Header { op: op as u32, req_id: 4, tx_id, len };
        let answer = world.ask2(at, &Request::Classic(header, payload)).unwrap();
        let header = Header::from_bytes(*answer.first_chunk().unwrap());
        assert_eq!((header.req_id, header.tx_id), (4, tx_id));
        (header.op, answer[HEADER_LEN..].to_vec())
    };
    assert_eq!(classic(&mut world, Classics::Write, 0, b"/a\0v").1, b"OK\0");
    assert_eq!(classic(&mut world, Classics::TransactionStart, 0, b"\0").1, b"1\0");
    assert_eq!(classic(&mut world, Classics::Write, 1, b"/a\0w").1, b"OK\0");
    assert_eq!(world.value(at, "/a").unwrap(), b"v");
    assert_eq!(classic(&mut world, Classics::TransactionEnd, 1, b"T\0").1, b"OK\0");
    assert_eq!(world.value(at, "/a").unwrap(), b"w");
    let refused = (Classics::Error as u32, b"ENOENT\0".to_vec());
    assert_eq!(classic(&mut world, Classics::Read, 0, b"/b\0"), refused);
    let header = Header { op: Classics::Watch as u32, req_id: 1, tx_id: 0, len: 5 };
    assert_eq!(world.error(at, &Request::Classic(header, b"/a\0t\0")).0, Errno::EINVAL);
    // A command whose answer comes later is answered in v2.
    let command = b"live-update\0";
    let len = u32::try_from(command.len()).unwrap();
    let header = Header { op: Classics::Control as u32, req_id: 6, tx_id: 0, len };
    world.send_all(at, &Request::Classic(header, command).encode(55));
    assert!(world.messages(at).is_empty());
    world.conns[at].answer(&Ok("done".into()));
    let [seen] = <[_; 1]>::try_from(world.messages(at)).unwrap();
    assert_eq!((seen.frame.id.get(), seen.frame.op.get()), (55, 12));
    assert_eq!(&seen.body[HEADER_LEN..], b"done\0");
}
