//! What the clients, the guests and whoever kills the daemon know of one another.
//!
//! # Synchronization
//! Numbers and flags. Those that are read to decide what may be found in the daemon (`last`, a
//! mortal's state) are stored with Release before the daemon is started, or the step is taken, that
//! they speak of, and loaded with Acquire after it was reached; the others count, relaxed.

use std::{
    path::{Path, PathBuf},
    sync::{
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
        mpsc::Sender,
    },
    time::Duration,
};

use super::{
    fault::{Fault, Kind},
    run::Plan,
};

/// What actors tell whoever kills the daemon.
#[derive(Clone, Debug)]
pub(super) enum Note {
    Fault(Fault),
    /// All that an actor had is there in this life.
    Verified(u64),
    /// For how long the guests had no daemon.
    Pause(Duration),
    /// An actor has done what was left to be done.
    Done,
}

/// What all know.
#[derive(Debug)]
pub(super) struct Stage {
    run_dir: PathBuf,
    /// How long anybody waits for the daemon.
    patience: Duration,
    /// The daemon's lives that have begun.
    life: AtomicU64,
    /// Messages that were received.
    answered: AtomicU64,
    /// The daemon isn't killed any more.
    last: AtomicBool,
    /// Nobody goes on: something is wrong that can't be mended.
    over: AtomicBool,
    /// The last value of the shared node, when it is final.
    shared: AtomicU64,
    mortals: Box<[AtomicU64]>,
    /// The first of them.
    first_mortal: u16,
}

/// What is with a guest that may die.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mortal {
    /// It lives, on its ring.
    Alive,
    /// It died while the daemon was down.
    Dead,
    /// The next of its id can take its ring.
    Ready,
}

impl Stage {
    pub(super) fn new(run_dir: &Path, plan: &Plan) -> Stage {
        Stage {
            run_dir: run_dir.into(),
            patience: plan.patience,
            life: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            last: AtomicBool::new(false),
            over: AtomicBool::new(false),
            shared: AtomicU64::new(0),
            mortals: (0..plan.mortals).map(|_| AtomicU64::new(READY)).collect(),
            first_mortal: plan.guests.saturating_add(1),
        }
    }

    pub(super) fn patience(&self) -> Duration {
        self.patience
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.run_dir.join("socket")
    }

    pub(super) fn sim_dir(&self) -> PathBuf {
        self.run_dir.join("sim")
    }

    pub(super) fn machines(&self) -> PathBuf {
        self.sim_dir().join("machines.socket")
    }

    pub(super) fn begin_life(&self) -> u64 {
        self.life.fetch_add(1, Relaxed) + 1
    }

    pub(super) fn life(&self) -> u64 {
        self.life.load(Relaxed)
    }

    pub(super) fn note_answers(&self, count: u64) {
        self.answered.fetch_add(count, Relaxed);
    }

    pub(super) fn answered(&self) -> u64 {
        self.answered.load(Relaxed)
    }

    pub(super) fn is_last(&self) -> bool {
        // Acquire: pairs with the Release in `make_last`.
        self.last.load(Acquire)
    }

    pub(super) fn make_last(&self) {
        // Release: pairs with the Acquire in `is_last`.
        self.last.store(true, Release);
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.load(Relaxed)
    }

    pub(super) fn end(&self) {
        self.over.store(true, Relaxed);
    }

    /// The value of the shared node that all guests must come to know; 0 while it isn't final.
    pub(super) fn final_shared(&self) -> u64 {
        // Acquire: pairs with the Release in `set_final_shared`.
        self.shared.load(Acquire)
    }

    pub(super) fn set_final_shared(&self, value: u64) {
        // Release: pairs with the Acquire in `final_shared`: it was acknowledged before.
        self.shared.store(value, Release);
    }

    /// The guests that may die.
    pub(super) fn mortals(&self) -> impl Iterator<Item = u16> + use<> {
        let count = u16::try_from(self.mortals.len()).unwrap_or(0);
        self.first_mortal..self.first_mortal.saturating_add(count)
    }

    /// What is with one, and which of its id it is, from 0.
    pub(super) fn mortal(&self, domid: u16) -> Option<(Mortal, u64)> {
        // Acquire: pairs with the Release in `set_mortal`.
        let word = self.slot(domid)?.load(Acquire);
        let state = match word & STATE {
            ALIVE => Mortal::Alive,
            DEAD => Mortal::Dead,
            _ => Mortal::Ready,
        };
        Some((state, word >> 2))
    }

    pub(super) fn set_mortal(&self, domid: u16, state: Mortal, number: u64) {
        let state = match state {
            Mortal::Alive => ALIVE,
            Mortal::Dead => DEAD,
            Mortal::Ready => READY,
        };
        if let Some(slot) = self.slot(domid) {
            // Release: pairs with the Acquire in `mortal`. One thread at a time has the next step.
            slot.store(number << 2 | state, Release);
        }
    }

    fn slot(&self, domid: u16) -> Option<&AtomicU64> {
        self.mortals.get(usize::from(domid.checked_sub(self.first_mortal)?))
    }
}

const STATE: u64 = 3;
const ALIVE: u64 = 0;
const DEAD: u64 = 1;
const READY: u64 = 2;

/// An actor's way to tell.
#[derive(Clone, Debug)]
pub(super) struct Reporter {
    notes: Sender<Note>,
    who: String,
}

impl Reporter {
    pub(super) fn new(notes: Sender<Note>, who: String) -> Reporter {
        Reporter { notes, who }
    }

    pub(super) fn tell(&self, note: Note) {
        // Whoever doesn't listen any more has given the run up.
        let _ = self.notes.send(note);
    }

    pub(super) fn fault(&self, stage: &Stage, kind: Kind, what: impl Into<String>) {
        let (who, life) = (self.who.clone(), stage.life());
        self.tell(Note::Fault(Fault { kind, who, life, what: what.into() }));
    }

    /// Of somebody else.
    pub(super) fn fault_of(&self, stage: &Stage, who: String, (kind, what): Wrong) {
        self.tell(Note::Fault(Fault { kind, who, life: stage.life(), what }));
    }
}

/// What is wrong, before it is known whose it is.
pub(super) type Wrong = (Kind, String);
