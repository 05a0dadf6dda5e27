//! Several changes of one edit as one commit.
//!
//! An edit raises events as it goes: for changes that others are to see one after another. Changes
//! that others are to see at once raise theirs as a transaction does: at the end, one for each
//! node in the order of the first change, to those who may see it right before the commit or right
//! after it. So nobody hears of a node that was readable only within the commit (F4). Facts aren't
//! noted: an edit that is overtaken runs again as a whole, its conditions included.

use crate::edit::Edit;
use crate::footprint::{Footprint, Touch};
use crate::record::Fire;
use crate::state::{Env, State};
use crate::work::{Tx, Work};

impl Edit<'_> {
    /// What follows in this edit is one commit, as a transaction is: its events are raised at its
    /// end. To be called before the first change. `max_nodes`: the quota `transaction-nodes` of
    /// the caller; 0 for none.
    ///
    /// ```
    /// use myriad_core::{Caller, Config, ConnId, FeedItem, Path, Store, WatchPath, Writes};
    ///
    /// let store = Store::new(&Config::default())?;
    /// let (a, b) = (Path::new("/a")?, Path::new("/a/b")?);
    /// let watch = WatchPath::Node(a);
    /// store.edit(|edit| edit.watch(ConnId(1), &Caller::Control, watch, b"t", None, 0)).result?;
    /// let mut feed = store.feed();
    /// let generation = store.edit(|edit| {
    ///     edit.as_one(0);
    ///     edit.write(&Caller::Control, b, b"1")?;
    ///     edit.write(&Caller::Control, b, b"2")?;
    ///     Ok(edit.generation())
    /// });
    /// let FeedItem::Record(record) = feed.next() else { panic!("one publication") };
    /// assert_eq!((record.generation, record.fires.len()), (generation.result?, 1));
    /// # Ok::<(), myriad_core::Error>(())
    /// ```
    pub fn as_one(&mut self, max_nodes: u32) {
        let (base, footprint) = (self.work.state.clone(), Footprint::default());
        let tx = Tx { base, footprint, max_nodes, poisoned: false, again: true };
        self.work.tx = Some(Box::new(tx));
    }

    /// The generation that its changes get.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.work.state.generation
    }

    /// Whether it has changed anything.
    #[must_use]
    pub fn has_changed(&self) -> bool {
        self.work.dirty
    }
}

impl Work {
    /// Ends what was done as one commit: raises its events.
    pub(crate) fn settle(&mut self, env: &Env, base: &State) {
        if let Some(tx) = self.tx.take() {
            self.raise_touched(env, base, tx.footprint.touches());
        }
    }

    /// The events of a commit upon `base`, one for each node that it has changed.
    pub(crate) fn raise_touched(&mut self, env: &Env, base: &State, touches: &[Touch]) {
        let mut fires: Vec<Fire> = Vec::new();
        for touch in touches {
            let Some(exact) = touch.fire else { continue };
            let path = touch.path();
            // Who could read it right before this commit may know, too.
            let before = base.tree.get(&env.keys, path).map(|n| n.acl().to_buf());
            self.state.fires(env, path, exact, before.as_ref(), &mut fires);
        }
        self.state.index_fires(env, &mut fires);
        self.fires = fires;
    }
}
