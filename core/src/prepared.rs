//! A transaction at its end: facts, effects, and how to apply them to any version.

use std::sync::Arc;

use crate::caller::Caller;
use crate::delta::Delta;
use crate::error::Error;
use crate::footprint::Footprint;
use crate::limits::ANNOUNCE_AFTER;
use crate::origin::Origin;
use crate::path::Path;
use crate::perms::Perm;
use crate::publish::{Attempt, Built, Proposal};
use crate::state::{Env, State};
use crate::store::{Outcome, Store};
use crate::transaction::in_transaction;
use crate::version::{Helped, Version};
use crate::work::Work;

/// One change that a transaction has made.
#[derive(Debug)]
pub(crate) struct Effect {
    pub(crate) caller: Caller,
    pub(crate) path: Box<str>,
    pub(crate) kind: Kind,
}

/// What the change was.
#[derive(Debug)]
pub(crate) enum Kind {
    Write(Box<[u8]>),
    Mkdir,
    Rm,
    SetPerms(Box<[Perm]>),
}

impl Effect {
    /// Whether a write of `path` right after this one makes it needless.
    pub(crate) fn replaces_write(&self, caller: &Caller, path: Path<'_>) -> bool {
        matches!(self.kind, Kind::Write(_))
            && self.caller == *caller
            && *self.path == *path.as_str()
    }

    /// Bytes that it keeps, about.
    pub(crate) fn bytes(&self) -> usize {
        let more = match &self.kind {
            Kind::Write(value) => value.len(),
            Kind::SetPerms(perms) => size_of_val(&**perms),
            Kind::Mkdir | Kind::Rm => 0,
        };
        size_of::<Effect>() + self.path.len() + more
    }

    fn apply(&self, env: &Env, work: &mut Work) -> Result<(), Error> {
        let path = Path::trusted(&self.path);
        match &self.kind {
            Kind::Write(value) => work.write(env, &self.caller, path, value),
            Kind::Mkdir => work.mkdir(env, &self.caller, path),
            Kind::Rm => work.rm(env, &self.caller, path),
            Kind::SetPerms(perms) => work.set_perms(env, &self.caller, path, perms),
        }
    }
}

/// A transaction that wants to be committed.
#[derive(Debug)]
pub(crate) struct Prepared {
    footprint: Footprint,
    effects: Vec<Effect>,
    /// What it came to on its base, for when that is still current.
    state: State,
    delta: Delta,
    author: Caller,
    /// The request that ends it.
    origin: Origin,
    base_seq: u64,
    env: Arc<Env>,
}

impl Prepared {
    pub(crate) fn new(env: Arc<Env>, work: Work, effects: Vec<Effect>, base_seq: u64) -> Prepared {
        let Work { mut state, delta, author, origin, tx, .. } = work;
        state.tree.close();
        let footprint = tx.map(|tx| tx.footprint).unwrap_or_default();
        Prepared { footprint, effects, state, delta, author, origin, base_seq, env }
    }

    pub(crate) fn into_effects(self) -> Vec<Effect> {
        self.effects
    }

    /// The path of the first fact that doesn't hold, if there is one.
    pub(crate) fn broken(&self, now: &State) -> Option<&str> {
        self.footprint.broken(&self.env, now)
    }

    /// What had been retired up to its base.
    pub(crate) fn retired(&self) -> u64 {
        self.state.retired
    }

    /// The transaction on top of a version.
    pub(crate) fn on(&self, base: &Version) -> Result<Work, Error> {
        let env = &*self.env;
        let (mut work, touches) = if base.seq == self.base_seq {
            let (delta, author, origin) = (self.delta.clone(), self.author, self.origin);
            let (state, fires) = (self.state.clone(), Vec::new());
            (Work { state, delta, fires, author, origin, dirty: true, tx: None }, None)
        } else {
            if self.broken(&base.state).is_some() {
                return Err(Error::Conflict);
            }
            let mut work = in_transaction(&base.state, self.footprint.order_only(), 0);
            work.origin = self.origin;
            if let Some(tx) = &mut work.tx {
                tx.again = true;
            }
            self.replay(&mut work)?;
            let touches = work.tx.take();
            (work, touches)
        };
        let touches = touches.as_ref().map_or(&self.footprint, |tx| &tx.footprint);
        work.raise_touched(env, &base.state, touches.touches());
        work.dirty = true;
        Ok(work)
    }

    /// Runs the effects again; with all facts holding, only a quota can stand in the way.
    fn replay(&self, work: &mut Work) -> Result<(), Error> {
        for effect in &self.effects {
            effect.apply(&self.env, work).map_err(|error| match error {
                Error::Quota(_) | Error::OutOfMemory(_) => error,
                _ => Error::Conflict,
            })?;
        }
        Ok(())
    }

    /// Runs the effects again on a newer base, and takes the facts over.
    pub(crate) fn replay_facts(&self, work: &mut Work) -> Result<(), Error> {
        if let Some(tx) = &mut work.tx {
            tx.footprint = self.footprint.moved(work.state.generation - 1);
        }
        self.replay(work)
    }
}

impl Proposal<Version> for Arc<Prepared> {
    fn apply(&self, base: &Version, id: u64) -> Version {
        let seq = base.seq + 1;
        let (work, result) = match self.on(base) {
            Ok(work) => (work, Ok(())),
            Err(error) => {
                // Refused: a version like its base, which says so.
                let mut work = Work::new(&base.state);
                work.state.generation = base.state.generation;
                (work, Err(error))
            }
        };
        let helped = Some(Arc::new(Helped { id, seq, result, place: None }));
        Version { helped, ..base.next(work) }
    }
}

/// Publishes a prepared transaction; after a few losses with everybody's help.
pub(crate) fn publish(store: &Store, prepared: &Arc<Prepared>) -> Outcome<()> {
    let inner = &*store.0;
    let (mut lost, mut past) = (0, None);
    // Ends: every lost turn is another commit's success, and from the announcement on those are
    // bounded by the number of committers.
    loop {
        let attempt = inner.attempt(past, |base| match prepared.on(base) {
            Ok(work) => {
                let next = base.next(work);
                let seq = next.seq;
                Built::Version(next, Outcome { result: Ok(()), seq })
            }
            Err(error) => Built::Nothing(Outcome { result: Err(error), seq: base.seq }),
        });
        match attempt {
            Attempt::Done(outcome) => return outcome,
            Attempt::Helped => {}
            Attempt::Turn(id) => past = inner.hold_back(id),
            Attempt::Lost => lost += 1,
        }
        if lost >= ANNOUNCE_AFTER {
            let outcome = |version: &crate::version::Version| {
                let helped = version.helped.as_ref();
                let result = helped.map_or(Err(Error::Conflict), |h| h.result.clone());
                let outcome = Outcome { result, seq: helped.map_or(version.seq, |h| h.seq) };
                (outcome, helped.and_then(|helped| helped.place))
            };
            let announced = inner.root.announce(prepared.clone(), outcome, inner);
            if let Ok((outcome, place)) = announced {
                // Whoever published it has left that to us: what follows from it is ours.
                inner.done(place);
                return outcome;
            }
        }
    }
}
