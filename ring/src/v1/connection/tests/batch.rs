//! Requests that share a publication: the same bytes as if each had been alone.

use myriad_core::{Caller, Path, Writes};
use proptest::prelude::*;

use super::some;
use crate::v1::{Header, Op, world::World};

const PATHS: [&str; 9] =
    ["/a", "/a/b", "/a/b/c", "/local/domain/5/x", "x", "x/y", "data", "//", "@releaseDomain"];

type Sent = (Op, u32, Vec<u8>);

fn request() -> impl Strategy<Value = Sent> {
    let path = prop::sample::select(&PATHS[..]);
    let op = prop_oneof![
        6 => Just(Op::Write),
        2 => Just(Op::Mkdir),
        2 => Just(Op::Rm),
        1 => Just(Op::Read),
        1 => Just(Op::Watch),
        1 => Just(Op::Unwatch),
    ];
    (op, path, 0..3u8, prop::bool::weighted(0.05)).prop_map(|(op, path, number, stray)| {
        let payload = match op {
            Op::Write => format!("{path}\0{number}"),
            Op::Watch | Op::Unwatch => format!("{path}\0{number}\0"),
            _ => format!("{path}\0"),
        };
        (op, if stray { 77 } else { 0 }, payload.into_bytes())
    })
}

fn encode(number: usize, (op, tx_id, payload): &Sent) -> Vec<u8> {
    let (req_id, len) = (u32::try_from(number).unwrap(), u32::try_from(payload.len()).unwrap());
    let header = Header { op: *op as u32, req_id, tx_id: *tx_id, len };
    [&header.to_bytes()[..], payload].concat()
}

/// What the sender, another guest and dom0 see of requests that come in pieces or one by one, and
/// what the store is then. The sender reads after each piece.
fn outcome(guest: bool, pieces: &[&[Sent]], together: bool) -> Vec<Vec<u8>> {
    let mut world = World::new();
    let (dom0, other) = (world.socket(), world.guest(6));
    let sender = world.guest(5);
    world.ok(dom0, Op::Write, 0, b"/local/domain/5\0");
    world.ok(dom0, Op::SetPerms, 0, b"/local/domain/5\0n5\0r6\0");
    world.ok(dom0, Op::SetQuota, 0, b"5\0nodes\x006\0");
    // What is outstanding, and for how long, is the one thing that is not the same.
    world.ok(dom0, Op::SetQuota, 0, b"5\0outstanding\x000\0");
    world.ok(dom0, Op::Watch, 0, b"/a/b\0all\0");
    world.ok(other, Op::Watch, 0, b"/local/domain/5\0all\0");
    let sender = if guest { sender } else { world.socket() };
    for client in [dom0, other, sender] {
        world.seen(client);
    }
    let mut streams = vec![Vec::new()];
    let mut number = 0;
    for piece in pieces {
        let mut encoded = Vec::new();
        for sent in *piece {
            encoded.extend(encode(number, sent));
            number += 1;
            if !together {
                world.bytes(sender, &std::mem::take(&mut encoded));
            }
        }
        world.bytes(sender, &encoded);
        streams[0].extend(world.take(sender, usize::MAX));
    }
    world.deliver(None);
    for client in [sender, dom0, other] {
        streams.push(world.take(client, usize::MAX));
    }
    for path in PATHS.iter().filter(|path| path.starts_with('/')) {
        for op in [Op::Read, Op::Directory, Op::GetPerms] {
            let answer = world.ask(dom0, op, 0, format!("{path}\0").as_bytes());
            streams.push(format!("{answer:?}").into_bytes());
        }
    }
    streams.push(world.desk.log.join("\n").into_bytes());
    streams
}

proptest! {
    #[test]
    fn batches_answer_as_requests_alone(
        guest: bool,
        at_once in 2..24usize,
        requests in prop::collection::vec(request(), 1..40),
    ) {
        let pieces: Vec<&[Sent]> = requests.chunks(at_once).collect();
        let alone = outcome(guest, &pieces, false);
        prop_assert_eq!(alone, outcome(guest, &pieces, true));
    }
}

#[test]
fn own_events_stand_between_the_replies_of_a_batch() {
    let mut world = World::new();
    let dom0 = world.socket();
    world.ok(dom0, Op::Watch, 0, b"/a\0t\0");
    world.ok(dom0, Op::Watch, 0, b"/c\0u\0");
    world.seen(dom0);
    let before = world.store.pin().seq();
    let writes = [&b"/a/1\0x"[..], b"/b\0x", b"/c\0x", b"/a/1\0y", b"/a/2\0x"];
    let bytes = writes
        .iter()
        .enumerate()
        .flat_map(|(n, payload)| encode(n, &(Op::Write, 0, payload.to_vec())));
    world.bytes(dom0, &bytes.collect::<Vec<u8>>());
    // `/a/1` waits already when it is written again.
    let expected = [some("/a/1", "t"), None, None, some("/c", "u"), None, None, some("/a/2", "t")];
    assert_eq!(world.events(dom0)[..7], expected);
    assert_eq!(world.store.pin().seq(), before + 1);
}

/// What others have published last comes before the replies of a batch that changes nothing, though
/// that is the publication at which these were computed (F3).
#[test]
fn a_batch_that_changes_nothing_comes_after_the_events_of_what_it_has_seen() {
    let mut world = World::new();
    let dom0 = world.socket();
    world.ok(dom0, Op::Mkdir, 0, b"/a\0");
    world.ok(dom0, Op::Watch, 0, b"/a\0t\0");
    world.seen(dom0);
    let path = Path::new("/a/1").unwrap();
    world.store.edit(|edit| edit.write(&Caller::Control, path, b"x")).result.unwrap();
    let bytes: Vec<u8> =
        (0..3).flat_map(|n| encode(n, &(Op::Mkdir, 0, b"/a\0".to_vec()))).collect();
    world.bytes(dom0, &bytes);
    assert_eq!(world.events(dom0), [some("/a/1", "t"), None, None, None]);
}

#[test]
fn a_batch_has_no_more_requests_than_may_be_outstanding() {
    let mut world = World::new();
    let (dom0, guest) = (world.socket(), world.guest(5));
    world.ok(dom0, Op::Write, 0, b"/local/domain/5\0");
    world.ok(dom0, Op::SetPerms, 0, b"/local/domain/5\0n5\0");
    world.ok(dom0, Op::SetQuota, 0, b"5\0outstanding\x003\0");
    world.ok(dom0, Op::Watch, 0, b"/local/domain/5/4\0t\0");
    world.seen(dom0);
    let write = |n: usize| encode(n, &(Op::Write, 0, format!("{n}\0x").into_bytes()));
    world.bytes(guest, &(0..8).flat_map(write).collect::<Vec<u8>>());
    assert_eq!(world.conn(guest).unwrap().outstanding(), 3);
    assert_eq!(world.seen(guest).len(), 3);
    world.run(guest);
    // The event of one of the next three waits for dom0: all three are outstanding.
    assert_eq!(world.seen(guest).len(), 3);
    assert_eq!((world.conn(guest).unwrap().outstanding(), world.seen(guest).len()), (3, 0));
    world.run(guest);
    assert_eq!(world.seen(guest).len(), 0);
    assert_eq!(world.events(dom0), [some("/local/domain/5/4", "t")]);
    world.run(guest);
    assert_eq!(world.seen(guest).len(), 2);
    assert_eq!(world.conn(guest).unwrap().outstanding(), 0);
}
