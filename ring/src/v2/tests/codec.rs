//! Frames, bodies, and requests that are read as they were written.

use proptest::prelude::*;

use crate::v2::{
    BadFrame, Frame, Input, Next, Op, Request, Step,
    frame::{FRAME_HEAD, MORE, begin, finish, first},
    fuzz::{codec_v2, connection_v2},
    limits::{FRAGMENT_MAX, INPUT_MAX, ITEMS_MAX, MESSAGE_MAX},
    records::{self, Kind, Registration, Removal},
};

/// What an input has, one message after the other.
fn drain(input: &mut Input, room: usize) -> Vec<(u64, Option<usize>)> {
    let mut found = Vec::new();
    loop {
        input.gather(room).unwrap();
        match input.message().unwrap() {
            Next::Nothing => return found,
            Next::Message(frame, body) => found.push((frame.id.get(), Some(body.len()))),
            Next::Dropped(frame) => found.push((frame.id.get(), None)),
        }
        input.take();
    }
}

fn message(id: u64, len: usize) -> Vec<u8> {
    let mut out = begin();
    out.resize(FRAME_HEAD + len, 1);
    finish(&mut out, Op::Commit as u16, 0, id, 0);
    out
}

/// Pushes all, taking messages as they become whole.
fn feed(
    input: &mut Input,
    mut bytes: &[u8],
    step: usize,
    room: usize,
) -> Vec<(u64, Option<usize>)> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let taken = input.push(&bytes[..step.min(bytes.len())]);
        assert!(taken > 0 && input.pending() <= INPUT_MAX);
        bytes = &bytes[taken..];
        found.extend(drain(input, room));
    }
    found
}

#[test]
fn long_messages_are_fragments_of_a_size_and_short_ones_one_frame() {
    for (len, frames) in [(0, 1), (1, 1), (FRAGMENT_MAX, 1), (FRAGMENT_MAX + 1, 2), (50_000, 13)] {
        let bytes = message(7, len);
        assert_eq!(bytes.len(), len + frames * FRAME_HEAD, "{len}");
        let mut rest = &bytes[..];
        for n in 1..=frames {
            let frame = *first(rest).unwrap();
            assert_eq!(frame.check_request(), Ok(()));
            assert_eq!(frame.has_more(), n < frames);
            rest = &rest[FRAME_HEAD + frame.len()..];
        }
        for step in [1, 23, 24, 25, 4095, 10_000] {
            let mut input = Input::new(MESSAGE_MAX);
            let both = [&bytes[..], &message(8, 3)].concat();
            let found = feed(&mut input, &both, step, MESSAGE_MAX);
            assert_eq!(found, [(7, Some(len)), (8, Some(3))], "{len} by {step}");
            assert_eq!((input.pending(), input.gathered()), (0, 0));
        }
    }
}

#[test]
fn a_message_without_room_is_dropped_whole_and_the_next_one_is_not() {
    let mut input = Input::new(MESSAGE_MAX);
    let bytes = [message(1, 20_000), message(2, 5000), message(3, 10)].concat();
    let found = feed(&mut input, &bytes, 999, 10_000);
    assert_eq!(found, [(1, None), (2, Some(5000)), (3, Some(10))]);
    assert_eq!(input.gathered(), 0);
}

#[test]
fn the_longest_message_passes_and_a_byte_more_ends_the_stream() {
    let most = 4 * FRAGMENT_MAX;
    let mut input = Input::new(most);
    assert_eq!(feed(&mut input, &message(1, most), 4096, most), [(1, Some(most))]);
    let bytes = message(2, most + 1);
    let mut at = 0;
    let ended = loop {
        at += input.push(&bytes[at..]);
        if let Err((frame, bad)) = input.gather(most) {
            break (frame.id.get(), bad);
        }
        assert!(at < bytes.len());
    };
    assert_eq!(ended, (2, BadFrame::MessageTooLong));
    assert!(input.message().is_err() || input.gather(most).is_err(), "now and ever after");
}

fn frame(change: impl FnOnce(&mut Frame)) -> Vec<u8> {
    let mut frame = Frame { op: (Op::Get as u16).into(), id: 5.into(), ..Frame::default() };
    change(&mut frame);
    let mut bytes = zerocopy::IntoBytes::as_bytes(&frame).to_vec();
    bytes.resize(FRAME_HEAD + frame.len().min(FRAGMENT_MAX), 0);
    bytes
}

#[test]
fn what_no_client_may_send_ends_the_stream() {
    let full = u32::try_from(FRAGMENT_MAX).unwrap();
    let cases: [(Vec<u8>, BadFrame); 7] = [
        (frame(|f| f.length = (full + 1).into()), BadFrame::TooLong),
        (frame(|f| f.length = u32::MAX.into()), BadFrame::TooLong),
        (frame(|f| f.flags = 1.into()), BadFrame::NotClean),
        (frame(|f| f.flags = 8.into()), BadFrame::NotClean),
        (frame(|f| f.status = 1.into()), BadFrame::NotClean),
        (frame(|f| f.reserved = 1.into()), BadFrame::NotClean),
        (frame(|f| f.flags = MORE.into()), BadFrame::Broken),
    ];
    for (bytes, expected) in cases {
        let mut input = Input::new(MESSAGE_MAX);
        input.push(&bytes);
        assert_eq!(input.gather(MESSAGE_MAX).unwrap_err().1, expected);
        input.take();
        assert_eq!(input.message().unwrap_err().1, expected, "it stays so");
    }
    // Fragments of two messages don't mix.
    for change in [|f: &mut Frame| f.id = 6.into(), |f: &mut Frame| f.op = 6.into()] {
        let mut input = Input::new(MESSAGE_MAX);
        input.push(&frame(|f| (f.length, f.flags) = (full.into(), MORE.into())));
        assert_eq!(input.gather(MESSAGE_MAX), Ok(()));
        input.push(&frame(change));
        assert_eq!(input.gather(MESSAGE_MAX).unwrap_err().1, BadFrame::Broken);
    }
}

#[test]
fn a_body_that_is_not_canonical_is_refused() {
    let steps = vec![
        Step { kind: Kind::SetValue, path: b"/a", value: b"abc", stamp: 0 },
        Step { kind: Kind::IfValueStamp, path: b"/b", value: b"", stamp: 9 },
    ];
    let request = Request::Commit(steps);
    let body = request.encode(1)[FRAME_HEAD..].to_vec();
    assert_eq!(Request::parse(Op::Commit, &body, 2), Ok(request.clone()));
    assert!(Request::parse(Op::Commit, &body, 1).is_err(), "more items than may be");
    assert!(Request::parse(Op::Commit, &[&body[..], &[0; 8]].concat(), 2).is_err());
    for len in 0..body.len() {
        assert!(Request::parse(Op::Commit, &body[..len], 2).is_err(), "cut at {len}");
    }
    // Each bit of it matters: with another the request is another one, or none.
    for at in 0..8 * body.len() {
        let mut other = body.clone();
        other[at / 8] ^= 1 << (at % 8);
        assert_ne!(Request::parse(Op::Commit, &other, 2), Ok(request.clone()), "bit {at}");
    }
}

fn path() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(b"/local/domain/5/name".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..40),
    ]
}

fn any_step() -> impl Strategy<Value = (Kind, Vec<u8>, Vec<u8>, u64)> {
    let value = proptest::collection::vec(any::<u8>(), 0..300);
    (0..Kind::ALL.len(), path(), value, any::<u64>()).prop_map(|(at, path, value, stamp)| {
        let kind = Kind::ALL[at];
        let value = if kind.has_value() { value } else { Vec::new() };
        (kind, path, value, if kind.has_stamp() { stamp } else { 0 })
    })
}

proptest! {
    #[test]
    fn requests_are_read_as_they_were_written(
        steps in proptest::collection::vec(any_step(), 0..60),
        paths in proptest::collection::vec(path(), 0..60),
        number in any::<u32>(),
        token in any::<u64>(),
    ) {
        let steps: Vec<Step<'_>> = steps
            .iter()
            .map(|(kind, path, value, stamp)| Step { kind: *kind, path, value, stamp: *stamp })
            .collect();
        let names: Vec<&[u8]> = paths.iter().map(Vec::as_slice).collect();
        let snapshot = number.into();
        let length = |path: &[u8]| u16::try_from(path.len()).unwrap().into();
        let count = u32::try_from(names.len()).unwrap().into();
        let watch = |path: &&'_ [u8]| Registration {
            token: token.into(), depth: number.into(), path_length: length(path),
            ..Default::default()
        };
        let removal = |path: &&'_ [u8]| Removal {
            token: token.into(), path_length: length(path), ..Default::default()
        };
        let first = names.first().copied().unwrap_or(b"/");
        let requests = [
            Request::Info,
            Request::Get(
                records::Get { snapshot, want: 3.into(), path_length: length(first) }, first,
            ),
            Request::GetMany(
                records::GetMany { snapshot, want: 1.into(), count, ..Default::default() },
                names.clone(),
            ),
            Request::List(
                records::List {
                    snapshot, path_length: length(first), cursor: number.into(),
                    stamp: token.into(), ..Default::default()
                },
                first,
            ),
            Request::Lookup { snapshot: number, index: b"domain-name", key: first },
            Request::Commit(steps),
            Request::Watch(names.iter().map(|path| (watch(path), *path)).collect()),
            Request::Unwatch(names.iter().map(|path| (removal(path), *path)).collect()),
            Request::Snapshot,
            Request::SnapshotEnd(number),
        ];
        for request in requests {
            let bytes = request.encode(token);
            let mut input = Input::new(MESSAGE_MAX);
            let mut at = 0;
            while at < bytes.len() {
                at += input.push(&bytes[at..]);
                input.gather(MESSAGE_MAX).unwrap();
            }
            let Ok(Next::Message(frame, body)) = input.message() else { panic!("it is whole") };
            prop_assert_eq!(frame.id.get(), token);
            prop_assert_eq!(Request::parse(request.op(), body, ITEMS_MAX), Ok(request));
        }
    }

    #[test]
    fn any_stream_gives_the_same_messages_however_it_is_cut(
        data in proptest::collection::vec(any::<u8>(), 0..400),
        op in 0u16..16,
        len in 0u32..200,
    ) {
        codec_v2(&data);
        // The same behind a header that lets it through.
        let frame = Frame { length: len.into(), op: op.into(), ..Frame::default() };
        let step = data.first().copied().unwrap_or(0);
        codec_v2(&[&[step][..], zerocopy::IntoBytes::as_bytes(&frame), &data].concat());
    }

    #[test]
    fn clients_of_one_store_are_each_answered(
        data in proptest::collection::vec(any::<u8>(), 0..1500),
    ) {
        connection_v2(&data);
    }
}
