//! Small guests, such as MiniOS, boot loaders and firmware: they know little of the protocol's
//! later additions, and are served all the same.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;
mod guests;

use std::sync::atomic::{Ordering::Release, fence};

use guests::{Guest, Lab};
use myriad_ring::{
    page::{
        Lane, Word,
        guest::{Client, GuestEnd, Habits, Liar},
    },
    v1::{HEADER_LEN, Header, Op},
};

/// A guest that writes indices by hand, looks at its ring until something is there, and knows of
/// no word but the four indices. What it does about doorbells is up to the test.
struct Small {
    guest: Guest,
    words: Liar,
    inbound: GuestEnd,
    input: Vec<u8>,
    next_id: u32,
}

impl Small {
    /// Its rings begin at these indices.
    fn boot(lab: &Lab, domid: u16, (requests, responses): (u32, u32)) -> Small {
        let guest = lab.boot(domid, Habits::LINUX);
        // Its worker has looked at the ring once, and now sleeps: nobody sees the words change.
        lab.usage(domid);
        let words = guest.liar();
        words.start_at(requests, responses);
        let inbound = GuestEnd::new(guest.page.clone(), Habits::MINIOS);
        Small { guest, words, inbound, input: Vec::new(), next_id: 1 }
    }

    /// Puts a whole request where there is room for it, without ringing; gives its id.
    fn put(&mut self, op: Op, payload: &[u8]) -> u32 {
        let (req_id, len) = (self.next_id, u32::try_from(payload.len()).unwrap());
        self.next_id += 1;
        let header = Header { op: op as u32, req_id, tx_id: 0, len }.to_bytes();
        let message = [&header[..], payload].concat();
        let produced = self.words.get(Word::RequestsProduced);
        let used = || produced.wrapping_sub(self.words.get(Word::RequestsConsumed)) as usize;
        while used() + message.len() > 1024 {
            std::thread::yield_now();
        }
        let at = produced as usize % 1024;
        let (head, tail) = message.split_at(message.len().min(1024 - at));
        self.words.scribble(Lane::Requests, at, head);
        self.words.scribble(Lane::Requests, 0, tail);
        // Pairs with the Acquire in the server's look: the bytes are there before the index is.
        fence(Release);
        let len = u32::try_from(message.len()).unwrap();
        self.words.set(Word::RequestsProduced, produced.wrapping_add(len));
        req_id
    }

    /// Looks at the ring until a message is there.
    fn look(&mut self) -> (Header, Vec<u8>) {
        loop {
            if let Some(header) = self.input.first_chunk::<HEADER_LEN>() {
                let header = Header::from_bytes(*header);
                let len = HEADER_LEN + header.len as usize;
                if self.input.len() >= len {
                    let body = self.input.drain(..len).skip(HEADER_LEN).collect();
                    return (header, body);
                }
            }
            let input = &mut self.input;
            let take = |bytes: &[u8]| {
                input.extend_from_slice(bytes);
                bytes.len()
            };
            if self.inbound.receive(take).unwrap() == 0 {
                std::thread::yield_now();
            }
        }
    }

    fn answered(&mut self, id: u32, op: Op, body: &[u8]) {
        let (header, text) = self.look();
        assert_eq!((header.req_id, header.op, &text[..]), (id, op as u32, body));
    }
}

#[test]
fn one_doorbell_for_each_request_and_none_for_answers_is_enough() {
    let lab = Lab::start(&["--workers", "1"]);
    let bystander = lab.bystander(6);
    // The last two wrap at once, and at different bytes of the rings.
    let starts = [(0, 0), (1, 1023), (3000, 17), (u32::MAX - 99, 5), (7, u32::MAX - 1500)];
    for (domid, start) in (10..).zip(starts) {
        let mut small = Small::boot(&lab, domid, start);
        let mut sent = 0;
        for round in 0..200_usize {
            let value = "v".repeat(round * 37 % 990);
            let id = small.put(Op::Write, format!("d\0{value}").as_bytes());
            small.guest.ring();
            small.answered(id, Op::Write, b"OK\0");
            let id = small.put(Op::Read, b"d\0");
            small.guest.ring();
            small.answered(id, Op::Read, value.as_bytes());
            sent += 4 + value.len() + 2 * HEADER_LEN;
        }
        // The indices went on from where they were.
        let sent = u32::try_from(sent).unwrap();
        assert_eq!(small.words.get(Word::RequestsProduced), start.0.wrapping_add(sent));
        assert_eq!(small.words.get(Word::RequestsConsumed), start.0.wrapping_add(sent));
        assert_eq!(small.words.get(Word::Error), 0);
        bystander.goes_on(1);
    }
    bystander.stop();
}

#[test]
fn one_doorbell_for_many_requests_is_enough() {
    let lab = Lab::start(&["--workers", "1"]);
    let mut small = Small::boot(&lab, 10, (u32::MAX - 700, 900));
    for _ in 0..100 {
        let ids: Vec<u32> = (0..40).map(|_| small.put(Op::Read, b"none\0")).collect();
        small.guest.ring();
        for id in ids {
            small.answered(id, Op::Error, b"ENOENT\0");
        }
    }
}

#[test]
fn events_are_seen_by_who_only_looks() {
    let lab = Lab::start(&["--workers", "1"]);
    let mut small = Small::boot(&lab, 10, (5, 5));
    let mut dom0 = lab.connect();
    dom0.write("/open", "").unwrap();
    dom0.set_perms("/open", &["r0"]);
    let id = small.put(Op::Watch, b"/open\0token\0");
    small.guest.ring();
    small.answered(id, Op::Watch, b"OK\0");
    for round in 0..300 {
        let (header, body) = small.look();
        assert_eq!((header.op, &body[..]), (Op::WatchEvent as u32, &b"/open\0token\0"[..]));
        dom0.write("/open", &round.to_string()).unwrap();
    }
}

/// It asks for more than its ring holds, and never says that it has made room.
#[test]
fn answers_longer_than_the_ring_come_without_a_doorbell_for_room() {
    let lab = Lab::start(&["--workers", "1"]);
    let bystander = lab.bystander(6);
    let mut dom0 = lab.connect();
    let mut small = Small::boot(&lab, 10, (1000, 1000));
    let value = "v".repeat(4000);
    dom0.write("/local/domain/10/long", &value).unwrap();
    for _ in 0..5 {
        let id = small.put(Op::Read, b"long\0");
        small.guest.ring();
        small.answered(id, Op::Read, value.as_bytes());
        bystander.goes_on(1);
    }
    bystander.stop();
}

/// Boot loaders and firmware speak first, wipe the page or leave it as it is, and a kernel goes on.
#[test]
fn a_kernel_begins_where_its_firmware_has_ended() {
    let lab = Lab::start(&["--workers", "1"]);
    for (domid, wipes) in [(10, true), (11, false)] {
        let mut guest = lab.boot(domid, Habits::FIRMWARE);
        for round in 0..40 {
            let long = "f".repeat(round * 20);
            assert_eq!(guest.ask(Op::Write, &format!("fw\0{long}")), Ok("OK".into()));
        }
        if wipes {
            guest.client.end().wipe();
        }
        guest.client = Client::new(guest.page.clone(), Habits::LINUX);
        guest.is_well();
        // And one that does begin as the protocol says.
        guest.reconnect();
        assert_eq!(guest.ask(Op::Read, "fw\0"), Ok("f".repeat(780)));
        guest.is_well();
    }
}

/// It has never heard of reconnection, and keeps something else in that word.
#[test]
fn words_that_a_guest_does_not_know_may_hold_anything() {
    let lab = Lab::start(&["--workers", "1"]);
    let mut small = Small::boot(&lab, 10, (64, 64));
    for word in [Word::Features, Word::Connection, Word::Error, Word::EventChannel] {
        small.words.set(word, 7);
        let id = small.put(Op::Read, b"none\0");
        small.guest.ring();
        small.answered(id, Op::Error, b"ENOENT\0");
    }
}
