//! Memory that remembers every store.

use std::{
    io,
    sync::{Arc, Mutex},
    thread,
};

use crate::{
    recovery::{slot::Overflow, words::Words},
    sync::Ordering,
};

/// A store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Store {
    pub(super) at: usize,
    pub(super) value: u64,
}

/// Words, and all stores so far. Clones are the same memory. One access at a time, so that the
/// order of the tape is the order of the stores.
#[derive(Clone)]
pub(super) struct Tape(Arc<Mutex<Inner>>);

struct Inner {
    /// What happens right after the store of this number.
    interrupt: Option<(usize, Box<dyn FnOnce() + Send>)>,
    words: Vec<u64>,
    stores: Vec<Store>,
    /// What the protocol's users have done, by the length of the tape then.
    notes: Vec<(usize, Note)>,
}

/// Something that has happened outside of the memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Note {
    /// A publication was answered for.
    Seen { seq: u64 },
    /// A checkpoint is complete.
    Checkpoint { number: u64, seq: u64, record: u64 },
    /// A publication was made, with or without a record.
    Published { seq: u64, record: u64 },
    /// A slot's content has been written.
    Content { number: usize },
}

impl Tape {
    pub(super) fn new(words: usize) -> Tape {
        let (words, stores, notes) = (vec![0; words], Vec::new(), Vec::new());
        let inner = Inner { interrupt: None, words, stores, notes };
        Tape(Arc::new(Mutex::new(inner)))
    }

    /// Right after so many more stores another does something, all of it before the next store;
    /// whether what was to happen so before has happened.
    pub(super) fn interrupt(&self, after: usize, with: impl FnOnce() + Send + 'static) -> bool {
        let mut inner = self.0.lock().unwrap();
        let at = inner.stores.len() + after;
        inner.interrupt.replace((at, Box::new(with))).is_none()
    }

    /// Notes something, behind the stores so far.
    pub(super) fn note(&self, note: Note) {
        let mut inner = self.0.lock().unwrap();
        let at = inner.stores.len();
        inner.notes.push((at, note));
    }

    /// Forgets how the memory came to be as it is.
    pub(super) fn rewind(&self) {
        let mut inner = self.0.lock().unwrap();
        inner.stores.clear();
        inner.notes.clear();
    }

    /// Calls for each kill: with the memory, and all notes up to then. `from`: the memory before.
    pub(super) fn replay(&self, from: &[u64], mut each: impl FnMut(&Image, &[(usize, Note)])) {
        let inner = self.0.lock().unwrap();
        let (mut image, mut noted) = (Image(from.to_vec()), 0);
        for killed in 0..=inner.stores.len() {
            // Notes are made after the store that they tell of, so those at `killed` may be in.
            while inner.notes.get(noted).is_some_and(|(at, _)| *at <= killed) {
                noted += 1;
            }
            each(&image, &inner.notes[..noted]);
            if let Some(store) = inner.stores.get(killed) {
                image.0[store.at] = store.value;
            }
        }
    }

    pub(super) fn words(&self) -> Vec<u64> {
        self.0.lock().unwrap().words.clone()
    }

    pub(super) fn stores(&self) -> usize {
        self.0.lock().unwrap().stores.len()
    }
}

impl std::fmt::Debug for Tape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tape of {} stores", self.stores())
    }
}

impl Inner {
    fn store(&mut self, at: usize, value: u64) {
        self.words[at] = value;
        self.stores.push(Store { at, value });
    }
}

impl Words for Tape {
    fn load(&self, at: usize, _: Ordering) -> u64 {
        self.0.lock().unwrap().words[at]
    }

    fn store(&self, at: usize, value: u64, _: Ordering) {
        let (number, interrupt) = {
            let mut inner = self.0.lock().unwrap();
            inner.store(at, value);
            let number = inner.stores.len();
            (number, inner.interrupt.take_if(|(at, _)| *at == number))
        };
        if let Some((_, with)) = interrupt {
            with();
        }
        // Others come in between, now here and now there.
        if number.wrapping_mul(0x9e37_79b9) >> 7 & 7 == 0 {
            thread::yield_now();
        }
    }

    fn exchange(&self, at: usize, old: u64, new: u64) -> Result<u64, u64> {
        let mut inner = self.0.lock().unwrap();
        let now = inner.words[at];
        if now == old {
            inner.store(at, new);
        }
        if now == old { Ok(now) } else { Err(now) }
    }

    fn get(&self, at: usize) -> u64 {
        self.load(at, Ordering::Relaxed)
    }

    fn put(&self, at: usize, value: u64) {
        self.store(at, value, Ordering::Relaxed);
    }
}

/// Overflow lies in the same words; each of its words is a store of its own, since a call that is
/// killed may have written some.
impl Overflow for Tape {
    fn write(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let at = at as usize;
        assert!(at.is_multiple_of(8));
        let mut inner = self.0.lock().unwrap();
        for (n, chunk) in bytes.chunks(8).enumerate() {
            let mut word = inner.words[at / 8 + n].to_ne_bytes();
            word[..chunk.len()].copy_from_slice(chunk);
            inner.store(at / 8 + n, u64::from_ne_bytes(word));
        }
        Ok(())
    }

    fn forget(&self, at: u64, len: u64) -> io::Result<()> {
        let mut inner = self.0.lock().unwrap();
        (at / 8..(at + len) / 8).for_each(|word| inner.store(word as usize, 0));
        Ok(())
    }
}

/// The memory that a kill has left.
#[derive(Debug)]
pub(super) struct Image(pub(super) Vec<u64>);

impl Words for Image {
    fn load(&self, at: usize, _: Ordering) -> u64 {
        self.0[at]
    }

    fn store(&self, at: usize, value: u64, _: Ordering) {
        panic!("{value} stored at {at} while it is recovered");
    }

    fn exchange(&self, at: usize, _: u64, new: u64) -> Result<u64, u64> {
        panic!("{new} stored at {at} while it is recovered");
    }

    fn get(&self, at: usize) -> u64 {
        self.0[at]
    }

    fn put(&self, at: usize, value: u64) {
        panic!("{value} stored at {at} while it is recovered");
    }
}
