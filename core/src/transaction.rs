//! Transactions: a private view of the tree as of its start, with its own writes on top.

use std::sync::Arc;

use crate::caller::Caller;
use crate::edit::{Writes, reads_and_writes_through_work};
use crate::error::Error;
use crate::footprint::Footprint;
use crate::inner::Dropped;
use crate::limits::{
    GUEST_TRANSACTION_BYTES, GUEST_TRANSACTION_EFFECTS, PINNED_BYTES, TRANSACTION_BYTES,
    TRANSACTION_ENTRIES,
};
use crate::origin::Origin;
use crate::path::Path;
use crate::perms::Perm;
use crate::prepared::{Effect, Kind, Prepared, publish};
use crate::state::{Env, Special};
use crate::store::{Outcome, Store};
use crate::view::{Listing, Match, Reads, Stat, special_perms};
use crate::work::{Tx, Work};

/// An open transaction.
///
/// ```
/// use myriad_core::{Caller, Config, Error, Path, Reads, Store, Writes};
///
/// let store = Store::new(&Config::default())?;
/// let counter = Path::new("/counter")?;
/// store.edit(|edit| edit.write(&Caller::Control, counter, b"1")).result?;
///
/// let mut tx = store.begin(0);
/// let seen = tx.read(&Caller::Control, counter)?.to_vec();
/// store.edit(|edit| edit.write(&Caller::Control, counter, b"2")).result?;
/// assert_eq!(tx.read(&Caller::Control, counter)?, seen, "a snapshot");
/// tx.write(&Caller::Control, Path::new("/seen")?, &seen)?;
/// assert_eq!(tx.commit().result, Err(Error::Conflict));
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct Transaction {
    store: Store,
    env: Arc<Env>,
    work: Work,
    effects: Vec<Effect>,
    effect_bytes: usize,
    base_seq: u64,
    max_nodes: u32,
    doomed: bool,
    /// Where the facts were found broken, for the blame.
    conflict: Option<Box<str>>,
    scratch: Vec<u8>,
}

impl Transaction {
    pub(crate) fn new(store: Store, max_nodes: u32) -> Transaction {
        let (work, base_seq) = {
            let base = store.0.current();
            (
                in_transaction(&base.state, Footprint::new(base.state.generation), max_nodes),
                base.seq,
            )
        };
        Transaction {
            env: store.0.env.clone(),
            store,
            work,
            effects: Vec::new(),
            effect_bytes: 0,
            base_seq,
            max_nodes,
            doomed: false,
            conflict: None,
            scratch: Vec::new(),
        }
    }

    /// Ends the transaction: everything or nothing.
    ///
    /// # Errors
    /// [`Error::Conflict`] where another commit has changed what an answer was given by;
    /// [`Error::Poisoned`] where it went over a quota; [`Error::Quota`] or
    /// [`Error::OutOfMemory`] where one is used up now.
    pub fn commit(mut self) -> Outcome<()> {
        self.commit_or_blame().0
    }

    /// Says which request ends it.
    pub fn from(&mut self, origin: &Origin) {
        self.work.origin = *origin;
    }

    /// Makes it fail with [`Error::Conflict`] at its end, whatever it does until then.
    pub fn doom(&mut self) {
        self.doomed = true;
    }

    /// As [`Transaction::commit`]; for a conflict, the path where it was found, too.
    pub fn commit_or_blame(&mut self) -> (Outcome<()>, Option<Box<str>>) {
        let inner = Arc::clone(&self.store.0);
        let refused = match &self.work.tx {
            Some(tx) if tx.poisoned => Some(Error::Poisoned),
            _ if self.doomed => Some(Error::Conflict),
            _ => None,
        };
        if refused.is_some() || self.effects.is_empty() {
            let seq = inner.current().seq;
            let result = refused.map_or(Ok(()), Err);
            return (Outcome { result, seq }, self.conflict.take());
        }
        let prepared = Arc::new(self.prepare());
        let outcome = publish(&self.store, &prepared);
        let bytes = self.store.0.retired_since(prepared.retired());
        let conflict = (outcome.result == Err(Error::Conflict)).then(|| {
            let now = inner.current();
            prepared.broken(&now.state).unwrap_or_default().into()
        });
        self.store.0.let_go(Dropped::Prepared(prepared), bytes);
        (outcome, conflict)
    }

    /// Keeps what it pins bounded: to be called now and then. Where newer versions have retired
    /// more than [`PINNED_BYTES`], the transaction moves on to the current one if
    /// its facts hold there, and is doomed otherwise (false): END will say [`Error::Conflict`].
    pub fn refresh(&mut self) -> bool {
        if self.pinned_bytes() > PINNED_BYTES {
            self.move_on();
        }
        !self.doomed
    }

    /// Bytes that this transaction keeps from being freed, at most about.
    #[must_use]
    pub fn pinned_bytes(&self) -> u64 {
        let base = self.work.tx.as_ref().map(|tx| tx.base.retired);
        base.map_or(0, |then| self.store.0.retired_since(then))
    }

    /// Whether it changes a node, as far as it has come: others that have seen it conflict with
    /// this then.
    #[must_use]
    pub fn changes(&self, path: Path<'_>) -> bool {
        let tx = self.work.tx.as_ref();
        tx.is_some_and(|tx| tx.footprint.changes(&self.env.keys, path))
    }

    fn move_on(&mut self) {
        let now = Arc::clone(&self.store.0.current());
        let poisoned = self.work.tx.as_ref().is_some_and(|tx| tx.poisoned);
        let prepared = self.prepare();
        let broken = prepared.broken(&now.state).map(Box::from);
        let footprint = Footprint::new(now.state.generation);
        let mut moved = in_transaction(&now.state, footprint, self.max_nodes);
        let holds = !self.doomed
            && !poisoned
            && broken.is_none()
            && prepared.replay_facts(&mut moved).is_ok();
        if holds {
            self.base_seq = now.seq;
            self.effects = prepared.into_effects();
        } else {
            // Nothing that it saw or did is of use any more; how it ends is clear.
            moved = in_transaction(&now.state, Footprint::default(), self.max_nodes);
            self.doomed = true;
            self.conflict = broken.or(self.conflict.take());
            self.effect_bytes = 0;
        }
        if let Some(tx) = &mut moved.tx {
            tx.poisoned = poisoned;
        }
        self.let_go(moved);
    }

    /// Takes what has been done, leaving an empty transaction.
    fn prepare(&mut self) -> Prepared {
        let hollow = {
            let state = self.work.state.clone();
            Work { tx: None, ..Work::new(&state) }
        };
        let work = std::mem::replace(&mut self.work, hollow);
        Prepared::new(self.env.clone(), work, std::mem::take(&mut self.effects), self.base_seq)
    }

    fn let_go(&mut self, next: Work) {
        let old = std::mem::replace(&mut self.work, next);
        let then = old.tx.as_ref().map_or(old.state.retired, |tx| tx.base.retired);
        let bytes = self.store.0.retired_since(then);
        self.store.0.let_go(Dropped::Work(Box::new(old)), bytes);
    }

    /// Keeps an effect for a replay. Past a bound the transaction is poisoned.
    fn note(&mut self, caller: &Caller, path: Path<'_>, kind: Kind) {
        if self.doomed {
            return;
        }
        let (most, most_bytes) = match caller {
            Caller::Control => (TRANSACTION_ENTRIES, TRANSACTION_BYTES),
            Caller::Guest { .. } => (GUEST_TRANSACTION_EFFECTS, GUEST_TRANSACTION_BYTES),
        };
        let effect = Effect { caller: *caller, path: path.as_str().into(), kind };
        self.effect_bytes += effect.bytes();
        if self.effects.len() < most && self.effect_bytes < most_bytes {
            self.effects.push(effect);
        } else if let Some(tx) = &mut self.work.tx {
            tx.poisoned = true;
        }
    }

    /// Domains that a list names may have become known after this transaction began: the
    /// toolstack writes the nodes of a domain before it introduces it, in one transaction.
    fn meet(&mut self, perms: &[Perm]) {
        let now = self.store.0.current();
        let (env, domains) = (&self.env, &mut self.work.state.domains);
        for domid in perms.iter().map(|p| p.domid) {
            if domains.get(&env.keys, domid).is_none()
                && let Some(domain) = now.state.domains.get(&env.keys, domid)
            {
                domains.add(&env.keys, domid, domain.instance);
            }
        }
    }

    fn note_write(&mut self, caller: &Caller, path: Path<'_>, value: &[u8]) {
        // What comes and goes in an index between two values is seen by who watches it: it is so
        // when the effects run again, too.
        let is_indexed = self.env.definitions.may_match(path.leaf().as_bytes());
        if let Some(last) = self.effects.last_mut()
            && last.replaces_write(caller, path)
            && !is_indexed
        {
            self.effect_bytes -= last.bytes();
            last.kind = Kind::Write(value.into());
            self.effect_bytes += last.bytes();
            return;
        }
        self.note(caller, path, Kind::Write(value.into()));
    }

    fn note_mkdir(&mut self, caller: &Caller, path: Path<'_>, before: usize) {
        if self.work.delta.nodes() > before {
            self.note(caller, path, Kind::Mkdir);
        }
    }

    fn note_rm(&mut self, caller: &Caller, path: Path<'_>, before: usize) {
        if self.work.delta.nodes() > before {
            self.note(caller, path, Kind::Rm);
        }
    }

    fn note_perms(&mut self, caller: &Caller, path: Path<'_>, perms: &[Perm]) {
        self.note(caller, path, Kind::SetPerms(perms.into()));
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        let hollow = Work::new(&self.store.0.current().state);
        self.let_go(hollow);
    }
}

reads_and_writes_through_work!(Transaction);

/// Work of a transaction.
pub(crate) fn in_transaction(
    base: &crate::state::State,
    footprint: Footprint,
    max_nodes: u32,
) -> Work {
    let tx = Tx { base: base.clone(), footprint, max_nodes, poisoned: false, again: false };
    Work { tx: Some(Box::new(tx)), ..Work::new(base) }
}
