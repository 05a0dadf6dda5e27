//! A client that stores any indices, words and bytes, and what the server's end owes whatever it
//! does.

use std::cell::Cell;

use crate::{
    end::End,
    layout::Lane,
    memory::{Mutant, RING, START},
    places::{FOR_BYTES, FOR_ROOM, Place},
    rings::{Did, Small},
    sync::Ordering::Relaxed,
    window::BadIndex,
    words::Words,
};
use loom::thread;

/// What a liar stores: the producer's index of requests, the consumer's of answers, and what both
/// sleep for.
pub type Lies = (u32, u32, u32);

/// Nothing, some, all that fits, more than fits, and less than nothing.
pub const INDICES: [u32; 5] =
    [START, START.wrapping_add(2), START.wrapping_add(4), START.wrapping_add(5), START - 1];
pub const SLEEPS: [u32; 3] = [0, FOR_BYTES | FOR_ROOM, u32::MAX];

/// The client stores any indices, words and bytes, while the server takes, puts, and would sleep.
pub fn liar((produced, consumed, sleeps): Lies) {
    let memory = Small::new(Mutant::Nothing).beside_a_liar();
    let client = memory.other();
    let mut server = End::new(memory, Lane::Requests);
    server.words().did();
    let liar = thread::spawn(move || {
        client.store(Place::RequestsProduced, produced, Relaxed);
        client.scribble(Lane::Requests);
        client.store(Place::AnswersConsumed, consumed, Relaxed);
        client.store(Place::ClientSleeps, sleeps, Relaxed);
        client.store(Place::ServerSleeps, sleeps, Relaxed);
        // What is the server's own.
        client.store(Place::RequestsConsumed, produced, Relaxed);
        client.store(Place::AnswersProduced, consumed, Relaxed);
    });
    let (mut put, mut taken) = (0, 0);
    for _ in 0..2 {
        taken += take(&mut server);
        put += send(&mut server);
        let _bell = server.take_bell();
    }
    let found = server.look_again(true, true);
    if let Err(bad) = found {
        check(bad);
    }
    liar.join().unwrap();
    assert!(taken <= 2 * RING && put <= 2 * RING);
    server.close();
    let rest = take(&mut server);
    assert_eq!(rest + take(&mut server), rest, "nothing comes after the end");
}

/// Takes what is there; holds the end to what it owes whatever is alleged.
fn take(server: &mut End<Small>) -> usize {
    server.words().did();
    let (mut scratch, mut shown) = ([0; 2 * RING], 0);
    let taken = server.receive(&mut scratch, |bytes| {
        shown = bytes.len();
        shown
    });
    let did = server.words().did();
    let looks = |did: &&Did| matches!(did, Did::Loaded(_));
    assert!(did.iter().filter(looks).count() <= 1, "one look for one decision");
    let copied = did.iter().map(|did| match did {
        Did::Copied(_, len) => *len,
        Did::Loaded(place) => {
            assert_eq!(*place, Place::RequestsProduced, "its own are its own");
            0
        }
    });
    let copied: usize = copied.sum();
    match taken {
        Ok(taken) => {
            assert!(taken == shown && taken <= RING, "more than a ring holds");
            assert_eq!(copied, taken, "each byte is read once");
            taken
        }
        Err(bad) => {
            assert_eq!(copied, 0, "moved by a bad index");
            check(bad);
            0
        }
    }
}

fn send(server: &mut End<Small>) -> usize {
    server.words().did();
    let put = server.send([&[1u8, 2, 3][..]]);
    let looks = server.words().did().len();
    assert!(looks <= 1, "one look for one decision");
    match put {
        Ok(put) => {
            assert!(put <= 3);
            put
        }
        Err(bad) => {
            check(bad);
            0
        }
    }
}

fn check(bad: BadIndex) {
    assert!(bad.produced.wrapping_sub(bad.consumed) > RING as u32);
    FAILED.set(FAILED.get() + 1);
}

thread_local! {
    // loom runs all threads of a model on the one that called it.
    pub static FAILED: Cell<u32> = const { Cell::new(0) };
    pub static LIES: Cell<Lies> = const { Cell::new((0, 0, 0)) };
}
