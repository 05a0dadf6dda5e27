//! Publication: how a new version takes the place of the current one, and how nobody starves.
//!
//! A commit builds a version on top of the current one and swaps it in; where another was faster,
//! it builds again. That is lock-free: somebody always gets on. For a large commit among many
//! small ones it is not enough, so after a few losses it is *announced*: its proposal lies open in
//! a slot, and every other committer applies it first. Proposals can be applied by anybody, any
//! number of times; the swap lets one of the results in.
//!
//! Overtaking is bounded: a committer looks at the slot after it has loaded the version that it
//! builds on, so each can get in at most one version that it had begun before the announcement.
//!
//! Where a commit can't be handed to others (the closure of an edit), it takes a *turn* in the same
//! slot instead: the others hold back, for a bounded number of yields each. That number doubles
//! with each try that the turn loses nevertheless, so a turn is overtaken a few times by each
//! committer and no more, however long its tries take.
//!
//! # Synchronization
//! A proposal is applied once: it is in the slot until its owner has seen it applied, and a
//! version says which proposal was applied last. Who finds a proposal in the slot after loading a
//! version that says another one, and then swaps successfully, has seen nobody apply it: the
//! version was current from the load to the swap, and the proposal was in the slot in between.
//! How often a turn has lost is a hint and relaxed: who reads an old value overtakes once more.

use std::sync::Arc;

use crate::cell::RootCell;
use crate::sync::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// What publication must know of a version.
pub(crate) trait Versioned {
    /// The id of the last announced proposal that was applied, up to this version; 0: none.
    fn applied(&self) -> u64;
}

/// A commit that anybody can apply.
pub(crate) trait Proposal<V> {
    /// The version that follows `base`, with this applied or refused under `id`.
    fn apply(&self, base: &V, id: u64) -> V;
}

/// Who has to hear of versions that come and go.
pub(crate) trait Hooks<V> {
    /// `base` is current; what is answered next may come from it.
    fn seen(&self, _base: &V) {}

    /// `base` may be replaced next.
    fn building_on(&self, base: &Arc<V>);

    /// `new` may be published next on top of `base`: a journal keeps its record.
    fn keep(&self, _base: &V, _new: &mut V) {}

    /// `new`, built on `base`, has been published (`won`), or has lost.
    fn tried(&self, _base: &V, _new: &V, _won: bool) {}

    /// `new` has replaced `old`.
    fn replaced(&self, old: Arc<V>, new: &Arc<V>);
}

/// A proposal in the slot.
#[derive(Debug)]
pub(crate) struct Announced<P> {
    id: u64,
    /// None: a turn.
    proposal: Option<P>,
    /// The tries that a turn has lost.
    lost: AtomicU32,
}

/// What the slot holds.
pub(crate) type Slot<P> = Option<Announced<P>>;

/// The current version, and the slot for announcements.
#[derive(Debug)]
pub(crate) struct Root<C, S> {
    cell: C,
    slot: S,
    ids: AtomicU64,
}

impl<C, S> Root<C, S> {
    pub(crate) fn new(cell: C, slot: S) -> Root<C, S> {
        Root { cell, slot, ids: AtomicU64::new(1) }
    }

    pub(crate) fn cell(&self) -> &C {
        &self.cell
    }
}

impl<C, S> Root<C, S> {
    /// One try: builds on the current version, unless an announced proposal goes first. `past`:
    /// the turn that it needs not heed, being its own or one that it has waited for.
    pub(crate) fn attempt<V, P, R>(
        &self,
        past: Option<u64>,
        build: impl FnOnce(&Arc<V>) -> Built<V, R>,
        hooks: &impl Hooks<V>,
    ) -> Attempt<R>
    where
        V: Versioned,
        P: Proposal<V>,
        C: RootCell<V>,
        S: RootCell<Slot<P>>,
    {
        let base = self.cell.load();
        hooks.seen(&base);
        // After the load of the base: see the module's text.
        let slot = self.slot.load();
        if let Some(first) = Option::as_ref(&**slot)
            && first.id != base.applied()
        {
            match &first.proposal {
                Some(proposal) => {
                    self.swap(&base, proposal.apply(&base, first.id), hooks);
                    return Attempt::Helped;
                }
                None if past == Some(first.id) => {}
                None => return Attempt::Turn(first.id),
            }
        }
        drop(slot);
        match build(&base) {
            Built::Nothing(result) => Attempt::Done(result),
            Built::Version(version, result) => match self.swap(&base, version, hooks) {
                true => Attempt::Done(result),
                false => Attempt::Lost,
            },
        }
    }

    /// Asks the others to hold back. None where the slot is taken.
    pub(crate) fn take_turn<P>(&self) -> Option<(u64, Arc<Slot<P>>)>
    where
        S: RootCell<Slot<P>>,
    {
        // Relaxed: only uniqueness matters.
        let id = self.ids.fetch_add(1, Relaxed);
        let empty = Arc::clone(&self.slot.load());
        if empty.is_some() {
            return None;
        }
        let mine = Arc::new(Some(Announced { id, proposal: None, lost: AtomicU32::new(0) }));
        self.slot.replace(&empty, &mine).then_some((id, mine))
    }

    /// A try was lost in this turn: the others are to hold back longer.
    pub(crate) fn lost_turn<P>(mine: &Slot<P>) {
        if let Some(announced) = mine {
            // Relaxed: a hint, see the module's text.
            announced.lost.fetch_add(1, Relaxed);
        }
    }

    /// Ends a turn.
    pub(crate) fn end_turn<P>(&self, mine: &Arc<Slot<P>>)
    where
        S: RootCell<Slot<P>>,
    {
        self.slot.replace(mine, &Arc::new(None));
    }

    /// The tries that a turn has lost so far; none where it's over.
    pub(crate) fn turn<P>(&self, id: u64) -> Option<u32>
    where
        S: RootCell<Slot<P>>,
    {
        let slot = self.slot.load();
        // Relaxed: a hint, see the module's text.
        Option::as_ref(&**slot).filter(|a| a.id == id).map(|a| a.lost.load(Relaxed))
    }

    fn swap<V>(&self, base: &Arc<V>, mut version: V, hooks: &impl Hooks<V>) -> bool
    where
        C: RootCell<V>,
    {
        hooks.building_on(base);
        hooks.keep(base, &mut version);
        let new = Arc::new(version);
        let won = self.cell.replace(base, &new);
        if won {
            hooks.replaced(Arc::clone(base), &new);
        }
        hooks.tried(base, &new, won);
        won
    }

    /// Announces a proposal and sees it through. Gives it back where the slot is taken: then
    /// another is being helped, and the caller goes on trying by itself.
    pub(crate) fn announce<V, P, R>(
        &self,
        proposal: P,
        read: impl Fn(&V) -> R,
        hooks: &impl Hooks<V>,
    ) -> Result<R, P>
    where
        V: Versioned,
        P: Proposal<V> + Clone,
        C: RootCell<V>,
        S: RootCell<Slot<P>>,
    {
        // Relaxed: only uniqueness matters.
        let id = self.ids.fetch_add(1, Relaxed);
        let empty = Arc::clone(&self.slot.load());
        if empty.is_some() {
            return Err(proposal);
        }
        let announced = Announced { id, proposal: Some(proposal.clone()), lost: AtomicU32::new(0) };
        let mine = Arc::new(Some(announced));
        if !self.slot.replace(&empty, &mine) {
            return Err(proposal);
        }
        // Ends: every failed swap is another committer's success, and each of those gets in at
        // most one version that it began before it could see the announcement.
        loop {
            let base = self.cell.load();
            hooks.seen(&base);
            if base.applied() == id {
                let result = read(&base);
                self.slot.replace(&mine, &Arc::new(None));
                return Ok(result);
            }
            self.swap(&base, proposal.apply(&base, id), hooks);
        }
    }
}

/// What building gave.
pub(crate) enum Built<V, R> {
    /// A version to publish.
    Version(V, R),
    /// Nothing to publish.
    Nothing(R),
}

/// What a try came to.
pub(crate) enum Attempt<R> {
    Done(R),
    /// Another version was published meanwhile.
    Lost,
    /// An announced proposal went first.
    Helped,
    /// It's another's turn, of this id.
    Turn(u64),
}
