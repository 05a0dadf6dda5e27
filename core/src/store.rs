//! The store: the current version, and everything one can do with it.

use std::sync::Arc;

use crossbeam_queue::ArrayQueue;

use crate::cell::{RootCell, SwapCell};
use crate::domain::DomId;
use crate::edit::Edit;
use crate::error::Error;
use crate::feed::Ring;
use crate::hash::Keys;
use crate::index::Definitions;
use crate::limits::{
    ANNOUNCE_AFTER, BLAME_RECORDS, FEED_BYTES, FEED_SLOTS, INLINE_DROP_BYTES, LARGE_EDIT,
    RECLAIM_QUEUE, TURN_DOUBLINGS, TURN_YIELDS,
};
use crate::path::Path;
use crate::prepared::Prepared;
use crate::publish::{Attempt, Built, Hooks, Root, Slot};
use crate::quota::Quotas;
use crate::state::{Env, State};
use crate::transaction::Transaction;
use crate::version::Version;
use crate::view::{Feed, Snapshot, View};
use crate::work::Work;

/// How a store begins.
#[derive(Clone, Debug)]
pub struct Config {
    /// The control domain beside dom0 (C's `--priv-domid`).
    pub control: DomId,
    /// The global quotas.
    pub quotas: Quotas,
    /// Indices beside the built-in ones: name and pattern, such as `/tool/*/id`.
    pub indices: Vec<(String, String)>,
    /// Records that the commit feed keeps.
    pub feed_slots: usize,
    /// Feature bits of domains for which none were set.
    pub features: u32,
    /// Whether the nodes of a domain that dies go to the control domain, instead of being removed
    /// (C's `--keep-orphans`).
    pub keep_orphans: bool,
    /// Whether someone calls [`Store::reclaim`]: large versions wait for it then, instead of
    /// being freed by whoever lets go of them last.
    pub reclaimer: bool,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            control: DomId::ZERO,
            quotas: Quotas::default(),
            indices: Vec::new(),
            feed_slots: FEED_SLOTS,
            features: 0,
            keep_orphans: false,
            reclaimer: false,
        }
    }
}

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

type RootOf = Root<SwapCell<Version>, SwapCell<Slot<Arc<Prepared>>>>;

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) env: Arc<Env>,
    pub(crate) root: RootOf,
    pub(crate) ring: Ring,
    dropped: ArrayQueue<Dropped>,
    reclaimer: bool,
}

/// What waits for the reclaimer.
#[derive(Debug)]
pub(crate) enum Dropped {
    Version(#[allow(dead_code)] Arc<Version>),
    Work(#[allow(dead_code)] Box<Work>),
    Prepared(#[allow(dead_code)] Arc<Prepared>),
}

impl Store {
    /// A store with nothing but the root.
    ///
    /// # Errors
    /// [`Error::InvalidValue`] where an index is not declared properly.
    pub fn new(config: &Config) -> Result<Store, Error> {
        let env = Env {
            keys: Keys::random(),
            definitions: Definitions::new(&config.indices)?,
            control: config.control,
            features: config.features,
            keep_orphans: config.keep_orphans,
        };
        let first = Version::first(State::new(config.quotas));
        let ring = Ring::new(config.feed_slots, FEED_BYTES);
        ring.link(&first.record);
        Ok(Store(Arc::new(Inner {
            env: Arc::new(env),
            root: Root::new(SwapCell::new(first), SwapCell::new(None)),
            ring,
            dropped: ArrayQueue::new(RECLAIM_QUEUE),
            reclaimer: config.reclaimer,
        })))
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
                size = edit.work.changes.len();
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
        let newest = self.0.root.cell().load().seq;
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

impl Inner {
    /// One try at publishing, with the links of the feed kept.
    pub(crate) fn attempt<R>(
        &self,
        past: Option<u64>,
        build: impl FnOnce(&Arc<Version>) -> Built<Version, R>,
    ) -> Attempt<R> {
        self.root.attempt::<Version, Arc<Prepared>, R>(past, build, self)
    }

    fn take_turn(&self) -> Option<Turn<'_>> {
        let (id, slot) = self.root.take_turn()?;
        Some(Turn { inner: self, id, slot })
    }

    /// Yields to another's turn, for a bounded while. Gives it back: it's past.
    pub(crate) fn hold_back(&self, id: u64) -> Option<u64> {
        for yields in 0..TURN_YIELDS << TURN_DOUBLINGS {
            match self.root.turn::<Arc<Prepared>>(id) {
                Some(lost) if yields < TURN_YIELDS << lost.min(TURN_DOUBLINGS) => {
                    std::thread::yield_now();
                }
                _ => break,
            }
        }
        Some(id)
    }

    /// Drops what may free up to `bytes`: here if that is little, else at the reclaimer's.
    pub(crate) fn let_go(&self, dropped: Dropped, bytes: u64) {
        if bytes > INLINE_DROP_BYTES && self.reclaimer {
            // A full queue hands it back, and it is freed here.
            drop(self.dropped.push(dropped));
        }
    }

    /// What the current version has retired since `then`.
    pub(crate) fn retired_since(&self, then: u64) -> u64 {
        self.root.cell().load().state.retired.saturating_sub(then)
    }
}

/// A turn, ended when dropped.
struct Turn<'i> {
    inner: &'i Inner,
    id: u64,
    slot: Arc<Slot<Arc<Prepared>>>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.inner.root.end_turn(&self.slot);
    }
}

impl Hooks<Version> for Inner {
    fn building_on(&self, base: &Arc<Version>) {
        self.ring.link(&base.record);
    }

    fn replaced(&self, old: Arc<Version>, new: &Arc<Version>) {
        self.ring.link(&new.record);
        let retired = new.state.retired.saturating_sub(old.state.retired);
        self.let_go(Dropped::Version(old), retired);
    }
}
