//! Threads of a C program that share a connection, under every interleaving:
//! `ring/c/src/xs/exchange.rs` as it is, with loom's locks. One asks, one waits for events or looks
//! for them; whoever waits reads for all. Nobody is left waiting, and each has what is its own.
#![cfg(loom)]
#![allow(missing_docs, dead_code, clippy::unwrap_used, clippy::panic, clippy::disallowed_types)]

#[path = "../../ring/c/src/xs/exchange.rs"]
mod exchange;
#[path = "loom_exchange/sync.rs"]
mod sync;

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use exchange::{Exchange, Read, Sort, Source, Stopped};
use loom::thread;
use sync::{Change, Locked};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Message {
    Reply,
    Event,
}

/// A socket, and a daemon that answers whatever is sent at once.
#[derive(Default)]
struct Socket {
    inside: Locked<Inside>,
    changed: Change,
}

#[derive(Default)]
struct Inside {
    waiting: VecDeque<Message>,
    is_closed: bool,
    is_read: bool,
}

impl Socket {
    fn put(&self, messages: &[Message]) {
        self.inside.lock().waiting.extend(messages);
        self.changed.tell();
    }

    fn close(&self) {
        self.inside.lock().is_closed = true;
        self.changed.tell();
    }
}

impl Source for Socket {
    type Partial = ();
    type Message = Message;

    fn read(&self, (): &mut (), waits: bool) -> Read<Message> {
        let mut inside = self.inside.lock();
        assert!(!inside.is_read, "one thread at a time reads");
        inside.is_read = true;
        loop {
            if let Some(message) = inside.waiting.pop_front() {
                inside.is_read = false;
                return Read::Message(message);
            }
            if inside.is_closed || !waits {
                inside.is_read = false;
                return if inside.is_closed { Read::End } else { Read::Nothing };
            }
            inside = self.changed.wait(inside);
        }
    }
}

#[derive(Default)]
struct Sorted {
    replies: usize,
    events: usize,
}

impl Sort<Message> for Sorted {
    fn sort(&mut self, message: Message) -> bool {
        match message {
            Message::Reply => self.replies += 1,
            Message::Event => self.events += 1,
        }
        true
    }

    fn end(&mut self) {}
}

type Shared = Arc<Exchange<Socket, Sorted>>;

fn shared() -> Shared {
    Arc::new(Exchange::new(Socket::default(), (), Sorted::default()))
}

fn one(count: &mut usize) -> Option<()> {
    *count = count.checked_sub(1)?;
    Some(())
}

fn reply(of: &Shared) -> Result<(), Stopped> {
    of.receive(true, |sorted| one(&mut sorted.replies))
}

fn event(of: &Shared, waits: bool) -> Result<(), Stopped> {
    of.receive(waits, |sorted| one(&mut sorted.events))
}

/// Runs a model until there is no interleaving left.
fn explore(name: &str, preemptions: Option<usize>, model: fn()) {
    let executions = Arc::new(AtomicU64::new(0));
    let count = executions.clone();
    let mut builder = loom::model::Builder::new();
    (builder.max_permutations, builder.max_duration) = (None, None);
    (builder.max_branches, builder.checkpoint_file) = (10_000, None);
    builder.preemption_bound = preemptions;
    builder.check(move || {
        count.fetch_add(1, Relaxed);
        model();
    });
    println!("explored: {name}, {} executions", executions.load(Relaxed));
}

#[test]
fn who_asks_and_who_waits_both_have_their_own() {
    explore("who asks and who waits", None, || {
        let shared = shared();
        let waiter = shared.clone();
        let waiter = thread::spawn(move || event(&waiter, true));
        // Its own event comes before the reply.
        shared.source().put(&[Message::Event, Message::Reply]);
        assert_eq!(reply(&shared), Ok(()));
        assert_eq!(waiter.join().unwrap(), Ok(()));
        assert_eq!(event(&shared, false), Err(Stopped::Nothing));
    });
}

#[test]
fn two_who_ask_beside_one_who_waits() {
    explore("two who ask beside one who waits", Some(3), || {
        let (shared, asking) = (shared(), Arc::new(Locked::new(())));
        let waiter = shared.clone();
        let waiter = thread::spawn(move || event(&waiter, true));
        let (other, others_turn) = (shared.clone(), asking.clone());
        let asks = move |shared: &Shared, asking: &Locked<()>, messages: &[Message]| {
            let _turn = asking.lock();
            shared.source().put(messages);
            assert_eq!(reply(shared), Ok(()));
        };
        let asker = thread::spawn(move || asks(&other, &others_turn, &[Message::Reply]));
        asks(&shared, &asking, &[Message::Reply, Message::Event]);
        asker.join().unwrap();
        assert_eq!(waiter.join().unwrap(), Ok(()));
    });
}

#[test]
fn who_looks_keeps_nobody_waiting() {
    explore("who looks", None, || {
        let shared = shared();
        let looker = shared.clone();
        let looker = thread::spawn(move || event(&looker, false).is_ok());
        shared.source().put(&[Message::Event, Message::Reply]);
        assert_eq!(reply(&shared), Ok(()));
        let has_seen = looker.join().unwrap();
        assert_eq!(event(&shared, false).is_ok(), !has_seen, "once, and not lost");
    });
}

#[test]
fn the_end_is_for_all() {
    explore("the end", None, || {
        let shared = shared();
        let waiter = shared.clone();
        let waiter = thread::spawn(move || event(&waiter, true));
        let closer = shared.clone();
        let closer = thread::spawn(move || closer.source().close());
        assert_eq!(reply(&shared), Err(Stopped::End));
        assert_eq!(waiter.join().unwrap(), Err(Stopped::End));
        closer.join().unwrap();
    });
}
