//! Both rings of a page against two queues: any interleaving of both ends, any sizes, any place to
//! begin.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::collections::VecDeque;

use myriad_ring::page::{
    Doorbells, Memfd, Scratch, ServerEnd,
    guest::{GuestEnd, Habits, Liar},
    layout::RING_SIZE,
};
use proptest::prelude::*;

/// What an end does: with how many bytes, of which it is given as many as there are.
#[derive(Clone, Copy, Debug)]
enum Step {
    GuestSends(usize),
    GuestReceives(usize),
    ServerSends(usize, usize),
    ServerReceives(usize),
    GuestReconnects,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..1300usize).prop_map(Step::GuestSends),
        4 => (0..1300usize).prop_map(Step::GuestReceives),
        4 => (0..700usize, 0..700usize).prop_map(|(one, other)| Step::ServerSends(one, other)),
        4 => (0..1300usize).prop_map(Step::ServerReceives),
        1 => Just(Step::GuestReconnects),
    ]
}

/// Somewhere, and often right before the indices wrap.
fn start() -> impl Strategy<Value = u32> {
    prop_oneof![any::<u32>(), (0..2048u32).prop_map(|back| u32::MAX - back)]
}

/// Bytes that tell their place in the stream.
fn bytes(from: &mut u32, count: usize) -> Vec<u8> {
    let numbers = (0..count).map(|_| {
        *from += 1;
        (*from).wrapping_mul(2_654_435_761).to_be_bytes()[0]
    });
    numbers.collect()
}

fn room(queue: &VecDeque<u8>) -> usize {
    RING_SIZE as usize - queue.len()
}

/// Puts what was sent into the queue; says how many bytes it had room for.
fn put(queue: &mut VecDeque<u8>, bytes: &[u8]) -> usize {
    let count = bytes.len().min(room(queue));
    queue.extend(&bytes[..count]);
    count
}

/// Takes up to so many bytes of what an end shows, which must be all that the queue holds.
fn take(queue: &mut VecDeque<u8>, most: usize, shown: &[u8]) -> usize {
    assert_eq!(queue.iter().copied().collect::<Vec<u8>>(), shown);
    queue.drain(..most.min(shown.len())).count()
}

proptest! {
    #[test]
    fn both_rings_are_queues(
        requests in start(),
        responses in start(),
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let page = Memfd::create().unwrap().map().unwrap();
        Liar::new(page.clone()).start_at(requests, responses);
        let mut server = ServerEnd::new(page.clone(), 1).with_doorbells(Doorbells::WhenNeeded);
        let mut guest = GuestEnd::new(page, Habits::LINUX);
        server.start();
        let (mut up, mut down) = (VecDeque::new(), VecDeque::new());
        let mut from = 0;
        let mut scratch = Scratch::default();
        prop_assert!(server.take_doorbell());
        for step in steps {
            match step {
                Step::GuestSends(count) => {
                    let bytes = bytes(&mut from, count);
                    let had = up.len();
                    let sent = put(&mut up, &bytes);
                    prop_assert_eq!(guest.send(&bytes), Ok(sent));
                    // The server hasn't seen the bytes that lay there before: it is still awake.
                    prop_assert_eq!(guest.take_doorbell(), sent > 0 && had == 0);
                }
                Step::ServerReceives(most) => {
                    let (had, mut taken) = (up.len(), 0);
                    let received = server.receive(&mut scratch, |shown| {
                        taken = take(&mut up, most, shown);
                        taken
                    });
                    prop_assert_eq!(received, Ok(taken));
                    let was_full = had == RING_SIZE as usize;
                    prop_assert_eq!(server.take_doorbell(), taken > 0 && was_full);
                }
                Step::ServerSends(one, other) => {
                    let (one, other) = (bytes(&mut from, one), bytes(&mut from, other));
                    let had = down.len();
                    let sent = put(&mut down, &one) + put(&mut down, &other);
                    prop_assert_eq!(server.send([&one[..], &other]), Ok(sent));
                    prop_assert_eq!(server.take_doorbell(), sent > 0 && had == 0);
                }
                Step::GuestReceives(most) => {
                    let (had, mut taken) = (down.len(), 0);
                    let received = guest.receive(|shown| {
                        taken = take(&mut down, most, shown);
                        taken
                    });
                    prop_assert_eq!(received, Ok(taken));
                    let was_full = had == RING_SIZE as usize;
                    prop_assert_eq!(guest.take_doorbell(), taken > 0 && was_full);
                }
                Step::GuestReconnects => {
                    guest.reconnect();
                    prop_assert!(guest.take_doorbell() && server.wants_reconnect());
                    prop_assert!(!guest.has_reconnected());
                    server.reconnect();
                    prop_assert!(server.take_doorbell() && guest.has_reconnected());
                    prop_assert!(!server.wants_reconnect());
                    (up, down) = (VecDeque::new(), VecDeque::new());
                }
            }
            prop_assert_eq!(server.readable(), Ok(u32::try_from(up.len()).unwrap()));
            prop_assert_eq!(guest.writable(), Ok(u32::try_from(room(&up)).unwrap()));
            let expected = !up.is_empty() || room(&down) > 0;
            prop_assert_eq!(server.look_again(true, true), Ok(expected));
            prop_assert_eq!(server.look_again(false, false), Ok(false));
        }
    }
}
