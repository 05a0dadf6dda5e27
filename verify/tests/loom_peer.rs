//! A server's end of a page beside a guest that obeys no rule, and one that dies between the
//! stores of its indices, under every interleaving: `ring/src/page/{end,indices,window}.rs` as
//! they are, over two rings of four bytes with loom's atomics.
//!
//! The liar's model is run for each pair of indices that it can allege in turn. Whether a ring
//! that has failed stays so is the business of `ServerEnd` (`ring/tests/page_hostile.rs`). A model
//! that is not explored to its end fails.
#![cfg(loom)]
#![allow(
    missing_docs,
    dead_code,
    unused_imports,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arc_with_non_send_sync,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::disallowed_types
)]

#[path = "../../ring/src/page/doorbells.rs"]
mod doorbells;
#[path = "../../ring/src/page/end.rs"]
mod end;
#[path = "../../ring/src/page/indices.rs"]
mod indices;
#[path = "../../ring/src/page/layout.rs"]
mod layout;
#[path = "../../ring/src/limits.rs"]
mod limits;
#[path = "loom_page/memory.rs"]
mod memory;
#[path = "../../ring/src/page/shared.rs"]
mod shared;
#[path = "../../ring/src/sync.rs"]
mod sync;
#[path = "loom_peer/watched.rs"]
mod watched;
#[path = "../../ring/src/page/window.rs"]
mod window;

use std::cell::Cell;
use std::sync::Arc;

use doorbells::Doorbells;
use end::End;
use indices::Indices;
use layout::{Lane, Word};
use loom::{sync::Notify, thread};
use memory::{Loads, Memory, Mutant, RING, START, Small, explore, explore_with};
use watched::Watched;
use window::BadIndex;

/// What is alleged: of the requests' producer, then of their consumer, which is the server's own.
type Alleged = (u32, u32);

/// Nothing there, some, all that fits, more than fits, and less than nothing.
const ALLEGED: [u32; 5] =
    [START, START.wrapping_add(2), START.wrapping_add(4), START.wrapping_add(5), START - 1];

/// The guest stores any two indices and any byte, while the server takes and puts.
fn liar(alleged: Alleged) {
    let page = Watched::new();
    let guest = page.clone();
    let liar = thread::spawn(move || {
        guest.store_raw(Word::RequestsProduced, alleged.0);
        guest.scribble(Lane::Requests);
        guest.store_raw(Word::RequestsConsumed, alleged.1);
    });
    let mut server = End::new(page.clone(), Lane::Requests, Doorbells::Always);
    for _ in 0..2 {
        take(&mut server, &page);
    }
    page.begin();
    assert_eq!(server.send([&[1u8, 2, 3][..]]), Ok(3), "the other lane is honest");
    liar.join().unwrap();
    take(&mut server, &page);
}

/// Takes what is there; holds the end to what it owes whatever is alleged.
fn take(server: &mut End<Watched>, page: &Watched) {
    let before = server.own();
    page.begin();
    let (mut scratch, mut shown) = ([0; 2 * RING], 0);
    let taken = server.receive(&mut scratch, |bytes| {
        shown = bytes.len();
        shown
    });
    let did = page.did();
    match taken {
        Ok(taken) => {
            assert_eq!(taken, shown, "what is taken was shown");
            assert!(taken <= RING, "more than a ring holds");
            assert_eq!(did.copied.len(), taken, "each byte is read once");
            assert!(!did.looked_after_copy, "an index was looked at after it was judged");
            let stored = (taken > 0).then(|| did.judged.wrapping_add(taken as u32));
            assert_eq!(did.stored, stored, "the index moves by what was taken");
        }
        Err(BadIndex { lane, consumed, produced }) => {
            assert!(lane == Lane::Requests && produced.wrapping_sub(consumed) > RING as u32);
            assert!(did.copied.is_empty() && did.stored.is_none(), "moved by a bad index");
            assert_eq!(server.own().put, before.put);
            FAILED.set(FAILED.get() + 1);
        }
    }
}

/// Where a server dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dies {
    Never,
    /// When it has put its answers, before its slot says so.
    BeforeSlot,
    AfterSlot,
    AfterPut,
    AfterTaken,
}

/// A server that puts its stores off answers each byte, and dies in the middle; the next goes on
/// where its slot says. The guest hears each answer once, and sleeps while there is none.
fn succession(dies: Dies) {
    let memory = Memory::new();
    let (to_guest, to_server) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let end = |inbound| {
        End::new(Small::new(memory.clone(), Mutant::Nothing), inbound, Doorbells::WhenNeeded)
    };
    let (mut guest, mut server) = (end(Lane::Responses), end(Lane::Requests));
    let (rung, bell) = (to_guest.clone(), to_server.clone());
    let asker = thread::spawn(move || {
        assert_eq!(guest.send([&[1u8, 2][..]]), Ok(2));
        if guest.take_doorbell() {
            bell.notify();
        }
        let mut answers = Vec::new();
        while answers.len() < 2 {
            let mut scratch = [0; RING];
            guest
                .receive(&mut scratch, |bytes| {
                    answers.extend_from_slice(bytes);
                    bytes.len()
                })
                .unwrap();
            if answers.len() < 2 && !guest.look_again(true, false).unwrap() {
                rung.wait();
            }
        }
        assert_eq!(answers, [11, 12], "each answer once, in order");
    });
    server.put_off();
    let mut slot = (server.own(), server.own());
    let (mut is_mortal, mut done, mut executed) = (true, 0, Vec::new());
    while done < 2 {
        let dies = if is_mortal { dies } else { Dies::Never };
        if serve(&mut server, &mut slot, dies, &mut executed) {
            is_mortal = false;
            server = end(Lane::Requests);
            server.put_off();
            assert!(server.resume(slot.0, slot.1), "the page says what the slot says");
        }
        done = slot.1.put.wrapping_sub(START);
        if server.take_doorbell() {
            to_guest.notify();
        }
        if done < 2 && !server.look_again(true, false).unwrap() {
            to_server.wait();
        }
    }
    asker.join().unwrap();
    // What the slot doesn't have yet is for the journal to know.
    let twice: &[u8] = if dies == Dies::BeforeSlot { &[1, 1, 2] } else { &[1, 2] };
    assert_eq!(executed, twice, "what the slot has was executed, and isn't again");
}

/// Answers one byte. True where it dies, if there was one.
fn serve(
    server: &mut End<Small>,
    slot: &mut (Indices, Indices),
    dies: Dies,
    executed: &mut Vec<u8>,
) -> bool {
    let (old, mut scratch, mut byte) = (server.own(), [0; RING], None);
    let take = |bytes: &[u8]| {
        byte = bytes.first().copied();
        1
    };
    server.receive(&mut scratch, take).unwrap();
    let Some(byte) = byte else { return false };
    executed.push(byte);
    assert_eq!(server.send([&[byte + 10][..]]), Ok(1));
    if dies == Dies::BeforeSlot {
        return true;
    }
    *slot = (old, server.intended());
    if dies == Dies::AfterSlot {
        return true;
    }
    server.commit_put();
    if dies == Dies::AfterPut {
        return true;
    }
    server.commit_taken();
    dies == Dies::AfterTaken
}

thread_local! {
    // loom runs all threads of a model on the one that called it.
    static FAILED: Cell<u32> = const { Cell::new(0) };
    static ALLEGES: Cell<Alleged> = const { Cell::new((0, 0)) };
}

#[test]
fn whatever_is_alleged_nothing_is_read_twice_or_out_of_bounds() {
    for produced in ALLEGED {
        for consumed in ALLEGED {
            ALLEGES.set((produced, consumed));
            for (loads, preemptions) in [(Loads::Newest, 3), (Loads::Older, 2)] {
                explore_with(loads, "a liar", Some(preemptions), || liar(ALLEGES.get()));
            }
        }
    }
    assert!(FAILED.get() > 0, "no allegation was refused");
}

#[test]
fn each_answer_arrives_once_if_the_server_dies_before_its_slot() {
    explore("dies before its slot", Some(3), || succession(Dies::BeforeSlot));
}

#[test]
fn each_answer_arrives_once_if_the_server_dies_after_its_slot() {
    explore("dies after its slot", Some(3), || succession(Dies::AfterSlot));
}

#[test]
fn each_answer_arrives_once_if_the_server_dies_between_its_indices() {
    explore("dies between its indices", Some(3), || succession(Dies::AfterPut));
}

#[test]
fn each_answer_arrives_once_if_the_server_dies_before_its_doorbell() {
    explore("dies before its doorbell", Some(3), || succession(Dies::AfterTaken));
}
