//! A store made from what another had kept: an image, and the records of what came after it.

mod image;
mod replay;

use crate::accounts::watch_bytes;
use crate::caller::Caller;
use crate::config::Config;
use crate::delta::{Item, Items, MOST, NewWatch};
use crate::error::Error;
use crate::journal::Entry;
use crate::limits::WATCH_TEXT;
use crate::path::Path;
use crate::quota::Quotas;
use crate::state::{Env, State};
use crate::store::Store;
use crate::version::Version;
use crate::watch::{ConnId, WatchPath};
use crate::work::Work;

/// Why a store can't be made from what was kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// the image is not one, or of another version
    #[error("the image of the store can't be read: {0}")]
    Image(&'static str),
    /// a record that doesn't fit what came before it
    #[error("the record of publication {0} can't be put upon the store")]
    Record(u64),
    /// an index of the configuration
    #[error(transparent)]
    Config(#[from] Error),
}

/// A store in the making. See [`Snapshot::export`](crate::Snapshot::export).
///
/// ```
/// use myriad_core::{Caller, Config, Path, Reads, Restore, Store, Writes};
///
/// let store = Store::new(&Config::default())?;
/// let name = Path::new("/local/domain/7/name")?;
/// store.edit(|edit| edit.write(&Caller::Control, name, b"web-01")).result?;
/// let mut image = Vec::new();
/// store.snapshot().export(&mut |bytes| -> Result<(), ()> {
///     image.extend_from_slice(bytes);
///     Ok(())
/// }).unwrap();
///
/// let again = Restore::new(&Config::default(), &image)?.finish(1);
/// assert_eq!(again.pin().read(&Caller::Control, name)?, b"web-01");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Restore {
    config: Config,
    env: Env,
    work: Work,
    seq: u64,
}

impl Restore {
    /// Begins with an image. What the configuration says of quotas is not looked at: the image has
    /// them.
    ///
    /// # Errors
    /// [`RestoreError::Image`], [`RestoreError::Config`].
    pub fn new(config: &Config, image: &[u8]) -> Result<Restore, RestoreError> {
        let env = config.env()?;
        let work = Work::new(&State::new(Quotas::default()));
        let mut restore = Restore { config: config.clone(), env, work, seq: 0 };
        restore.image(image)?;
        Ok(restore)
    }

    /// The publication that it stands at.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Puts the record of the next publication upon it.
    ///
    /// # Errors
    /// [`RestoreError::Record`]: it is of another publication, or doesn't fit.
    pub fn replay(&mut self, entry: &Entry<'_>) -> Result<(), RestoreError> {
        let bad = RestoreError::Record(entry.seq);
        if entry.seq != self.seq + 1 {
            return Err(bad);
        }
        let count = Items::new(entry.delta).filter(|i| matches!(i, Item::Next(_))).count() as u64;
        let first = entry.generation.checked_sub(count).filter(|first| *first < MOST - count);
        let first = first.ok_or(bad.clone())?;
        self.work.state.generation = first;
        let mut items = Items::new(entry.delta);
        for item in &mut items {
            self.put(&item).ok_or(bad.clone())?;
        }
        if !items.is_done() {
            return Err(bad);
        }
        self.work.state.tree.close();
        self.seq = entry.seq;
        Ok(())
    }

    /// Says which connections go on, and by which ids; the watches of all others are dropped.
    pub fn connections(&mut self, mut new: impl FnMut(ConnId, &Caller) -> Option<ConnId>) {
        let old = std::mem::take(&mut self.work.state.watches);
        let mut all: Vec<_> = old.iter().collect();
        all.sort_unstable_by_key(|watch| watch.order());
        for watch in all {
            let (path, token) = (watch.path(), watch.token());
            let bytes = watch_bytes(path, token);
            self.work.count_watches(&self.env, &watch.caller(), (-1, -bytes));
            let Some(conn) = new(watch.conn(), &watch.caller()) else { continue };
            let added = self.watch(&NewWatch { conn, ..watch.registered() });
            debug_assert!(added.is_some());
        }
    }

    /// The store. Its first publication follows the last that was put upon it; generations go on
    /// `gap` higher, so that none is used twice.
    #[must_use]
    pub fn finish(mut self, gap: u64) -> Store {
        let state = &mut self.work.state;
        state.generation = state.generation.saturating_add(gap).max(self.config.generation);
        state.tree.close();
        state.indices.take_changed();
        let first = Version::first(self.work.state, self.seq + 1);
        Store::starting(&self.config, self.env, first)
    }

    /// None where it can't be, or is there already.
    fn watch(&mut self, watch: &NewWatch<'_>) -> Option<()> {
        let is_long = watch.path.len().max(watch.token.len()) > WATCH_TEXT;
        (!is_long).then_some(())?;
        let (keys, path) = (&self.env.keys, watched(watch.path)?);
        let there = self.work.state.watches.find(keys, watch.conn, path, watch.token);
        there.is_none().then_some(())?;
        self.work.state.watches.add(&self.env.keys, &watch.spec());
        let bytes = watch_bytes(watch.path, watch.token);
        self.work.count_watches(&self.env, &watch.caller, (1, bytes));
        Some(())
    }
}

/// What a watch that was kept looks at.
fn watched(path: &str) -> Option<WatchPath<'_>> {
    match path.strip_prefix('/') {
        Some(_) => Path::new(path).ok().map(WatchPath::Node),
        None => Some(WatchPath::Special(path)),
    }
}
