//! A page whose guest may do anything, and what the server's end does to it.

use std::cell::RefCell;
use std::sync::Arc;

use loom::{
    sync::atomic::{self, AtomicU8, AtomicU32},
    thread,
};

use crate::{
    layout::{Lane, Word},
    memory::{Loads, RING, START, loads},
    shared::Shared,
    sync::Ordering,
};

/// What the server's end has done since [`Watched::begin`].
#[derive(Clone, Default)]
pub struct Did {
    /// Places that it has read bytes of.
    pub copied: Vec<usize>,
    /// Its own index of the requests, as it found it last before that.
    pub judged: u32,
    pub looked_after_copy: bool,
    /// What it has stored there.
    pub stored: Option<u32>,
}

/// The page, shared with the liar.
#[derive(Clone)]
pub struct Watched(Arc<Inner>);

struct Inner {
    words: [AtomicU32; 8],
    bytes: [[AtomicU8; RING]; 2],
    /// Of the server's thread alone.
    did: RefCell<Did>,
}

impl Watched {
    pub fn new() -> Watched {
        let words = Word::ALL.map(|word| {
            let is_index = word.offset() < Word::Features.offset();
            AtomicU32::new(if is_index { START } else { 0 })
        });
        let bytes = [(); 2].map(|()| [(); RING].map(|()| AtomicU8::new(0)));
        Watched(Arc::new(Inner { words, bytes, did: RefCell::default() }))
    }

    pub fn begin(&self) {
        *self.0.did.borrow_mut() = Did::default();
    }

    pub fn did(&self) -> Did {
        self.0.did.borrow().clone()
    }

    /// The liar's.
    pub fn store_raw(&self, word: Word, value: u32) {
        self.word(word).swap(value, Ordering::Relaxed);
    }

    /// The liar's.
    pub fn scribble(&self, lane: Lane) {
        self.0.bytes[lane as usize].iter().for_each(|byte| byte.store(9, Ordering::Relaxed));
    }

    fn word(&self, word: Word) -> &AtomicU32 {
        &self.0.words[Word::ALL.iter().position(|one| *one == word).unwrap()]
    }
}

impl Shared for Watched {
    const SIZE: u32 = RING as u32;

    fn load(&self, word: Word, ordering: Ordering) -> u32 {
        let value = match loads() {
            Loads::Newest => self.word(word).fetch_add(0, ordering),
            Loads::Older => self.word(word).load(ordering),
        };
        let mut did = self.0.did.borrow_mut();
        let is_inbound = [Word::RequestsConsumed, Word::RequestsProduced].contains(&word);
        did.looked_after_copy |= is_inbound && !did.copied.is_empty();
        if word == Word::RequestsConsumed {
            did.judged = value;
        }
        value
    }

    fn store(&self, word: Word, value: u32, ordering: Ordering) {
        match word {
            Word::RequestsConsumed => self.0.did.borrow_mut().stored = Some(value),
            Word::ResponsesProduced => {}
            _ => panic!("{word:?} is not the server's"),
        }
        self.word(word).swap(value, ordering);
    }

    fn copy_out(&self, lane: Lane, at: usize, to: &mut [u8]) {
        assert!(lane == Lane::Requests && at + to.len() <= RING, "read out of bounds");
        for (place, to) in (at..).zip(to) {
            *to = self.0.bytes[lane as usize][place].load(Ordering::Relaxed);
            let copied = &mut self.0.did.borrow_mut().copied;
            assert!(!copied.contains(&place), "{place} is read twice");
            copied.push(place);
        }
    }

    fn copy_in(&self, lane: Lane, at: usize, from: &[u8]) {
        assert!(lane == Lane::Responses && at + from.len() <= RING, "written out of bounds");
        for (place, from) in (at..).zip(from) {
            self.0.bytes[lane as usize][place].store(*from, Ordering::Relaxed);
        }
    }

    fn fence(&self) {
        atomic::fence(Ordering::SeqCst);
    }

    fn pause(&self) {
        thread::yield_now();
    }
}
