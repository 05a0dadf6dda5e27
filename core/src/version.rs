//! A version: a state that was current for a while, and how it came about.

use std::sync::Arc;

use crate::caller::Caller;
use crate::error::Error;
use crate::publish::Versioned;
use crate::record::{Changes, Record};
use crate::state::State;
use crate::work::Work;

/// One immutable version of everything.
#[derive(Debug)]
pub(crate) struct Version {
    pub(crate) state: State,
    pub(crate) seq: u64,
    pub(crate) record: Arc<Record>,
    /// The announced commit that was applied last, and what became of it.
    pub(crate) helped: Option<Arc<Helped>>,
}

/// What became of an announced commit.
#[derive(Debug)]
pub(crate) struct Helped {
    pub(crate) id: u64,
    pub(crate) seq: u64,
    pub(crate) result: Result<(), Error>,
}

impl Versioned for Version {
    fn applied(&self) -> u64 {
        self.helped.as_ref().map_or(0, |h| h.id)
    }
}

impl Version {
    pub(crate) fn first(state: State) -> Version {
        let record = Record {
            seq: 1,
            generation: state.generation,
            author: Caller::Control,
            fires: Box::default(),
            changes: Changes::default(),
        };
        Version { state, seq: 1, record: Arc::new(record), helped: None }
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
            changes: work.changes.fit(),
        };
        Version { state: work.state, seq, record: Arc::new(record), helped: self.helped.clone() }
    }
}
