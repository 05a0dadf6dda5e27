//! Two threads, each with a mapping of its own of one page, and doorbells: a stream of messages
//! goes to the server's end and comes back, all of it, in order, and nobody sleeps for ever.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::{collections::VecDeque, os::fd::OwnedFd, thread};

use myriad_ring::page::{
    Doorbells, Memfd, Scratch, ServerEnd,
    guest::{GuestEnd, Habits, Liar},
};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd};

const MESSAGES: usize = 100_000;

/// Bytes that the server holds back at most.
const BUFFER: usize = 3000;

/// Long after any machine would have been done: a doorbell was lost.
const FOR_EVER: Timespec = Timespec { tv_sec: 120, tv_nsec: 0 };

/// An event channel: one eventfd for each direction.
struct Bell {
    mine: OwnedFd,
    theirs: OwnedFd,
}

impl Bell {
    fn pair() -> (Bell, Bell) {
        let new = || eventfd(0, EventfdFlags::CLOEXEC).unwrap();
        let (one, other) = (new(), new());
        let first = Bell { mine: one.try_clone().unwrap(), theirs: other.try_clone().unwrap() };
        (first, Bell { mine: other, theirs: one })
    }

    fn ring(&self) {
        rustix::io::write(&self.theirs, &1u64.to_ne_bytes()).unwrap();
    }

    fn wait(&self) {
        let mut polled = [PollFd::new(&self.mine, PollFlags::IN)];
        let ready = rustix::event::poll(&mut polled, Some(&FOR_EVER)).unwrap();
        assert_eq!(ready, 1, "a doorbell was lost");
        rustix::io::read(&self.mine, &mut [0; 8]).unwrap();
    }
}

/// Messages of 1 to 1500 bytes, most of them short, each byte telling its place.
struct Stream {
    seed: u64,
    left: usize,
}

impl Stream {
    fn new() -> Stream {
        Stream { seed: 0x9e37_79b9_7f4a_7c15, left: MESSAGES }
    }

    fn random(&mut self) -> u64 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        self.seed
    }
}

impl Iterator for Stream {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        self.left = self.left.checked_sub(1)?;
        let most = if self.random().is_multiple_of(64) { 1500 } else { 90 };
        let len = self.random() % most + 1;
        let first = self.random();
        Some((0..len).map(|n| (first.wrapping_add(n * 167)).to_le_bytes()[0]).collect())
    }
}

/// Sends back what it gets; in the end, how many bytes that were, and how often it slept.
fn serve(mut server: ServerEnd, bell: &Bell, total: usize) -> u64 {
    let (mut held, mut echoed, mut slept) = (VecDeque::new(), 0, 0);
    let mut scratch = Scratch::default();
    while echoed < total {
        let room = BUFFER - held.len();
        server
            .receive(&mut scratch, |bytes| {
                let taken = bytes.len().min(room);
                held.extend(&bytes[..taken]);
                taken
            })
            .unwrap();
        let (front, back) = held.as_slices();
        let sent = server.send([front, back]).unwrap();
        held.drain(..sent);
        echoed += sent;
        if server.take_doorbell() {
            bell.ring();
        }
        if !server.look_again(held.len() < BUFFER, !held.is_empty()).unwrap() && echoed < total {
            slept += 1;
            bell.wait();
        }
    }
    slept
}

/// Sends all messages and checks that they come back; how often it slept.
fn ask(mut guest: GuestEnd, bell: &Bell) -> u64 {
    let (mut sending, mut checking) = (Stream::new(), Stream::new());
    let (mut message, mut expected) = (Vec::new(), VecDeque::new());
    let (mut all_sent, mut slept) = (false, 0);
    loop {
        while !all_sent {
            if message.is_empty() {
                match sending.next() {
                    Some(next) => message = next,
                    None => all_sent = true,
                }
            }
            let sent = guest.send(&message).unwrap();
            message.drain(..sent);
            if sent == 0 {
                break;
            }
        }
        guest
            .receive(|bytes| {
                while expected.len() < bytes.len() {
                    expected.extend(checking.next().unwrap());
                }
                assert!(expected.drain(..bytes.len()).eq(bytes.iter().copied()));
                bytes.len()
            })
            .unwrap();
        if guest.take_doorbell() {
            bell.ring();
        }
        if all_sent && checking.left == 0 && expected.is_empty() {
            return slept;
        }
        if !guest.look_again(!message.is_empty()).unwrap() {
            slept += 1;
            bell.wait();
        }
    }
}

fn run(doorbells: Doorbells, habits: Habits) {
    let memory = Memfd::create().unwrap();
    // The guest's indices wrap on the way.
    Liar::new(memory.map().unwrap()).start_at(u32::MAX - 5000, u32::MAX - 1_000_000);
    let mut server = ServerEnd::new(memory.map().unwrap(), 0).with_doorbells(doorbells);
    server.start();
    let guest = GuestEnd::new(memory.map().unwrap(), habits);
    let (here, there) = Bell::pair();
    let total = Stream::new().map(|message| message.len()).sum();
    let served = thread::spawn(move || serve(server, &here, total));
    let asked = thread::spawn(move || ask(guest, &there)).join().unwrap();
    let served = served.join().unwrap();
    println!("{total} bytes; the guest slept {asked} times, the server {served} times");
}

#[test]
fn everything_arrives_where_every_move_is_told() {
    run(Doorbells::Always, Habits { doorbells: Doorbells::Always, ..Habits::default() });
}

#[test]
fn everything_arrives_where_doorbells_are_left_out() {
    run(Doorbells::WhenNeeded, Habits::LINUX);
}

#[test]
fn everything_arrives_from_a_guest_that_rings_less_than_the_server() {
    run(Doorbells::Always, Habits::LINUX);
}
