//! Guests on pages, served by a connection each.

use std::cell::Cell;

use proptest::prelude::*;

use super::{
    Memfd,
    doorbells::Doorbells,
    end::End,
    fuzz,
    guest::{Client, Habits, Liar},
    layout::{ERROR_PROTO, ERROR_RINGIDX, Lane, RING_SIZE, Word},
    rig::Rig,
    shared::Shared,
};
use crate::{
    limits::SETTLING_LOOKS,
    sync::Ordering,
    v1::{Header, Op, PAYLOAD_MAX, features},
};

const OFFERED: u32 = features::OFFERED | features::RECONNECTION;

/// A rig with guest 5 and its client, whose rings begin right before their indices wrap.
fn rig(habits: Habits) -> (Rig, Client, Liar) {
    let mut rig = Rig::new();
    let at = rig.guest(5, OFFERED, u32::MAX - 700).unwrap();
    rig.tell(Op::Mkdir, b"/local/domain/5\0");
    rig.tell(Op::SetPerms, b"/local/domain/5\0n5\0");
    let (client, liar) = (rig.client(at, habits).unwrap(), rig.liar(at).unwrap());
    (rig, client, liar)
}

/// Goes on until nothing moves; gives the messages that came.
fn run(rig: &mut Rig, client: &mut Client) -> Vec<(Header, Vec<u8>)> {
    let mut messages = Vec::new();
    loop {
        let more = rig.sweep(0).unwrap();
        let moved = client.pump().unwrap();
        messages.extend(std::iter::from_fn(|| client.message()));
        if !more && !moved {
            return messages;
        }
    }
}

fn ops(messages: &[(Header, Vec<u8>)]) -> Vec<(u32, u32)> {
    messages.iter().map(|(header, _)| (header.op, header.req_id)).collect()
}

#[test]
fn every_kind_of_guest_gets_its_answers() {
    for habits in [Habits::default(), Habits::LINUX, Habits::MINIOS, Habits::FIRMWARE] {
        let (mut rig, mut client, _) = rig(habits);
        let value = |n: u8| vec![b'a' + n % 26; usize::from(n) * 50];
        for n in 0..40u8 {
            client.ask(Op::Write, 0, &[format!("n{n}\0").as_bytes(), &value(n)].concat());
            client.ask(Op::Read, 0, format!("n{n}\0").as_bytes());
        }
        let messages = run(&mut rig, &mut client);
        assert_eq!(messages.len(), 80, "{habits:?}");
        for (n, pair) in (0..40u8).zip(messages.chunks(2)) {
            let id = u32::from(n) * 2;
            assert_eq!(ops(pair), [(Op::Write as u32, id), (Op::Read as u32, id + 1)]);
            assert!(pair[0].1 == b"OK\0" && pair[1].1 == value(n), "{habits:?}, {n}");
        }
        assert_eq!(rig.rings[0].server.failure(), None);
    }
}

#[test]
fn a_reconnection_in_the_middle_of_a_message_leaves_nothing_of_it() {
    let (mut rig, mut client, liar) = rig(Habits::LINUX);
    client.ask(Op::Watch, 0, b"w\0t\0");
    client.ask(Op::TransactionStart, 0, b"\0");
    assert_eq!(run(&mut rig, &mut client).len(), 3);
    assert_eq!(rig.world.store.pin().watches(), 1);
    // Half a header in the connection, more in the ring, a reply that the guest hasn't taken.
    client.ask(Op::Directory, 0, b"\0");
    client.push(vec![1; 9]);
    client.pump().unwrap();
    rig.sweep(0);
    client.push(vec![2; 500]);
    client.pump().unwrap();
    let bells = rig.rings[0].bells;
    client.reconnect();
    assert!(!client.end().has_reconnected());
    rig.sweep(0);
    assert!(client.end().has_reconnected());
    assert_eq!(rig.rings[0].bells, bells + 1);
    assert!(Word::ALL[..4].iter().all(|word| liar.get(*word) == 0));
    assert_eq!((rig.world.store.pin().watches(), rig.conn(0).unwrap().transactions()), (0, 0));
    let id = client.ask(Op::GetDomainPath, 0, b"5\0");
    let messages = run(&mut rig, &mut client);
    assert_eq!(ops(&messages), [(Op::GetDomainPath as u32, id)]);
    assert_eq!(messages[0].1, b"/local/domain/5\0");
}

#[test]
fn a_message_that_is_too_long_fails_the_ring_and_a_reconnection_mends_it() {
    for len in [PAYLOAD_MAX + 1, 1 << 30] {
        let (mut rig, mut client, liar) = rig(Habits::LINUX);
        let header = Header { op: 2, req_id: 1, tx_id: 0, len: u32::try_from(len).unwrap() };
        client.push(header.to_bytes());
        client.push(vec![0; 900]);
        assert_eq!(run(&mut rig, &mut client), []);
        assert_eq!(liar.get(Word::Error), ERROR_PROTO);
        client.reconnect();
        rig.sweep(0);
        assert!(client.end().has_reconnected());
        client.ask(Op::Directory, 0, b"\0");
        assert_eq!(run(&mut rig, &mut client).len(), 1);
    }
}

#[test]
fn half_a_header_for_ever_costs_nothing() {
    let (mut rig, mut client, _) = rig(Habits::LINUX);
    client.push(vec![0; 8]);
    client.pump().unwrap();
    assert_eq!(rig.sweep(0), Some(false));
    let bells = rig.rings[0].bells;
    for _ in 0..100 {
        assert_eq!(rig.sweep(0), Some(false));
    }
    assert_eq!(rig.rings[0].bells, bells);
}

#[test]
fn storms_of_reconnections_leave_a_ring_that_works() {
    let (mut rig, mut client, _) = rig(Habits::LINUX);
    for n in 0..200 {
        client.ask(Op::Watch, 0, b"w\0t\0");
        client.push(vec![0; n % 40]);
        client.pump().unwrap();
        if n % 3 == 0 {
            rig.sweep(0);
        }
        client.reconnect();
        rig.sweep(0);
        assert!(client.end().has_reconnected());
    }
    client.ask(Op::Watch, 0, b"w\0t\0");
    assert_eq!(run(&mut rig, &mut client).len(), 2);
    assert_eq!(rig.world.store.pin().watches(), 1);
}

#[test]
fn each_byte_is_copied_to_its_place_and_no_other() {
    let page = Memfd::create().unwrap().map().unwrap();
    let size = RING_SIZE as usize;
    let bytes: Vec<u8> = (0..=250).cycle().take(size).collect();
    let (lane, other) = (Lane::Requests, Lane::Responses);
    for at in [0, 1, 7, 15, size - 40, size - 1, size] {
        for len in (0..70).chain([size - 1, size]) {
            let kept = len.min(size - at);
            page.copy_in(lane, 0, &vec![0xEE; size]);
            page.copy_in(lane, at, &bytes[..len]);
            let mut expected = vec![0xEE; size];
            expected[at..at + kept].copy_from_slice(&bytes[..kept]);
            let mut all = vec![0; size];
            page.copy_out(lane, 0, &mut all);
            assert_eq!(all, expected, "{len} bytes at {at}");
            let mut some = vec![0xDD; len];
            page.copy_out(lane, at, &mut some);
            assert_eq!(some[..kept], bytes[..kept], "{len} bytes at {at}");
            assert!(some[kept..].iter().all(|byte| *byte == 0xDD), "{len} bytes at {at}");
        }
    }
    let mut beside = vec![1; size];
    page.copy_out(other, 0, &mut beside);
    assert!(beside.iter().all(|byte| *byte == 0));
    assert!(Word::ALL.into_iter().all(|word| page.load(word, Ordering::Relaxed) == 0));
}

#[test]
fn a_lie_ends_one_ring_and_no_other() {
    let (mut rig, mut client, liar) = rig(Habits::LINUX);
    let other = rig.guest(6, OFFERED, 0).unwrap();
    let mut honest = rig.client(other, Habits::LINUX).unwrap();
    client.ask(Op::Watch, 0, b"w\0t\0");
    run(&mut rig, &mut client);
    liar.set(Word::RequestsProduced, liar.get(Word::RequestsConsumed).wrapping_add(1025));
    assert_eq!(rig.sweep(0), Some(false));
    assert_eq!(liar.get(Word::Error), ERROR_RINGIDX);
    assert_eq!(rig.world.store.pin().watches(), 0, "what it had is freed");
    honest.ask(Op::GetDomainPath, 0, b"6\0");
    honest.pump().unwrap();
    rig.sweep(other);
    honest.pump().unwrap();
    assert_eq!(honest.message().unwrap().1, b"/local/domain/6\0");
}

#[test]
fn bytes_that_change_while_they_are_read_change_nothing_later() {
    let (mut rig, mut client, liar) = rig(Habits::LINUX);
    client.ask(Op::Write, 0, b"a\0good");
    client.pump().unwrap();
    // The message is half in: what lies in the ring now is not read again.
    let at = (u32::MAX - 700) % 1024;
    rig.sweep(0);
    liar.scribble(Lane::Requests, at as usize, &[0xff; 22]);
    client.ask(Op::Read, 0, b"a\0");
    let messages = run(&mut rig, &mut client);
    assert_eq!(messages[1].1, b"good");
}

/// A page whose indices change between looks: each pause goes on to the next pair of `req_cons` and
/// `req_prod`, and the last pair stays, or the first comes again.
struct Restless {
    pairs: &'static [[u32; 2]],
    again: bool,
    pauses: Cell<usize>,
}

impl Shared for Restless {
    const SIZE: u32 = RING_SIZE;

    fn load(&self, word: Word, _: Ordering) -> u32 {
        let (at, len) = (self.pauses.get(), self.pairs.len());
        let pair = self.pairs[if self.again { at % len } else { at.min(len - 1) }];
        match word {
            Word::RequestsConsumed => pair[0],
            Word::RequestsProduced => pair[1],
            _ => 0,
        }
    }

    fn store(&self, _: Word, _: u32, _: Ordering) {}

    fn copy_out(&self, _: Lane, _: usize, _: &mut [u8]) {}

    fn copy_in(&self, _: Lane, _: usize, _: &[u8]) {}

    fn fence(&self) {}

    fn pause(&self) {
        self.pauses.set(self.pauses.get() + 1);
    }
}

fn restless(pairs: &'static [[u32; 2]], again: bool) -> End<Restless> {
    let page = Restless { pairs, again, pauses: Cell::new(0) };
    End::new(page, Lane::Requests, Doorbells::Always)
}

#[test]
fn indices_that_are_being_rewritten_are_waited_for() {
    // The server's index is 500 and nothing is there; firmware zeroes both words, in any order.
    for pairs in [&[[500, 500], [500, 0], [0, 0]], &[[500, 500], [0, 500], [0, 0]]] {
        let mut end = restless(pairs, false);
        end.shared().pause();
        assert_eq!(end.readable(), Ok(0), "{pairs:?}");
        assert!(end.take_rewritten());
        assert_eq!((end.readable(), end.own()), (Ok(0), super::Indices::default()));
        assert!(!end.take_rewritten());
        assert!(end.shared().pauses.get() < 5);
    }
    // The next kernel has begun to use it already.
    let mut end = restless(&[[500, 500], [0, 16], [0, 16]], false);
    end.shared().pause();
    assert_eq!(end.readable(), Ok(16));
}

#[test]
fn indices_that_stay_impossible_are_believed_and_restless_ones_cost_a_bounded_time() {
    let mut end = restless(&[[500, 500], [500, 0]], false);
    end.shared().pause();
    assert!(end.readable().is_err());
    assert!(end.shared().pauses.get() < 4);
    let mut end = restless(&[[500, 500], [500, 0], [1, 0], [7, 2000]], true);
    end.shared().pause();
    let _any = end.readable();
    assert!(end.shared().pauses.get() <= SETTLING_LOOKS as usize + 1);
}

proptest! {
    /// The fuzzer's target, on inputs without a fuzzer.
    #[test]
    fn the_target_passes_anything(data in prop::collection::vec(any::<u8>(), 0..600)) {
        fuzz(&data);
    }
}
