//! A memory file of two rings of four bytes with loom's atomics, its mutants, and what an end does
//! with it.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use crate::{
    layout::Lane,
    memory::{Loads, Mutant, RING, START, loads},
    places::Place,
    sync::Ordering,
    words::Words,
};
use loom::{cell::UnsafeCell, sync::atomic};

/// A byte, and who uses it.
#[derive(Default)]
struct Byte {
    used: UnsafeCell<()>,
    value: AtomicU8,
}

struct Memory {
    words: [atomic::AtomicU32; Place::ALL.len()],
    bytes: [[Byte; RING]; 2],
}

/// One side's view of the memory.
pub struct Small {
    memory: Arc<Memory>,
    mutant: Mutant,
    late: RefCell<Vec<(Lane, usize, Vec<u8>)>>,
    /// What it has looked at and copied out since it was asked last.
    did: RefCell<Vec<Did>>,
    /// Whether its copies claim that nobody writes meanwhile.
    claims: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Did {
    Loaded(Place),
    Copied(usize, usize),
}

impl Small {
    pub fn new(mutant: Mutant) -> Small {
        let words = Place::ALL.map(|place| {
            let is_index = (Place::RequestsProduced.offset()..Place::ServerSleeps.offset())
                .contains(&place.offset());
            atomic::AtomicU32::new(if is_index { START } else { 0 })
        });
        let memory = Arc::new(Memory { words, bytes: Default::default() });
        let (late, did) = (RefCell::default(), RefCell::default());
        Small { memory, mutant, late, did, claims: true }
    }

    /// The other side's view.
    pub fn other(&self) -> Small {
        let (late, did) = (RefCell::default(), RefCell::default());
        let memory = self.memory.clone();
        Small { memory, mutant: self.mutant, late, did, claims: self.claims }
    }

    /// The other side obeys no rule.
    pub fn beside_a_liar(mut self) -> Small {
        self.claims = false;
        self
    }

    pub fn did(&self) -> Vec<Did> {
        self.did.take()
    }

    pub fn scribble(&self, lane: Lane) {
        self.memory.bytes[lane as usize].iter().for_each(|byte| byte.value.store(99, Relaxed));
    }

    fn word(&self, place: Place) -> &atomic::AtomicU32 {
        let at = Place::ALL.iter().position(|one| *one == place).unwrap();
        &self.memory.words[at]
    }

    fn put(&self, lane: Lane, at: usize, from: &[u8]) {
        for (byte, new) in self.memory.bytes[lane as usize][at..].iter().zip(from) {
            if self.claims {
                byte.used.with_mut(|_| byte.value.store(*new, Relaxed));
            } else {
                byte.value.store(*new, Relaxed);
            }
        }
    }
}

impl Words for Small {
    fn size(&self, _: Lane) -> u32 {
        RING as u32
    }

    fn load(&self, place: Place, ordering: Ordering) -> u32 {
        self.did.borrow_mut().push(Did::Loaded(place));
        let ordering = if self.mutant == Mutant::Acquire { Ordering::Relaxed } else { ordering };
        match loads() {
            Loads::Newest => self.word(place).fetch_add(0, ordering),
            Loads::Older => self.word(place).load(ordering),
        }
    }

    fn store(&self, place: Place, value: u32, ordering: Ordering) {
        let ordering = if self.mutant == Mutant::Release { Ordering::Relaxed } else { ordering };
        match loads() {
            Loads::Newest => drop(self.word(place).swap(value, ordering)),
            Loads::Older => self.word(place).store(value, ordering),
        }
        for (lane, at, bytes) in self.late.borrow_mut().drain(..) {
            self.put(lane, at, &bytes);
        }
    }

    fn copy_out(&self, lane: Lane, at: usize, to: &mut [u8]) {
        assert!(at + to.len() <= RING, "beyond the ring");
        self.did.borrow_mut().push(Did::Copied(at, to.len()));
        for (byte, to) in self.memory.bytes[lane as usize][at..].iter().zip(to) {
            *to = if self.claims {
                byte.used.with(|_| byte.value.load(Relaxed))
            } else {
                byte.value.load(Relaxed)
            };
        }
    }

    fn copy_in(&self, lane: Lane, at: usize, from: &[u8]) {
        assert!(at + from.len() <= RING, "beyond the ring");
        match self.mutant {
            Mutant::Late => self.late.borrow_mut().push((lane, at, from.to_vec())),
            _ => self.put(lane, at, from),
        }
    }

    fn fence(&self) {
        if self.mutant != Mutant::Fence {
            atomic::fence(Ordering::SeqCst);
        }
    }
}
