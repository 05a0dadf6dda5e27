//! Peers that break the protocol: they lose their connection, and nobody else notices.

use myriad_core::Errno;
use proptest::prelude::*;

use super::client::{HEAD, get, step};
use crate::{
    v1::{connection::Progress, world::World},
    v2::{
        Frame, Op, Request, answers,
        frame::MORE,
        limits::{FRAGMENT_MAX, GUEST_MESSAGE_MAX, INPUT_MAX},
        records::Kind,
        status,
    },
};

fn frame(change: impl FnOnce(&mut Frame)) -> Vec<u8> {
    let mut frame = Frame { op: (Op::Get as u16).into(), id: 5.into(), ..Frame::default() };
    change(&mut frame);
    let mut bytes = zerocopy::IntoBytes::as_bytes(&frame).to_vec();
    bytes.resize(HEAD + frame.len().min(FRAGMENT_MAX), 0);
    bytes
}

#[test]
fn a_broken_frame_is_answered_once_and_ends_the_connection() {
    let full = u32::try_from(FRAGMENT_MAX).unwrap();
    let breaks: [(Vec<u8>, Errno); 6] = [
        (frame(|f| f.length = (full + 1).into()), Errno::E2BIG),
        (frame(|f| f.flags = 3.into()), Errno::EINVAL),
        (frame(|f| f.flags = 0x8000.into()), Errno::EINVAL),
        (frame(|f| f.status = 1.into()), Errno::EINVAL),
        (frame(|f| f.reserved = 1.into()), Errno::EINVAL),
        (frame(|f| f.flags = MORE.into()), Errno::EINVAL),
    ];
    for (bytes, errno) in breaks {
        let mut world = World::new();
        let (at, other) = (world.v2(), world.v2());
        world.commit(other, &[step(Kind::SetValue, "/a", b"1")]);
        world.ask2(at, &Request::Snapshot).unwrap();
        // What came before it is answered.
        let all = [get("/a").encode(4), bytes, get("/a").encode(6)].concat();
        world.bytes(at, &all);
        assert!(matches!(world.run(at), Some(Progress::Failed(_))));
        let seen = world.messages(at);
        let ids: Vec<u64> = seen.iter().map(|seen| seen.frame.id.get()).collect();
        assert_eq!(ids, [4, 5]);
        assert_eq!(status::errno(seen[1].frame.status.get()), Some(errno));
        assert!(!answers::failure(&seen[1].body).unwrap().detail.is_empty());
        assert_eq!(world.conns[at].input(b"more"), 0);
        assert!(!world.conns[at].has_pins());
        assert_eq!(world.value(other, "/a").unwrap(), b"1");
    }
}

#[test]
fn fragments_without_end_are_cut_off_at_the_limit() {
    let mut world = World::new();
    let at = world.v2_guest(5);
    let full = u32::try_from(FRAGMENT_MAX).unwrap();
    let fragment = frame(|f| (f.length, f.flags) = (full.into(), MORE.into()));
    let most = GUEST_MESSAGE_MAX / FRAGMENT_MAX;
    for _ in 0..most {
        assert_eq!(world.bytes(at, &fragment), fragment.len());
        assert!(world.conns[at].requests_waiting() <= GUEST_MESSAGE_MAX + INPUT_MAX);
    }
    assert!(!world.conns[at].is_failed());
    let last = world.breaks(at, &fragment).unwrap();
    assert_eq!(status::errno(last.frame.status.get()), Some(Errno::E2BIG));
}

#[test]
fn what_is_understood_but_wrong_is_refused_and_the_connection_goes_on() {
    let mut world = World::new();
    let at = world.v2();
    let send = |world: &mut World, op: u16, body: &[u8]| {
        let mut bytes = frame(|f| {
            (f.op, f.length) = (op.into(), u32::try_from(body.len()).unwrap().into());
        });
        bytes[HEAD..].copy_from_slice(body);
        world.send_all(at, &bytes);
        let [seen] = <[_; 1]>::try_from(world.messages(at)).unwrap();
        assert_eq!((seen.frame.op.get(), seen.frame.id.get()), (op, 5));
        status::errno(seen.frame.status.get())
    };
    for op in [0, 9, 34, 63, u16::MAX] {
        assert_eq!(send(&mut world, op, b""), Some(Errno::ENOSYS), "{op}");
    }
    for op in Op::ALL.iter().filter(|op| !matches!(op, Op::WatchEvent | Op::Feed)) {
        assert_eq!(send(&mut world, *op as u16, b"x"), Some(Errno::EINVAL), "{op:?}");
        assert!(send(&mut world, *op as u16, &[0xff; 64]).is_some(), "{op:?}");
    }
    // An id may be used again, and again at the same time.
    let twice = [get("/").encode(5), get("/").encode(5)].concat();
    world.send_all(at, &twice);
    assert_eq!(world.messages(at).len(), 2);
    assert!(!world.conns[at].is_failed());
}

proptest! {
    #[test]
    fn whatever_a_guest_sends_others_are_served(
        chunks in proptest::collection::vec(
            (0..14u16, 0..6u8, proptest::collection::vec(any::<u8>(), 0..120)), 1..40,
        ),
    ) {
        let mut world = World::new();
        let (other, at) = (world.v2(), world.v2_guest(5));
        world.commit(other, &[step(Kind::SetValue, "/local/domain/5/a", b"1")]);
        for (op, kind, body) in chunks {
            if world.conns[at].is_failed() {
                break;
            }
            let mut bytes = match kind {
                // Bytes of any kind, now and then; else a frame of some operation.
                0 => body,
                _ => {
                    let len = u32::try_from(body.len()).unwrap();
                    let mut bytes = frame(|f| (f.op, f.length) = (op.into(), len.into()));
                    bytes.truncate(HEAD);
                    [bytes, body].concat()
                }
            };
            if kind == 1 {
                bytes[8] ^= 0x55;
            }
            world.bytes(at, &bytes);
            world.run(at);
            world.take(at, usize::MAX);
        }
        prop_assert_eq!(world.value(other, "/local/domain/5/a").unwrap(), b"1");
        prop_assert_eq!(world.store.pin().check(), Ok(()));
    }
}
