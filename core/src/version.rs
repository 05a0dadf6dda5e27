//! A version: a state that was current for a while, and how it came about.

use std::sync::Arc;

use crate::caller::Caller;
use crate::error::Error;
use crate::journal::Place;
use crate::origin::Origin;
use crate::publish::Versioned;
use crate::record::Record;
use crate::state::State;
use crate::sync::AtomicBool;
use crate::work::Work;

/// One immutable version of everything.
#[derive(Debug)]
pub(crate) struct Version {
    pub(crate) state: State,
    pub(crate) seq: u64,
    pub(crate) record: Arc<Record>,
    /// The announced commit that was applied last, and what became of it.
    pub(crate) helped: Option<Arc<Helped>>,
    pub(crate) kept: Kept,
}

/// Where the journal has a version's record.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub(crate) place: Option<Place>,
    /// The journal knows that the version is published.
    pub(crate) marked: AtomicBool,
}

/// What became of an announced commit.
#[derive(Debug)]
pub(crate) struct Helped {
    pub(crate) id: u64,
    pub(crate) seq: u64,
    pub(crate) result: Result<(), Error>,
    /// Where the journal has its record: its owner is who is done with that.
    pub(crate) place: Option<Place>,
}

impl Versioned for Version {
    fn applied(&self) -> u64 {
        self.helped.as_ref().map_or(0, |h| h.id)
    }
}

impl Version {
    /// The version that a store begins with.
    pub(crate) fn first(state: State, seq: u64) -> Version {
        let record = Record {
            seq,
            generation: state.generation,
            author: Caller::Control,
            fires: Box::default(),
            origin: Origin::default(),
            delta: Box::default(),
        };
        Version { state, seq, record: Arc::new(record), helped: None, kept: Kept::default() }
    }

    /// The version that follows this one.
    pub(crate) fn next(&self, mut work: Work) -> Version {
        work.state.tree.close();
        let seq = self.seq + 1;
        let record = Record {
            seq,
            generation: work.state.generation,
            author: work.author,
            fires: work.fires.into_boxed_slice(),
            origin: work.origin,
            delta: work.delta.into_bytes(),
        };
        let (record, helped) = (Arc::new(record), self.helped.clone());
        Version { state: work.state, seq, record, helped, kept: Kept::default() }
    }
}
