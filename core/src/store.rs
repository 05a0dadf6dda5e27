//! The store: the current version, and everything one can do with it.

use std::sync::Arc;

use crate::config::Config;
use crate::domain::DomId;
use crate::edit::Edit;
use crate::error::Error;
use crate::inner::{Inner, RootOf, Turn};
use crate::limits::{ANNOUNCE_AFTER, BLAME_RECORDS, LARGE_EDIT};
use crate::path::Path;
use crate::publish::{Attempt, Built};
use crate::state::{Env, State};
use crate::transaction::Transaction;
use crate::version::Version;
use crate::view::{Feed, Snapshot, View};

/// What an operation gave, and the publication at which it was computed: before its reply is
/// queued to a client, that client's events of all publications up to `seq` must be.
#[derive(Clone, Debug)]
pub struct Outcome<R> {
    /// The result.
    pub result: Result<R, Error>,
    /// The publication.
    pub seq: u64,
}

/// A store. A clone is another handle of the same one.
///
/// ```
/// use myriad_core::{Caller, Config, Path, Reads, Store, Writes};
///
/// let store = Store::new(&Config::default())?;
/// let name = Path::new("/local/domain/7/name")?;
/// store.edit(|edit| edit.write(&Caller::Control, name, b"web-01")).result?;
/// assert_eq!(store.pin().read(&Caller::Control, name)?, b"web-01");
/// assert_eq!(&*store.pin().lookup("domain-name", b"web-01")?[0].captures, "7");
/// # Ok::<(), myriad_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Store(pub(crate) Arc<Inner>);

impl Store {
    /// A store with nothing but the root.
    ///
    /// # Errors
    /// [`Error::InvalidValue`] where an index is not declared properly.
    pub fn new(config: &Config) -> Result<Store, Error> {
        let mut state = State::new(config.quotas);
        state.generation = config.generation;
        // A life has a generation of its own, so it is in none of an earlier store's either.
        state.next_instance += config.generation;
        let first = Version::first(state, 1);
        Ok(Store::starting(config, config.env()?, first))
    }

    pub(crate) fn starting(config: &Config, env: Env, first: Version) -> Store {
        Store(Arc::new(Inner::starting(config, env, first)))
    }

    /// Reads at one version, for a short while: a guard is held, so no system call meanwhile.
    #[inline]
    #[must_use]
    pub fn pin(&self) -> View<'_> {
        View::new(&self.0)
    }

    /// Reads at one version, for as long as it is kept.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::new(self.clone())
    }

    /// Makes changes in one publication.
    ///
    /// `change` may run several times, each time afresh on the then current version. Each
    /// operation in it is applied whole or not at all; where it returns an error, nothing of it
    /// is published.
    pub fn edit<R>(&self, mut change: impl FnMut(&mut Edit<'_>) -> Result<R, Error>) -> Outcome<R> {
        let inner = &*self.0;
        let (mut lost, mut past, mut size) = (0, None, 0);
        let mut turn: Option<Turn<'_>> = None;
        // Ends: every loss is another committer's success; after a few the others hold back, ever
        // longer.
        loop {
            let attempt = inner.attempt(past, |base| {
                let mut edit = Edit::new(&inner.env, &base.state);
                let result = change(&mut edit);
                if result.is_err() || !edit.work.dirty {
                    return Built::Nothing(Outcome { result, seq: base.seq });
                }
                size = edit.work.delta.nodes();
                edit.work.settle(&inner.env, &base.state);
                let next = base.next(edit.work);
                let seq = next.seq;
                Built::Version(next, Outcome { result, seq })
            });
            match attempt {
                Attempt::Done(outcome) => return outcome,
                Attempt::Turn(id) => past = inner.hold_back(id),
                Attempt::Helped => {}
                Attempt::Lost => {
                    lost += 1;
                    turn.as_ref().inspect(|turn| RootOf::lost_turn(&turn.slot));
                }
            }
            if turn.is_none() && (lost >= ANNOUNCE_AFTER || lost > 0 && size >= LARGE_EDIT) {
                turn = inner.take_turn();
                past = turn.as_ref().map_or(past, |t| Some(t.id));
            }
        }
    }

    /// Opens a transaction at the current version. `max_nodes`: the quota `transaction-nodes` of
    /// its caller; 0 for none.
    #[must_use]
    pub fn begin(&self, max_nodes: u32) -> Transaction {
        Transaction::new(self.clone(), max_nodes)
    }

    /// Reads commit records from the next publication on.
    #[must_use]
    pub fn feed(&self) -> Feed {
        Feed::new(self.clone())
    }

    /// Frees what waits to be freed; says how much that was. For a thread of its own, where
    /// [`Config::reclaimer`] is set.
    pub fn reclaim(&self) -> usize {
        std::iter::from_fn(|| self.0.dropped.pop()).count()
    }

    /// Versions that wait for [`Store::reclaim`].
    #[must_use]
    pub fn to_reclaim(&self) -> usize {
        self.0.dropped.len()
    }

    /// The guests that have lately changed `path` or something below or above it: those to blame
    /// where a transaction of the control domain failed there (XSA-206).
    #[must_use]
    pub fn culprits(&self, path: &str) -> Vec<DomId> {
        let Ok(path) = Path::new(path) else { return Vec::new() };
        let newest = self.0.current().seq;
        let mut found = Vec::new();
        for seq in (newest.saturating_sub(BLAME_RECORDS)..=newest).rev() {
            let crate::feed::Slot::Record(record) = self.0.ring.get(seq) else { continue };
            for change in record.changes() {
                let changed = Path::trusted(change.path);
                let near = changed.is_within(path) || path.is_within(changed);
                if let Some((domid, _)) = change.author.guest().filter(|_| near)
                    && !found.contains(&domid)
                {
                    found.push(domid);
                }
            }
        }
        found
    }
}
